"""How much of a resource encoders are compared at, the same for all benchmarks that ask: they then share encoders."""

from __future__ import annotations

import math
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


def ends(suite: Suite, dataset: str) -> list[tuple[str, int, dict[str, Any]]]:
    """The ends of two resources: "width" (and the suite's own between) or "images" (where methods are compared at
    several), how much of it, and what a cell changes for it. What is not as all encoders are has a sweep's seeds."""
    found: list[tuple[str, int, dict[str, Any]]] = []
    for width in sorted({min(suite.widths), suite.width, max(suite.widths)}):
        found.append(("width", width, {} if width == suite.width else {"width": width}))
    if dataset in suite.scaled:
        n = sizes(suite.n_train[dataset], suite.scaled[dataset], 2 * suite.batch_size)
        found += [("images", size, fewer_images(suite, dataset, size)) for size in sorted({n[0], n[-1]})]
    few = {"n_seeds": suite.sweep_seeds}
    return [(what, amount, {**changes, **few} if changes else {}) for what, amount, changes in found]
