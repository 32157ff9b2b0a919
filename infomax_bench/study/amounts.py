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
