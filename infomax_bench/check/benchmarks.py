"""What a benchmark promises: of its grid by what presets give it, and of its words and figures by made-up rows."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pandas as pd

from infomax_bench.base.errors import UserError
from infomax_bench.check.promise import hold, thorough
from infomax_bench.check.synthetic import FULL, LOSES, MISSING, ONE_SEED, SCENARIOS, WINS, Scenario, nothing, rows_of
from infomax_bench.plots.theme import EMPTY
from infomax_bench.run.results import COLUMNS, wrong_tags
from infomax_bench.stats.findings import Found
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.cards import cards, claims_of
from infomax_bench.study.claims import Claims
from infomax_bench.study.contrast import Contrast
from infomax_bench.study.plan import Entry, Planner, given_to, make_suite
from infomax_bench.study.plugins import Registry, home
from infomax_bench.study.presets import load_presets
from infomax_bench.study.selection import Select, selects_in
from infomax_bench.study.suite import Suite

DRAWN = (FULL, ONE_SEED)
"""The scenarios whose figures are drawn."""


@dataclass
class Asked:
    """A benchmark with the suite of the first preset that gives it something to do, and made-up rows of its grid."""

    benchmark: Benchmark
    registry: Registry

    @functools.cached_property
    def suites(self) -> list[Suite]:
        """What the presets run, with what they give to this benchmark. Raises Broken if they do not give it."""
        found = []
        for preset in load_presets(home() / "benchmarks").values():
            suite = make_suite(self.registry, preset)
            given = given_to(self.benchmark, preset, suite.datasets)
            found.append(replace(suite, given={**suite.given, self.benchmark.name: given}))
        return found

    @functools.cached_property
    def suite(self) -> Suite:
        """The first in which the benchmark asks for most evaluations."""
        return max(self.suites, key=lambda suite: len({r.evaluation for _, r in self.benchmark.asked(suite)}))

    @functools.cached_property
    def evaluations(self) -> set[str]:
        """Those that it asks for in any preset."""
        return {request.evaluation for suite in self.suites for _, request in self.benchmark.asked(suite)}

    @functools.cached_property
    def entries(self) -> list[Entry]:
        planner = Planner(self.registry, "cpu")
        return planner.entries(self.benchmark.name, self.benchmark.asked(self.suite), self.suite.seeds[:1])

    @functools.cached_property
    def claims(self) -> Claims:
        known = cards(self.registry, self.suite.drafts)
        return claims_of(known, self.suite.subject, "check", width=self.suite.width)

    @functools.cache  # noqa: B019 - one object a check
    def rows(self, scenario: Scenario) -> pd.DataFrame:
        """The benchmark's rows in a scenario, as a report would give them."""
        made = rows_of(self.benchmark, self.entries, self.registry, self.suite.subject, scenario)
        return self.benchmark.own_rows(made, self.claims)

    def __hash__(self) -> int:
        return id(self)


def docstring_states_claim_and_rule(asked: Asked) -> None:
    """There is a claim, quoted in claims.toml or the docstring, and a rule, written before any result exists."""
    beside = f", and no sentence of {asked.benchmark.essay.path} names {asked.benchmark.name!r}"
    for name, there, more in (
        ("Claim", asked.benchmark.claim(), beside),
        ("Rule", asked.benchmark.paragraph("Rule"), ""),
    ):
        hold(bool(there), f"the docstring has no paragraph beginning with '{name}:'{more}")
    hold(bool(asked.benchmark.title), "title is empty")


def grid_is_made_of_known_evaluations(asked: Asked) -> None:
    """With what presets give, the grid asks for something: evaluations that exist, with tags that are declared."""
    benchmark, known = asked.benchmark, asked.registry.names("evaluations")
    grid = [one for suite in asked.suites for one in benchmark.asked(suite)]
    hold(bool(grid), "asks for nothing in any preset")
    for name in sorted(asked.evaluations | {benchmark.compares} - {""}):
        hold(name in known, f"asks for {name!r}, which is no evaluation")
    hold(not (wrong := wrong_tags(benchmark, grid)), wrong)
    if benchmark.compares:
        of = getattr(asked.registry.evaluation(benchmark.compares), "of", None)
        hold(of is not None, f"compares {benchmark.compares!r}, which is no comparison")
        hold(of in asked.evaluations, f"does not ask for {of!r}")


def sentences_are_decided(asked: Asked) -> None:
    """What claims.toml says decides a sentence is there: benchmarks, verdicts, findings and data sets."""
    benchmark, claims, rows = asked.benchmark, asked.claims, [asked.rows(one) for one in (FULL, WINS)]
    names = {one.title for own in rows for one in benchmark.decide(own, claims)}
    names |= {one.name for own in rows for one in benchmark.findings(own, claims)}
    datasets = {cell.dataset for suite in asked.suites for cell, _ in benchmark.asked(suite)}
    benchmark.essay.check(benchmark.name, names, asked.registry.names("benchmarks"), datasets)


def reads_what_is_measured(asked: Asked) -> None:
    """Metrics and protocols that it reads are declared by the evaluations that its grids ask for."""
    names = sorted(asked.evaluations | {asked.benchmark.compares} - {""})
    measured = [own for name in names for own in asked.registry.evaluation(name).metrics]
    for one in reads_of(asked):
        for protocol in one.protocols or (None,):
            known = any(own.has(one.metric, protocol) for own in measured)
            what = f"reads metric {one.metric!r}" + (f" under protocol {protocol!r}" if protocol is not None else "")
            hold(known, f"{what}: {_nobody(one.metric, asked.registry, protocol)}")


def columns_that_are_read_exist(asked: Asked) -> None:
    """What it selects rows by are columns of every table, or tags that it declares."""
    for select in reads_of(asked):
        for column in select.where:
            known = column in COLUMNS or column in asked.benchmark.tags
            hold(known, f"{select}: {column!r} is no column, and no tag of its own")


def _nobody(metric: str, found: Registry, protocol: str | None = None) -> str:
    """Why a benchmark has no such rows."""
    others = [name for name, _ in found.declared(metric, protocol)]
    return f"its grids do not ask for {' or '.join(others)}" if others else "no evaluation declares it"


def reads_of(asked: Asked) -> Iterator[Select]:
    """What a benchmark reads: in its file, in its class, and in what it shows."""
    cls = type(asked.benchmark)
    yield from selects_in(list(vars(inspect.getmodule(cls)).values()))
    yield from selects_in([value for base in cls.__mro__ for value in vars(base).values()])
    yield from selects_in(list(asked.benchmark.views(nothing(asked.benchmark), asked.claims)))


def no_rows_no_verdict(asked: Asked) -> None:
    """Without results there are verdicts of nothing but "inconclusive", nothing is shown, and nothing crashes."""
    rows = nothing(asked.benchmark)
    for verdict in asked.benchmark.verdicts(rows, asked.claims):
        hold(verdict.verdict == "inconclusive", f"{verdict.title!r} is {verdict.verdict} without any result")
    hold(not list(asked.benchmark.figures(rows, asked.claims)), "shows figures of nothing")
    hold(not asked.benchmark.answer(rows, asked.claims), "answers without any result")


def verdicts_follow_the_rows(asked: Asked) -> None:
    """A subject that wins all is ahead in its contrasts, one that loses is behind; without it there is no word."""
    benchmark, claims = asked.benchmark, asked.claims
    # of what is made of rows, a ratio say, nobody knows who is ahead: there it is enough if the wrong one does not win
    plain = {one.title: isinstance(one.rows, Select) for one in benchmark.contrasts if isinstance(one, Contrast)}
    for scenario, sign, wrong in ((WINS, 1, "refuted"), (LOSES, -1, "supported")):
        for verdict in benchmark.verdicts(asked.rows(scenario), claims):
            if verdict.title in plain and not verdict.aside:
                said = f"{verdict.title!r} against {verdict.against} is {verdict.verdict} where {scenario.name}"
                hold(verdict.verdict != wrong, said)
                side = not plain[verdict.title] or not verdict.n_datasets or sign * verdict.effect > 0
                hold(side, f"{verdict.title!r} has an effect of {verdict.effect:.3g} where {scenario.name}")
    for verdict in benchmark.verdicts(asked.rows(MISSING), claims):
        decided = verdict.verdict != "inconclusive" and not verdict.aside
        hold(not decided, f"{verdict.title!r} is {verdict.verdict} with {MISSING.name}")


def words_are_whole(asked: Asked) -> None:
    """Whatever is there or missing, verdicts, headlines and answers are told in whole sentences without a gap."""
    for scenario in SCENARIOS:
        rows = asked.rows(scenario)
        verdicts = asked.benchmark.verdicts(rows, asked.claims)
        found = Found(asked.benchmark.findings(rows, asked.claims), verdicts)
        told = [verdict.sentence for verdict in verdicts]
        told += [asked.benchmark.headline(found, asked.claims), asked.benchmark.takeaway(found, asked.claims)]
        told += asked.benchmark.answer_of(found, asked.claims).split("\n")
        for line in filter(None, told):
            bad = re.search(r"\bnan\b|\bNone\b(?! of)|\binf\b|\{|\}|\(\)|  |\s[,;.:]\s", line)
            hold(bad is None, f"where {scenario.name}, it says {line!r}")
            hold(line[-1] in ".?!", f"where {scenario.name}, it ends in the middle: {line!r}")
    silent = type(asked.benchmark).findings is not Benchmark.findings and not list(
        asked.benchmark.findings(asked.rows(FULL), asked.claims)
    )
    hold(not silent, "finds nothing where everything is there")


@thorough
def shows_what_there_is(asked: Asked) -> None:
    """Every figure and every column of the table has something to show where everything is there."""
    benchmark, claims = asked.benchmark, asked.claims
    for scenario in DRAWN:
        rows = asked.rows(scenario)
        for view in benchmark.views(rows, claims):
            shown = view.shown(rows, claims)
            hold(shown is not None or scenario is not FULL, f"figure {view.name!r} has no rows")
            if shown is not None:
                hold(benchmark.words.has(view.name), f"figure {view.name!r} has no caption: no words of its name")
                hold(shown.figure().get_label() != EMPTY, f"figure {view.name!r} is empty where {scenario.name}")
    table = benchmark.table(asked.rows(FULL), claims)
    for name, column in () if table is None else table.items():
        hold(bool(column.notna().any()), f"the table's column {name!r} is empty")
    for scenario in SCENARIOS:
        benchmark.table(asked.rows(scenario), claims)


def _as_user_error(promise: Callable[[Asked], None]) -> Callable[[Asked], None]:
    """Missing words are the benchmark's fault, and no user's."""

    @functools.wraps(promise)
    def kept(asked: Asked) -> None:
        try:
            promise(asked)
        except UserError as error:
            hold(False, str(error))

    return kept


BENCHMARK_PROMISES: tuple[Callable[[Asked], None], ...] = tuple(
    _as_user_error(promise)
    for promise in (
        docstring_states_claim_and_rule,
        grid_is_made_of_known_evaluations,
        sentences_are_decided,
        reads_what_is_measured,
        columns_that_are_read_exist,
        no_rows_no_verdict,
        verdicts_follow_the_rows,
        words_are_whole,
        shows_what_there_is,
    )
)
