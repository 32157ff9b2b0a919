"""Generated sprites: every combination of five known factors, in the manner of dSprites (Matthey et al. 2017)."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch

from infomax_bench import Augmentation, Dataset, Images
from infomax_bench.data import stratified_test

SIDE = 24
PLACES = 14
"""Positions along each axis, a pixel apart."""
PATCH = SIDE - PLACES + 1
"""A sprite's bounding square at every orientation, in pixels: the largest that stays inside at every position."""
SCALES = (0.64, 0.8, 1.0)
ORIENTATIONS = 8
SAMPLES = 16
"""Supersampling: samples along each side of a pixel."""

# Shapes are figures in the unit disc, centred, x to the right and y up: functions of coordinates to bool arrays.
# None has a rotational symmetry, so that all orientations differ; none is another one's mirror image.


def heart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    lobes = (np.abs(x) - 0.45) ** 2 + (y - 0.3) ** 2 < 0.45**2
    # What lies between the lobes and the point at (0, -0.9): its sides touch the circles at right angles to a radius.
    point = (np.abs(x) < 0.873 * (y + 0.9)) & (0.873 * np.abs(x) + y < 0.693) & (y < 0.3)
    return lobes | point


def arrow(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    head = (y > 0.05) & (np.abs(x) < 0.95 * (1 - y))
    shaft = (np.abs(x) < 0.25) & (y > -0.95) & (y <= 0.05)
    return head | shaft


def ell(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    upright = (np.abs(x + 0.35) < 0.2) & (np.abs(y) < 0.8)
    foot = (x > -0.55) & (x < 0.6) & (y > -0.8) & (y < -0.4)
    return upright | foot


def half_disc(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x**2 + (y + 0.4) ** 2 < 0.9**2) & (y > -0.4)


def key(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    radius = np.hypot(x, y - 0.5)
    ring = (radius < 0.5) & (radius > 0.22)
    shaft = (np.abs(x) < 0.14) & (y > -0.98) & (y < 0.2)
    bit = (x > 0) & (x < 0.5) & (y > -0.85) & (y < -0.45)
    return ring | shaft | bit


SHAPES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "heart": heart,
    "arrow": arrow,
    "L": ell,
    "half-disc": half_disc,
    "key": key,
}


def patches() -> np.ndarray:
    """Every shape at every scale and orientation, uint8 `[shape, scale, orientation, PATCH, PATCH]`."""
    steps = (np.arange(PATCH * SAMPLES) + 0.5) * (2 / (PATCH * SAMPLES)) - 1
    right, up = steps[None, :], -steps[:, None]  # rows run downwards
    angles = np.arange(ORIENTATIONS) * (2 * np.pi / ORIENTATIONS)
    out = np.empty((len(SHAPES), len(SCALES), ORIENTATIONS, PATCH, PATCH), dtype=np.uint8)
    for j, scale in enumerate(SCALES):
        for k, angle in enumerate(angles):  # counter-clockwise
            x = (np.cos(angle) * right + np.sin(angle) * up) / scale
            y = (np.cos(angle) * up - np.sin(angle) * right) / scale
            for i, inside in enumerate(SHAPES.values()):
                figure = inside(x, y).reshape(PATCH, SAMPLES, PATCH, SAMPLES)
                out[i, j, k] = np.round(255 * figure.mean((1, 3)))  # the share of the pixel that is figure
    return out


class Sprites(Dataset):
    """A white sprite on black; the class is the shape, so that position, size and orientation are nuisance.

    x counts from the left and y from the top. A mask holds the pixels that are figure for the greater part.
    """

    summary = "generated figures, 24x24 grey: every combination of shape, scale, orientation, x and y, with masks"
    licence = "MIT, as the code that draws them"
    citation = "in the manner of Matthey, Higgins, Hassabis and Lerchner 2017, dSprites"
    modes: ClassVar = {"coarse": "every other position along each axis: a quarter of the images"}
    shape = (1, SIDE, SIDE)
    class_names = tuple(SHAPES)
    factor_names = ("shape", "scale", "orientation", "x", "y")
    caption = "a picture of a {scale} {class} pointing {orientation} in row {y} and column {x}"
    factor_words: ClassVar = {
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

    def __init__(self, argument: str | None = None) -> None:
        super().__init__(argument)
        if argument == "coarse":
            self.step, self.n_rest, self.n_test = 2, 4_705, 1_175
            places = tuple(map(str, range(1, PLACES + 1, self.step)))
            self.factor_words = {**type(self).factor_words, "x": places, "y": places}

    def load(self) -> Images:
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
            labels=torch.from_numpy(factors[:, 0].copy()),
            test=torch.from_numpy(stratified_test(factors[:, 0], share=0.2)),
            factors=torch.from_numpy(factors),
            masks=torch.from_numpy(images[:, 0] >= 128),
        )
