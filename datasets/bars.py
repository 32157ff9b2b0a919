"""Bars: a picture is made by independent causes, all of them known (Földiák 1990)."""

import functools
from dataclasses import replace

import numpy as np
import torch

from infomax_bench import Augmentation
from infomax_bench.data.drawn import Drawn

SIDE = 8
PLACES = [f"{line} {i + 1}" for line in ("row", "column") for i in range(SIDE)]


class Bars(Drawn):
    """White horizontal and vertical bars on black, each there with probability 1/4, independently of all others.

    The class is the number of horizontal bars, four and more as one. It is not balanced: 10 % of the images have none,
    then 27, 31, 21, and 11 % have four or more. Pictures repeat, since most have few bars; all copies of one are test,
    or none is, so that test asks for combinations never seen.
    """

    summary = "independent bars, 8 horizontal and 8 vertical ones, each there with probability 1/4; 8x8 black and white"
    licence = "MIT, as the code that draws them"
    citation = "Földiák 1990, Forming sparse representations by local anti-Hebbian learning, Biological Cybernetics 64"
    size = 16_000
    shape = (1, SIDE, SIDE)
    class_names = ("no bar", "one bar", "two bars", "three bars", "many bars")
    factor_names = tuple(PLACES)
    factor_words = dict.fromkeys(PLACES, ("off", "on"))
    caption = "a picture with {class} from left to right"
    # A mirrored picture has as many horizontal bars; one that is shifted or turned has bars where none can be.
    augmentation = Augmentation(flip=True, brightness=0.3, contrast=0.3, noise=0.1)

    def __init__(self, argument=None):
        super().__init__(argument)
        self.n_test = int(self.held_out.sum())
        self.n_rest = self.n_images - self.n_test

    @functools.cached_property
    def causes(self):
        """Which bars are there, bool `[N, 16]`."""
        return np.random.default_rng(0).integers(4, size=(self.n_images, 2 * SIDE)) == 0

    @functools.cached_property
    def held_out(self):
        """Whether an image is test, bool `[N]`: a fifth of the different pictures, with all their copies."""
        _, picture = np.unique(self.causes @ (1 << np.arange(2 * SIDE)), return_inverse=True)
        return (np.random.default_rng(1).permutation(picture.max() + 1) % 5 == 0)[picture]

    def draw(self, rng):
        rows, columns = self.causes[:, :SIDE, None], self.causes[:, None, SIDE:]
        return (rows | columns) * np.uint8(255), self.causes[:, :SIDE].sum(1).clip(max=4), self.causes.T

    def load(self):
        return replace(super().load(), test=torch.from_numpy(self.held_out))
