"""How much of a resource encoders are compared at, the same for all benchmarks that ask: they then share encoders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from infomax_bench.study.suite import Suite

FEWEST = 1_000
"""Images, where there are more than four times as many."""


def sizes(n: int, points: int, fewest: int) -> list[int]:
    """Numbers of images, geometrically spaced, up to all n of them; from FEWEST on, or for small data sets `fewest`."""
    least = min(n, max(fewest, FEWEST if n > 4 * FEWEST else 0))
    return sorted({round(size) for size in np.geomspace(least, n, points)})


def fewer_images(suite: Suite, dataset: str, size: int) -> dict[str, Any]:
    """What a cell changes to train on `size` images, with about as many updates as on all of them; nothing for all."""
    n = suite.n_train[dataset]
    return {} if size == n else {"n_train": size, "epochs": max(1, round(suite.epochs[dataset] * n / size))}


def passes_for(updates: int, images: int, batch_size: int) -> int:
    """The passes over so many images, a power of two or three times one, that come nearest to a number of updates."""
    target = updates / (images // min(batch_size, images))
    known: list[int] = [m * 2**k for k in range(30) for m in (1, 3)]
    return min(known, key=lambda n: abs(math.log(n / target)))


Amount = tuple[str, int, dict[str, Any]]
"""Of which resource, how much, and what a cell changes for it."""


def amounts(suite: Suite, dataset: str, level: bool = False) -> list[Amount]:
    """The amounts of "images", "passes" over them and "width" at which methods are compared; level: only all images and
    all passes, for methods of which nothing can be swept."""
    points, epochs = suite.scaled[dataset], suite.epochs[dataset]
    n = sizes(suite.n_train[dataset], points, 2 * suite.batch_size)
    found: list[Amount] = [("images", size, fewer_images(suite, dataset, size)) for size in n[-1 if level else 0 :]]
    passes = [max(1, epochs // 2**half) for half in range(1 if level else points)]
    found += [("passes", passed, {"epochs": passed}) for passed in passes]
    return _few_seeds(suite, found + _widths(suite, () if level else suite.widths))


def ends(suite: Suite, dataset: str) -> list[Amount]:
    """The ends of two resources: "width" (and the suite's own between) and "images" (where methods are compared at
    several)."""
    found = _widths(suite, sorted({min(suite.widths), suite.width, max(suite.widths)}))
    if dataset in suite.scaled:
        n = sizes(suite.n_train[dataset], suite.scaled[dataset], 2 * suite.batch_size)
        found += [("images", size, fewer_images(suite, dataset, size)) for size in sorted({n[0], n[-1]})]
    return _few_seeds(suite, found)


def _widths(suite: Suite, widths: Sequence[int]) -> list[Amount]:
    return [("width", width, {} if width == suite.width else {"width": width}) for width in widths]


def _few_seeds(suite: Suite, found: list[Amount]) -> list[Amount]:
    """A sweep's seeds for encoders that no other benchmark needs."""
    few = {"n_seeds": suite.sweep_seeds}
    return [
        (of, n, {**changes, **few} if changes.keys() & {"width", "n_train"} else changes) for of, n, changes in found
    ]
