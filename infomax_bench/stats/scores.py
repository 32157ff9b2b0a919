"""What a claim compares: values of all methods by case and seed, more being better."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from infomax_bench.base.status import LOST, Status
from infomax_bench.stats.compare import Cases, tabulated

CASE = ("dataset", "target")


@dataclass(frozen=True)
class Scores:
    """Method -> values `[S, C]` by seed and case, NaN where there is none.

    own: those of a method as subject, where they are others than as a rival. never: method -> cases `[C]` in which it
    is not applicable. ranking: by what the best of a family is chosen, by method; by its values if it is empty.
    crossed: cases are pairs of a source and a target. case: what their two parts are.
    """

    values: Mapping[str, np.ndarray]
    own: Mapping[str, np.ndarray]
    seeds: np.ndarray
    cases: Sequence[tuple[str, str]]
    never: Mapping[str, np.ndarray] = field(default_factory=dict)
    ranking: Mapping[str, float] = field(default_factory=dict)
    crossed: bool = False
    case: tuple[str, str] = CASE

    def mean(self, method: str, seeds: Collection[Any] = (), own: bool = False) -> np.ndarray:
        """By case `[C]`, over the seeds that the method has (of some of them, if they are given)."""
        values = (self.own if own else self.values).get(method)
        if values is None:
            return np.full(len(self.cases), np.nan)
        kept = values[np.isin(self.seeds, list(seeds))] if seeds else values
        return mean_of_known(kept)

    def excused(self, method: str) -> np.ndarray:
        """In which cases `[C]` a method is not applicable."""
        return self.never.get(method, np.zeros(len(self.cases), bool))

    def about(self, subject: str, kept: np.ndarray, seeds: Collection[Any] = ()) -> Cases:
        """For comparisons of a subject with others over seeds, on the cases that are kept."""
        rows = np.isin(self.seeds, list(seeds)) if seeds else np.ones(len(self.seeds), bool)
        values = {method: own[rows][:, kept] for method, own in {**self.values, subject: self.own[subject]}.items()}
        return Cases(values, list(self.seeds[rows]), [c for c, k in zip(self.cases, kept, strict=True) if k])


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """Over the first axis, of what there is; NaN where there is nothing."""
    n = np.isfinite(values).sum(axis=0)
    made: np.ndarray = np.divide(np.nansum(values, axis=0), n, out=np.full(n.shape, np.nan), where=n > 0)
    return made


def scores(
    rows: pd.DataFrame,
    own: pd.DataFrame | None = None,
    every: pd.DataFrame | None = None,
    ranking: pd.DataFrame | None = None,
    sign: float = 1.0,
    case: tuple[str, str] = CASE,
) -> Scores:
    """Of rows with method, seed, value and the two columns of a case, the first of which is the data set.

    own: rows of methods as subjects, if they are others; cases are then those that both have. every: rows among which
    are those that say where a method is not applicable. ranking: rows by whose mean the best of a family is chosen, on
    the data sets that cases begin with.
    """
    values, seeds, cases = tabulated(rows, case)
    mine, theirs = values, values
    if own is not None:
        mine, own_seeds, own_cases = tabulated(own, case)
        both, shared = [c for c in cases if c in set(own_cases)], sorted({*seeds, *own_seeds})
        theirs = _placed(values, seeds, cases, shared, both)
        mine = _placed(mine, own_seeds, own_cases, shared, both)
        seeds, cases = shared, both
    theirs, mine = ({m: sign * v for m, v in each.items()} for each in (theirs, mine))
    crossed = case == CASE and any(a != b for a, b in cases)
    found = Scores(theirs, mine, np.array(seeds), cases, crossed=crossed, case=case)
    never = {} if every is None else _never(found, every, case)
    best = {} if ranking is None else _ranking(ranking[ranking[case[0]].isin({a for a, _ in cases})])
    return replace(found, never=never, ranking=best)


def _placed(
    values: Mapping[str, np.ndarray], seeds: Sequence[Any], cases: Sequence[Any], rows: Sequence[Any], columns: Any
) -> dict[str, np.ndarray]:
    """Values by some seeds and cases -> by others, NaN where there are none."""
    at, place = [cases.index(c) for c in columns], [list(rows).index(s) for s in seeds]
    made = {}
    for method, own in values.items():
        made[method] = np.full((len(rows), len(at)), np.nan)
        made[method][place] = own[:, at]
    return made


def _never(found: Scores, every: pd.DataFrame, case: tuple[str, str]) -> dict[str, np.ndarray]:
    """Where a method lacks a case, and a row says that it is not applicable there, and none that something failed or
    diverged: on the data set (or a pair's target) or, where cases are of something else besides, in that case."""
    out = every[every["status"] == Status.NOT_APPLICABLE]
    if out.empty:
        return {}
    keys = ["method", *dict.fromkeys(case)] if case != CASE else ["method", "dataset"]
    told_of, lost = (
        set(some[keys].itertuples(index=False, name=None)) for some in (out, every[every["status"].isin(LOST)])
    )
    places = told_of - lost
    never = {}
    for method in set(out["method"]):
        told = [
            (method, a, b) in places if case != CASE else (method, a) in places or (method, b) in places
            for a, b in found.cases
        ]
        never[method] = np.array(told, bool) & np.isnan(found.mean(method))
    return never


def _ranking(rows: pd.DataFrame) -> dict[str, float]:
    good = rows[rows["status"] == Status.OK]
    means = good.groupby(["method", *CASE, "width"], observed=True)["value"].mean().groupby("method").mean()
    return {str(method): float(mean) for method, mean in means.items()}
