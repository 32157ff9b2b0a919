"""What a benchmark promises. A promise is about the benchmark, and the plug-ins that there are beside it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace

import pandas as pd

from infomax_bench.base.errors import UserError
from infomax_bench.check.promise import Broken, hold
from infomax_bench.run.results import COLUMNS, wrong_tags
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.cell import Cell, Request
from infomax_bench.study.claims import Claims
from infomax_bench.study.plan import given_to, make_suite
from infomax_bench.study.plugins import Registry, home
from infomax_bench.study.presets import load_presets
from infomax_bench.study.select import Select, selects_in
from infomax_bench.study.suite import Suite

CLAIMS = Claims("a", "check", {"a": "this work", "b": "prior art"}, False)
"""About two methods that there are not."""


def docstring_states_claim_and_rule(benchmark: Benchmark, found: Registry) -> None:
    """The docstring has a claim and a rule, written before any result exists."""
    for name in ("Claim", "Rule"):
        hold(bool(benchmark.paragraph(name)), f"the docstring has no paragraph beginning with '{name}:'")
    hold(bool(benchmark.title), "title is empty")


def grid_is_made_of_known_evaluations(benchmark: Benchmark, found: Registry) -> None:
    """Its grids ask for evaluations that exist, what is compared is among them, and tags are declared."""
    grid = _grid(benchmark, found)
    hold(bool(grid), "asks for nothing in any preset")
    asked = {request.evaluation for _, request in grid}
    known = found.names("evaluations")
    for name in sorted(asked | {benchmark.compares} - {""}):
        hold(name in known, f"asks for {name!r}, which is no evaluation")
    hold(not (wrong := wrong_tags(benchmark, grid)), wrong)
    if benchmark.compares:
        of = getattr(found.evaluation(benchmark.compares), "of", None)
        hold(of is not None, f"compares {benchmark.compares!r}, which is no comparison")
        hold(of in asked, f"does not ask for {of!r}")


def reads_what_is_measured(benchmark: Benchmark, found: Registry) -> None:
    """Metrics and protocols that it reads are declared by the evaluations that its grids ask for."""
    asked = {request.evaluation for _, request in _grid(benchmark, found)} | {benchmark.compares} - {""}
    measured = [own for name in sorted(asked) for own in found.evaluation(name).metrics]
    for one in _selects(benchmark):
        hold(any(own.has(one.metric) for own in measured), f"reads metric {one.metric!r}: {_nobody(one.metric, found)}")
        for protocol in one.protocols:
            known = any(own.has(one.metric, protocol) for own in measured)
            what = f"reads metric {one.metric!r} under protocol {protocol!r}"
            hold(known, f"{what}: {_nobody(one.metric, found, protocol)}")


def columns_that_are_read_exist(benchmark: Benchmark, found: Registry) -> None:
    """What it selects rows by are columns of every table, or tags that it declares."""
    for select in _selects(benchmark):
        for column in select.where:
            known = column in COLUMNS or column in benchmark.tags
            hold(known, f"{select}: {column!r} is no column, and no tag of its own")


def _nobody(metric: str, found: Registry, protocol: str | None = None) -> str:
    """Why a benchmark has no such rows."""
    others = [name for name, _ in found.declared(metric, protocol)]
    return f"its grids do not ask for {' or '.join(others)}" if others else "no evaluation declares it"


def _selects(benchmark: Benchmark) -> Iterator[Select]:
    """What it reads: in its file, in its class, and in what it shows."""
    cls = type(benchmark)
    yield from selects_in(list(vars(inspect.getmodule(cls)).values()))
    yield from selects_in([value for base in cls.__mro__ for value in vars(base).values()])
    yield from selects_in(list(benchmark.views(_no_rows(benchmark), CLAIMS)))


def _grid(benchmark: Benchmark, found: Registry) -> list[tuple[Cell, Request]]:
    return [one for suite in _suites(benchmark, found) for one in benchmark.grid(suite)]


def _suites(benchmark: Benchmark, found: Registry) -> Iterator[Suite]:
    """What the presets run, with what they give to this benchmark."""
    for preset in load_presets(home() / "benchmarks").values():
        suite = make_suite(found, preset)
        try:
            given = given_to(benchmark, preset, suite.datasets)
        except UserError as error:
            raise Broken(str(error)) from None
        yield replace(suite, given={**suite.given, benchmark.name: given})


def no_rows_no_verdict(benchmark: Benchmark, found: Registry) -> None:
    """Without results there are verdicts of nothing but "inconclusive", and no crash."""
    for verdict in benchmark.verdicts(_no_rows(benchmark), CLAIMS):
        hold(verdict.verdict == "inconclusive", f"{verdict.title!r} is {verdict.verdict} without any result")


def _no_rows(benchmark: Benchmark) -> pd.DataFrame:
    numbers = dict.fromkeys(("depth", "width", "seed", "x", "value"), float)
    return benchmark.tagged(pd.DataFrame(columns=list(COLUMNS)).astype(numbers))


BENCHMARK_PROMISES: tuple[Callable[[Benchmark, Registry], None], ...] = (
    docstring_states_claim_and_rule,
    grid_is_made_of_known_evaluations,
    reads_what_is_measured,
    columns_that_are_read_exist,
    no_rows_no_verdict,
)
