"""Fashion-MNIST, photographs of clothes (Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747)."""

from typing import ClassVar

from infomax_bench import Augmentation
from infomax_bench.torchvision_data import TorchvisionDataset


class FashionMNIST(TorchvisionDataset):
    summary = "photographs of clothes, 28x28 grey (Xiao, Rasul and Vollgraf 2017)"
    licence = "MIT"
    citation = "Xiao, Rasul and Vollgraf 2017, Fashion-MNIST, arXiv:1708.07747"
    shape = (1, 28, 28)
    class_names = (
        "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
    )  # fmt: skip
    n_rest, n_test = 60_000, 10_000
    augmentation = Augmentation(scale=(0.7, 1.1), shift=0.05, rotate=10, flip=True, brightness=0.2, contrast=0.2)

    source = "FashionMNIST"
    folder = "FashionMNIST/raw"
    files: ClassVar = {
        "train-images-idx3-ubyte": "sha256:c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "sha256:bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "sha256:5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "sha256:0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    }
