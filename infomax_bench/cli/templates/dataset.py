"""My idea: what the images are, in one line (Authors year, where)."""

import numpy as np
import torch

from infomax_bench import Augmentation, Dataset, Images
from infomax_bench.data import stratified_test

SIDE = 12
SIZES = (3, 5, 7)
PLACES = 5
NOISY = 40
"""Images of each combination of factors."""


class MyIdea(Dataset):
    """Say here where the images come from. As it stands: grey squares of three sizes (the class) on noise."""

    summary = "squares of three sizes at 25 places, 12x12 grey, generated"
    licence, citation = "CC0-1.0", "unpublished"
    shape = (1, SIDE, SIDE)  # C, H, W
    class_names = ("small", "medium", "large")
    n_test = len(SIZES) * PLACES**2 * NOISY // 5
    n_rest = len(SIZES) * PLACES**2 * NOISY - n_test  # for training and validation, which a seed divides
    # What made each image, if it is known: names, and their values in words, by which captions are written. Values that
    # are numbers make the factor a quantity.
    factor_names = ("size", "row", "column")
    caption = "a {class} square {row} down and {column} across"
    factor_words = {"row": tuple(map(str, range(PLACES))), "column": tuple(map(str, range(PLACES)))}
    augmentation = Augmentation(shift=0.08, noise=0.05)  # what changes an image and never its class

    def load(self) -> Images:
        # The same images every time. Your own: np.load(data_root() / "my_idea.npz"), with data_root from
        # infomax_bench.data.dataset; then let fingerprint() return a digest of the file, so that results follow it.
        rng = np.random.default_rng(0)
        grid = np.meshgrid(range(len(SIZES)), range(PLACES), range(PLACES), range(NOISY), indexing="ij")
        factors = np.stack(grid, axis=-1).reshape(-1, 4)[:, :3]
        images = rng.integers(0, 60, (len(factors), SIDE, SIDE))
        for image, (size, row, column) in zip(images, factors, strict=True):
            image[row : row + SIZES[size], column : column + SIZES[size]] += 150
        return Images(
            images=torch.from_numpy(images.astype(np.uint8)).unsqueeze(1),  # uint8 [N, C, H, W]
            labels=torch.from_numpy(factors[:, 0]).long(),  # int64 [N]
            test=torch.from_numpy(stratified_test(factors[:, 0], share=0.2)),  # bool [N]; the published one, if any
            factors=torch.from_numpy(factors).long(),  # int64 [N, F]; leave it out if nobody knows
        )
