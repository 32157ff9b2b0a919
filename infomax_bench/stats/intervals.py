"""Intervals over seeds, the unit of replication: two-sided t intervals at LEVEL."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from infomax_bench.base.status import Status

LEVEL = 0.95
ALPHA = (1 - LEVEL) / 2
MIN_SEEDS = 5
"""With fewer nothing is decided."""


@dataclass(frozen=True)
class Interval:
    """A mean over n seeds with its t interval, and the one-sided p-values of its being at most or at least zero."""

    mean: float
    low: float
    high: float
    n: int
    p_greater: float
    p_less: float
    sd: float = math.nan


def interval(values: Sequence[float] | np.ndarray, level: float = LEVEL) -> Interval:
    """The t interval of a mean; unbounded for fewer than two values."""
    x = np.asarray(values, dtype=float)
    n = len(x)
    mean = float(x.mean()) if n else math.nan
    if n < 2:
        return Interval(mean, -math.inf, math.inf, n, 1.0, 1.0)
    sd = float(x.std(ddof=1))
    error = sd / math.sqrt(n)
    # equal values up to rounding: certain, one way or the other
    if error <= 1e-12 * max(1.0, abs(mean)):
        return Interval(mean, mean, mean, n, float(mean <= 1e-12), float(mean >= -1e-12), 0.0)
    half = t_quantile(n, (1 - level) / 2) * error
    above = float(special.stdtr(n - 1, -mean / error))
    below = float(special.stdtr(n - 1, mean / error))
    return Interval(mean, mean - half, mean + half, n, above, below, sd)


@functools.lru_cache(maxsize=4096)
def t_quantile(n: float, alpha: float) -> float:
    """What a t statistic of n values exceeds with probability alpha."""
    return -float(special.stdtrit(n - 1, alpha))


def rank_interval(rho: float, n: int, level: float = LEVEL) -> tuple[float, float]:
    """The interval of Spearman's rank correlation over n pairs: Fisher's z with the variance (1 + rho^2 / 2) / (n - 3)
    (Bonett and Wright 2000). All of [-1, 1] for fewer than four pairs."""
    if n < 4 or not math.isfinite(rho):
        return -1.0, 1.0
    if abs(rho) >= 1:
        return rho, rho
    half = -float(special.ndtri((1 - level) / 2)) * math.sqrt((1 + rho**2 / 2) / (n - 3))
    return math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given."""
    order = np.argsort(p_values)
    adjusted = np.empty(len(p_values))
    running = 0.0
    for rank, i in enumerate(order):
        running = max(running, (len(p_values) - rank) * p_values[i])
        adjusted[i] = min(1.0, running)
    return [float(p) for p in adjusted]


def summary(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean and interval over seeds for every group of rows: columns `by`, mean, low, high, n."""
    good = rows[rows["status"] == Status.OK]
    records: list[Mapping[str, Any]] = []
    for key, group in good.groupby(list(by), sort=False, dropna=False, observed=True):
        found = interval(group.groupby("seed")["value"].mean().to_numpy())
        names = dict(zip(by, key if isinstance(key, tuple) else (key,), strict=True))
        records.append({**names, "mean": found.mean, "low": found.low, "high": found.high, "n": found.n})
    return pd.DataFrame(records, columns=[*by, "mean", "low", "high", "n"])


def in_words(low: float, high: float, form: str = "+.3g") -> str:
    """An interval for a sentence; a single seed has none."""
    return f"interval {low:{form}} to {high:{form}}" if math.isfinite(high - low) else "no interval from one seed"
