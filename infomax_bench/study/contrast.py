"""Claims of being better, declared: which measure, who against whom, by how much at least."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from infomax_bench.stats.compare import Comparison, by_case, cases_ahead, compare, seed_means
from infomax_bench.stats.groups import Between, between, mean_of
from infomax_bench.stats.power import seeds_for_bound, seeds_needed
from infomax_bench.stats.verdict import Outcome, decide, decide_bound, hardest, lost, stale_methods
from infomax_bench.study.claims import Claims
from infomax_bench.study.selection import Derived, Select, selects_in


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


@dataclass(frozen=True)
class Contrast:
    """The subject against every method of a role: is it better than each of them, or within the margin? The words
    `better_than_all` tell it.

    claim: the prediction or question ("P1"); title: what is claimed of the subject; metric: what is compared, for
    readers. rows: which rows. unit, scale: of differences, for readers. cannot: rows -> the (method, data set) that are
    not applicable; such a method is compared on the other data sets. where_measured: nothing is claimed where there are
    no such rows at all.
    """

    claim: str
    title: str
    metric: str
    rows: Select | Callable[[pd.DataFrame, Claims], pd.DataFrame]
    unit: str = ""
    scale: float = 1.0
    higher_is_better: bool = True
    margin: float = 0.0
    against: tuple[str, ...] = ("prior art", "control")
    cannot: Callable[[pd.DataFrame, Claims], Collection[tuple[str, str]]] | None = None
    where_measured: bool = False

    @property
    def selects(self) -> list[Select]:
        """The rows it reads, as far as they are declared."""
        return list(selects_in(self.rows))

    def decide(self, rows: pd.DataFrame, claims: Claims) -> Iterator[Decision]:
        """One decision for each role that has rivals; rows: all of the benchmark's."""
        measured = self.rows(rows, claims)
        if self.where_measured and measured.empty:
            return
        cannot = self.cannot(rows, claims) if self.cannot else ()
        values = by_case(measured, claims.subject)
        higher, margin = self.higher_is_better, self.margin
        for role in self.against:
            rivals = claims.rivals(role)
            if not rivals:
                continue
            comparisons, missing = compare(values, claims.subject, rivals, higher, margin, cannot)
            outcome = decide(comparisons)
            if missing and outcome == "supported":
                outcome = "inconclusive"  # better than all of them needs all of them
            ahead = None
            if outcome == "supported" and len(values.cases) > 1:
                ahead = cases_ahead(values, claims.subject, rivals, higher, margin)
            decisive = hardest(comparisons, outcome)
            worst = None if decisive is None else decisive.shown(self.scale, self.margin)
            more = {
                "seeds_needed": seeds_needed(comparisons, not missing) if outcome == "inconclusive" else "",
                "unit": self.unit,
                "metric": self.metric,
                "margin": self.scale * self.margin,
                "line": -self.scale * self.margin,
                "missing": tuple(missing),
                "comparisons": tuple(c.shown(self.scale, self.margin) for c in comparisons),
                "stale": stale_methods(measured, [claims.subject, *rivals]),
                "values": {
                    "rival": worst.rival if worst else "",
                    "n_lost": sum(lost(c) for c in comparisons),
                    "n_ahead": ahead,
                    "n_cases": len(values.cases),
                },
            }
            n_seeds = min((c.n_seeds for c in comparisons), default=0)
            yield Decision(self.claim, self.title, role, outcome, _effect(worst), n_seeds, more)


@dataclass(frozen=True)
class BoundContrast:
    """The subject against a number: does its mean, over seeds and its cases (data sets and targets), lie below it?

    claim, title, metric, rows, unit, scale: as of a Contrast. below: the number, in `unit`. said: the words that tell
    it. They have as values the means of the subject's rows of each of `beside`, under its name.
    """

    claim: str
    title: str
    metric: str
    rows: Select | Derived
    below: float
    said: str
    unit: str = ""
    scale: float = 1.0
    beside: Mapping[str, Select] = field(default_factory=dict)

    @property
    def selects(self) -> list[Select]:
        """The rows it reads."""
        return list(selects_in([self.rows, *self.beside.values()]))

    def decide(self, rows: pd.DataFrame, claims: Claims) -> Iterator[Decision]:
        """The decision, if the subject was measured; rows: all of the benchmark's."""
        measured = self.rows(rows, claims)
        values = seed_means(measured, claims.subject)
        if claims.subject not in values:
            return
        outcome, found = decide_bound(self.scale * values[claims.subject].dropna().to_numpy(), self.below)
        own = rows[rows["method"] == claims.subject]
        more = {
            "unit": self.unit,
            "metric": self.metric,
            "seeds_needed": seeds_for_bound(found, self.below) if outcome == "inconclusive" else "",
            "line": self.below,
            "stale": stale_methods(measured, [claims.subject]),
            "said": self.said,
            "values": {name: select(own)["value"].mean() for name, select in self.beside.items()},
        }
        effect = (found.mean, found.low, found.high)
        yield Decision(self.claim, self.title, "itself", outcome, effect, found.n, more)


@dataclass(frozen=True)
class GroupContrast:
    """One group of methods against another, each averaged: is the first ahead? The claim is about others than the
    subject, whose cases (data sets and their targets) are compared.

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

    def decide(self, rows: pd.DataFrame, claims: Claims) -> Iterator[Decision]:
        """The decision, if there are values and methods of both groups; rows: all of the benchmark's."""
        measured = self.rows(rows, claims)
        found = self._between(measured, claims)
        if found is None:
            return
        effect = (found.found.mean, found.found.low, found.found.high)
        more = {
            "unit": self.unit,
            "metric": self.metric,
            "missing": found.missing,
            "seeds_needed": found.seeds_needed,
            "aside": True,
            "said": self.said,
            "values": self._values(found, measured, rows, claims) if found.found.n else {},
        }
        yield Decision(self.claim, self.title, self.against, found.outcome, effect, found.found.n, more)

    def _between(self, measured: pd.DataFrame, claims: Claims) -> Between | None:
        return between(by_case(measured, claims.subject), *self.groups(claims), self.scale)

    def _values(self, found: Between, measured: pd.DataFrame, rows: pd.DataFrame, claims: Claims) -> dict[str, Any]:
        cases = by_case(measured, claims.subject)
        first = [m for m in self.groups(claims)[0] if m in cases.values]
        ahead = [m for m in first if self.scale * np.nanmean(mean_of([m], cases)) > found.means[1]]
        each = {dataset: self._between(own, claims) for dataset, own in measured.groupby("dataset", observed=True)}
        beside = None if self.beside is None else self._between(self.beside(rows, claims), claims)
        return {
            "means": found.means,
            "n": len(first),
            "n_ahead": len(ahead),
            "by_dataset": {d: one.found.mean for d, one in each.items() if one is not None and one.found.n},
            "beside": None if beside is None or not beside.found.n else beside.means,
        }


def _effect(worst: Comparison | None) -> tuple[float, float, float]:
    return (math.nan,) * 3 if worst is None else (worst.mean, worst.low, worst.high)
