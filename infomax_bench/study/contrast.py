"""Claims, declared: which measure, who against whom, by how much at least. How each is decided stands in `judge`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from infomax_bench.stats.compare import Cases, compare
from infomax_bench.stats.datasets import MIN_DATASETS
from infomax_bench.stats.groups import between
from infomax_bench.stats.here import here as standing
from infomax_bench.stats.intervals import interval
from infomax_bench.stats.scores import CASE, Scores, scores
from infomax_bench.stats.verdict import Outcome, stale_methods
from infomax_bench.study.claims import Claims
from infomax_bench.study.judge import Absolute, Comparative, Grouped, Judge, Judged
from infomax_bench.study.selection import Derived, Select, selects_in

ALL = "all methods"


@dataclass(frozen=True)
class Decision:
    """What a rule makes of rows, before it is a verdict of some benchmark; its fields are those of a Verdict."""

    claim: str
    title: str
    against: str
    verdict: Outcome
    effect: tuple[float, float, float]
    """Mean, low and high."""
    n_seeds: int
    more: dict[str, Any]


def decision(declared: Contrast | BoundContrast | GroupContrast, judge: Judge, found: Judged, **more: Any) -> Decision:
    """With what all claims share filled in; more: of the Verdict's fields, and of the Decision's."""
    named = {"against": ALL, "n_seeds": 0, **more}
    told = {
        "unit": declared.unit,
        "metric": declared.metric,
        "reason": found.reason,
        "n_datasets": found.effect.n,
        "families": found.families,
        "cases": judge.cases(),
        "missing": found.missing,
        "flips": judge.flips(judge.claims.subject, found.word) if found.effect.n >= MIN_DATASETS else (),
        **{name: value for name, value in named.items() if name not in ("against", "n_seeds")},
    }
    against, n_seeds = named["against"], named["n_seeds"]
    return Decision(declared.claim, declared.title, against, found.word, found.effect.interval, n_seeds, told)


def otherwise(
    variants: Sequence[Derived], rows: pd.DataFrame, claims: Claims, judge: Callable[[Derived], Judge]
) -> dict[str, Judge]:
    """The same rule on other rows: in words -> with these values. judge: of rows."""
    found = [one(rows, claims).groupby("panel", sort=False) for one in variants]
    return {str(what): judge(Derived(partial(_as_they_are, own), ())) for parts in found for what, own in parts}


def _as_they_are(own: pd.DataFrame, rows: pd.DataFrame, claims: Claims) -> pd.DataFrame:
    return own


@dataclass(frozen=True)
class Contrast:
    """The subject against the roster: is it better than the median method and than the best of every family, by more
    than a least difference? The words `comparative` tell it.

    claim: the prediction or question ("P1"); title: what is claimed of the subject; metric: what is compared, for
    readers. rows: which rows; own: those of a method as subject, if they are others. unit, scale: of differences, for
    readers. least: the least difference of interest, in `unit`. ranking: rows by which the best of a family is chosen,
    if not by `rows`. case: the two columns that tell cases apart, the data set first. also: what else measures the
    same, with whether more is better. guard: as of a Judge. where_measured: nothing is claimed where there are no such
    rows at all. variants: other rows that one might have asked, with how, in words, in the column `panel`; what they
    would say stands beside.
    """

    claim: str
    title: str
    metric: str
    rows: Select | Callable[[pd.DataFrame, Claims], pd.DataFrame]
    unit: str = ""
    scale: float = 1.0
    higher_is_better: bool = True
    least: float = 0.0
    own: Select | Derived | None = None
    ranking: Select | Derived | None = None
    case: tuple[str, str] = CASE
    also: Sequence[tuple[Select | Derived, bool]] = ()
    guard: str = ""
    where_measured: bool = False
    variants: Sequence[Derived] = ()

    @property
    def selects(self) -> list[Select]:
        """The rows it reads, as far as they are declared."""
        return list(selects_in([self.rows, self.own, self.ranking, *(one for one, _ in self.also), *self.variants]))

    def judge(self, rows: pd.DataFrame, claims: Claims) -> Comparative:
        """The rule with its values; rows: all of the benchmark's."""
        own, ranking = (None if one is None else one(rows, claims) for one in (self.own, self.ranking))
        sign = self.scale * (1 if self.higher_is_better else -1)
        found = scores(self.rows(rows, claims), own, rows, ranking, sign, self.case)
        also = [scores(one(rows, claims), sign=1 if more else -1) for one, more in self.also]
        return Comparative(found, claims, self.guard, self.least, [one for one in also if one.cases])

    def decide(self, rows: pd.DataFrame, claims: Claims) -> Iterator[Decision]:
        """The decision; rows: all of the benchmark's."""
        judge = self.judge(rows, claims)
        if self.where_measured and not judge.scores.cases:
            return
        measured = self.rows(rows, claims)
        found = judge.of(claims.subject)
        more = {
            **over_seeds(judge),
            "line": self.least,
            "stale": stale_methods(measured, [claims.subject, *claims.against(claims.subject)]),
            "said": "comparative",
            "rivals": judge.rivals(),
            "cases": judge.cases(1 if self.higher_is_better else -1),
            "variants": judge.variants(self._otherwise(rows, claims)),
        }
        yield decision(self, judge, found, **judge.beside(), **more)

    def _otherwise(self, rows: pd.DataFrame, claims: Claims) -> dict[str, Judge]:
        return otherwise(self.variants, rows, claims, lambda own: replace(self, rows=own).judge(rows, claims))


def over_seeds(judge: Judge) -> dict[str, Any]:
    """The subject with each of the roster on these data sets, by the fields of a Verdict."""
    subject, found = judge.claims.subject, judge.scores
    if subject not in found.own:
        return {}
    kept = np.isfinite(judge.mean(subject, own=True))
    excused = {m: found.excused(m)[kept] for m in found.values}
    values = found.about(subject, kept, judge.claims.seeds)
    compared, _ = compare(values, subject, judge.claims.against(subject), excused)
    seeds = min((one.n_seeds for one in compared), default=int(np.isfinite(values.values[subject]).all(axis=1).sum()))
    return {"comparisons": tuple(compared), "here": standing(compared), "n_seeds": seeds}


@dataclass(frozen=True)
class BoundContrast:
    """The subject against a number: does its mean over data sets lie below it, or above, and every single one?

    claim, title, metric, rows, unit, scale, guard, variants: as of a Contrast. line: the number, in `unit`; below: on
    which side the claim is. said: the words that tell it. They have as values the means of the subject's rows of each
    of `beside`, under its name. fewest_tests: of a data set, for it to be counted.
    """

    claim: str
    title: str
    metric: str
    rows: Select | Derived
    line: float
    said: str
    below: bool = True
    unit: str = ""
    scale: float = 1.0
    beside: Mapping[str, Select] = field(default_factory=dict)
    guard: str = ""
    fewest_tests: int = 0
    variants: Sequence[Derived] = ()

    @property
    def selects(self) -> list[Select]:
        """The rows it reads."""
        return list(selects_in([self.rows, *self.beside.values(), *self.variants]))

    def judge(self, rows: pd.DataFrame, claims: Claims) -> Absolute:
        """The rule with its values; rows: all of the benchmark's."""
        found = scores(self.rows(rows, claims), every=rows, sign=self.scale)
        tests = [claims.n_test.get(dataset, self.fewest_tests) for dataset, _ in found.cases]
        return Absolute(found, claims, self.guard, self.line, self.below, np.array(tests, int) >= self.fewest_tests)

    def decide(self, rows: pd.DataFrame, claims: Claims) -> Iterator[Decision]:
        """The decision, if the subject was measured; rows: all of the benchmark's."""
        judge = self.judge(rows, claims)
        if claims.subject not in judge.scores.own:
            return
        own = rows[(rows["method"] == claims.subject) & (rows["seed"].isin(claims.seeds) if claims.seeds else True)]
        values = {name: select(own)["value"].mean() for name, select in self.beside.items()}
        datasets, means = [dataset for dataset, _ in judge.scores.cases], judge.mean(claims.subject)
        uncounted = {d: mean for d, mean, k in zip(datasets, means, judge.counted, strict=True) if not k}
        here = interval(judge.over_seeds(claims.subject))
        more = {
            "line": self.line,
            "stale": stale_methods(own, [claims.subject]),
            "said": self.said,
            "here": here if here.n else None,
            "n_seeds": here.n,
            "values": {**values, "uncounted": uncounted},
            "variants": judge.variants(self._otherwise(rows, claims)),
        }
        found = judge.of(claims.subject)
        yield decision(self, judge, found, **judge.beside(), **more, against="itself")

    def _otherwise(self, rows: pd.DataFrame, claims: Claims) -> dict[str, Judge]:
        return otherwise(self.variants, rows, claims, lambda own: replace(self, rows=own).judge(rows, claims))


@dataclass(frozen=True)
class GroupContrast:
    """One group of methods against another, each averaged: is the first ahead? The claim is about others than the
    subject.

    claim, title, metric, rows, unit, scale: as of a Contrast. groups: claims -> the methods of both. against: what the
    second is called. said: the words that tell it. They have as values the groups' `means`; how many methods of the
    first were measured, `n`, and how many of those are ahead of the second's mean, `n_ahead`; by how much the first is
    ahead `by_dataset`; and the means of the rows `beside`, None if there are none.
    """

    claim: str
    title: str
    metric: str
    rows: Select | Derived
    groups: Callable[[Claims], tuple[Sequence[str], Sequence[str]]]
    against: str
    said: str
    unit: str = ""
    scale: float = 1.0
    beside: Select | Derived | None = None

    @property
    def selects(self) -> list[Select]:
        """The rows it reads."""
        return list(selects_in((self.rows, self.beside)))

    def judge(self, rows: pd.DataFrame, claims: Claims) -> Grouped:
        """The rule with its values; rows: all of the benchmark's."""
        found = scores(self.rows(rows, claims), every=rows, sign=self.scale)
        first, second = self.groups(claims)
        return Grouped(found, claims, "", first, second)

    def decide(self, rows: pd.DataFrame, claims: Claims) -> Iterator[Decision]:
        """The decision, if there are values and methods of both groups; rows: all of the benchmark's."""
        judge = self.judge(rows, claims)
        found = judge.of(claims.subject)
        if not judge.scores.cases or not judge.first or not judge.second:
            return
        seen = Cases(dict(judge.scores.values), list(judge.scores.seeds), judge.scores.cases)
        here = between(seen, judge.first, judge.second)
        more = {
            "aside": True,
            "said": self.said,
            "here": here.found if here and here.found.n else None,
            "n_seeds": here.found.n if here else 0,
            "values": self._values(judge, rows, claims) if found.effect.n else {},
        }
        yield decision(self, judge, found, **more, against=self.against)

    def _values(self, judge: Grouped, rows: pd.DataFrame, claims: Claims) -> dict[str, Any]:
        one, other = judge.group(judge.first), judge.group(judge.second)
        second = float(np.nanmean(other))
        means = [float(np.nanmean(judge.mean(m))) for m in judge.first if m in judge.scores.values]
        datasets = np.array([dataset for dataset, _ in judge.scores.cases])
        beside: Scores | None = None if self.beside is None else scores(self.beside(rows, claims), sign=self.scale)
        told = None
        if beside is not None and beside.cases:
            also = Grouped(beside, claims, "", judge.first, judge.second)
            told = tuple(float(np.nanmean(also.group(group))) for group in (judge.first, judge.second))
        return {
            "means": (float(np.nanmean(one)), second),
            "n": len(means),
            "n_ahead": sum(mean > second for mean in means),
            "by_dataset": {str(d): float(np.nanmean((one - other)[datasets == d])) for d in dict.fromkeys(datasets)},
            "beside": told,
        }
