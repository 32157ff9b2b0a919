"""The rule of a claim, to be asked of any method: as it is, with cases left out, under other seeds, without some
rivals; and what it says of all others, which stands beside every outcome."""

from __future__ import annotations

import functools
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from infomax_bench.stats.datasets import MIN_DATASETS, Bounds, Layout, bounds, over
from infomax_bench.stats.flips import Flip, Variation, flips, variations
from infomax_bench.stats.roster import UNDECIDED, WORDS, Word, bounded, compared, differences, median
from infomax_bench.stats.scores import CASE, Scores, mean_of_known
from infomax_bench.stats.verdict import Case, Family, Rival, Variant
from infomax_bench.study.cell import DEFAULTS
from infomax_bench.study.claims import Claims

AGAIN = 5
"""Seeds from here on are those under which a subject and its forms are trained a second time."""
SHARE_MISSING = 0.25
"""Of the roster, beyond which nothing is refuted either."""


@dataclass(frozen=True)
class Judged:
    """What a rule says of one method. effect: over data sets; families: as in a Verdict."""

    side: int
    reason: str
    effect: Bounds
    families: tuple[Family, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def word(self) -> Word:
        return WORDS[self.side]

    def unless(self, doubt: bool, reason: str) -> Judged:
        """Without a word where there is a doubt."""
        return replace(self, side=0, reason=reason) if doubt else self


NOTHING = Judged(0, "not measured", Bounds(math.nan, math.nan, math.nan, 0))


@dataclass(frozen=True)
class Asked:
    """Of whom a rule is asked. varied: on some of the cases. again: under its seeds from AGAIN on, against rivals under
    those before. without: rivals that take no part."""

    subject: str
    varied: Variation | None = None
    again: bool = False
    without: Collection[str] = frozenset()

    def kept(self, values: np.ndarray) -> np.ndarray:
        """Which cases count `[C]`: those that have a value and are not left out."""
        there: np.ndarray = np.isfinite(values)
        return there if self.varied is None else there & self.varied.kept


@dataclass(frozen=True)
class Judge(ABC):
    """A claim's rule with the values that it is about.

    guard: a method that learns nothing; features that are not surely better at home than its own may be empty, and of
    such nothing is supported ("" asks nothing).
    """

    scores: Scores
    claims: Claims
    guard: str = ""

    def of(self, subject: str, **how: Any) -> Judged:
        """The rule's word on a method; how: as of an Asked."""
        asked = Asked(subject, **how)
        found = self._judged(asked)
        n = found.effect.n
        few = asked.varied is None and 0 < n < MIN_DATASETS
        found = found.unless(few, f"{n} data set{'s' * (n > 1)}: no word on others")
        return found.unless(found.side > 0 and not self._learned(subject), "the features may be empty")

    @abstractmethod
    def _judged(self, asked: Asked) -> Judged:
        """The word by the measure alone."""

    @abstractmethod
    def counted_of(self, asked: Asked) -> np.ndarray:
        """On which cases `[C]` the word rests."""

    def own(self, asked: Asked) -> np.ndarray:
        """The subject's values by case."""
        return self.mean(asked.subject, 1 if asked.again else None, own=True)

    def mean(self, method: str, block: int | None = None, own: bool = False) -> np.ndarray:
        """By case, over the seeds of the run, or of a block of AGAIN seeds."""
        key = (method, block, own)
        if key not in self._means:
            seeds = self.claims.seeds if block is None else [s for s in self.scores.seeds if s // AGAIN == block]
            none = np.full(len(self.scores.cases), np.nan)
            self._means[key] = none if block is not None and not seeds else self.scores.mean(method, seeds, own)
        return self._means[key]

    @functools.cached_property
    def _means(self) -> dict[tuple[str, int | None, bool], np.ndarray]:
        return {}

    def layout(self, kept: np.ndarray, asked: Asked) -> Layout:
        """Of the cases that are kept."""
        cases = [case for case, k in zip(self.scores.cases, kept, strict=True) if k]
        return Layout.of(cases, self.scores.crossed, asked.varied.as_one if asked.varied else None)

    def _learned(self, subject: str) -> bool:
        """Whether the subject's features are surely better at home than the guard's; True if nobody measured that."""
        home = self.claims.home
        if home is None or not self.guard:
            return True
        ahead = home.mean(subject, self.claims.seeds) - home.mean(self.guard, self.claims.seeds)
        there = np.isfinite(ahead)
        layout = Layout.of([case for case, k in zip(home.cases, there, strict=True) if k])
        return bool(bounds(ahead[there], layout).low > 0)

    def beside(self) -> dict[str, Any]:
        """What stands beside the outcome, by the fields of a Verdict."""
        claims, subject = self.claims, self.claims.subject
        others = {m: self.of(m) for m in claims.roster if m != subject}
        words = {m: one.word for m, one in others.items() if one.effect.n}
        forms = {m: self.of(m) for m in claims.forms}
        again = {m: self.of(m, again=True) for m in (subject, *claims.forms)}
        return {
            "base_rates": {word: Counter(words.values())[word] for word in ("supported", "refuted", "inconclusive")},
            "references": {m: words[m] for m in claims.references if m in words},
            "forms": {m: one.word for m, one in forms.items() if one.effect.n},
            "again": {m: one.word for m, one in again.items() if one.effect.n},
            "without_uncalibrated": self._without(claims.doubtful),
            "without_supervised": "" if subject in claims.supervised else self._without(claims.supervised),
        }

    def doubts(self) -> dict[str, Collection[str]]:
        """Company with which one may not want to compare: in words, the methods that are left out."""
        return {}

    def variants(self, measured: Mapping[str, Judge]) -> tuple[Variant, ...]:
        """What would be said of the subject otherwise, where that is known. measured: the rule on other measures."""
        claims, subject = self.claims, self.claims.subject
        told = {what: self.of(subject, without=some) for what, some in self.doubts().items() if some}
        told |= {what: judge.of(subject) for what, judge in measured.items()}
        for form in claims.forms:
            own = form == f"{subject} ({DEFAULTS})"
            told["with its default settings" if own else f"{form} in its place"] = self.of(form)
        told["trained again, under other seeds"] = self.of(subject, again=True)
        return tuple(Variant(what, one.word, *one.effect.interval) for what, one in told.items() if one.effect.n)

    def cases(self, sign: float = 1.0) -> tuple[Case, ...]:
        """The values of the subject and the roster by case, times `sign`; without cases that only others have."""
        subject, found = self.claims.subject, self.scores
        values = {m: self.mean(m) for m in self.claims.roster} | {subject: self.own(Asked(subject))}
        counted = self.counted_of(Asked(subject)).tolist()
        made = []
        for i, (dataset, other) in enumerate(found.cases):
            target = f"{found.case[1]} {other}" if found.case != CASE else other if other != dataset else ""
            known = {m: sign * float(own[i]) for m, own in values.items() if np.isfinite(own[i])}
            if counted[i] or subject in known:
                made.append(Case(str(dataset), str(target), known, counted[i]))
        return tuple(made)

    def _without(self, methods: Collection[str]) -> str:
        """The word without some rivals; "" if there are none, or nothing is left."""
        found = self.of(self.claims.subject, without=methods) if methods else NOTHING
        return found.word if found.effect.n else ""

    def flips(self, subject: str, word: Word) -> tuple[Flip, ...]:
        """Where the word on a method would be another one."""
        varied = variations(self.scores.cases, self.scores.crossed, self.claims.twins)
        return tuple(flips(word, varied, lambda one: self.of(subject, varied=one).word))


@dataclass(frozen=True)
class Comparative(Judge):
    """Better than the median method, and than the best of every family, by more than `least`. also: what else measures
    the same; every difference that the word rests on must have its sign by all of them."""

    least: float = 0.0
    also: Sequence[Scores] = field(default=())

    def company(self, asked: Asked) -> tuple[list[str], np.ndarray]:
        """The rivals, and their values by case `[M, C]`."""
        rivals = [m for m in self.claims.against(asked.subject) if m not in asked.without]
        values = [self.mean(m, 0 if asked.again else None) for m in rivals]
        return rivals, np.stack(values) if rivals else np.full((1, len(self.scores.cases)), np.nan)

    def counted_of(self, asked: Asked) -> np.ndarray:
        """Those that the subject has, and anybody else."""
        someone: np.ndarray = np.isfinite(median(self.company(asked)[1]))
        someone &= asked.kept(self.own(asked))
        return someone

    def doubts(self) -> dict[str, Collection[str]]:
        """Methods that see labels, those that did not reproduce, and controls."""
        claims, rivals = self.claims, self.claims.against(self.claims.subject)
        return {
            "without methods that see labels or captions": claims.supervised.intersection(rivals),
            "without methods that did not reproduce what is published of them": claims.doubtful.intersection(rivals),
            "without controls and references": [m for m in rivals if claims.roles.get(m) in ("control", "reference")],
        }

    def rivals(self) -> tuple[Rival, ...]:
        """The subject less each of the roster, over the cases that both have."""
        asked = Asked(self.claims.subject)
        own, counted, told = self.own(asked), self.counted_of(asked), []
        for method, values in zip(*self.company(asked), strict=False):
            kept = counted & np.isfinite(values)
            if kept.any():
                found = bounds((own - values)[kept], self.layout(kept, asked))
                told.append(Rival(method, self.claims.roster[method], *found.interval, found.n))
        return tuple(told)

    def _judged(self, asked: Asked) -> Judged:
        own, (rivals, values) = self.own(asked), self.company(asked)
        if not rivals:
            return NOTHING
        kept = asked.kept(own)
        if not kept.any():
            return replace(NOTHING, missing=tuple(rivals))  # nobody can be compared with it
        lacks = [(np.isnan(v) & ~self.scores.excused(m) & kept).any() for m, v in zip(rivals, values, strict=True)]
        missing = tuple(m for m, lack in zip(rivals, lacks, strict=True) if lack)
        kept = self.counted_of(asked)
        if not kept.any():
            return replace(NOTHING, missing=missing)
        ranking = self.scores.ranking
        ranked = np.array([ranking.get(m, math.nan) for m in rivals]) if ranking else None
        families = [self.claims.roster[m] for m in rivals]
        found = differences(own[kept], values[:, kept], families, ranked)
        told = compared(found, self.layout(kept, asked), rivals, self.least)
        each = tuple(Family(f, m, one.mean, one.low, one.high) for f, (m, one) in told.best.items())
        judged = Judged(told.side, told.reason, told.median, each, missing)
        lacking = f"{len(missing)} of {len(rivals)} methods not measured"
        judged = judged.unless(bool(missing) and told.side > 0, lacking)
        judged = judged.unless(len(missing) > SHARE_MISSING * len(rivals), lacking)
        return judged.unless(not self._same_sign(judged, asked.subject, rivals, kept), "depends on the estimator")

    def _same_sign(self, found: Judged, subject: str, rivals: Sequence[str], kept: np.ndarray) -> bool:
        """Whether all that a word rests on has its sign by the other measures too, where they were measured."""
        if not found.side:
            return True
        for other in self.also:
            both = [c for c, k in zip(self.scores.cases, kept, strict=True) if k and c in other.cases]
            cases = [other.cases.index(c) for c in both]
            means = {m: other.mean(m, self.claims.seeds)[cases] for m in (subject, *rivals)}
            middle = median(np.stack([means[m] for m in rivals]))
            against = [middle, *(means[one.method] for one in found.families if found.side > 0)]
            ahead = [found.side * np.nanmean(means[subject] - one) for one in against if np.isfinite(one).any()]
            if np.isfinite(means[subject]).any() and not all(one > 0 for one in ahead):
                return False
        return True


@dataclass(frozen=True)
class Absolute(Judge):
    """A mean below a line, or above it; counted: which cases count `[C]`."""

    line: float = 0.0
    below: bool = True
    counted: np.ndarray = field(default_factory=lambda: np.array(True))

    def counted_of(self, asked: Asked) -> np.ndarray:
        """Those that the subject has, of those that count."""
        kept: np.ndarray = asked.kept(self.own(asked)) & self.counted
        return kept

    def _judged(self, asked: Asked) -> Judged:
        own, kept = self.own(asked), self.counted_of(asked)
        layout = self.layout(kept, asked)
        if not layout.n:
            return NOTHING
        side = int(bounded(over(own[kept], layout.sources), self.line, self.below)) if layout.n > 1 else 0
        return Judged(side, "" if side else UNDECIDED, bounds(own[kept], layout))

    def over_seeds(self, subject: str) -> np.ndarray:
        """The means over the cases that count, of the seeds that have them all."""
        values = self.scores.about(subject, self.counted & np.isfinite(self.own(Asked(subject))), self.claims.seeds)
        own = values.values[subject]
        made: np.ndarray = own[np.isfinite(own).all(axis=1)].mean(axis=1) if own.size else np.empty(0)
        return made


@dataclass(frozen=True)
class Grouped(Judge):
    """The mean of one group of methods above that of another, whoever is asked about."""

    first: Sequence[str] = ()
    second: Sequence[str] = ()

    def group(self, methods: Sequence[str]) -> np.ndarray:
        """The mean over methods by case; NaN where none has a value."""
        values = np.stack([self.mean(m) for m in methods]) if methods else np.empty((0, len(self.scores.cases)))
        return mean_of_known(values)

    def ahead(self) -> np.ndarray:
        """The first group less the second, by case."""
        ahead: np.ndarray = self.group(self.first) - self.group(self.second)
        return ahead

    def counted_of(self, asked: Asked) -> np.ndarray:
        """Those that both groups have."""
        return asked.kept(self.ahead())

    def _judged(self, asked: Asked) -> Judged:
        ahead, kept = self.ahead(), self.counted_of(asked)
        layout = self.layout(kept, asked)
        if not layout.n:
            return NOTHING
        found, methods = bounds(ahead[kept], layout), (*self.first, *self.second)
        lacking = tuple(m for m in methods if (np.isnan(self.mean(m)) & ~self.scores.excused(m) & kept).any())
        side = 1 if found.low > 0 else -1 if found.high < 0 else 0
        judged = Judged(side, "" if side else UNDECIDED, found, (), lacking)
        return judged.unless(bool(lacking), f"{len(lacking)} of {len(methods)} methods not measured")
