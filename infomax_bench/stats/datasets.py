"""Means over data sets, the unit of replication of what is said of others like them.

Data sets are a random factor: a mean over seeds on four of them says nothing of a fifth. All arrays may have leading
dimensions, of studies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

ERROR = 0.05
"""How often each of the two one-sided bounds of a mean is wrong: together they are a 90 % interval."""
MIN_DATASETS = 4
"""With fewer nothing is said of other data sets."""


@dataclass(frozen=True)
class Layout:
    """Of which data set each case is, `[C]`, by number; of a pair also that of its target, whose sources are crossed
    with it."""

    sources: np.ndarray
    targets: np.ndarray | None = None

    @classmethod
    def of(
        cls, cases: Sequence[tuple[str, str]], crossed: bool = False, as_one: Mapping[str, str] | None = None
    ) -> Layout:
        """Of cases (data set, target). crossed: each pair is of a source and a target. as_one: data sets that count as
        another."""
        named = [tuple((as_one or {}).get(name, name) for name in case) for case in cases]
        sources = np.unique([case[0] for case in named], return_inverse=True)[1]
        return cls(sources, np.unique([case[1] for case in named], return_inverse=True)[1] if crossed else None)

    @property
    def n(self) -> int:
        """How many data sets there are; of pairs, on the side that has fewer."""
        sides = (self.sources,) if self.targets is None else (self.sources, self.targets)
        return min(int(side.max(initial=-1)) + 1 for side in sides)


@dataclass(frozen=True)
class Bounds:
    """A mean over n data sets, between a lower and an upper one-sided bound at ERROR each. sd: over data sets."""

    mean: Any
    low: Any
    high: Any
    n: int
    sd: Any = np.nan

    @property
    def interval(self) -> tuple[float, float, float]:
        """Mean, low and high of one mean, as plain numbers."""
        return float(self.mean), float(self.low), float(self.high)


def over(values: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Values by case `[..., C]` -> their means by data set `[..., K]`, in the order of the numbers `of` `[C]`."""
    member = (of[:, None] == np.arange(of.max(initial=-1) + 1)).astype(float)
    made: np.ndarray = values @ (member / member.sum(axis=0))
    return made


def bounds(values: np.ndarray, layout: Layout) -> Bounds:
    """The mean of values by case `[..., C]`, with its bounds over data sets: a t test with K - 1 degrees of freedom.

    Of pairs, every source serves several targets and the other way round: the variance of their mean is s²(target
    means) / K + s²(source means) / K - s²(pairs) / N, in which what a pair has of itself is counted once (Cornfield and
    Tukey 1956); at least the larger of the first two, since the estimate may fall below them. (The other side's effects
    are shared by sources, so it is 6 % too small at worst.)
    """
    k = layout.n
    by_source = over(values, layout.sources)
    if layout.targets is None:
        mean = by_source.mean(axis=-1) if k else np.full(values.shape[:-1], np.nan)
        variance = _variance(by_source)
    else:
        mean = values.mean(axis=-1) if k else np.full(values.shape[:-1], np.nan)
        sides = [_variance(by_source), _variance(over(values, layout.targets))]
        variance = np.maximum(sum(sides) - _variance(values), np.maximum(*sides))
    if k < 2:
        return Bounds(mean, mean - np.inf, mean + np.inf, k, mean + np.nan)
    half = -special.stdtrit(k - 1, ERROR) * np.sqrt(variance)
    return Bounds(mean, mean - half, mean + half, k, np.sqrt(k * variance))


def _variance(values: np.ndarray) -> Any:
    """Of the mean of independent values along the last axis; NaN of fewer than two."""
    n = values.shape[-1]
    return values.var(axis=-1, ddof=1) / n if n > 1 else np.full(values.shape[:-1], np.nan)
