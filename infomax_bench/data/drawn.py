"""Images that are drawn, the same bytes on every CPU: what data sets of known causes share.

Sums, products, quotients, square roots and comparisons of floats round alike everywhere (IEEE 754), one operation at a
time, as numpy's are. What libraries round each in their own way (cosines, sums of many floats) is rounded to fewer bits
first, or is counted in whole numbers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from infomax_bench.data.dataset import Dataset, Images

VERSION = 1
"""Part of the fingerprint of what is drawn: raise it when a change here could change a pixel."""
SAMPLES = 16
"""Supersampling: samples along each side of a pixel."""

Figure = Callable[[np.ndarray, np.ndarray], Any]
"""What is inside, bool, of coordinates x (to the right) and y (up)."""


def rounded(values: np.ndarray | float) -> np.ndarray:
    """Values to a millionth (2^-20), so that a last digit that libraries differ in is gone."""
    made: np.ndarray = np.round(np.multiply(values, 2.0**20)) * 2.0**-20
    return made


def coverage(inside: np.ndarray, samples: int = SAMPLES) -> np.ndarray:
    """The share of each pixel that is inside, from bool `[..., H * samples, W * samples]` to uint8 `[..., H, W]`."""
    *lead, height, width = inside.shape
    counts = inside.reshape(*lead, height // samples, samples, width // samples, samples).sum((-3, -1))
    shares: np.ndarray = (510 * counts + samples**2) // (2 * samples**2)
    return shares.astype(np.uint8)


def drawn(
    figure: Figure, side: int, radius: float, angle: float = 0.0, x: float = 0.0, y: float = 0.0, samples: int = SAMPLES
) -> np.ndarray:
    """A figure of the unit disc in a square of `side` pixels, uint8 `[side, side]`.

    radius: of the disc, in pixels. angle: counter-clockwise, in radians. x, y: of its centre, in pixels to the right of
    the square's and below it.
    """
    steps = (np.arange(side * samples) + 0.5) / samples - side / 2
    right, up = steps[None, :] - x, y - steps[:, None]  # rows run downwards
    cos, sin = rounded(np.cos(angle)), rounded(np.sin(angle))
    return coverage(figure((cos * right + sin * up) / radius, (cos * up - sin * right) / radius), samples)


@functools.cache
def outline(font: Path, letter: str) -> np.ndarray:
    """A letter's edges, float `[E, 2, 2]`, from where to where; x to the right and y up.

    In the font's own units: whole numbers, which no version of FreeType rounds; a curve is eight straight edges.
    """
    from matplotlib.ft2font import FT2Font, LoadFlags  # slow to import: not before it is needed
    from matplotlib.path import Path as Curves

    opened = FT2Font(str(font))
    opened.load_char(ord(letter), flags=LoadFlags.NO_SCALE)
    t = np.arange(1, 9)[:, None] / 8
    contours: list[list[np.ndarray]] = []
    for points, code in Curves(*opened.get_path()).iter_segments(simplify=False):
        if code == Curves.MOVETO:
            contours.append([points])
        elif code == Curves.LINETO:
            contours[-1].append(points)
        elif code == Curves.CURVE3:
            begin, middle, end = contours[-1][-1], points[:2], points[2:]
            contours[-1].extend((1 - t) ** 2 * begin + 2 * t * (1 - t) * middle + t**2 * end)
    closed = (np.array(points) for points in contours)
    return np.concatenate([np.stack([points, np.roll(points, -1, axis=0)], axis=1) for points in closed])


def filled(edges: np.ndarray, side: int, samples: int) -> np.ndarray:
    """An outline's inside (by the nonzero rule) in a square of pixels, uint8 `[side, side]`.

    edges: float `[E, 2, 2]`, from where to where, as x and y in pixels from the square's lower left corner.
    """
    n = side * samples
    (x0, y0), (x1, y1) = edges.transpose(1, 2, 0) * samples
    rows = np.arange(n) + 0.5
    edge, row = np.nonzero((y0[:, None] <= rows) != (y1[:, None] <= rows))
    x = x0[edge] + (rows[row] - y0[edge]) * (x1 - x0)[edge] / (y1 - y0)[edge]
    winding = np.zeros((n, n + 1), dtype=np.int8)
    np.add.at(winding, (row, np.clip(np.ceil(x - 0.5), 0, n).astype(int)), np.where(y1 > y0, 1, -1)[edge])
    return coverage((winding.cumsum(1, dtype=np.int8)[::-1, :-1] != 0), samples)


class Drawn(Dataset):
    """Base class of data sets that are drawn at random, from one stream. Every fifth image is test."""

    modes: ClassVar = {"few": "a quarter of the images"}
    size: ClassVar[int]
    """How many images there are."""

    def __init__(self, argument: str | None = None) -> None:
        super().__init__(argument)
        self.n_images = self.size // 4 if argument == "few" else self.size
        self.n_test = -(-self.n_images // 5)
        self.n_rest = self.n_images - self.n_test

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, Sequence[np.ndarray]]:
        """`n_images` images, uint8 `[N, H, W]`; labels, `[N]`; and of each factor its values, `[N]`."""
        raise TypeError(f"{type(self).__name__} does not define draw()")

    def fingerprint(self) -> str:
        return str(VERSION)

    def load(self) -> Images:
        images, labels, factors = self.draw(np.random.default_rng(0))
        return Images(
            images=torch.from_numpy(images).unsqueeze(1),
            labels=torch.from_numpy(labels).long(),
            test=torch.arange(len(images)) % 5 == 0,
            factors=torch.from_numpy(np.stack(factors, axis=1)).long(),
        )


# -- figures of the unit disc -------------------------------------------------------------------------------------
# None has a rotational symmetry, so that all orientations differ; none is another one's mirror image.


def heart(x: np.ndarray, y: np.ndarray) -> Any:
    """Two lobes and a point below."""
    lobes = (np.abs(x) - 0.45) ** 2 + (y - 0.3) ** 2 < 0.45**2
    # What lies between the lobes and the point at (0, -0.9): its sides touch the circles at right angles to a radius.
    point = (np.abs(x) < 0.873 * (y + 0.9)) & (0.873 * np.abs(x) + y < 0.693) & (y < 0.3)
    return lobes | point


def arrow(x: np.ndarray, y: np.ndarray) -> Any:
    """Pointing up."""
    head = (y > 0.05) & (np.abs(x) < 0.95 * (1 - y))
    shaft = (np.abs(x) < 0.25) & (y > -0.95) & (y <= 0.05)
    return head | shaft


def ell(x: np.ndarray, y: np.ndarray) -> Any:
    """An L."""
    upright = (np.abs(x + 0.35) < 0.2) & (np.abs(y) < 0.8)
    foot = (x > -0.55) & (x < 0.6) & (y > -0.8) & (y < -0.4)
    return upright | foot


def half_disc(x: np.ndarray, y: np.ndarray) -> Any:
    """Its round side up."""
    return (x**2 + (y + 0.4) ** 2 < 0.9**2) & (y > -0.4)


def key(x: np.ndarray, y: np.ndarray) -> Any:
    """Ring, shaft and bit."""
    square = x**2 + (y - 0.5) ** 2
    ring = (square < 0.5**2) & (square > 0.22**2)
    shaft = (np.abs(x) < 0.14) & (y > -0.98) & (y < 0.2)
    bit = (x > 0) & (x < 0.5) & (y > -0.85) & (y < -0.45)
    return ring | shaft | bit


FIGURES: dict[str, Figure] = {"heart": heart, "arrow": arrow, "L": ell, "half-disc": half_disc, "key": key}
