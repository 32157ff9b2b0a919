"""How far the outcomes can be trusted, as plain values: what holds for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infomax_bench.report.tuning import untuned
from infomax_bench.run.decisions import Calibration
from infomax_bench.run.record import STUDY
from infomax_bench.run.results import Results
from infomax_bench.stats.here import Here
from infomax_bench.stats.verdict import Verdict
from infomax_bench.study.claims import Claims
from infomax_bench.study.contrast import ALL


@dataclass(frozen=True)
class Trust:
    """Of the roster of n, the subject among them: who did not reproduce what is published, and who was never compared
    with it; on which of the data sets the subject's loss still fell when training ended, None where that is not known;
    how many trials each method had, of those that have something to tune, and who had none."""

    n: int
    differ: Sequence[str]
    never: Sequence[str]
    falling: Sequence[str] | None
    trials: Sequence[int]
    untuned: Sequence[str]
    indicative: bool


def trust(
    results: Results, claims: Claims, calibrated: Calibration, falling: Sequence[str] | None, indicative: bool
) -> Trust:
    """falling: see `training`."""
    roster = {*claims.roster, claims.subject}
    studies = [s for s in results.info.get("tuning", {}).values() if set(STUDY) <= set(s)]
    return Trust(
        len(roster),
        [m for m in calibrated.differ if m in roster],
        [m for m in calibrated.never if m in roster],
        falling,
        sorted({int(s["trials"]) for s in studies}),
        [m for m in untuned(results) if m in roster],
        indicative,
    )


@dataclass(frozen=True)
class Neighbour:
    """A method, and how many places lie between it and the subject, over all comparisons that both are in."""

    method: str
    apart: float


def neighbours(verdicts: Sequence[Verdict]) -> list[Neighbour]:
    """Those that rank nearest to the subject, in verdicts against all methods; the nearest first."""
    apart: dict[str, list[int]] = {}
    for verdict in compared(verdicts):
        means = {c.rival: c.mean for c in verdict.comparisons}
        places = {m: i for i, m in enumerate(sorted(means, key=lambda m: (means[m], m)))}
        own = sum(mean < 0 for mean in means.values())
        for method, place in places.items():  # nobody is nearer than next to it
            apart.setdefault(method, []).append(own - place if place < own else place - own + 1)
    most = max(map(len, apart.values()), default=0)
    found = [Neighbour(m, sum(own) / len(own)) for m, own in apart.items() if len(own) == most]
    return sorted(found, key=lambda one: (one.apart, one.method))


def compared(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Those about the subject against all methods."""
    return [v for v in verdicts if v.against == ALL and not v.aside and isinstance(v.here, Here)]
