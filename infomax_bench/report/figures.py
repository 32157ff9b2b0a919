"""Figures by their names, for papers and for the README: those of every view, and what came out of the predictions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from infomax_bench.base.errors import UserError, unknown
from infomax_bench.plots.overview import Caterpillar, overview
from infomax_bench.report.kept_figures import Drawn
from infomax_bench.report.model import kept
from infomax_bench.report.parts import Picture, picture
from infomax_bench.report.predictions import PREDICTION, Prediction
from infomax_bench.report.terminal import SAID
from infomax_bench.run.decisions import calibration
from infomax_bench.run.results import Results
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.claims import Claims
from infomax_bench.study.view import Shown, View

OVERVIEW = "first"
"""What the figure of all predictions is called."""


def marked_claims(results: Results, benchmarks: Sequence[Benchmark], subject: str | None) -> Claims:
    """Claims that know who did not reproduce what is published of them, as figures show it."""
    claims = results.claims(subject)
    calibrated = calibration(results, benchmarks, claims)
    return replace(claims, doubtful=frozenset(calibrated.differ), uncompared=frozenset(calibrated.never))


def views(results: Results, benchmark: Benchmark, claims: Claims) -> Iterator[tuple[str, str, Shown]]:
    """A benchmark's figures: name, caption, and what is drawn; none where nothing was measured."""
    rows = benchmark.own_rows(results.once, claims)
    if len(rows):
        shown = benchmark.shown(rows, kept(results, benchmark.keeps, claims), claims)
        yield from ((f"{benchmark.name}-{i}", *one) for i, one in enumerate(shown, start=1))


def view(name: str, results: Results, benchmarks: Sequence[Benchmark], claims: Claims) -> Shown:
    """The figure of a name: "transfer-2"; "transfer" or "P2" for the first.

    Raises UserError, which says what there is, for a name that is none.
    """
    of = {claim: b.name for b in benchmarks for claim in claims_of(b)}
    found = re.fullmatch(r"(.+?)(?:-(\d+))?", name)
    asked, number = found.groups() if found else (name, None)
    by_name = {b.name: b for b in benchmarks}
    benchmark = by_name.get(of.get(asked.upper(), asked))
    if benchmark is None:
        raise unknown("figure", name, [OVERVIEW, *of, *by_name])
    there = list(views(results, benchmark, claims))
    if not there:
        raise UserError(f"figure {name!r}: these results have nothing that {benchmark.name} shows")
    place = int(number or 1)
    if not 0 < place <= len(there):
        raise UserError(f"unknown figure {name!r}; {benchmark.name} has {there[0][0]} to {there[-1][0]}")
    return there[place - 1][2]


def claims_of(benchmark: Benchmark) -> list[str]:
    """The predictions that a benchmark decides."""
    return sorted({c.claim for c in benchmark.contrasts if PREDICTION.fullmatch(c.claim)})


def caterpillars(found: Iterable[Prediction]) -> list[Caterpillar]:
    """The predictions as the overview shows them."""
    made = []
    for one in found:
        own = one.compared or one.lead
        title = f"{one.claim}  {one.lead.title[:1].lower()}{one.lead.title[1:]}"
        counts = one.standing.counts if one.standing else None
        told = "ahead of {}, level with {}, behind {}".format(*counts) if counts else ""
        made.append(Caterpillar(title, one.lead.verdict, SAID[one.lead.verdict], told, own.rivals, own.line, own.unit))
    return made


def overviews(found: Sequence[Prediction], claims: Claims, drawn: Drawn) -> list[Picture]:
    """What came out of the predictions as a picture, for light and for dark pages."""
    panels, sees = caterpillars(found), tuple(sorted(claims.supervised))
    caption = f"{claims.subject} less each rival, by prediction."
    shown = [
        (f"{OVERVIEW}-{name}", Shown(View(OVERVIEW, overview, panels=panels, supervised=sees, dark=dark), [], claims))
        for name, dark in (("light", False), ("dark", True))
    ]
    made = (picture(name, caption, one, drawn) for name, one in shown) if panels else ()
    return [one for one in made if one is not None]
