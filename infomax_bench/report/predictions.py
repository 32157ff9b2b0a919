"""The four predictions, and how the subject stands among all methods, as plain values that the page lays out."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from infomax_bench.report.parts import capital, file_name
from infomax_bench.report.strips import Axis, Dot, Dots, Strip, axis, span
from infomax_bench.stats.here import Here
from infomax_bench.stats.verdict import Case, Verdict
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.claims import Claims
from infomax_bench.study.contrast import ALL, BoundContrast

PREDICTION = re.compile(r"P\d")
"""What claims that are numbered predictions are called."""


@dataclass(frozen=True)
class Place:
    """A data set on its own: what the subject has, the mean of its cases' median rivals, the best rival with its name,
    and all of them, in the measure's own sign. counted: whether the outcome rests on it."""

    dataset: str
    own: float
    median: float
    best: tuple[str, float]
    rivals: Sequence[float]
    counted: bool


@dataclass(frozen=True)
class Standing:
    """Where the subject stands on these data sets: its rank among n, and who is next to it. ahead, level, behind: how
    many it is surely ahead of, and so on, over seeds; None where the seeds are too few."""

    verdict: Verdict
    rank: int
    n: int
    better: str
    worse: str
    counts: tuple[int, int, int] | None


@dataclass(frozen=True)
class Prediction:
    """One numbered prediction. lead: the verdict that the tile is about; compared: the first one against all methods,
    which may be the same; others: the rest; quotes: the essay's words, each with its heading."""

    claim: str
    lead: Verdict
    compared: Verdict | None
    others: Sequence[Verdict]
    benchmark: str
    question: str
    measured: str
    quotes: Sequence[tuple[str, str]]
    further: Sequence[tuple[str, str]]
    """What else of the essay its benchmark decides."""
    known: str
    above: bool
    """Whether what the lead measures is to be large."""
    standing: Standing | None
    strip: Strip | None
    dots: Dots | None
    places: Sequence[Place]
    better_above: bool
    """Whether more is better in these."""

    @property
    def absolute(self) -> bool:
        return self.lead.against == "itself"

    @property
    def verdicts(self) -> list[Verdict]:
        """The lead first."""
        return [self.lead, *self.others]

    @property
    def file(self) -> str:
        """Of the rows behind it."""
        return f"{self.claim if re.fullmatch(r'P[0-9]+', self.claim) else file_name(self.claim)}.csv"


def predictions(verdicts: Sequence[Verdict], benchmarks: Iterable[Benchmark], claims: Claims) -> list[Prediction]:
    """In their order; one whose verdicts are all about other methods is left out."""
    by_name = {b.name: b for b in benchmarks}
    found: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if PREDICTION.match(verdict.claim):
            found[verdict.claim].append(verdict)
    made = []
    for claim, own in sorted(found.items()):
        leads = [v for v in own if not v.aside]
        if leads:
            made.append(_prediction(claim, leads[0], own, by_name[leads[0].benchmark], claims))
    return made


def _prediction(claim: str, lead: Verdict, own: Sequence[Verdict], benchmark: Benchmark, claims: Claims) -> Prediction:
    compared = next((v for v in own if v.against == ALL and not v.aside and v.rivals), None)
    above, others = wanted(benchmark, lead), [v for v in own if v is not lead]
    quoted = benchmark.essay.of(benchmark.name)
    return Prediction(
        claim,
        lead,
        compared,
        others,
        benchmark.name,
        benchmark.title,
        benchmark.question(),
        [(one.heading, one.words) for one in quoted if one.predicts],
        [(one.heading, one.words) for one in quoted if not one.predicts],
        capital(benchmark.prior_art()),
        above,
        None if compared is None else standing(compared),
        None if compared is None else strip(compared, claims),
        dots(lead, above),
        places(compared or lead, wanted(benchmark, compared or lead)),
        wanted(benchmark, compared or lead),
    )


def wanted(benchmark: Benchmark, verdict: Verdict) -> bool:
    """Whether the claim holds where what it measures is large."""
    declared = next((c for c in benchmark.contrasts if c.title == verdict.title), None)
    return not declared.below if isinstance(declared, BoundContrast) else getattr(declared, "higher_is_better", True)


def standing(verdict: Verdict) -> Standing | None:
    """None for a verdict that compares with nobody."""
    here = verdict.here
    if not isinstance(here, Here):
        return None
    behind = [c for c in verdict.comparisons if c.mean < 0]
    ahead = [c for c in verdict.comparisons if c.mean >= 0]
    better = max(behind, key=lambda c: c.mean).rival if behind else ""
    worse = min(ahead, key=lambda c: c.mean).rival if ahead else ""
    sure = len(here.ahead), here.n - 1 - len(here.ahead) - len(here.behind), len(here.behind)
    return Standing(verdict, here.rank, here.n, better, worse, sure if here.n_seeds > 4 else None)


def strip(verdict: Verdict, claims: Claims) -> Strip:
    """Of a verdict with rivals."""
    best = {family.method for family in verdict.families}
    rivals = sorted(verdict.rivals, key=lambda one: (one.mean, one.method))
    spans = [span(r.method, r.family, (r.mean, r.low, r.high), verdict.line, r.method in best) for r in rivals]
    median = span("the median method", "", (verdict.effect, verdict.ci_low, verdict.ci_high), verdict.line)
    everyone = [*spans, median]
    drawn = axis(
        [*(s.mean for s in everyone), 0.0, verdict.line],
        [v for s in everyone for v in (s.low, s.high)],
        relative=True,
    )
    own = [[s for s in spans if (s.name in claims.supervised) == sees] for sees in (False, True)]
    return Strip(drawn, verdict.line, median, *own)


def dots(verdict: Verdict, above: bool) -> Dots | None:
    """Each data set on its own: the value of an absolute claim; else the subject less the median of its rivals."""
    found = by_dataset(verdict.cases)
    if not verdict.rivals and verdict.against == ALL:
        return None
    sign = 1 if above else -1
    shown = []
    for dataset, cases in found.items():
        values = [
            _ahead(case, verdict, sign) if verdict.rivals else case.values.get(verdict.subject, math.nan)
            for case in cases
        ]
        known = [v for v in values if math.isfinite(v)]
        if known:
            shown.append(Dot(dataset, float(np.mean(known)), any(case.counted for case in cases)))
    if not shown:
        return None
    drawn = axis([*(d.value for d in shown), verdict.line, 0.0], relative=bool(verdict.rivals))
    return Dots(drawn, verdict.line, above or bool(verdict.rivals), shown)


def _ahead(case: Case, verdict: Verdict, sign: int) -> float:
    return sign * (case.values[verdict.subject] - _median(case, verdict)) if _known(case, verdict) else math.nan


def _others(case: Case, verdict: Verdict) -> dict[str, float]:
    """The values of a verdict's rivals; of all methods, if it has none."""
    rivals = {r.method for r in verdict.rivals} or set(case.values)
    return {m: v for m, v in case.values.items() if m in rivals - {verdict.subject}}


def _median(case: Case, verdict: Verdict) -> float:
    return float(np.median([*_others(case, verdict).values()]))


def _known(case: Case, verdict: Verdict) -> bool:
    """Whether the subject can be compared in it."""
    return verdict.subject in case.values and bool(_others(case, verdict))


def by_dataset(cases: Iterable[Case]) -> dict[str, list[Case]]:
    """The cases of each data set that features were learned on."""
    found: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        found[case.dataset].append(case)
    return dict(sorted(found.items()))


def places(verdict: Verdict, above: bool) -> list[Place]:
    """A line for each data set: means over its cases, of rivals that have them all. What the subject has, less the
    median, is what `dots` shows."""
    made = []
    for dataset, cases in by_dataset(case for case in verdict.cases if _known(case, verdict)).items():
        own, middle = (
            float(np.mean([c.values[verdict.subject] for c in cases])),
            float(np.mean([_median(c, verdict) for c in cases])),
        )
        rivals = _means([_others(case, verdict) for case in cases])
        if rivals:
            best = (max if above else min)(rivals, key=lambda m: rivals[m])
            counted = any(case.counted for case in cases)
            made.append(Place(dataset, own, middle, (best, rivals[best]), sorted(rivals.values()), counted))
    return made


def axis_of(found: Sequence[Place]) -> Axis:
    """One that shows all of them."""
    return axis([v for place in found for v in (place.own, place.median, *place.rivals)])


def axis_of_variants(verdict: Verdict) -> Axis:
    """One for a verdict's effect and what it would be otherwise."""
    return axis([verdict.effect, *(one.mean for one in verdict.variants)], relative=verdict.against == ALL)


def _means(values: Sequence[dict[str, float]]) -> dict[str, float]:
    everywhere = set.intersection(*(set(v) for v in values))
    return {m: float(np.mean([v[m] for v in values])) for m in sorted(everywhere)}
