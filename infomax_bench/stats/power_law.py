"""Curves read as power laws: a value falls with x as x to the power of minus the exponent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from infomax_bench.base.status import Status
from infomax_bench.stats.readings import where


def exponents(rows: pd.DataFrame, by: Sequence[str], x: str, floor: float) -> pd.DataFrame:
    """A row for each curve of two points or more, told apart by the columns `by`: as value minus the least-squares
    slope of log value over the log of column `x`, no value being smaller than `floor`. It is current if all are."""
    found = []
    means = rows.groupby([*by, x], observed=True).agg(value=("value", "mean"), current=("current", "all")).reset_index()
    points = means.assign(x=np.log(means[x].astype(float)), y=np.log(means["value"].clip(lower=floor)))
    for key, own in points.groupby(list(by), observed=True):
        if len(own) > 1:
            slope = np.polyfit(own["x"].to_numpy(), own["y"].to_numpy(), 1)[0]
            found.append((*key, round(-slope, 9), own["current"].all()))
    return pd.DataFrame(found, columns=[*by, "value", "current"]).assign(status="ok")


def using(found: pd.DataFrame, rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The exponents but of those cases (the columns `by` without the seed) whose values are the same all along the
    curve, under every seed."""
    case = [name for name in by if name != "seed"]
    good = where(rows, status=Status.OK)
    same = good.groupby(list(by), observed=True)["value"].nunique().eq(1).groupby(case, observed=True).all()
    return found[~pd.MultiIndex.from_frame(found[case]).isin(same[same].index)]
