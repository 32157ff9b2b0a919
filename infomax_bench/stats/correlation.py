"""Rank correlations of what encoders have, over methods or settings, under every seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from infomax_bench.stats.intervals import Interval, interval, rank_interval
from infomax_bench.stats.readings import side


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation of two arrays `[n]`, equal values having their mean rank; each has two values or
    more. scipy's would find its p-value too, which takes ten times as long."""
    return float(np.corrcoef(np.column_stack([_ranks(x), _ranks(y)]), rowvar=False)[1, 0])


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: np.ndarray = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks


def rank_correlations(
    encoders: pd.DataFrame, x: str, y: str, over: str, by: Sequence[str] = ("dataset",)
) -> pd.DataFrame:
    """Spearman's correlation of the columns `x` and `y` over the values of the column `over`, under each seed and case.

    by: the columns that tell cases apart, the data set last. Rows with these, seed, value and n, how many values it is
    over. Left out are data sets and seeds that fewer than half of these have, then those of them that lack one of the
    data sets and seeds, then seeds that lack a data set; and where `x` has fewer than three values, or `y` but one.
    """
    found = []
    good = encoders[np.isfinite(encoders[[x, y]].astype(float)).all(axis=1)]
    *others, dataset = by
    for case, own in good.groupby(others, observed=True) if others else [((), good)]:
        place = [dataset, "seed"]
        one, two = (own.pivot_table(index=place, columns=over, values=v, observed=True) for v in (x, y))
        one = one.dropna(thresh=(one.shape[1] + 1) // 2).dropna(axis=1)
        two = two.loc[one.index, one.columns]
        rho = [
            (*case, *at, spearman(a, b), len(a))
            for at, a, b in zip(one.index, one.to_numpy(), two.to_numpy(), strict=True)
            if len(set(a)) > 2 and len(set(b)) > 1
        ]
        made = pd.DataFrame(rho, columns=[*by, "seed", "value", "n"])
        whole = made.groupby("seed")[dataset].transform("nunique") == made[dataset].nunique()
        found.append(made[whole])
    found = [f for f in found if len(f)]
    return pd.concat(found) if found else pd.DataFrame(columns=[*by, "seed", "value", "n"])


@dataclass(frozen=True)
class Correlated:
    """Rank correlations taken together: on which side of zero they surely lie (1, -1, or 0 for neither); the interval
    of their mean over data sets, over seeds; n, what they are over (methods, settings); and the interval over these,
    if that was asked for."""

    side: int
    seeds: Interval
    n: int
    over: Interval | None


def correlated(rho: pd.DataFrame, least: int = 0) -> Correlated:
    """What `rank_correlations` say. least: with how many values the interval over these counts too, and must lie on the
    same side (Bonett and Wright 2000); with fewer nothing is sure. 0: it takes no part."""
    n = int(rho["n"].min())
    seeds = interval(rho.groupby("seed")["value"].mean().to_numpy())
    where, over = side(seeds), None
    if least:
        low, high = rank_interval(seeds.mean, n)
        over = replace(seeds, low=low, high=high, n=n)
        where = where if n >= least and side(over) == where else 0
    return Correlated(where, replace(seeds, low=max(seeds.low, -1.0), high=min(seeds.high, 1.0)), n, over)
