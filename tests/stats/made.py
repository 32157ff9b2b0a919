"""Made-up values by method and seed, which several tests of `stats` compare."""

from __future__ import annotations

import pandas as pd

NOISE = [0.010, -0.012, 0.004, -0.006, 0.003]


def table(**methods: list[float]) -> pd.DataFrame:
    """Values by seed and method."""
    return pd.DataFrame(methods)


def rows(records: list[tuple[str, int, str, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(records, columns=["method", "seed", "dataset", "value"])
    return frame.assign(target=frame["dataset"], status="ok", current=True)
