"""What a run has to do: all that is asked of it, and what of that is not there yet. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from infomax_bench.base.store import Store
from infomax_bench.run.results import wrong_tags
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.cards import cards, claims_of
from infomax_bench.study.cell import DEFAULTS, Cell, Request
from infomax_bench.study.contrast import BoundContrast, Contrast
from infomax_bench.study.plan import BLOCK, Entry, Planner
from infomax_bench.study.suite import Suite


@dataclass(frozen=True)
class Planned:
    """keys: the jobs, each with its seeds; missing: those that are not there."""

    store: Store
    entries: list[Entry]
    keys: dict[str, tuple[int, ...]]
    missing: list[str]

    def has_encoder(self, key: str) -> bool:
        """Whether a block of encoders is there."""
        return self.store.encoder_path(key).exists()


def planned(planner: Planner, suite: Suite, benchmarks: Sequence[Benchmark], store: Store) -> Planned:
    """What the benchmarks ask for, as a results folder has it; of what is measured alone nothing counts as there."""
    entries = [_widest(entry, planner, store) for entry in plan_entries(planner, suite, benchmarks)]
    keys = {entry.key: entry.seeds for entry in entries}
    # times of one day do not stand beside those of another
    missing = [key for key, seeds in keys.items() if suite.alone or not store.done(key, seeds)]
    return Planned(store, entries, keys, missing)


def asked_now(planner: Planner, suite: Suite, benchmark: Benchmark) -> list[tuple[Cell, Request]]:
    """What a benchmark asks for: of what has to be measured alone, or of all else."""
    every = benchmark.asked(suite)
    return [one for one in every if planner.registry.evaluation(one[1].evaluation).alone == suite.alone]


def plan_entries(planner: Planner, suite: Suite, benchmarks: Sequence[Benchmark]) -> list[Entry]:
    """Every benchmark's grid as entries: of the suite's part of them, if it has one."""
    entries = []
    for benchmark in benchmarks:
        try:
            pairs = asked_now(planner, suite, benchmark)
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, SystemExit) as error:
            planner.faults[benchmark.name] = f"{benchmark.name}: its grid fails ({type(error).__name__}: {error})"
            continue
        if wrong := wrong_tags(benchmark, pairs):
            planner.faults[benchmark.name] = f"{benchmark.name}: {wrong}"
            continue
        if benchmark.contrasts or not benchmark.sweeps_width:
            pairs += _with_defaults(pairs, suite)
        entries += planner.entries(benchmark.name, pairs, suite.seeds)
        entries += planner.entries(benchmark.name, _again(benchmark, pairs, planner, suite), suite.again)
    return [entry for entry in entries if not suite.part or entry.cell.dataset in suite.part]


def _with_defaults(pairs: Sequence[tuple[Cell, Request]], suite: Suite) -> list[tuple[Cell, Request]]:
    """Where the subject was tuned, the same of it with its defaults."""
    return [
        (replace(cell, settings=(), label=DEFAULTS), request)
        for cell, request in pairs
        if (cell.method, cell.track, cell.backbone, cell.label) == (suite.subject, "controlled", "linear", "")
        and cell.settings
    ]


def _again(
    benchmark: Benchmark, pairs: Sequence[tuple[Cell, Request]], planner: Planner, suite: Suite
) -> list[tuple[Cell, Request]]:
    """What claims of being better, or about a number, are decided on, of the subject and its forms."""
    if not suite.again or not any(isinstance(one, Contrast | BoundContrast) for one in benchmark.contrasts):
        return []
    own = {suite.subject, *claims_of(cards(planner.registry), suite.subject, suite.preset).forms}
    plain = ("controlled", "linear")
    return [
        (cell, request)
        for cell, request in pairs
        if cell.method in own and cell.label in ("", DEFAULTS) and (cell.track, cell.backbone) == plain
    ]


def _widest(entry: Entry, planner: Planner, store: Store) -> Entry:
    """The entry, or that of its whole block of seeds if that was measured before: fewer seeds never replace more."""
    first = entry.seeds[0] // BLOCK * BLOCK
    block = tuple(range(first, first + BLOCK))
    if entry.seeds == block:
        return entry
    key = planner.key(entry.cell, entry.request, block)
    return (
        replace(entry, seeds=block, key=key, encoder_key=planner.encoder_key(entry.cell, block))
        if store.done(key, block)
        else entry
    )
