"""Generated sprites: every combination of five known factors, in the manner of dSprites (Matthey et al. 2017)."""

import itertools

import numpy as np
import torch

from infomax_bench import Augmentation, Dataset, Images
from infomax_bench.data import stratified_test
from infomax_bench.data.drawn import FIGURES, VERSION, drawn

SIDE = 24
PLACES = 14
"""Positions along each axis, a pixel apart."""
PATCH = SIDE - PLACES + 1
"""A sprite's bounding square at every orientation, in pixels: the largest that stays inside at every position."""
SCALES = (0.64, 0.8, 1.0)
ORIENTATIONS = 8


def patches():
    """Every shape at every scale and orientation, uint8 `[shape, scale, orientation, PATCH, PATCH]`."""
    kinds = itertools.product(FIGURES.values(), SCALES, range(ORIENTATIONS))
    made = [drawn(figure, PATCH, scale * PATCH / 2, turn * 2 * np.pi / ORIENTATIONS) for figure, scale, turn in kinds]
    return np.reshape(made, (len(FIGURES), len(SCALES), ORIENTATIONS, PATCH, PATCH))


class Sprites(Dataset):
    """A white sprite on black; the class is the shape, so that position, size and orientation are nuisance; or the
    scale, so that the shape is.

    x counts from the left and y from the top. A mask holds the pixels that are figure for the greater part.
    """

    summary = "generated figures, 24x24 grey: every combination of shape, scale, orientation, x and y, with masks"
    licence = "MIT, as the code that draws them"
    citation = "in the manner of Matthey, Higgins, Hassabis and Lerchner 2017, dSprites"
    modes = {
        "coarse": "every other position along each axis: a quarter of the images",
        "scale": "the same images; the class is their scale",
        "coarse:scale": "both",
    }
    shape = (1, SIDE, SIDE)
    class_names = tuple(FIGURES)
    factor_names = ("shape", "scale", "orientation", "x", "y")
    caption = "a picture of a {scale} {shape} pointing {orientation} in row {y} and column {x}"
    factor_words = {
        "shape": tuple(FIGURES),
        "scale": ("small", "medium", "large"),
        "orientation": ("up", "up-left", "left", "down-left", "down", "down-right", "right", "up-right"),
        "x": tuple(map(str, range(1, PLACES + 1))),
        "y": tuple(map(str, range(1, PLACES + 1))),
    }
    n_rest, n_test = 18_815, 4_705
    step = 1
    # No flips: a mirrored L or key is a figure that occurs nowhere in the data. Half an orientation step at most,
    # and no crop so close that a sprite at the edge would be cut off.
    augmentation = Augmentation(scale=(0.9, 1.1), shift=0.04, rotate=20, brightness=0.3)

    def __init__(self, argument=None):
        super().__init__(argument)
        self.coarse, self.by_scale = (word in (argument or "").split(":") for word in ("coarse", "scale"))
        if self.coarse:
            self.step, self.n_rest, self.n_test = 2, 4_705, 1_175
            places = tuple(map(str, range(1, PLACES + 1, self.step)))
            self.factor_words = {**type(self).factor_words, "x": places, "y": places}
        self.class_names = tuple(self.factor_words["scale" if self.by_scale else "shape"])

    def fingerprint(self):
        return str(VERSION)

    def load(self):
        sprites, places = patches(), range(0, PLACES, self.step)
        levels = (*sprites.shape[:3], len(places), len(places))
        images = np.zeros((*levels, SIDE, SIDE), dtype=np.uint8)
        for i, x in enumerate(places):
            for j, y in enumerate(places):
                images[:, :, :, i, j, y : y + PATCH, x : x + PATCH] = sprites
        images = images.reshape(-1, 1, SIDE, SIDE)
        factors = np.indices(levels, dtype=np.int64).reshape(len(levels), -1).T.copy()
        return Images(
            images=torch.from_numpy(images),
            labels=torch.from_numpy(factors[:, int(self.by_scale)].copy()),
            test=torch.from_numpy(stratified_test(factors[:, 0], share=0.2)),  # the same, whatever the class
            factors=torch.from_numpy(factors),
            masks=torch.from_numpy(images[:, 0] >= 128),
        )
