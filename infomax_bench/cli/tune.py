"""`infomax-bench tune`: the same number of trials for every method."""

from __future__ import annotations

import argparse

from infomax_bench.base.console import say
from infomax_bench.base.errors import unknown
from infomax_bench.cli import options as take
from infomax_bench.cli.command import Command, add_workers, all_presets, registry_for, workers_for


def _options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("methods", nargs="*", type=take.word, metavar="METHOD", help="which methods (default: all)")
    add("--preset", type=take.word, help="whose data sets, width and epochs; see 'list presets'")
    add("--datasets", type=take.datasets, metavar="X,Y", help="these data sets instead of the preset's")
    these = "only these (default: all that are run; 'native' is each method's own)"
    add("--backbones", type=take.names, metavar="linear,mlp", help=these)
    add("--trials", type=take.trials, metavar="N", help="trials of each method (default: the preset's)")
    add("--again", action="store_true", help="make studies again that are there")
    add_workers(parser)


def tune_methods(arguments: argparse.Namespace) -> int:
    """Makes the studies that are missing, and tells of all that were asked for."""
    from infomax_bench.study.presets import find_preset

    preset = find_preset(all_presets(), arguments.preset)
    registry = registry_for(arguments)
    from infomax_bench.run.tuning import tune
    from infomax_bench.study.tuned import brought_path, summary, tuned_path

    for name in arguments.backbones or ():
        if name not in (known := {*registry.names("backbones"), "native"}):
            raise unknown("backbone", name, known)
    device, workers = workers_for(arguments)
    studies = tune(
        registry,
        preset,
        tuned_path(preset.name),
        brought=brought_path(preset.name),
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
    say(summary(s for s in studies.values() if not arguments.methods or s.method in arguments.methods))
    return 0


COMMAND = Command(
    "tune",
    "the same number of trials for every method",
    "Searches every method's declared hyperparameters for each data set and each backbone that is run: optuna,\n"
    "the validation images only, the preset's width and epochs, the first trial being the defaults. Keeps all\n"
    "trials in results/tuned/PRESET.json, which 'run' uses from then on. Studies that are there are not made\n"
    "again, unless what they depend on changed.",
    _options,
    tune_methods,
    goes_on=True,
)
