"""scikit-learn's digits: no download needed."""

import numpy as np
import torch

from infomax_bench import Augmentation, Dataset, Images
from infomax_bench.data import stratified_test


class Digits(Dataset):
    """The test part of the UCI set of optical digits (Alpaydin and Kaynak 1998), as scikit-learn ships it."""

    summary = "handwritten digits, 8x8 grey, shipped with scikit-learn (Alpaydin and Kaynak 1998)"
    licence = "CC BY 4.0 (UCI Machine Learning Repository)"
    citation = "Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI, doi:10.24432/C50P49"
    shape = (1, 8, 8)
    class_names = tuple("0123456789")
    n_rest, n_test = 1_347, 450
    augmentation = Augmentation(scale=(0.9, 1.1), shift=0.06, rotate=10)  # at most half a pixel; flips make no digit

    def load(self) -> Images:
        from sklearn.datasets import load_digits  # slow to import: not before it is needed

        data = load_digits()
        images = np.round(data.images * (255 / 16)).astype(np.uint8)  # 17 levels, 0..16
        return Images(
            images=torch.from_numpy(images).unsqueeze(1),
            labels=torch.from_numpy(data.target).long(),
            test=torch.from_numpy(stratified_test(data.target, share=0.25)),
        )
