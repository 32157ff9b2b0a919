"""Sprites whose causes depend on each other: large ones lie to the right and low."""

import numpy as np
from scipy.special import ndtr, ndtri

from infomax_bench import Augmentation
from infomax_bench.data.drawn import FIGURES, Drawn, drawn, rounded

SIDE, PATCH, SAMPLES = 24, 12, 8
RADII = (3.0, 5.5)
"""Of a sprite's disc, from the smallest to the largest, in pixels."""
CORRELATION = 0.7
LEVELS = 8
ANGLES = 64
NUMBERS = tuple(str(i + 1) for i in range(LEVELS))


class Linked(Drawn):
    """A white sprite on black, whose size, x and y follow a Gaussian copula with correlations of 0.7; the class is the
    shape, which is independent of them, as the orientation is.

    Size, x and y are uniform, each by itself, and told as eighths of their ranges: 1 is smallest, left and top.
    """

    summary = "generated figures, 24x24 grey, whose size, x and y depend on each other (correlation 0.7)"
    licence = "MIT, as the code that draws them"
    citation = "in the manner of Matthey, Higgins, Hassabis and Lerchner 2017, dSprites"
    size = 15_000
    shape = (1, SIDE, SIDE)
    class_names = tuple(FIGURES)
    factor_names = ("shape", "size", "orientation", "x", "y")
    orientations = ("up", "up-left", "left", "down-left", "down", "down-right", "right", "up-right")
    factor_words = {"size": NUMBERS, "orientation": orientations, "x": NUMBERS, "y": NUMBERS}
    caption = "a picture of a {class} of size {size} pointing {orientation} in row {y} and column {x}"
    augmentation = Augmentation(scale=(0.9, 1.1), shift=0.04, rotate=20, brightness=0.3)  # as for sprites

    def draw(self, rng):
        n = self.n_images
        shape, angle = rng.permutation(n) % len(FIGURES), rng.integers(ANGLES, size=n)
        common, own = ndtri(rng.random(n)), ndtri(rng.random((3, n)))
        linked = rounded(ndtr(CORRELATION**0.5 * common + (1 - CORRELATION) ** 0.5 * own))  # uniform each
        radius = RADII[0] + (RADII[1] - RADII[0]) * linked[0]
        corner, rest = np.divmod(rounded(linked[1:] * (SIDE - PATCH)), 1)  # whole pixels and what is left of one
        images = np.zeros((n, SIDE, SIDE), dtype=np.uint8)
        figures = [*FIGURES.values()]
        for i, (left, top) in enumerate(corner.T.astype(int)):
            turn, (x, y) = angle[i] * (2 * np.pi / ANGLES), rest[:, i] - 0.5
            patch = drawn(figures[shape[i]], PATCH, radius[i], turn, x, y, SAMPLES)
            images[i, top : top + PATCH, left : left + PATCH] = patch
        size, x, y = np.minimum(linked * LEVELS, LEVELS - 1).astype(int)
        orientation = (angle + ANGLES // 16) * LEVELS // ANGLES % LEVELS
        return images, shape, (shape, size, orientation, x, y)
