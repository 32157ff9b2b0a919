"""How much of a resource encoders are compared at, the same for all benchmarks that ask: they then share encoders."""

from __future__ import annotations

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
