"""Verdicts on claims, and what stands beside each.

The word of a claim rests on data sets (`roster`, `datasets`): it says what data sets like these would show. What these
show stands beside it, over seeds (`here`). A claim without a word is inconclusive, with its reason.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from infomax_bench.base.status import LOST
from infomax_bench.stats.compare import Comparison, compare
from infomax_bench.stats.datasets import MIN_DATASETS
from infomax_bench.stats.flips import Flip, rests_on
from infomax_bench.stats.here import Here
from infomax_bench.stats.intervals import ALPHA, MIN_SEEDS, Interval
from infomax_bench.stats.roster import Word

Outcome = Word


@dataclass(frozen=True)
class Family:
    """How far the subject is ahead of the best method of a family, with 90 % over data sets."""

    family: str
    method: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Rival:
    """How far the subject is ahead of a method, over the n data sets that both have: the mean, with 90 %."""

    method: str
    family: str
    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Case:
    """What was measured in one case, by method: means over seeds, in the verdict's unit and the measure's own sign.

    target: of a pair, or what else tells cases of a data set apart ("width 64"); "" if there is nothing. counted:
    whether the verdict rests on it.
    """

    dataset: str
    target: str
    values: Mapping[str, float]
    counted: bool = True


@dataclass(frozen=True)
class Variant:
    """What the rule would say otherwise: how, in words; the outcome; and the effect with its interval of 90 %."""

    what: str
    verdict: Outcome
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """One claim, decided by its rule. The field names are part of the contract of verdicts.json."""

    claim: str
    title: str
    subject: str
    against: str
    track: str
    preset: str
    verdict: Outcome
    indicative: bool
    effect: float
    """The subject less the median method of the roster; of a claim about a number, the measure."""
    ci_low: float
    ci_high: float
    """Its 90 % interval over data sets: two one-sided bounds of 95 %."""
    n_seeds: int
    rule: str
    benchmark: str
    sentence: str = ""
    reason: str = ""
    """Why there is no word, if it is inconclusive."""
    n_datasets: int = 0
    unit: str = ""
    metric: str = ""
    line: float = 0.0
    """Where it is decided, in `unit`: the least difference of interest, a bound, or zero."""
    families: tuple[Family, ...] = ()
    rivals: tuple[Rival, ...] = ()
    """The subject less each method of the roster, by the effect's own bounds."""
    cases: tuple[Case, ...] = ()
    """What the effect was made of; values of the subject and of the whole roster."""
    variants: tuple[Variant, ...] = ()
    """What would be said with other company, settings, seeds or measures."""
    here: Here | Interval | None = None
    """Over seeds: how the subject stands among the roster; of other claims, the measure with its interval of 95 %."""
    comparisons: tuple[Comparison, ...] = field(default=())
    """With each method of the roster, over seeds."""
    missing: tuple[str, ...] = ()
    flips: tuple[Flip, ...] = ()
    base_rates: Mapping[str, int] = field(default_factory=dict)
    """What the same rule says of every other method of the roster as subject: outcome -> how many."""
    references: Mapping[str, str] = field(default_factory=dict)
    """And of those of them that learn nothing, or next to nothing: method -> outcome."""
    forms: Mapping[str, str] = field(default_factory=dict)
    """And of the subject's other forms."""
    again: Mapping[str, str] = field(default_factory=dict)
    """And of the subject and its forms under other seeds, against rivals under the first."""
    without_uncalibrated: str = ""
    """The outcome without the methods that did not reproduce what is published of them; "" where there are none, or
    nothing is left."""
    without_supervised: str = ""
    """The outcome without the methods that see labels or captions; "" where nothing is left."""
    aside: bool = False
    """It is about other methods than the subject, and no part of what is said of that."""
    failed: int = 0
    """Seeds under which the subject's training or evaluation failed."""
    stale: tuple[str, ...] = ()
    """Methods of which some rows were made by other versions or with other settings than today's."""
    said: str = ""
    """The name of the words that tell it."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """What else these words use."""
    before_failures: str = ""
    """The outcome without regard to the seeds under which the subject failed; "" if there are none."""

    @property
    def otherwise(self) -> list[str]:
        """What would make it another verdict, in words."""
        told = {
            "without those that did not reproduce what is published of them (¶)": self.without_uncalibrated,
            "without those that see labels or captions": self.without_supervised,
        }
        return [f"{outcome} {case}" for case, outcome in told.items() if outcome not in ("", self.verdict)]

    @property
    def of_subject(self) -> bool:
        """Whether it is about the subject, which its title does not name."""
        return not self.aside and self.against in ("all methods", "itself")

    @property
    def decided(self) -> str:
        """The outcome of the seeds that did not fail."""
        return self.before_failures or self.verdict

    @property
    def speaks_of_others(self) -> bool:
        """Whether there are data sets enough for a word on others like them."""
        return self.n_datasets >= MIN_DATASETS

    @property
    def rests_on(self) -> str:
        """Without which data set, or how many, it would be another outcome; "" for none."""
        return rests_on(self.flips, self.n_datasets)

    def after(self, failed: int) -> Verdict:
        """The verdict if the subject failed under so many seeds: without them there is no win."""
        if not failed or self.aside:
            return self
        outcome: Outcome = "inconclusive" if self.verdict == "supported" else self.verdict
        return replace(self, failed=failed, before_failures=self.verdict, verdict=outcome)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values, without what only words use; numbers that are not finite become null."""
        for_words = ("said", "values", "before_failures")
        return short_cases({k: plain(v) for k, v in asdict(self).items() if k not in for_words})


def plain(value: Any) -> Any:
    """As JSON has it: numbers that are not finite are null, numpy's are Python's."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    return value


def short_cases(told: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values, with the numbers of `cases` to six digits: there are thousands of them."""
    cases = [
        {**case, "values": {m: float(f"{value:.6g}") for m, value in case["values"].items()}}
        for case in told.get("cases", ())
    ]
    return {**told, "cases": cases} if cases else dict(told)


def lost(comparison: Comparison) -> bool:
    """Whether the rival is surely ahead."""
    return comparison.n_seeds >= MIN_SEEDS and comparison.p_holm < ALPHA


def decide(comparisons: Sequence[Comparison]) -> Outcome:
    """Whether one is better than every other, over seeds: an intersection-union test."""
    if any(lost(c) for c in comparisons):
        return "refuted"
    if comparisons and all(c.n_seeds >= MIN_SEEDS and c.low > 0 for c in comparisons):
        return "supported"
    return "inconclusive"


def hardest(comparisons: Sequence[Comparison], outcome: Outcome) -> Comparison | None:
    """The comparison that decides: the surest loss if the claim is refuted, else the interval that begins lowest."""
    behind = [c for c in comparisons if c.mean < 0 and c.n_seeds >= MIN_SEEDS]
    if outcome == "refuted" and behind:
        return min(behind, key=lambda c: (c.p_holm, c.mean))
    return min(comparisons, key=lambda c: c.low, default=None)


def best_of_all(values: pd.DataFrame, one: Any, all_of: Collection[Any]) -> tuple[Outcome, Comparison | None]:
    """Is one column the best of all that there should be, paired by seed (index)? And the comparison that decides.

    Its rival is named as the column is.
    """
    names = {str(name): name for name in all_of}
    compared, missing = compare(values.rename(columns=str), str(one), [name for name in names if name != str(one)])
    outcome = decide(compared)
    worst = hardest(compared, outcome)
    if missing and outcome == "supported":
        outcome = "inconclusive"  # better than all of them needs all of them
    return outcome, None if worst is None else replace(worst, rival=names[worst.rival])


def failed_seeds(rows: pd.DataFrame, subject: str) -> int:
    """Under how many seeds something of the subject itself (not under other settings) failed or diverged, in a
    benchmark's rows. What did stands there under its evaluation's name."""
    failed = (rows["method"] == subject) & rows["status"].isin(LOST) & (rows["label"] == "")
    return int(rows.loc[failed, "seed"].nunique())


def stale_methods(rows: pd.DataFrame, methods: Collection[str]) -> tuple[str, ...]:
    """Those of the methods of which some rows are not what today's versions and settings would give."""
    return tuple(sorted(set(rows.loc[~rows["current"].astype(bool), "method"]) & set(methods)))
