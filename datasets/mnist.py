"""MNIST, handwritten digits (LeCun, Cortes and Burges 1998)."""

from dataclasses import replace
from typing import ClassVar

import torch

from infomax_bench import Augmentation, Images
from infomax_bench.random import generator
from infomax_bench.torchvision_data import TorchvisionDataset


class MNIST(TorchvisionDataset):
    summary = "handwritten digits, 28x28 grey (LeCun, Cortes and Burges 1998)"
    licence = "CC BY-SA 3.0"
    citation = (
        "LeCun, Bottou, Bengio and Haffner 1998, Gradient-based learning applied to document recognition, Proc. IEEE 86"
    )
    shape = (1, 28, 28)
    class_names = tuple("0123456789")
    n_rest, n_test = 60_000, 10_000
    modes: ClassVar = {"binarised": "every pixel drawn once, 0 or 255 with the grey value as its probability"}
    augmentation = Augmentation(scale=(0.8, 1.1), shift=0.05, rotate=15)  # flips would make digits of no class

    source = "MNIST"
    folder = "MNIST/raw"
    files: ClassVar = {
        "train-images-idx3-ubyte": "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    }

    def load(self) -> Images:
        """The images; `mnist:binarised` is one fixed draw, as Salakhutdinov and Murray (2008) made theirs."""
        images = super().load()
        if self.argument is None:
            return images
        noise = generator(0, "binarised")
        parts = [(p / 255).bernoulli(generator=noise).byte() * 255 for p in images.images.split(10_000)]
        return replace(images, images=torch.cat(parts))
