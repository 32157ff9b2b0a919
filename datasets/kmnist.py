"""Kuzushiji-MNIST, cursive Japanese characters (Clanuwat et al. 2018, arXiv:1812.01718)."""

from typing import ClassVar

from infomax_bench import Augmentation
from infomax_bench.torchvision_data import TorchvisionDataset


class KMNIST(TorchvisionDataset):
    summary = "cursive Japanese characters, 28x28 grey (Clanuwat et al. 2018)"
    licence = "CC BY-SA 4.0"
    citation = "Clanuwat et al. 2018, Deep Learning for Classical Japanese Literature, arXiv:1812.01718"
    shape = (1, 28, 28)
    class_names = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    n_rest, n_test = 60_000, 10_000
    augmentation = Augmentation(scale=(0.8, 1.1), shift=0.05, rotate=10)  # a mirrored character is none

    source = "KMNIST"
    folder = "KMNIST/raw"
    files: ClassVar = {
        "train-images-idx3-ubyte": "size:47040016",
        "train-labels-idx1-ubyte": "size:60008",
        "t10k-images-idx3-ubyte": "size:7840016",
        "t10k-labels-idx1-ubyte": "size:10008",
    }
