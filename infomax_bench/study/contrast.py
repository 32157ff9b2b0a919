"""Claims of being better than every rival, declared: which measure, against whom, by how much at least."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from infomax_bench.stats.compare import Comparison, by_case, cases_ahead, compare
from infomax_bench.stats.power import seeds_needed
from infomax_bench.stats.verdict import Outcome, decide, hardest, lost, stale_methods
from infomax_bench.study.claims import Claims
from infomax_bench.study.select import Select, selects_in


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
    """The subject against every method of a role: is it better than each of them, or within the margin?

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


def _effect(worst: Comparison | None) -> tuple[float, float, float]:
    return (math.nan,) * 3 if worst is None else (worst.mean, worst.low, worst.high)
