"""How far values spread over seeds, and whether they do so more than others'."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from infomax_bench.stats.intervals import LEVEL, t_quantile
from infomax_bench.stats.readings import by_seed


@dataclass(frozen=True)
class Spread:
    """A standard deviation, or a ratio of two, of n seeds with its interval."""

    value: float
    low: float
    high: float
    n: int


def deviation(values: Sequence[float] | np.ndarray, level: float = LEVEL) -> Spread:
    """The standard deviation of values of a normal distribution, with the interval that chi-square gives."""
    x = np.asarray(values, dtype=float)
    n = len(x)
    if n < 2:
        return Spread(math.nan, 0.0, math.inf, n)
    sd = float(x.std(ddof=1))
    tail = (1 - level) / 2
    low, high = (sd * math.sqrt((n - 1) / special.chdtri(n - 1, p)) for p in (tail, 1 - tail))
    return Spread(sd, float(low), float(high), n)


def deviation_ratio(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray, level: float = LEVEL) -> Spread:
    """The standard deviation of x over that of y, paired by seed, with the interval of Pitman and Morgan (1939).

    Their test of equal variances is that of no correlation between x + y and x - y; for normal pairs it is exact. With
    fewer than three pairs, or without any spread in one of the two, the interval is unbounded.
    """
    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if len(a) != len(b):
        raise ValueError("values are paired")
    n = len(a)
    one, other = (float(v.std(ddof=1)) if n > 1 else math.nan for v in (a, b))
    if n < 3 or not (one > 1e-12 and other > 1e-12):
        ratio = one / other if n > 1 and other > 1e-12 else math.nan
        return Spread(ratio, 0.0, math.inf, n)
    rest = max(0.0, 1 - float(np.corrcoef(a, b)[0, 1]) ** 2)
    k = 1 + 2 * rest * t_quantile(n - 1, (1 - level) / 2) ** 2 / (n - 2)
    width = math.sqrt(k * k - 1)
    ratio = one / other
    return Spread(ratio, ratio / math.sqrt(k + width), ratio * math.sqrt(k + width), n)


def ranges(rows: pd.DataFrame, column: str, over: str, by: Sequence[str]) -> pd.DataFrame:
    """The largest less the smallest value of a column over the values of another: columns `by` and `range`; nothing
    where one of these is missing."""
    own = rows[rows[column].notna()]
    found = own.groupby(list(by), observed=True)[column].agg(["min", "max", "count"])
    found = found[found["count"] == own[over].nunique()]
    return found.assign(range=found["max"] - found["min"]).reset_index()


def ranges_by_seed(encoders: pd.DataFrame, column: str, over: str, of: str) -> pd.DataFrame:
    """The ranges of a column over the values of `over`, means over data sets: a line for each seed, a column for each
    value of `of`."""
    return by_seed(ranges(encoders, column, over, [of, "dataset", "seed"]), "range", of)


def deviations(groups: Iterable[tuple[Any, pd.Series]], scale: float = 1.0) -> pd.DataFrame:
    """For a table: the standard deviation of each group's values times `scale`, and its interval in words ("" of one
    value), in the columns `deviation` and `interval`; a line for each group."""
    found = {name: deviation(scale * values.dropna().to_numpy()) for name, values in groups}
    told = [f"{one.low:.2g} to {one.high:.2g}" if one.n > 1 else "" for one in found.values()]
    columns = {"deviation": [one.value for one in found.values()], "interval": told}
    return pd.DataFrame(columns, index=pd.Index(list(found)))
