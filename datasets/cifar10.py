"""CIFAR-10, small colour photographs (Krizhevsky 2009)."""

from typing import ClassVar

from infomax_bench import Augmentation
from infomax_bench.data.published import PublishedDataset


class CIFAR10(PublishedDataset):
    summary = "colour photographs of animals and vehicles, 32x32 RGB (Krizhevsky 2009)"
    licence = "none stated; the authors ask to be cited"
    citation = "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images, University of Toronto"
    shape = (3, 32, 32)
    class_names = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    n_rest, n_test = 50_000, 10_000
    augmentation = Augmentation(scale=(0.5, 1.0), flip=True, brightness=0.4, contrast=0.4)

    source = "CIFAR10"
    folder = "cifar-10-batches-py"
    files: ClassVar = {
        "data_batch_1": "md5:c99cafc152244af753f735de768cd75f",
        "data_batch_2": "md5:d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "md5:54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "md5:634d18415352ddfa80567beed471001a",
        "data_batch_5": "md5:482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "md5:40351d587109b95175f43aff81a1287e",
        "batches.meta": "md5:5ff9c542aee3614f3951f8cda6e48888",
    }
    hub: ClassVar = {"": ["uoft-cs/cifar10:plain_text"]}
    also: ClassVar = {"hf:uoft-cs/cifar10": "", "hf:uoft-cs/cifar10:plain_text": ""}
    contents: ClassVar = {"": "3bb995c4076f350c"}
