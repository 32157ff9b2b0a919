"""Paired comparisons: methods are paired by seed, after averaging over data sets.

Beside each comparison stand two descriptions that no rule reads: the interquartile mean over seeds and data sets, and
the probability of improvement (Agarwal et al. 2021).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from infomax_bench.base.status import Status
from infomax_bench.stats.intervals import LEVEL, MIN_SEEDS, Interval, holm, interval


@dataclass(frozen=True)
class Comparison:
    """Subject minus rival, over seeds; more is better."""

    rival: str
    mean: float
    low: float
    high: float
    n_seeds: int
    p_holm: float
    """That the subject is not worse, corrected for the number of rivals."""
    sd: float = math.nan
    """Standard deviation of the difference over seeds."""
    iqm: float = math.nan
    """Interquartile mean of the differences, one for each seed and case (data set and target)."""
    improvement: float = math.nan
    """Probability that the subject under one seed is better than the rival under another, mean over cases."""
    p_ahead: float = math.nan
    """That the subject is not better, corrected in the same way."""


@dataclass(frozen=True)
class Cases:
    """Method -> values `[S, C]` by seed and case (data set and target), NaN where there is none."""

    values: dict[str, np.ndarray]
    seeds: Sequence[Any]
    cases: Sequence[tuple[str, str]]

    def paired(self, one: str, other: str, without: Collection[int] = ()) -> tuple[np.ndarray, np.ndarray]:
        """Both methods' values `[S, C]` under the seeds for which neither lacks a case, but for the cases `without`."""
        kept = [i for i in range(len(self.cases)) if i not in without]
        x, y = self.values[one][:, kept], self.values[other][:, kept]
        both = np.isfinite(x).all(axis=1) & np.isfinite(y).all(axis=1)
        return x[both], y[both]


def tabulated(
    rows: pd.DataFrame, case: tuple[str, str] = ("dataset", "target")
) -> tuple[dict[str, np.ndarray], list[Any], list[tuple[Any, Any]]]:
    """Good rows with method, seed, value and the two columns of a case -> method -> values `[S, C]`, NaN where there is
    none; the seeds; and the cases that there are."""
    good = rows[(rows["status"] == Status.OK).to_numpy() & np.isfinite(rows["value"].to_numpy(dtype=float))]
    method, methods = pd.factorize(good["method"])
    seed, seeds = pd.factorize(good["seed"], sort=True)
    first, firsts = pd.factorize(good[case[0]])
    second, seconds = pd.factorize(good[case[1]])
    n = (len(methods), len(seeds), len(firsts) * len(seconds))
    at = (method * n[1] + seed) * n[2] + first * len(seconds) + second
    count = np.bincount(at, minlength=math.prod(n))
    total = np.bincount(at, good["value"].to_numpy(dtype=float), math.prod(n))
    values = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0).reshape(n)
    there = np.flatnonzero(np.isfinite(values).any(axis=(0, 1)))
    cases = [(firsts[i // len(seconds)], seconds[i % len(seconds)]) for i in there]
    return dict(zip(methods, values[..., there], strict=True)), list(seeds), cases


def by_case(rows: pd.DataFrame, subject: str) -> Cases:
    """Rows with method, dataset, target, seed, value -> the values on the subject's cases."""
    values, seeds, cases = tabulated(rows)
    if subject not in values:
        return Cases({}, [], [])
    own = np.flatnonzero(np.isfinite(values[subject]).any(axis=0))
    return Cases({m: v[:, own] for m, v in values.items()}, seeds, [cases[i] for i in own])


def interquartile_mean(values: np.ndarray) -> float:
    """The mean of the middle half of all values, a quarter (rounded down) cut off at each end (Agarwal et al. 2021)."""
    cut = values.size // 4
    return float(np.sort(values, axis=None)[cut : values.size - cut].mean()) if values.size else math.nan


def probability_of_improvement(x: np.ndarray, y: np.ndarray) -> float:
    """Mean over cases of P(x > y) + P(x = y) / 2 for two runs, x `[S, C]` and y `[T, C]` (Agarwal et al. 2021)."""
    difference = x[:, None] - y[None]
    return float((np.sign(difference).mean() + 1) / 2)


def compare(
    values: Cases | pd.DataFrame,
    subject: str,
    rivals: Sequence[str],
    excused: Mapping[str, np.ndarray] | None = None,
) -> tuple[list[Comparison], list[str]]:
    """The subject against each rival, by case, or of a table by seed (index) and method; and the rivals that have no
    paired seeds with it. excused: method -> cases `[C]` without which it is compared."""
    if isinstance(values, pd.DataFrame):
        columns = {str(m): values[m].to_numpy(dtype=float)[:, None] for m in values}
        values = Cases(columns, list(values.index), [("", "")])
    found: list[tuple[str, Interval, float, float]] = []
    missing = []
    for rival in rivals:
        x = y = np.empty((0, 0))
        if subject in values.values and rival in values.values:
            x, y = values.paired(subject, rival, set(np.flatnonzero((excused or {}).get(rival, []))))
        if not x.size:
            missing.append(rival)
            continue
        over_seeds = interval((x - y).mean(axis=1))
        found.append((rival, over_seeds, interquartile_mean(x - y), probability_of_improvement(x, y)))
    made = comparisons({rival: over_seeds for rival, over_seeds, *_ in found})
    more = [(iqm, improvement) for *_, iqm, improvement in found]
    return [replace(c, iqm=iqm, improvement=p) for c, (iqm, p) in zip(made, more, strict=True)], missing


def gains(values: pd.DataFrame, one: Any, other: Any) -> pd.Series:
    """Column `one` minus column `other`, by seed (index), where both are; nothing if one of them is missing."""
    if not {one, other} <= set(values):
        return pd.Series(dtype=float)
    found: pd.Series = values[one] - values[other]
    return found.dropna()


def difference(values: pd.DataFrame, one: Any, other: Any) -> Interval:
    """The interval of `gains`: n is 0 if one of the columns is missing."""
    return interval(gains(values, one, other).to_numpy())


def comparisons(differences: Mapping[str, Interval]) -> list[Comparison]:
    """Differences to rivals, by name, as they are compared: corrected for their number in each direction (Holm)."""
    behind, ahead = (holm([getattr(d, p) for d in differences.values()]) for p in ("p_less", "p_greater"))
    return [
        Comparison(name, d.mean, d.low, d.high, d.n, p_behind, d.sd, p_ahead=p_ahead)
        for (name, d), p_behind, p_ahead in zip(differences.items(), behind, ahead, strict=True)
    ]


def apart(differences: Mapping[str, Interval]) -> tuple[list[str], list[str]]:
    """Whose differences lie surely above zero, and whose below: two-sided tests at 1 - LEVEL, corrected for the number
    of those that have enough seeds (Holm)."""
    sure = {name: d for name, d in differences.items() if d.n >= MIN_SEEDS}
    p = holm([min(1.0, 2 * min(d.p_greater, d.p_less)) for d in sure.values()])
    told = [(name, d.mean) for (name, d), its in zip(sure.items(), p, strict=True) if its <= 1 - LEVEL]
    return sorted(name for name, mean in told if mean > 0), sorted(name for name, mean in told if mean < 0)


def apart_from(values: pd.DataFrame, one: Any, others: Collection[Any]) -> tuple[list[str], list[str]]:
    """Which of the columns `others` lie surely above the column `one`, paired by seed (index), and which below: as
    `apart`, of those that there are."""
    return apart({name: difference(values, name, one) for name in others if name != one})
