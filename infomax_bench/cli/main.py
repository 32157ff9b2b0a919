"""The command line. Help must come up at once, so nothing heavy is imported before a command needs it."""

from __future__ import annotations

import argparse
import contextlib
import inspect
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from infomax_bench import __version__
from infomax_bench.base.console import any_terminal, say, tell
from infomax_bench.base.errors import Diverged, NotApplicable, UserError, unknown
from infomax_bench.cli import options as take

if TYPE_CHECKING:
    from infomax_bench.run.workers import Workers
    from infomax_bench.study.plugins import Registry
    from infomax_bench.study.presets import Preset

PROGRAM = "infomax-bench"

EPILOG = """\
examples:
  infomax-bench list methods                      every method: family, backbones, objective, paper
  infomax-bench run                               everything, on embedded data, in minutes
  infomax-bench run BENCHMARK --methods A,B --seeds 5
  infomax-bench run --subject my_idea             the four predictions as claims about your method
  infomax-bench run --set METHOD.PARAM=10 --results results/other
  infomax-bench tune my_idea                      the same number of trials as every other method had
  infomax-bench check methods/my_idea.py          does it keep the promises of a method?
  infomax-bench report                            rebuild every report from the results that are there
"""


class _Parser(argparse.ArgumentParser):
    """Errors on one line."""

    def error(self, message: str) -> NoReturn:
        fail(message)


def fail(message: str) -> NoReturn:
    """One clear line on the standard error, and exit status 2."""
    tell(f"{PROGRAM}: error: {message}")
    raise SystemExit(2)


def _add_workers(command: argparse.ArgumentParser) -> None:
    """The options that say where jobs run."""
    command.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"], help="where to train")
    command.add_argument(
        "--jobs", type=take.jobs, metavar="N", help="worker processes of this machine (default: one a core)"
    )
    command.add_argument("--engine", default="local", choices=["local", "dask"], help="who does the jobs: this "
                         "machine, or a Dask cluster, whose machines share the results folder")  # fmt: skip
    command.add_argument(
        "--scheduler", type=take.word, metavar="ADDRESS", help="the cluster's, as in tcp://10.0.0.1:8786"
    )


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(
        prog=PROGRAM, formatter_class=raw, epilog=EPILOG,
        description="Train, probe, prune and transfer features of every pretraining method on equal terms, and decide "
        "the predictions of 'InfoMax vs. Pretraining Prior Art' by rules written before the run.",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)

    def command(name: str, summary: str, description: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=summary, description=description, formatter_class=raw)
        sub.add_argument(
            "--plugins", type=take.path, action="append", default=[], metavar="DIR",
            help="a folder of your own plug-in files (loose, or in methods/, datasets/, benchmarks/); may be repeated",
        )  # fmt: skip
        return sub

    listing = command("list", "what there is", "Lists the methods, data sets or benchmarks, built-in and your own.")
    listing.add_argument("kind", choices=["methods", "datasets", "benchmarks", "presets"])
    listing.add_argument("--json", action="store_true", help="as JSON, for programs")

    run = command(
        "run", "train, measure and decide",
        "Trains what is missing, measures what is missing, writes results/PRESET/measurements.csv and verdicts.json,\n"
        "and rebuilds the report. Interrupt it at any time: the next run goes on from there. What has not changed is\n"
        "not run again; editing one method's file re-runs that method only.",
    )  # fmt: skip
    run.add_argument("benchmarks", nargs="*", type=take.word, metavar="BENCHMARK",
                     help="which questions (default: all but those that run on request only)")  # fmt: skip
    run.add_argument("--preset", type=take.word, help="how much to run; see 'list presets'")
    run.add_argument("--methods", type=take.names, metavar="A,B", help="only these methods (default: all)")
    run.add_argument("--datasets", type=take.datasets, metavar="X,Y", help="these data sets instead of the preset's")
    run.add_argument("--widths", type=take.widths, metavar="16,64", help="the width sweep; the other benchmarks use "
                     "the preset's width if it is among them, else the largest")  # fmt: skip
    run.add_argument("--seeds", type=take.seeds, metavar="N", help="how many seeds (5 or more for a verdict)")
    run.add_argument(
        "--epochs", type=take.epochs, metavar="N", help="passes over the training images, for every data set"
    )
    run.add_argument("--set", action="append", default=[], metavar="METHOD.PARAM=VALUE", dest="settings",
                     help="change a hyperparameter; may be repeated")  # fmt: skip
    run.add_argument("--untuned", action="store_true", help="every method's defaults instead of its tuned values")
    run.add_argument("--subject", type=take.word, metavar="METHOD", help="the method that the claims are about "
                     "(default: the preset's). It trains alone, against the results that are there; others are "
                     "trained too where rows of theirs are missing, drafts aside")  # fmt: skip
    _add_workers(run)
    run.add_argument("--results", type=take.path, metavar="DIR", help="results folder (default: results/PRESET)")
    run.add_argument("--out", type=take.path, metavar="DIR", help="report folder (default: reports/PRESET)")
    run.add_argument("--no-report", action="store_true", help="stop after the tables and the verdicts")

    tuning = command(
        "tune", "the same number of trials for every method",
        "Searches every method's declared hyperparameters for each data set and each backbone that is run: optuna,\n"
        "the validation images only, the preset's width and epochs, the first trial being the defaults. Keeps all\n"
        "trials in results/tuned/PRESET.json, which 'run' uses from then on. Studies that are there are not made\n"
        "again, unless what they depend on changed.",
    )  # fmt: skip
    tuning.add_argument("methods", nargs="*", type=take.word, metavar="METHOD", help="which methods (default: all)")
    tuning.add_argument("--preset", type=take.word, help="whose data sets, width and epochs; see 'list presets'")
    tuning.add_argument("--datasets", type=take.datasets, metavar="X,Y", help="these data sets instead of the preset's")
    tuning.add_argument("--backbones", type=take.names, metavar="linear,mlp",
                        help="only these (default: all that are run; 'native' is each method's own)")  # fmt: skip
    tuning.add_argument("--trials", type=take.trials, metavar="N", help="trials of each method (default: the preset's)")
    tuning.add_argument("--again", action="store_true", help="make studies again that are there")
    _add_workers(tuning)

    check = command(
        "check", "does a plug-in keep its promises?",
        "Tests what the harness relies on: shapes, determinism under a seed, gradient flow, no use of labels by an\n"
        "unsupervised method, every data set's shape, degenerate images, the same start alone and in a group.",
    )  # fmt: skip
    check.add_argument("plugin", type=take.word, metavar="PLUGIN", help="a plug-in's name, or its file")

    report = command("report", "rebuild the report", "Builds the report from results alone, without training.")
    report.add_argument(
        "--results", type=take.path, metavar="DIR", help="one results folder (default: every results/*)"
    )
    report.add_argument("--out", type=take.path, metavar="DIR", help="where to (default: reports/NAME)")
    report.add_argument(
        "--subject", type=take.word, metavar="METHOD", help="decide the claims about this method instead"
    )

    encode = command("encode", "features as a file", "Pretrains one encoder and writes its features of every image.")
    encode.add_argument("method", type=take.word, metavar="METHOD")
    encode.add_argument("dataset", type=take.word, metavar="DATASET")
    encode.add_argument("--width", type=take.width, default=64)
    encode.add_argument("--seed", type=take.seed, default=0)
    encode.add_argument("--epochs", type=take.epochs, help="passes over the training images (default: the preset's)")
    encode.add_argument("--set", action="append", default=[], metavar="PARAM=VALUE", dest="settings")
    encode.add_argument("--out", type=take.path, default=Path("features.npz"), metavar="FILE")

    evaluate = command(
        "evaluate", "the same evaluations for features made elsewhere",
        "Reads an .npz with `features` float [N, K] and `labels` int [N], and if they are there `test` bool [N],\n"
        "`seed` and `factors` int [N, F], and prints probe accuracies, pruning, redundancy and interpretability.\n"
        "Shift and scale of a feature do not matter (but to what is published as depending on them). Of more than 256\n"
        "features, where pruning hurts is found to a sixteenth of them.",
    )  # fmt: skip
    evaluate.add_argument("file", type=take.source, metavar="FEATURES.npz")
    evaluate.add_argument("--out", type=take.path, metavar="FILE.csv", help="write the rows as a table too")

    new = command(
        "new-method",
        "a commented plug-in file that runs",
        "Writes NAME.py, which already runs and is ready to be changed.",
    )
    new.add_argument("name", metavar="NAME")
    new.add_argument(
        "--dir", type=take.path, metavar="DIR", help="where to (default: the clone's methods/, or here without a clone)"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0 good, 1 something failed and is reported so, 2 bad input."""
    any_terminal()
    arguments = build_parser().parse_args(argv)
    action = {
        "list": list_plugins, "run": run_suite, "tune": tune_methods, "check": check_plugin, "report": make_reports,
        "encode": encode_features, "evaluate": evaluate_file, "new-method": new_method,
    }[arguments.command]  # fmt: skip
    try:
        with _ended_like_interrupted():
            return action(arguments)
    except (UserError, NotApplicable, Diverged) as error:
        fail(str(error))
    except SystemExit as error:  # of a plug-in: nothing here raises it
        fail(f"a plug-in ended the program (SystemExit: {error}); nothing after that was done")
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        fail(f"{error.filename or 'the disk'}: {error.strerror or error}")
    except KeyboardInterrupt:
        goes_on = arguments.command in ("run", "tune")
        end = "the same command goes on from here" if goes_on else "what was not finished is lost"
        tell("", f"{PROGRAM}: interrupted; {end}")
        return 130


@contextlib.contextmanager
def _ended_like_interrupted() -> Iterator[None]:
    """Lets a request to end (SIGTERM) end a command as Ctrl-C does, with the processes that it began."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only that one hears signals
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _registry(arguments: argparse.Namespace, *kinds: str) -> Registry:
    """All plug-ins, or those of some kinds; one warning line for each file that does not load."""
    from infomax_bench.study.plugins import KINDS, registry

    found = registry(arguments.plugins, kinds or KINDS)
    tell(*(f"warning: {warning}" for warning in found.warnings))
    return found


def _presets() -> dict[str, Preset]:
    from infomax_bench.study.plugins import home
    from infomax_bench.study.presets import load_presets

    return load_presets(home() / "benchmarks")


def _of_methods(registry: Registry, pairs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """--set METHOD.PARAM=VALUE as typed values by method."""
    grouped: dict[str, dict[str, Any]] = {}
    for name, value in take.settings(pairs, "METHOD.PARAM=VALUE").items():
        method, _, param = name.rpartition(".")
        grouped.setdefault(method, {})[param] = value
    return {
        method: {param: getattr(registry.method(method, own), param) for param in own}
        for method, own in grouped.items()
    }


def list_plugins(arguments: argparse.Namespace) -> int:
    from infomax_bench.cli.listing import describe, show

    if arguments.kind == "presets":
        records = [
            {"name": p.name, "summary": p.summary, "datasets": ", ".join(p.datasets), "seeds": p.seeds,
             "widths": ", ".join(map(str, p.widths))}
            for p in _presets().values()
        ]  # fmt: skip
    else:
        records = describe(_registry(arguments), arguments.kind)
    if arguments.json:
        print(json.dumps(records, indent=1))  # has escapes of its own
    else:
        say(show(records))
    return 0


def run_suite(arguments: argparse.Namespace) -> int:
    from infomax_bench.study.presets import find_preset

    preset = find_preset(_presets(), arguments.preset)
    root = take.folder("--results", arguments.results or Path("results") / preset.name)
    out = arguments.out or Path("reports") / root.name
    if not arguments.no_report:
        take.folder("--out", out)
    registry = _registry(arguments)
    from infomax_bench.cli.asked import check_grids, company
    from infomax_bench.report.build import is_made, print_verdicts, write_report
    from infomax_bench.run.runner import run
    from infomax_bench.study.plan import Planner, make_suite
    from infomax_bench.study.tuned import tuned_settings, tuned_values

    device, workers = _workers(arguments)
    everything = [registry.benchmark(name) for name in registry.names("benchmarks")]
    asked = dict.fromkeys(arguments.benchmarks or (b.name for b in everything if not b.on_request))
    benchmarks = [registry.benchmark(name) for name in asked]
    settings = _of_methods(registry, arguments.settings)
    methods = arguments.methods
    for name, own in settings.items():
        if methods and name not in methods:
            raise UserError(f"--set {name}.{next(iter(own))}: {name} is not one of the methods in --methods")
    studies, said = ({}, "") if arguments.untuned else tuned_values(preset.name)
    tell(*([said] if said else []))
    make = partial(
        make_suite, registry, preset, datasets=arguments.datasets, widths=arguments.widths, seeds=arguments.seeds,
        epochs=arguments.epochs, settings=settings, subject=arguments.subject,
        tuned=tuned_settings(studies, registry),
    )  # fmt: skip
    suite = make(methods=methods)
    planner = Planner(registry, device)
    if arguments.subject and not methods:  # drafts of others take no part in its claims
        suite = make(methods=[m for m in suite.methods if m == suite.subject or m not in suite.drafts])
    benchmarks, lines = check_grids(
        planner, suite, benchmarks,
        named=bool(arguments.benchmarks), datasets=bool(arguments.datasets), methods=bool(methods),
    )  # fmt: skip
    tell(*lines)
    if arguments.subject and not methods:
        beside = company(planner, suite, benchmarks, root, settings)
        suite = make(methods=beside.methods)
        tell(*beside.lines)
    done = run(
        registry, suite, benchmarks, root, folders=arguments.plugins, device=device, workers=workers, studies=studies
    )
    tell(*(f"warning: {warning}" for warning in done.results.warnings))
    if not arguments.no_report:
        path = out / "report.html"
        if not is_made(root, out, registry, done.verdicts):
            write_report(root, out, registry, done.results, done.verdicts, _document(root, arguments.out))
        tell(f"report: {path}")
    print_verdicts(done.verdicts, done.results)
    tell(*(f"failed: {label}: {reason}" for label, reason in done.results.failures))
    return 1 if done.results.failures or done.failures else 0


def tune_methods(arguments: argparse.Namespace) -> int:
    from infomax_bench.study.presets import find_preset

    preset = find_preset(_presets(), arguments.preset)
    registry = _registry(arguments)
    from infomax_bench.models.backbones import BACKBONES
    from infomax_bench.run.tuning import tune
    from infomax_bench.study.tuned import brought_path, summary, tuned_path

    for name in arguments.backbones or ():
        if name not in (known := {*BACKBONES, "native"}):
            raise unknown("backbone", name, known)
    device, workers = _workers(arguments)
    trials = preset.trials if arguments.trials is None else arguments.trials
    studies = tune(
        registry, preset, tuned_path(preset.name), brought=brought_path(preset.name), methods=arguments.methods,
        datasets=arguments.datasets, backbones=arguments.backbones, trials=trials, folders=arguments.plugins,
        device=device, workers=workers, again=arguments.again,
    )  # fmt: skip
    say(summary(s for s in studies.values() if not arguments.methods or s.method in arguments.methods))
    return 0


def _workers(arguments: argparse.Namespace) -> tuple[str, Workers]:
    """The device to train on, and who does the jobs.

    Raises UserError for a GPU that is not there, and for a cluster without an address.
    """
    import torch

    from infomax_bench.base.forked import available_cores
    from infomax_bench.run.workers import Workers

    device: str = arguments.device
    if (arguments.engine == "dask") != (arguments.scheduler is not None):
        raise UserError("--engine dask and --scheduler ADDRESS go together, as in --scheduler tcp://10.0.0.1:8786")
    if arguments.engine == "dask":  # what this machine has says nothing about the cluster's
        cluster = Workers(scheduler=arguments.scheduler)
        cluster.check()
        return "cpu" if device == "auto" else device, cluster
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch sees no CUDA device; use --device cpu")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return device, Workers(arguments.jobs or (1 if device == "cuda" else available_cores()), apart=device != "cuda")


def check_plugin(arguments: argparse.Namespace) -> int:
    from infomax_bench.check.check import check

    return check(arguments.plugin, arguments.plugins)


def make_reports(arguments: argparse.Namespace) -> int:
    registry = _registry(arguments, "benchmarks")
    from infomax_bench.report.build import write_report
    from infomax_bench.run.results import decide_all, read_info, read_results

    everything = sorted({path.parent for path in Path("results").glob("*/manifest.json*")})
    folders = [arguments.results] if arguments.results else everything
    if not folders:
        raise UserError("no results yet; 'infomax-bench run' (or 'make run-all') makes some")
    known = {name for root in folders for name in read_info(root).get("methods", {})}
    if arguments.subject and known and arguments.subject not in known:
        raise unknown("method", arguments.subject, known)
    if arguments.out and len(folders) > 1:
        raise UserError(f"--out is for one report, and there are results in {len(folders)} folders; add --results DIR")
    places = {root: take.folder("--out", arguments.out or Path("reports") / root.name) for root in folders}
    benchmarks = [registry.benchmark(name) for name in registry.names("benchmarks")]
    for root, out in places.items():
        results = read_results(root)
        tell(*(f"warning: {warning}" for warning in results.warnings))
        verdicts = decide_all(results, benchmarks, arguments.subject)
        say(write_report(root, out, registry, results, verdicts, _document(root, arguments.out)))
    return 0


def _document(root: Path, out: Path | None) -> Path | None:
    """Where a clone's documents tell what the preset of these results found; None elsewhere."""
    own = root.parent == Path("results") and out is None and Path("docs").is_dir()
    documented = own and any(p.documented and p.name == root.name for p in _presets().values())
    return Path("docs") / "answers.md" if documented else None


def encode_features(arguments: argparse.Namespace) -> int:
    from infomax_bench.base.outputs import check_out

    check_out(arguments.out)
    registry = _registry(arguments)
    from infomax_bench.run.api import pretrain
    from infomax_bench.run.external import encode

    settings = take.settings(arguments.settings, "PARAM=VALUE")
    registry.method(arguments.method, settings)
    for name in set(settings) & set(inspect.signature(pretrain).parameters):
        raise UserError(f"--set {name}: what is called like an argument of pretrain() cannot be set here")
    dataset = registry.dataset(arguments.dataset)
    epochs = arguments.epochs
    if epochs is None:
        epochs = next((p.epochs[dataset.name] for p in _presets().values() if dataset.name in p.epochs), 20)
    encode(
        arguments.method, arguments.dataset, arguments.out, width=arguments.width, seed=arguments.seed, epochs=epochs,
        folders=arguments.plugins, settings=settings,
    )  # fmt: skip
    say(arguments.out)
    return 0


def evaluate_file(arguments: argparse.Namespace) -> int:
    from infomax_bench.base.outputs import check_out, write_whole

    if arguments.out:
        check_out(arguments.out, arguments.file)
    from infomax_bench.run.external import evaluate_file

    rows = evaluate_file(arguments.file, lambda text: tell(f"warning: {text}"))
    lost = None
    if arguments.out:
        try:
            write_whole(arguments.out, lambda path: rows.to_csv(path, index=False))
        except UserError as error:
            lost = error
    say(rows.to_string(index=False, na_rep=""))
    if lost:
        raise lost
    return 0


def new_method(arguments: argparse.Namespace) -> int:
    from infomax_bench.cli.template import write_method

    path = write_method(arguments.name, arguments.dir)
    say(f"{path} written; next: {PROGRAM} check {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
