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
    """Subject minus rival, in the direction in which the subject wins.

    While a claim with a margin is decided, the margin is added; in a Verdict it is taken off again.
    """

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

    def shown(self, scale: float, margin: float) -> Comparison:
        """In the unit that is read, without the margin."""
        mean, low, high, iqm = (scale * (v - margin) for v in (self.mean, self.low, self.high, self.iqm))
        return replace(self, mean=mean, low=low, high=high, iqm=iqm, sd=scale * self.sd)


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


def by_case(rows: pd.DataFrame, subject: str) -> Cases:
    """Rows with method, dataset, target, seed, value -> the values on the subject's cases."""
    good = rows[(rows["status"] == Status.OK).to_numpy() & np.isfinite(rows["value"].to_numpy(dtype=float))]
    method, methods = pd.factorize(good["method"])
    seed, seeds = pd.factorize(good["seed"], sort=True)
    dataset, datasets = pd.factorize(good["dataset"])
    target, targets = pd.factorize(good["target"])
    n = (len(methods), len(seeds), len(datasets) * len(targets))
    at = (method * n[1] + seed) * n[2] + dataset * len(targets) + target
    count = np.bincount(at, minlength=math.prod(n))
    total = np.bincount(at, good["value"].to_numpy(dtype=float), math.prod(n))
    values = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0).reshape(n)
    by_method = dict(zip(methods, values, strict=True))
    if subject not in by_method:
        return Cases({}, [], [])
    own = np.flatnonzero(np.isfinite(by_method[subject]).any(axis=0))
    cases = [(datasets[i // len(targets)], targets[i % len(targets)]) for i in own]
    return Cases({m: v[:, own] for m, v in by_method.items()}, list(seeds), cases)


def seed_means(rows: pd.DataFrame, subject: str) -> pd.DataFrame:
    """Rows with method, dataset, target, seed, value -> one value for each seed (index) and method (column).

    Averages over the subject's cases (data set and target). A seed under which a method lacks one of them has no value
    for it, since a mean over other cases would not be comparable.
    """
    cases = by_case(rows, subject)
    if not cases.values:
        return pd.DataFrame()
    return pd.DataFrame({m: v.mean(axis=1) for m, v in cases.values.items()}, index=pd.Index(cases.seeds, name="seed"))


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
    higher_is_better: bool = True,
    margin: float = 0.0,
    cannot: Collection[tuple[str, str]] = (),
) -> tuple[list[Comparison], list[str]]:
    """The subject against each rival, from `by_case` or `seed_means`; and the rivals that have no paired seeds with it.

    margin: how much worse than a rival still counts as matching it. cannot: (method, data set) where a method is not
    applicable by its nature; with it the subject is compared on the other cases.
    """
    sign = 1.0 if higher_is_better else -1.0
    if isinstance(values, pd.DataFrame):
        columns = {str(m): values[m].to_numpy(dtype=float)[:, None] for m in values}
        values = Cases(columns, list(values.index), [("", "")])
    found: list[tuple[str, Interval, float, float]] = []
    missing = []
    for rival in rivals:
        if subject not in values.values or rival not in values.values:
            missing.append(rival)
            continue
        x, y = (sign * v for v in values.paired(subject, rival, _impossible(values, rival, cannot)))
        difference = x - y + margin
        if not difference.size:
            missing.append(rival)
            continue
        over_seeds = interval(difference.mean(axis=1))
        found.append((rival, over_seeds, interquartile_mean(difference), probability_of_improvement(x, y)))
    made = comparisons({rival: over_seeds for rival, over_seeds, *_ in found})
    more = [(iqm, improvement) for *_, iqm, improvement in found]
    return [replace(c, iqm=iqm, improvement=p) for c, (iqm, p) in zip(made, more, strict=True)], missing


def _impossible(values: Cases, method: str, cannot: Collection[tuple[str, str]]) -> set[int]:
    return {i for i, (dataset, _) in enumerate(values.cases) if (method, dataset) in cannot}


def cases_ahead(
    values: Cases, subject: str, rivals: Sequence[str], higher_is_better: bool = True, margin: float = 0.0
) -> int:
    """In how many cases the subject's mean over seeds is ahead of (or within the margin of) every rival's that has
    one."""
    sign = 1.0 if higher_is_better else -1.0
    means = {}
    for method in (subject, *rivals):
        if method in values.values:
            own = values.values[method]
            n = np.isfinite(own).sum(axis=0)
            means[method] = sign * np.where(n, np.nansum(own, axis=0) / np.maximum(n, 1), np.nan)
    behind = [~(means[m] >= means[subject] + margin) for m in rivals if m in means]
    return int(np.all(behind, axis=0).sum())


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
    """Differences to rivals, by name, as they are compared: corrected for their number (Holm)."""
    p = holm([d.p_less for d in differences.values()])
    return [
        Comparison(name, d.mean, d.low, d.high, d.n, its, d.sd)
        for (name, d), its in zip(differences.items(), p, strict=True)
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
