"""What a run was asked for, before anything is trained: who has to be trained beside the subject and why, and which
questions these methods and data sets leave nothing to measure in."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infomax_bench.base.console import few
from infomax_bench.base.errors import UserError
from infomax_bench.base.store import Store
from infomax_bench.run.planned import asked_now, plan_entries
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.plan import Planner
from infomax_bench.study.suite import Suite


def _are(names: Sequence[str]) -> str:
    return f"{few(names)} {'is' if len(names) == 1 else 'are'}"


@dataclass(frozen=True)
class Company:
    """Whom a subject brings with it.

    methods: those to train, the subject first. lines: what else is trained than the subject, and why; or that nothing
    is.
    """

    methods: tuple[str, ...]
    lines: list[str] = field(default_factory=list)


def company(
    planner: Planner, suite: Suite, benchmarks: Sequence[Benchmark], root: Path, changed: Collection[str]
) -> Company:
    """Who is trained if a subject is named and no methods are: the subject, whose rows are missing, and who is changed.

    suite: with all methods but the drafts of others. changed: whose settings the command line changes. Rows by an
    earlier version of the code, or of another budget, are there; they are marked.
    """
    subject, store = suite.subject, Store(root)
    manifest = store.manifest()
    absent: dict[str, set[str]] = {}
    for entry in plan_entries(planner, suite, benchmarks):
        method, old = entry.cell.method, manifest.get(entry.slot)
        if method != subject and (old is None or not store.done(str(old.get("key")))):
            absent.setdefault(method, set()).add(entry.key)
    others = sorted(set(changed) - {subject} - set(absent))
    lines = []
    if absent:
        n_jobs = len(set().union(*absent.values()))
        lines.append(
            f"{_are(sorted(absent))} trained too ({len(absent)} of the methods, {n_jobs} of the jobs): rows of "
            f"theirs are missing in {root}; '--methods {subject}' trains {subject} alone"
        )
    if others:
        lines.append(f"{_are(others)} trained too: --set changes settings of theirs")
    if not lines:
        lines.append(f"{subject} is trained alone, against the results in {root}")
    return Company((subject, *sorted(absent), *others), lines)


def check_grids(
    planner: Planner, suite: Suite, benchmarks: Sequence[Benchmark], *, named: bool, datasets: bool, methods: bool
) -> tuple[list[Benchmark], list[str]]:
    """The benchmarks that have something to measure, and a line for each thing asked for that comes to nothing.

    named: the benchmarks were asked for by name; datasets, methods: these were.
    Raises UserError if one that was asked for by name has nothing to measure, or if none has.
    """
    seen: dict[str, set[str]] = {}
    for benchmark in benchmarks:
        found = _sources(planner, suite, benchmark)
        names = set(found if datasets else itertools.islice(found, 1))
        seen[benchmark.name] = names | {name.split(":")[0] for name in names}
    empty = [name for name, found in seen.items() if not found]
    what = _of(suite, datasets, methods) + " alone on the machine" * suite.alone
    if empty and (named or len(empty) == len(benchmarks)):
        fix = "choose other data sets or methods, or another preset"
        raise UserError(f"{few(empty)}: nothing to measure{what} in preset {suite.preset}; {fix}")
    lines = [f"left out, with nothing to measure{what}: {', '.join(empty)}"] if empty else []
    for dataset in suite.datasets if datasets else ():
        without = [name for name, found in seen.items() if found and dataset not in found]
        if without:
            lines.append(
                f"{dataset} is left out of {', '.join(without)}: preset {suite.preset} plans nothing for it there"
            )
    return [b for b in benchmarks if b.name not in empty], lines


def _sources(planner: Planner, suite: Suite, benchmark: Benchmark) -> Iterator[str]:
    """The data set of each encoder of a grid that its method has. What fails counts as if it were there: it is told of
    when the run is planned."""
    try:
        for asked, _ in asked_now(planner, suite, benchmark):
            try:
                backbone = planner.resolve(asked).backbone
            except Exception:
                yield asked.dataset
                continue
            if backbone in planner.registry.get("methods", asked.method).cls.backbones:
                yield asked.dataset
    except Exception:
        yield from suite.datasets


def _of(suite: Suite, datasets: bool, methods: bool) -> str:
    of = f" of {few(suite.methods)}" if methods else ""
    return of + (f" on {few(suite.datasets)}" if datasets else "")
