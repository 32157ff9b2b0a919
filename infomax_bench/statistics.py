"""Intervals, paired comparisons and verdicts. Seeds are the unit of replication, and methods are paired by seed.

A comparison is a two-sided paired t interval at LEVEL over seeds, after averaging over data sets. A claim of being
better than every rival is one intersection-union test: it is supported only if every single interval lies above the
margin (Berger 1982), so no correction is needed. It is refuted if at least one rival is better, by tests corrected for
their number (Holm 1979). Anything else, and anything with fewer than MIN_SEEDS seeds, is inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

LEVEL = 0.95
ALPHA = (1 - LEVEL) / 2
MIN_SEEDS = 5

Outcome = Literal["supported", "refuted", "inconclusive"]


@dataclass(frozen=True)
class Interval:
    """A mean over n seeds with its t interval, and the one-sided p-values of its being at most or at least zero."""

    mean: float
    low: float
    high: float
    n: int
    p_greater: float
    p_less: float


def interval(values: Sequence[float] | np.ndarray, level: float = LEVEL) -> Interval:
    """The t interval of a mean; unbounded for fewer than two values."""
    x = np.asarray(values, dtype=float)
    n = len(x)
    mean = float(x.mean()) if n else math.nan
    if n < 2:
        return Interval(mean, -math.inf, math.inf, n, 1.0, 1.0)
    error = float(x.std(ddof=1)) / math.sqrt(n)
    # equal values up to rounding: certain, one way or the other
    if error <= 1e-12 * max(1.0, abs(mean)):
        return Interval(mean, mean, mean, n, float(mean <= 1e-12), float(mean >= -1e-12))
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
    t = mean / error
    return Interval(mean, mean - half, mean + half, n, float(stats.t.sf(t, n - 1)), float(stats.t.cdf(t, n - 1)))


def in_words(low: float, high: float, form: str = "+.3g") -> str:
    """An interval for a sentence; a single seed has none."""
    return f"interval {low:{form}} to {high:{form}}" if math.isfinite(high - low) else "no interval from one seed"


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given."""
    order = np.argsort(p_values)
    adjusted = np.empty(len(p_values))
    running = 0.0
    for rank, i in enumerate(order):
        running = max(running, (len(p_values) - rank) * p_values[i])
        adjusted[i] = min(1.0, running)
    return [float(p) for p in adjusted]


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

    def shown(self, scale: float, margin: float) -> Comparison:
        """In the unit that is read, without the margin."""
        mean, low, high = (scale * (v - margin) for v in (self.mean, self.low, self.high))
        return replace(self, mean=mean, low=low, high=high)


@dataclass(frozen=True)
class Verdict:
    """One claim about the subject, decided by its rule. The field names are part of the contract of verdicts.json."""

    claim: str
    title: str
    subject: str
    against: str
    track: str
    preset: str
    verdict: Outcome
    indicative: bool
    effect: float
    ci_low: float
    ci_high: float
    n_seeds: int
    rule: str
    sentence: str
    benchmark: str
    unit: str = ""
    metric: str = ""
    margin: float = 0.0
    """How far behind a rival the subject may be, in `unit`."""
    comparisons: tuple[Comparison, ...] = field(default=())
    missing: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; numbers that are not finite become null."""
        return {k: _plain(v) for k, v in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def seed_means(rows: pd.DataFrame, subject: str) -> pd.DataFrame:
    """Rows with method, dataset, target, seed, value -> one value for each seed (index) and method (column).

    Averages over the subject's cases (data set and target). A seed under which a method lacks one of them has no value
    for it, since a mean over other cases would not be comparable.
    """
    good = rows[rows["status"] == "ok"]
    own = good.loc[good["method"] == subject, ["dataset", "target"]].drop_duplicates()
    good = good.merge(own, on=["dataset", "target"])
    if good.empty:
        return pd.DataFrame()
    cases = good.groupby(["method", "seed", "dataset", "target"], dropna=False, observed=True)["value"].mean()
    wide = cases.unstack(["dataset", "target"])
    complete = wide.dropna()
    return complete.mean(axis=1).unstack("method")


def compare(
    values: pd.DataFrame, subject: str, rivals: Sequence[str], higher_is_better: bool = True, margin: float = 0.0
) -> tuple[list[Comparison], list[str]]:
    """The subject against each rival, from `seed_means`; and the rivals that have no paired seeds with it.

    margin: how much worse than a rival still counts as matching it.
    """
    sign = 1.0 if higher_is_better else -1.0
    found: list[tuple[str, Interval]] = []
    missing = []
    for rival in rivals:
        if subject not in values or rival not in values:
            missing.append(rival)
            continue
        difference = (sign * (values[subject] - values[rival])).dropna() + margin
        if difference.empty:
            missing.append(rival)
        else:
            found.append((rival, interval(difference.to_numpy())))
    adjusted = holm([i.p_less for _, i in found])
    comparisons = [
        Comparison(rival, i.mean, i.low, i.high, i.n, p) for (rival, i), p in zip(found, adjusted, strict=True)
    ]
    return comparisons, missing


def decide(comparisons: Sequence[Comparison]) -> Outcome:
    """The verdict on "better than (or within the margin of) every rival"."""
    enough = [c for c in comparisons if c.n_seeds >= MIN_SEEDS]
    if any(c.p_holm < ALPHA and c.mean < 0 for c in enough):
        return "refuted"
    if comparisons and len(enough) == len(comparisons) and all(c.low > 0 for c in comparisons):
        return "supported"
    return "inconclusive"


def hardest(comparisons: Sequence[Comparison], outcome: Outcome) -> Comparison | None:
    """The comparison that decides: the surest loss if the claim is refuted, else the interval that begins lowest."""
    lost = [c for c in comparisons if c.mean < 0 and c.n_seeds >= MIN_SEEDS]
    if outcome == "refuted" and lost:
        return min(lost, key=lambda c: (c.p_holm, c.mean))
    return min(comparisons, key=lambda c: c.low, default=None)


def decide_bound(values: Sequence[float] | np.ndarray, bound: float) -> tuple[Outcome, Interval]:
    """The verdict on "the mean is below `bound`"."""
    found = interval(values)
    if found.n < MIN_SEEDS:
        return "inconclusive", found
    if found.high < bound:
        return "supported", found
    return ("refuted" if found.low > bound else "inconclusive"), found


def summary(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean and interval over seeds for every group of rows: columns `by`, mean, low, high, n."""
    good = rows[rows["status"] == "ok"]
    records: list[Mapping[str, Any]] = []
    for key, group in good.groupby(list(by), sort=False, dropna=False, observed=True):
        found = interval(group.groupby("seed")["value"].mean().to_numpy())
        names = dict(zip(by, key if isinstance(key, tuple) else (key,), strict=True))
        records.append({**names, "mean": found.mean, "low": found.low, "high": found.high, "n": found.n})
    return pd.DataFrame(records, columns=[*by, "mean", "low", "high", "n"])
