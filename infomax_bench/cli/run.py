"""`infomax-bench run`: train, measure and decide."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infomax_bench.base.console import say, tell
from infomax_bench.base.errors import UserError
from infomax_bench.cli import options as take
from infomax_bench.cli.command import (
    Command,
    add_verbose,
    add_workers,
    all_presets,
    document,
    next_step,
    registry_for,
    workers_for,
)

if TYPE_CHECKING:
    from infomax_bench.run.workers import Workers
    from infomax_bench.study.benchmark import Benchmark
    from infomax_bench.study.plan import Planner
    from infomax_bench.study.plugins import Registry
    from infomax_bench.study.suite import Suite
    from infomax_bench.study.tuned import Study


def _options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    asked = "which questions (default: all but those that run on request only)"
    add("benchmarks", nargs="*", type=take.word, metavar="BENCHMARK", help=asked)
    add("--preset", type=take.word, help="how much to run; see 'list presets'")
    add("--methods", type=take.names, metavar="A,B", help="only these methods (default: all)")
    add("--datasets", type=take.datasets, metavar="X,Y", help="these data sets instead of the preset's")
    part = "of all that is asked, only what concerns encoders of these data sets; the rest is another run's"
    add("--part", type=take.datasets, metavar="X,Y", help=part)
    sweep = "the width sweep; the other benchmarks use the preset's width if it is among them, else the largest"
    add("--widths", type=take.widths, metavar="16,64", help=sweep)
    add("--seeds", type=take.seeds, metavar="N", help="how many seeds (5 or more for a verdict)")
    add("--epochs", type=take.epochs, metavar="N", help="passes over the training images, for every data set")
    changed = "change a hyperparameter; may be repeated"
    add("--set", action="append", default=[], metavar="METHOD.PARAM=VALUE", dest="settings", help=changed)
    add("--untuned", action="store_true", help="every method's defaults instead of its tuned values")
    add(
        "--subject",
        type=take.word,
        metavar="METHOD",
        help="the method that the claims are about (default: the preset's). It trains alone, against the results that "
        "are there; others are trained too where rows of theirs are missing, drafts aside",
    )
    alone = "measure, anew, what takes the machine for itself (times), one job after the other, and nothing else"
    add("--alone", action="store_true", help=alone)
    add_workers(parser)
    add("--results", type=take.path, metavar="DIR", help="results folder (default: results/PRESET)")
    add("--out", type=take.path, metavar="DIR", help="report folder (default: reports/PRESET)")
    add("--no-report", action="store_true", help="stop after the tables and the verdicts")
    add_verbose(parser)
    would = "say what would be run and what it would take, by what such work took before; nothing is trained or written"
    add("--dry-run", action="store_true", help=would)


def settings_by_method(registry: Registry, pairs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """--set METHOD.PARAM=VALUE as typed values by method."""
    grouped: dict[str, dict[str, Any]] = {}
    for name, value in take.settings(pairs, "METHOD.PARAM=VALUE").items():
        method, _, param = name.rpartition(".")
        grouped.setdefault(method, {})[param] = value
    return {
        method: {param: getattr(registry.method(method, own), param) for param in own}
        for method, own in grouped.items()
    }


def _settings(registry: Registry, arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The same, of methods that take part."""
    settings = settings_by_method(registry, arguments.settings)
    for name, own in settings.items():
        if arguments.methods and name not in arguments.methods:
            raise UserError(f"--set {name}.{next(iter(own))}: {name} is not one of the methods in --methods")
    return settings


def _benchmarks(registry: Registry, named: Sequence[str]) -> list[Benchmark]:
    """Those that are named; else all that do not run on request only."""
    everything = [registry.benchmark(name) for name in registry.names("benchmarks")]
    asked = dict.fromkeys(named or (b.name for b in everything if not b.on_request))
    return [registry.benchmark(name) for name in asked]


def _asked(
    arguments: argparse.Namespace,
    make: Callable[..., Suite],
    planner: Planner,
    benchmarks: Sequence[Benchmark],
    root: Path,
    changed: Mapping[str, Any],
) -> tuple[Suite, list[Benchmark]]:
    """The suite, by `make(methods=...)`, and the questions in which it has something to measure. Says who is trained,
    and what comes to nothing. changed: the methods that have settings of their own."""
    from infomax_bench.cli.asked import check_grids, company

    methods = arguments.methods
    suite = make(methods=methods)
    if arguments.subject and not methods:  # drafts of others take no part in its claims
        suite = make(methods=[m for m in suite.methods if m == suite.subject or m not in suite.drafts])
    named = {"named": arguments.benchmarks, "datasets": arguments.datasets, "methods": methods}
    measured, lines = check_grids(planner, suite, benchmarks, **{what: bool(own) for what, own in named.items()})
    tell(*lines)
    if arguments.subject and not methods:
        beside = company(planner, suite, measured, root, changed)
        suite = make(methods=beside.methods)
        tell(*beside.lines)
    return suite, measured


def _tell_estimate(
    planner: Planner,
    suite: Suite,
    benchmarks: Sequence[Benchmark],
    root: Path,
    workers: Workers,
    studies: Mapping[str, Study] | None,
) -> None:
    """Prints what a run would take, a line for each part of it. studies: of tuning; None where none is asked for."""
    from infomax_bench.base.progress import in_time
    from infomax_bench.base.store import Store
    from infomax_bench.cli.listing import show
    from infomax_bench.run.estimate import estimate, in_words, tuning
    from infomax_bench.run.planned import planned
    from infomax_bench.run.recorded import recorded_hours
    from infomax_bench.run.results import read_results
    from infomax_bench.run.spent import brought_results, known_prices

    asked = planned(planner, suite, benchmarks, Store(root))
    folders = list(dict.fromkeys([*brought_results(), root.resolve()]))
    prices = known_prices(planner, folders, suite.datasets)
    n_workers = None if workers.scheduler else workers.jobs
    found = estimate(planner, asked, benchmarks, prices, n_workers)
    tell(*(f"warning: {line}" for line in asked.store.warnings), *(f"failed: {f}" for f in planner.faults.values()))
    say(show([line.shown() for line in found.lines]))
    say(in_words(found, n_workers, root))
    if found.total.there:
        say(f"{recorded_hours([read_results(root).cpu_seconds]):.2f} recorded hours in all that is in {root}")
    left = tuning(planner, suite, all_presets()[suite.preset].trials, studies or {}, prices).total
    if studies is not None and left.jobs > left.there:
        say(
            f"not part of it: 'infomax-bench tune --preset {suite.preset}' would make {left.jobs - left.there} of "
            f"{left.jobs} studies, which takes {in_time(left.seconds)} of one core"
        )


def run_suite(arguments: argparse.Namespace) -> int:
    """Runs what was asked for, and tells the verdicts; 1 if something failed."""
    from infomax_bench.study.presets import find_preset

    preset = find_preset(all_presets(), arguments.preset)
    root = take.folder("--results", arguments.results or Path("results") / preset.name)
    out = arguments.out or Path("reports") / root.name
    if not (arguments.no_report or arguments.dry_run):
        take.folder("--out", out)
    registry = registry_for(arguments)
    from infomax_bench.report.build import is_made, write_report
    from infomax_bench.report.live import Live
    from infomax_bench.report.terminal import print_end
    from infomax_bench.run.runner import run
    from infomax_bench.study.plan import Planner, make_suite
    from infomax_bench.study.tuned import tuned_settings, tuned_values

    device, workers = workers_for(arguments)
    if arguments.alone:
        if (arguments.jobs or 1) > 1 or workers.scheduler:
            raise UserError("--alone is one job after the other on this machine; leave out --jobs and --engine")
        workers = replace(workers, jobs=1)
    benchmarks = _benchmarks(registry, arguments.benchmarks)
    settings = _settings(registry, arguments)
    studies, said = ({}, "") if arguments.untuned else tuned_values(preset.name)
    tell(*([said] if said else []))
    given = {name: getattr(arguments, name) for name in ("datasets", "widths", "seeds", "epochs", "subject", "part")}
    tuned = tuned_settings(studies, registry)
    asked = partial(make_suite, registry, preset, settings=settings, tuned=tuned, **given)
    make = lambda **changes: replace(asked(**changes), alone=arguments.alone)  # noqa: E731
    suite, benchmarks = _asked(arguments, make, Planner(registry, device), benchmarks, root, settings)
    if arguments.dry_run:
        _tell_estimate(
            Planner(registry, device), suite, benchmarks, root, workers, None if arguments.untuned else studies
        )
        return 0
    where = {"folders": arguments.plugins, "device": device, "workers": workers}
    unseen = arguments.no_report or arguments.alone  # nothing may run beside what is measured alone
    with nullcontext() if unseen else Live(root, out, arguments.plugins) as live:
        watch = None if live is None else live.tell
        done = run(registry, suite, benchmarks, root, studies=studies, remembers=True, watch=watch, **where)
    if not arguments.no_report and not is_made(root, out, registry, done.verdicts):
        write_report(root, out, registry, done.results, done.verdicts, document(root, arguments.out))
    every = [registry.benchmark(name) for name in registry.names("benchmarks")]
    page = None if arguments.no_report else out / "index.html"
    print_end(done.verdicts, done.results, every, page, arguments.verbose, next_step(done.verdicts, preset.name))
    return 1 if done.results.failures or done.failures else 0


COMMAND = Command(
    "run",
    "train, measure and decide",
    "Trains what is missing, measures what is missing, writes measurements.csv, verdicts.json and findings.json below\n"
    "results/PRESET, and rebuilds the report. Interrupt it at any time: the next run goes on from there. What has not\n"
    "changed is not run again; editing one method's file re-runs that method only.",
    _options,
    run_suite,
    goes_on=True,
)
