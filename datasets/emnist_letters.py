"""EMNIST letters, upper and lower case handwritten letters merged (Cohen et al. 2017, arXiv:1702.05373)."""

import string
from typing import Any, ClassVar

from torch import Tensor

from infomax_bench import Augmentation
from infomax_bench.torchvision_data import TorchvisionDataset


class EMNISTLetters(TorchvisionDataset):
    summary = "handwritten letters, both cases as one class, 28x28 grey (Cohen et al. 2017)"
    licence = "none stated; made from NIST Special Database 19, a work of the US government"
    citation = "Cohen, Afshar, Tapson and van Schaik 2017, EMNIST, arXiv:1702.05373"
    shape = (1, 28, 28)
    class_names = tuple(string.ascii_uppercase)
    n_rest, n_test = 124_800, 20_800
    augmentation = Augmentation(scale=(0.8, 1.1), shift=0.05, rotate=10)  # flips would confuse b with d

    source = "EMNIST"
    options: ClassVar = {"split": "letters"}
    folder = "EMNIST/raw"
    files: ClassVar = {
        "emnist-letters-train-images-idx3-ubyte": "size:97843216",
        "emnist-letters-train-labels-idx1-ubyte": "size:124808",
        "emnist-letters-test-images-idx3-ubyte": "size:16307216",
        "emnist-letters-test-labels-idx1-ubyte": "size:20808",
    }

    def arrays(self, part: Any) -> tuple[Tensor, Tensor]:
        images, labels = super().arrays(part)
        return images.mT.contiguous(), labels - 1  # stored column by column; labels count from 1
