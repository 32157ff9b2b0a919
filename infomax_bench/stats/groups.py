"""One group of methods against another: their means, paired by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from infomax_bench.stats.compare import Cases
from infomax_bench.stats.intervals import MIN_SEEDS, Interval, interval
from infomax_bench.stats.verdict import Outcome


@dataclass(frozen=True)
class Between:
    """How far the first group is ahead of the second on these data sets, in the unit of the values times `scale`.

    found: the difference's mean with its interval over seeds; means: of the two groups, over the same seeds; missing:
    methods without values.
    """

    outcome: Outcome
    found: Interval
    means: tuple[float, float]
    missing: tuple[str, ...]


def mean_of(methods: Sequence[str], cases: Cases) -> np.ndarray:
    """Mean over methods and cases, by seed `[S]`; NaN under a seed for which one of them lacks a case, or without
    methods."""
    total = sum((cases.values[m].mean(axis=1) for m in methods), np.zeros(len(cases.seeds)))
    return total / (len(methods) or np.nan)


def between(cases: Cases, first: Sequence[str], second: Sequence[str], scale: float = 1.0) -> Between | None:
    """Is the mean of the first group above that of the second? None if there are no values, or a group has no methods.

    Supported if the difference's interval lies above zero, refuted if it lies below; inconclusive otherwise, with too
    few seeds, and while a method of either group is missing.
    """
    if not cases.values or not first or not second:
        return None
    missing = tuple(m for m in (*first, *second) if m not in cases.values)
    one, other = (scale * mean_of([m for m in group if m in cases.values], cases) for group in (first, second))
    both = np.isfinite(one - other)
    found = interval((one - other)[both])
    outcome: Outcome = "inconclusive"
    if found.n >= MIN_SEEDS and not missing and found.low > 0:
        outcome = "supported"
    elif found.n >= MIN_SEEDS and not missing and found.high < 0:
        outcome = "refuted"
    means = (float(one[both].mean()), float(other[both].mean())) if found.n else (float("nan"),) * 2
    return Between(outcome, found, means, missing)
