"""What rows say, as plain data: a rule's outcome, the estimate that it rests on, and what else there is to tell.

Words are made of findings elsewhere (`study/words.py`); nothing here is a sentence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from infomax_bench.stats.compare import Comparison, by_case, compare, comparisons
from infomax_bench.stats.intervals import MIN_SEEDS, Interval
from infomax_bench.stats.verdict import Verdict, best_of_all, decide, hardest, lost, plain, short_cases


@dataclass(frozen=True)
class Estimate:
    """A mean over n seeds (of a verdict, data sets) with its interval, in `unit`."""

    mean: float
    low: float
    high: float
    n: int
    unit: str = ""

    @classmethod
    def of(cls, found: Interval, scale: float = 1.0, unit: str = "") -> Estimate:
        """An interval in the unit that is read."""
        return cls(scale * found.mean, scale * found.low, scale * found.high, found.n, unit)


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    name: what it is, which is also the name of the words that tell it. outcome: the word of a rule; "" where it only
    describes. values: what else its words use, as plain values: what it is about (data set, network, method) and
    further numbers.
    """

    name: str
    outcome: str = ""
    estimate: Estimate | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


class Found(Sequence[Finding]):
    """Findings in the order in which they are told, and the verdicts beside them."""

    def __init__(self, findings: Iterable[Finding], verdicts: Iterable[Verdict] = ()) -> None:
        self._all = list(findings)
        self.verdicts = list(verdicts)

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, i: Any) -> Any:
        return self._all[i]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._all)

    def all(self, name: str, outcome: str | None = None, **values: Any) -> Found:
        """Those of a name, and with this outcome and these values where some are given."""
        own = [one for one in self._all if one.name == name and outcome in (None, one.outcome)]
        return Found(one for one in own if all(one.values.get(key) == value for key, value in values.items()))

    def count(self, outcome: Any) -> int:
        """How many have this outcome."""
        return sum(one.outcome == outcome for one in self._all)

    def by(self, *names: str) -> list[tuple[tuple[Any, ...], Found]]:
        """In groups of equal values of these names (or "outcome"), in their order; without those that lack one."""
        groups: dict[tuple[Any, ...], list[Finding]] = {}
        for one in self._all:
            values = {"outcome": one.outcome, **one.values}
            if set(names) <= set(values):
                groups.setdefault(tuple(values[name] for name in names), []).append(one)
        return [(key, Found(own)) for key, own in groups.items()]

    def one(self, name: str, **values: Any) -> Finding | None:
        """The first of them, if there is one."""
        return next(iter(self.all(name, **values)), None)

    def verdict(self, title: str) -> Verdict | None:
        """The one of this title, if there is one."""
        return next((one for one in self.verdicts if one.title == title), None)


@dataclass(frozen=True)
class Standing:
    """Whom the subject is surely ahead of, level with (not told apart from), and surely behind."""

    ahead: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()


def one_by_one(comparisons: Iterable[Comparison], missing: Sequence[str] = ()) -> Standing:
    """Rival by rival, each by its interval alone and not corrected for their number; what is missing is level."""
    comparisons = list(comparisons)
    sure = [c for c in comparisons if c.n_seeds >= MIN_SEEDS]
    ahead = tuple(c.rival for c in sure if c.low > 0)
    behind = tuple(c.rival for c in sure if c.high < 0)
    rest = (*(c.rival for c in comparisons), *missing)
    return Standing(ahead, tuple(name for name in rest if name not in (*ahead, *behind)), behind)


def standing_of(rows: pd.DataFrame, method: str) -> Standing:
    """A method against each other that has rows, one by one, on its own cases."""
    values = by_case(rows, method)
    return one_by_one(*compare(values, method, sorted(set(values.values) - {method})))


def all_above(name: str, differences: Mapping[str, Interval], unit: str, values: Mapping[str, Any]) -> Finding:
    """Do all differences, by rival, lie above zero? Decided as verdicts are, and told with the comparison that decides:
    its `rival`, and how many `rivals` there are, surely `better` (above zero, uncorrected) and `worse` (corrected)."""
    compared = comparisons(differences)
    outcome = decide(compared)
    decisive = hardest(compared, outcome)
    better = sum(c.n_seeds >= MIN_SEEDS and c.low > 0 for c in compared)
    counts = {"rivals": len(compared), "better": better, "worse": sum(lost(c) for c in compared)}
    if decisive is None:
        return Finding(name, outcome, None, {**values, **counts, "rival": ""})
    estimate = Estimate(decisive.mean, decisive.low, decisive.high, decisive.n_seeds, unit)
    return Finding(name, outcome, estimate, {**values, **counts, "rival": decisive.rival})


def best(
    name: str, values: pd.DataFrame, one: Any, all_of: Collection[Any], unit: str, about: dict[str, Any]
) -> Finding:
    """Is one column the best of all that there should be, paired by seed (index)? Refuted, it has as estimate how far
    the surest rival is above it, and that as value `rival`."""
    outcome, worst = best_of_all(values, one, all_of)
    if outcome != "refuted" or worst is None:
        return Finding(name, outcome, None, about)
    estimate = Estimate(-worst.mean, -worst.high, -worst.low, worst.n_seeds, unit)
    return Finding(name, outcome, estimate, {**about, "rival": worst.rival})


def from_verdict(verdict: Verdict) -> Finding:
    """A decided claim as a finding."""
    estimate = Estimate(verdict.effect, verdict.ci_low, verdict.ci_high, verdict.n_datasets, verdict.unit)
    told = ("claim", "subject", "against", "reason", "here", "families", "flips", "otherwise", "missing")
    others = ("base_rates", "references", "forms", "again", "rivals", "cases", "variants")
    about = {name: getattr(verdict, name) for name in (*told, *others)}
    return Finding(verdict.title, verdict.verdict, estimate, {**about, **verdict.values})


def as_json(benchmark: str, finding: Finding) -> dict[str, Any]:
    """Plain JSON values."""
    told = plain(finding)
    return {"benchmark": benchmark, **told, "values": short_cases(told["values"])}
