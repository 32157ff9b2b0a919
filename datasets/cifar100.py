"""CIFAR-100, small colour photographs of a hundred classes (Krizhevsky 2009), whole or half of its training images."""

from pathlib import Path
from typing import ClassVar

from infomax_bench import Augmentation
from infomax_bench.data.published import PublishedDataset

NAMES = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
    castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
    elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster
    man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck
    pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
    skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
    tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
HALF = "25k"


class CIFAR100(PublishedDataset):
    """`cifar100:25k` has the 25,000 training images that are listed beside this file, and all that are test."""

    summary = "colour photographs of a hundred kinds of things, 32x32 RGB (Krizhevsky 2009)"
    licence = "none stated; the authors ask to be cited"
    citation = "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images, University of Toronto"
    shape = (3, 32, 32)
    class_names = tuple(NAMES.split())
    n_rest, n_test = 50_000, 10_000
    modes: ClassVar = {
        HALF: "25,000 of the training images, the same wherever they are taken from, and all of the test"
    }
    augmentation = Augmentation(scale=(0.5, 1.0), flip=True, brightness=0.4, contrast=0.4)

    source = "CIFAR100"
    folder = "cifar-100-python"
    files: ClassVar = {
        "train": "md5:16019d7e3df5f24257cddd939b257f8d",
        "test": "md5:f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "md5:7973b15100ade9c7d40fb424638fde48",
    }
    hub: ClassVar = {
        "": ["uoft-cs/cifar100:cifar100:label=fine_label"],
        HALF: ["uoft-cs/cifar100:cifar100:label=fine_label", "uoft-cs/cifar100-25k"],
    }
    also: ClassVar = {"hf:uoft-cs/cifar100": "", "hf:uoft-cs/cifar100:cifar100": "", "hf:uoft-cs/cifar100-25k": HALF}
    lists: ClassVar = {HALF: Path(__file__).with_suffix(f".{HALF}")}
    contents: ClassVar = {HALF: "3fd34b67d1a621c1"}

    def __init__(self, argument: str | None = None) -> None:
        super().__init__(argument)
        if argument == HALF:
            self.n_rest = 25_000
            self.summary = (
                f"{type(self).summary}: 25,000 of its training images, 24,996 of them distinct and four of them test "
                "images too"
            )
