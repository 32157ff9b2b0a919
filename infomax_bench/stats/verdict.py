"""Verdicts on claims about the subject, from paired comparisons or a mean.

A claim of being better than every rival is one intersection-union test: it is supported only if every single interval
lies above zero (Berger 1982), so no correction is needed. It is refuted if at least one rival is better, by one-sided
tests corrected for their number (Holm 1979). Each of the two is wrong in at most ALPHA, half of 1 - LEVEL, of all
studies: together in at most 1 - LEVEL.

A claim of matching is one of non-inferiority: the margin is added to every difference, so that "supported" is the one
of the two one-sided tests of equivalence (Schuirmann 1987) that asks whether the subject is worse by the margin; being
better is no offence. It is refuted if at least one rival is better by more than the margin.

Anything else, and anything with fewer than MIN_SEEDS seeds, is inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from infomax_bench.base.status import LOST
from infomax_bench.stats.compare import Comparison, compare
from infomax_bench.stats.intervals import ALPHA, MIN_SEEDS, Interval, interval, t_quantile

Outcome = Literal["supported", "refuted", "inconclusive"]


@dataclass(frozen=True)
class Verdict:
    """One claim about the subject, decided by its rule. The field names are part of the contract of verdicts.json."""

    claim: str
    title: str
    subject: str
    against: str
    track: str
    preset: str
    verdict: Outcome
    indicative: bool
    effect: float
    ci_low: float
    ci_high: float
    n_seeds: int
    rule: str
    benchmark: str
    sentence: str = ""
    unit: str = ""
    metric: str = ""
    margin: float = 0.0
    """How far behind a rival the subject may be, in `unit`."""
    comparisons: tuple[Comparison, ...] = field(default=())
    missing: tuple[str, ...] = ()
    without_uncalibrated: str = ""
    """The outcome without the methods that did not reproduce what is published of them; "" where there are none, or
    nothing is left."""
    without_supervised: str = ""
    """The outcome without the methods that see labels or captions; "" where nothing is left."""
    with_defaults: str = ""
    """The outcome for the subject with its default settings; "" where it was not run with them."""
    seeds_needed: str = ""
    """If it is undecided: how many seeds would probably decide it, or "more than 100"; "" if seeds would not help."""
    line: float = 0.0
    """Where it is decided, in `unit`: zero, a bound, or the margin that is allowed."""
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
            f"for {self.subject} with its default settings": self.with_defaults,
        }
        return [f"{outcome} {case}" for case, outcome in told.items() if outcome not in ("", self.verdict)]

    @property
    def decided(self) -> str:
        """The outcome of the seeds that did not fail."""
        return self.before_failures or self.verdict

    def after(self, failed: int) -> Verdict:
        """The verdict if the subject failed under so many seeds: without them there is no win."""
        if not failed or self.aside:
            return self
        outcome: Outcome = "inconclusive" if self.verdict == "supported" else self.verdict
        return replace(self, failed=failed, before_failures=self.verdict, verdict=outcome)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values, without what only words use; numbers that are not finite become null."""
        for_words = ("said", "values", "before_failures")
        return {k: plain(v) for k, v in asdict(self).items() if k not in for_words}


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


def lost(comparison: Comparison, line: float = 0.0) -> bool:
    """Whether the rival is surely ahead. line: where the comparison is decided, once it is as it is shown."""
    return comparison.n_seeds >= MIN_SEEDS and comparison.p_holm < ALPHA and comparison.mean < line


def decide(comparisons: Sequence[Comparison]) -> Outcome:
    """The verdict on "better than (or within the margin of) every rival"."""
    if any(lost(c) for c in comparisons):
        return "refuted"
    if comparisons and all(c.n_seeds >= MIN_SEEDS and c.low > 0 for c in comparisons):
        return "supported"
    return "inconclusive"


def decide_bound(values: Sequence[float] | np.ndarray, bound: float) -> tuple[Outcome, Interval]:
    """The verdict on "the mean is below `bound`"."""
    found = interval(values)
    if found.n < MIN_SEEDS:
        return "inconclusive", found
    if found.high < bound:
        return "supported", found
    return ("refuted" if found.low > bound else "inconclusive"), found


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


def noise_of(verdict: Verdict) -> float:
    """The deviation over seeds that a verdict rests on, in its unit: the median over comparisons; NaN if unknown."""
    if verdict.comparisons:
        return float(np.median([c.sd for c in verdict.comparisons]))
    if verdict.n_seeds < 2:
        return math.nan
    half = (verdict.ci_high - verdict.ci_low) / 2
    return half / t_quantile(verdict.n_seeds, ALPHA) * math.sqrt(verdict.n_seeds)
