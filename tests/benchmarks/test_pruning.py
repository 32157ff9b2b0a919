"""The benchmark on pruning, on a table whose answer is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.made import frame, module


def test_prunable_fractions_at_other_tolerances_are_read_off_the_curves():
    """A straight fall: each point is worth an eighth of the units, up to the last level. A seed that failed is left
    out."""
    levels = [
        {"dataset": "d", "method": "s", "seed": seed, "x": x, "value": accuracy - 0.08 * x}
        for seed, accuracy in enumerate([0.9, 0.7])
        for x in (0.0, 0.3, 0.4)
    ]
    alive = [
        {"dataset": "d", "method": "s", "seed": seed, "metric": "prunable_fraction", "value": 0.1} for seed in (0, 1)
    ]
    best = {"width": 64, "protocol": "best/refitted"}
    rows = pd.concat([frame(levels, metric="accuracy", **best), frame(alive, **best)])
    failed = rows.assign(seed=2, value=np.nan, status="failed")
    found = module("pruning").by_tolerance(pd.concat([rows, failed]))
    assert len(found) == 2 * 5
    assert found["value"].to_numpy() == pytest.approx(np.minimum(found["x"] / 8, 0.4), abs=0.003)
