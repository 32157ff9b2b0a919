"""Whether what was measured comes in an order that was foretold: Kendall's tau-b and its exact p-value."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from infomax_bench.stats.verdict import Outcome

CERTAIN = 0.05
"""The p-value, one-sided, below which an order is no accident."""
ARRANGEMENTS = 50_000
"""All of them are counted if there are no more, as of eight values; of more as many are drawn."""


@dataclass(frozen=True)
class Ordering:
    """tau: Kendall's tau-b, NaN if all values, or all ranks, are equal. p: how often values in a random order have at
    least that tau; how: of what that is counted. wrong: pairs in the wrong order, whose first should come first."""

    tau: float
    p: float
    how: str
    wrong: tuple[tuple[str, str], ...]

    @property
    def outcome(self) -> Outcome:
        """Of the claim that the order is the one that was foretold."""
        if self.p < CERTAIN:
            return "supported"
        return "refuted" if self.tau <= 0 else "inconclusive"


def ordering(ranks: Mapping[str, int], values: Mapping[str, float]) -> Ordering:
    """The order of `values` held against `ranks`, both by name; names without a value are left out.

    Without ties p is scipy's exact distribution of Kendall's statistic. Ties, which ranks may have, change it: then all
    orders of the values are counted (scipy's permutation test over all pairings), the same ties among them.
    """
    names = [name for name in ranks if name in values]
    x, y = np.array([ranks[name] for name in names]), np.array([values[name] for name in names])
    wrong = [pair for pair in itertools.permutations(names, 2) if _swapped(pair, ranks, values)]
    if len(set(x)) < 2 or len(set(y)) < 2:
        return Ordering(math.nan, 1.0, "nothing to order", tuple(wrong))
    from scipy.stats import kendalltau, permutation_test  # all of it takes a while, for this alone

    tied = len(set(x)) < len(x) or len(set(y)) < len(y)
    found = kendalltau(x, y, method="auto" if tied else "exact", alternative="greater")
    if not tied:
        return Ordering(float(found.statistic), float(found.pvalue), "the exact distribution", tuple(wrong))
    first, second = np.triu_indices(len(x), 1)
    signs = np.sign(x[first] - x[second])

    def concordance(order: np.ndarray, axis: int) -> np.ndarray:
        agree: np.ndarray = signs * np.sign(order[..., first] - order[..., second])
        return np.asarray(agree.sum(-1))

    counted = permutation_test(
        (y,), concordance, permutation_type="pairings", n_resamples=ARRANGEMENTS, alternative="greater", rng=0
    )
    orders = math.factorial(len(x))
    how = f"all {orders} orders" if orders <= ARRANGEMENTS else f"{ARRANGEMENTS} random orders"
    return Ordering(float(found.statistic), float(counted.pvalue), how, tuple(wrong))


def _swapped(pair: tuple[str, str], ranks: Mapping[str, int], values: Mapping[str, float]) -> bool:
    first, second = pair
    return ranks[first] < ranks[second] and values[first] > values[second]


def typical(amounts: pd.DataFrame, groups: Mapping[str, tuple[str, ...]]) -> dict[str, float]:
    """The amount of each group of methods of which one was measured: the median over its methods, of each the geometric
    mean over data sets. amounts: positive, methods by data sets; of data sets that lack one of the methods there is
    none left (see `whole`)."""
    each = np.exp(np.log(amounts).mean(axis=1))
    there = {name: [m for m in methods if m in each.index] for name, methods in groups.items()}
    return {name: float(each[methods].median()) for name, methods in there.items() if methods}


def whole(amounts: pd.DataFrame) -> pd.DataFrame:
    """Methods by data sets without the data sets that lack one of them: means over others would not compare."""
    return amounts.dropna(axis="columns")
