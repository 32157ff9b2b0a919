"""Encoders compared two by two: rows whose `method` is the one and whose `other` is the other."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from infomax_bench.stats.intervals import ALPHA, Interval, interval


def chained(values: pd.Series) -> Interval:
    """The interval of the mean of values, each of a pair of encoders of which the next pair has one, in a ring.

    What two pairs share makes their values correlate, by 1/2 at most. The variance of the mean of n is then twice that
    of independent values, the variance between them is seen as (n - 2) / (n - 1) of what it is, and is as uncertain as
    one of fewer degrees of freedom (Satterthwaite 1946, from the eigenvalues 2 + 2 cos(2 pi k / n) of such a ring).
    """
    found = interval(values.to_numpy())
    n = found.n
    if n < 3:
        return replace(found, low=-math.inf, high=math.inf)
    df = (2 * n - 4) ** 2 / (6 * n - 16)
    half = float(stats.t.isf(ALPHA, df)) * found.sd * math.sqrt(2 * (n - 1) / (n - 2) / n)
    return replace(found, low=found.mean - half, high=found.mean + half, p_greater=math.nan, p_less=math.nan)


def both_ways(rows: pd.DataFrame) -> pd.DataFrame:
    """Every pair as one of either; that of a method with itself once."""
    turned = rows[rows["method"] != rows["other"]]
    return pd.concat([rows, turned.assign(method=turned["other"], other=turned["method"])])


def square(rows: pd.DataFrame) -> pd.DataFrame:
    """Pairs both ways -> a table of methods by methods, means over data sets; of methods that lack nothing."""
    means = rows.groupby(["dataset", "method", "other"], observed=True)["value"].mean().unstack("other")
    missing = means.isna().groupby("method", observed=True).any()
    table = means.groupby("method", observed=True).mean().mask(missing)
    n = means.groupby("method", observed=True).size()
    whole = [m for m in table.columns if m in table.index and n[m] == n.max()]
    table = table.loc[whole, whole]
    own = [m for m, known in zip(whole, np.isfinite(np.diag(table)), strict=True) if known]
    table = table.loc[own, own]
    while table.isna().to_numpy().any():  # the method that lacks most goes first
        lacking = table.isna().sum().idxmax()
        table = table.drop(index=lacking, columns=lacking)
    return table
