"""Dead leaves: shapes of all sizes hide each other, as things in photographs do (Lee, Mumford and Huang 2001)."""

import numpy as np

from infomax_bench import Augmentation
from infomax_bench.data.drawn import Drawn

SIDE, SAMPLES = 24, 2
RADII = np.arange(2, 49)  # in samples: from a pixel to the side of an image
LAYERS = 5  # how many leaves lie above each other, on average
LEAVES = {  # of the same area, pi; x to the right and y up
    "discs": lambda x, y: x**2 + y**2 < 1,
    "diamonds": lambda x, y: np.abs(x) + np.abs(y) < 1.253,
    "lying slabs": lambda x, y: np.maximum(np.abs(x), 4 * np.abs(y)) < 1.772,
    "standing slabs": lambda x, y: np.maximum(4 * np.abs(x), np.abs(y)) < 1.772,
}


def fallen(leaf, side, rng):
    """Which leaf is on top, `[side, side]` samples, and the radii: as r^-3, so that all scales cover as much."""
    edge, often = 2 * RADII[-1], 10**9 // RADII**3
    wide = side + 2 * edge  # leaves lie across the border
    n = int(LAYERS * wide**2 * often.sum() / (3.1416 * often @ RADII**2))
    radius = RADII[np.searchsorted(often.cumsum(), rng.integers(often.sum(), size=n), side="right")]
    place = rng.integers(edge, wide - edge, size=(n, 2)) @ (wide, 1)
    top = np.zeros(wide**2, dtype=np.int32)
    for r in RADII:
        steps = np.arange(-2 * r, 2 * r + 1)
        down, right = np.nonzero(leaf(steps / r, -steps[:, None] / r))
        leaves = np.flatnonzero(radius == r).astype(np.int32)[:, None]
        for own in np.array_split(leaves, 1 + leaves.size * down.size // 200_000):  # a cache holds so many
            where = place[own] + (down - 2 * r) * wide + right - 2 * r
            top[where] = np.maximum(top[where], own)  # of leaves that meet, the last is written last
    return top.reshape(wide, wide)[edge:-edge, edge:-edge], radius


class DeadLeaves(Drawn):
    """Windows on leaves, each of one grey. The class is their kind, of four that are equally frequent."""

    summary, licence = "shapes of all sizes that hide each other; 24x24 grey", "MIT, as the code that draws them"
    citation = "in the manner of Lee, Mumford and Huang 2001, Occlusion models for natural images, IJCV 41"
    size, shape = 4 * 56**2, (1, SIDE, SIDE)
    class_names = tuple(LEAVES)
    factor_words = {"size": ("tiny", "small", "large", "huge"), "grey": ("black", "dark", "light", "white")}
    factor_names = tuple(factor_words)  # of the leaf in the middle
    caption = "a picture of {class} with a {size} {grey} one in the middle"
    augmentation = Augmentation(scale=(0.6, 1.0), flip=True, brightness=0.3, contrast=0.3)  # a part is like the whole

    def draw(self, rng):
        n, side, parts = round((self.n_images / len(LEAVES)) ** 0.5), SIDE * SAMPLES, []
        for leaf in LEAVES.values():
            top, radius = fallen(leaf, n * side, rng)
            windows = top.reshape(n, side, n, side).swapaxes(1, 2).reshape(n * n, side, side)
            grey, middle = rng.integers(256, size=len(radius)).astype(np.uint16), windows[:, SIDE, SIDE]
            pixels = grey[windows].reshape(-1, SIDE, SAMPLES, SIDE, SAMPLES).sum((2, 4))
            parts.append((pixels, radius[middle], grey[middle]))
        pixels, radius, grey = map(np.concatenate, zip(*parts, strict=True))
        factors = np.searchsorted((4, 10, 24), radius, side="right"), grey // 64
        return ((pixels + 2) // 4).astype(np.uint8), np.repeat(np.arange(len(LEAVES)), n * n), factors
