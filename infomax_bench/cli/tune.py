"""`infomax-bench tune`: the same number of trials for every method."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from infomax_bench.base.console import say
from infomax_bench.base.errors import unknown
from infomax_bench.cli import options as take
from infomax_bench.cli.command import Command, add_workers, all_presets, registry_for, workers_for

if TYPE_CHECKING:
    from infomax_bench.study.plugins import Registry
    from infomax_bench.study.presets import Preset

HEADS = ("part", "jobs", "there", "core time")


def _options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("methods", nargs="*", type=take.word, metavar="METHOD", help="which methods (default: all)")
    add("--preset", type=take.word, help="whose data sets, width and epochs; see 'list presets'")
    add("--datasets", type=take.datasets, metavar="X,Y", help="these data sets instead of the preset's")
    these = "only these (default: all that are run; 'native' is each method's own)"
    add("--backbones", type=take.names, metavar="linear,mlp", help=these)
    add("--trials", type=take.trials, metavar="N", help="trials of each method (default: the preset's)")
    add("--again", action="store_true", help="make studies again that are there")
    kept = "of these backbones, make none: use the values that are there, though what they rest on changed, and say so"
    add("--keep", type=take.names, metavar="mlp,native", help=kept)
    add("--dry-run", action="store_true", help="say what would be made and what it would take; nothing is trained")
    add_workers(parser)


def tune_methods(arguments: argparse.Namespace) -> int:
    """Makes the studies that are missing, and tells of all that were asked for."""
    from infomax_bench.study.presets import find_preset

    preset = find_preset(all_presets(), arguments.preset)
    registry = registry_for(arguments)
    from infomax_bench.run.tuning import tune
    from infomax_bench.study.tuned import at_edges, brought_path, summary, tuned_path

    for name in (*(arguments.backbones or ()), *(arguments.keep or ())):
        if name not in (known := {*registry.names("backbones"), "native"}):
            raise unknown("backbone", name, known)
    path, brought = tuned_path(preset.name), brought_path(preset.name)
    if arguments.dry_run:
        return _estimate(arguments, registry, preset, path if path.exists() else brought)
    if arguments.keep:
        return _keep(arguments, registry, preset, path, brought)
    device, workers = workers_for(arguments)
    studies = tune(
        registry,
        preset,
        path,
        brought=brought,
        methods=arguments.methods,
        datasets=arguments.datasets,
        backbones=arguments.backbones,
        trials=preset.trials if arguments.trials is None else arguments.trials,
        folders=arguments.plugins,
        device=device,
        workers=workers,
        again=arguments.again,
        remembers=True,
    )
    limits = (("method", arguments.methods), ("dataset", arguments.datasets), ("backbone", arguments.backbones))
    asked = [s for s in studies.values() if all(not own or getattr(s, name) in own for name, own in limits)]
    say(summary(asked), *(f"at an edge: {line}" for line in at_edges(asked, registry)))
    return 0


def _keep(arguments: argparse.Namespace, registry: Registry, preset: Preset, path: Path, brought: Path) -> int:
    """Marks studies as kept."""
    from infomax_bench.run.tuning import keep
    from infomax_bench.study.plan import make_suite

    suite = make_suite(registry, preset, methods=arguments.methods, datasets=arguments.datasets)
    marked, there = keep(registry, suite, path, arguments.keep, brought)
    say(f"{there} studies of {', '.join(arguments.keep)} stay as they are, {marked} of them marked as kept now: {path}")
    return 0


def _estimate(arguments: argparse.Namespace, registry: Registry, preset: Preset, path: Path) -> int:
    """Tells what tuning would take."""
    from infomax_bench.base.progress import in_time
    from infomax_bench.cli.listing import show
    from infomax_bench.run.estimate import tuning
    from infomax_bench.run.recorded import recorded_hours
    from infomax_bench.run.spent import brought_results, known_prices
    from infomax_bench.study.plan import Planner, make_suite
    from infomax_bench.study.tuned import read_studies

    suite = make_suite(registry, preset, methods=arguments.methods, datasets=arguments.datasets)
    planner, studies = Planner(registry, "cpu"), {} if arguments.again else read_studies(path)
    prices = known_prices(planner, brought_results(), suite.datasets)
    trials = preset.trials if arguments.trials is None else arguments.trials
    found = tuning(planner, suite, trials, studies, prices, arguments.backbones)
    say(show([{k: v for k, v in line.shown().items() if k in HEADS} for line in found.lines[1:]]))
    total = found.total
    spent = recorded_hours(study.cpu_seconds for study in studies.values())
    say(
        f"{total.jobs} studies, {total.there} there: {in_time(total.seconds)} of one core, "
        f"{recorded_hours([total.seconds]):.1f} recorded hours; those that are there took {spent:.1f}"
    )
    return 0


COMMAND = Command(
    "tune",
    "the same number of trials for every method",
    "Searches every method's declared hyperparameters for each data set and each backbone that is run: optuna, on\n"
    "validation images only (those of the preset's held-out data set too, if it has one), at the preset's width and\n"
    "epochs. The first trial is the defaults; trials have at most 8,000 training images. The best two, and the\n"
    "first of them at half its rate, are tried on all; what three times the passes would harm is not chosen. Keeps\n"
    "all in results/tuned/PRESET.json, which 'run' uses from then on; --datasets makes a part of it. Studies that\n"
    "are there are not made again, unless what they depend on changed.",
    _options,
    tune_methods,
    goes_on=True,
)
