"""What every command is made of: what is typed, what is done then, and what several commands ask first."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infomax_bench.base.console import tell
from infomax_bench.base.errors import UserError
from infomax_bench.cli import options as take

if TYPE_CHECKING:
    from infomax_bench.run.workers import Workers
    from infomax_bench.stats.verdict import Verdict
    from infomax_bench.study.plugins import Registry
    from infomax_bench.study.presets import Preset

PROGRAM = "infomax-bench"


@dataclass(frozen=True)
class Command:
    """One command.

    summary: its line in the list of commands; options: adds what it takes to its parser; action: returns the exit
    status; goes_on: whether it finds what was finished before it was interrupted.
    """

    name: str
    summary: str
    description: str
    options: Callable[[argparse.ArgumentParser], None]
    action: Callable[[argparse.Namespace], int]
    goes_on: bool = False


def registry_for(arguments: argparse.Namespace, *kinds: str) -> Registry:
    """All plug-ins, or those of some kinds; one warning line for each file that does not load."""
    from infomax_bench.study.plugins import KINDS, registry

    found = registry(arguments.plugins, kinds or KINDS)
    tell(*(f"warning: {warning}" for warning in found.warnings))
    return found


def all_presets() -> dict[str, Preset]:
    """Every preset by its name."""
    from infomax_bench.study.plugins import home
    from infomax_bench.study.presets import load_presets

    return load_presets(home() / "benchmarks")


def results_folders(asked: Path | None) -> list[Path]:
    """The results folder that was asked for, or every one in results/. Raises UserError if there is none."""
    everything = Path("results").glob("*/manifest.json*"), Path("results").glob("*/packed/index.json*")
    folders = {path.parents[n] for n, paths in enumerate(everything) for path in paths}
    if not folders and asked is None:
        raise UserError("no results yet; 'infomax-bench run' (or 'make run-all') makes some")
    return [asked] if asked else sorted(folders)


def add_workers(parser: argparse.ArgumentParser) -> None:
    """The options that say where jobs run."""
    add = parser.add_argument
    add("--device", default="auto", choices=["auto", "cpu", "cuda"], help="where to train")
    add("--jobs", type=take.jobs, metavar="N", help="worker processes of this machine (default: one a core)")
    add(
        "--engine",
        default="local",
        choices=["local", "dask"],
        help="who does the jobs: this machine, or a Dask cluster, whose machines share the results folder",
    )
    add("--scheduler", type=take.word, metavar="ADDRESS", help="the cluster's, as in tcp://10.0.0.1:8786")


def add_verbose(parser: argparse.ArgumentParser) -> None:
    """Whether all is told at the end, or what came out."""
    told = "at the end tell every claim with its numbers, every warning and every failure"
    parser.add_argument("--verbose", action="store_true", help=told)


def next_step(verdicts: Sequence[Verdict], preset: str) -> str:
    """What one may do after a run: decide where nothing is decided yet, or try an objective of one's own."""
    deciding = [p.name for p in all_presets().values() if not p.indicative]
    if deciding and verdicts and all(v.indicative for v in verdicts) and preset not in deciding:
        return f"open it, or decide: {PROGRAM} run --preset {deciding[0]}"
    return f"open it, or begin a method of your own: {PROGRAM} new-method my_idea"


def workers_for(arguments: argparse.Namespace) -> tuple[str, Workers]:
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


def document(root: Path, out: Path | None) -> Path | None:
    """Where a clone's documents tell what the preset of these results found; None elsewhere."""
    own = root.parent == Path("results") and out is None and Path("docs").is_dir()
    documented = own and any(p.documented and p.name == root.name for p in all_presets().values())
    return Path("docs") / "answers.md" if documented else None
