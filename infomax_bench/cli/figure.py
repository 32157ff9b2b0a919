"""`infomax-bench figure`: one figure, for papers."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from infomax_bench.base.console import say
from infomax_bench.base.errors import UserError, unknown
from infomax_bench.cli import options as take
from infomax_bench.cli.command import Command, registry_for, results_folders

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from infomax_bench.run.results import Results
    from infomax_bench.study.benchmark import Benchmark
    from infomax_bench.study.claims import Claims

FORMATS = ("pdf", "png", "svg")


def _options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    told = "transfer-2; transfer or P2 for its first; first: what came out of all predictions"
    add("name", nargs="?", type=take.word, metavar="NAME", help=told)
    add("--format", choices=FORMATS, help="what is written (default: what --out ends in, else pdf)")
    add("--results", type=take.path, metavar="DIR", help="the results folder (default: the one in results/)")
    add("--out", type=take.path, metavar="FILE", help="where to (default: NAME.FORMAT)")
    add("--subject", type=take.word, metavar="METHOD", help="whom claims are about")
    add("--dark", action="store_true", help="of 'first': for dark pages")
    add("--list", action="store_true", help="all names there are, with their captions")


def write_figure(arguments: argparse.Namespace) -> int:
    """Draws one figure, or lists all."""
    if not arguments.name and not arguments.list:
        raise UserError("which figure? name one, such as P2 or transfer-2; --list shows all")
    kind, out = _place(arguments)
    folders = results_folders(arguments.results)
    if len(folders) > 1:
        names = ", ".join(str(folder) for folder in folders)
        raise UserError(f"there are results in {len(folders)} folders; add --results DIR, one of {names}")
    registry = registry_for(arguments, "benchmarks")
    from infomax_bench.base.outputs import check_out, write_whole
    from infomax_bench.plots.theme import write
    from infomax_bench.report.figures import marked_claims, views
    from infomax_bench.run.results import read_info, read_results

    known = read_info(folders[0]).get("methods", {})
    if arguments.subject and known and arguments.subject not in known:
        raise unknown("method", arguments.subject, known)
    if not arguments.list:
        check_out(out)
    results = read_results(folders[0])
    benchmarks = [registry.benchmark(name) for name in registry.names("benchmarks")]
    claims = marked_claims(results, benchmarks, arguments.subject)
    if arguments.list:
        for benchmark in sorted(benchmarks, key=lambda b: (b.order, b.name)):
            say(*(f"{name}  {caption}" for name, caption, _ in views(results, benchmark, claims)))
        return 0
    write_whole(out, partial(write, _figure(arguments, results, benchmarks, claims), kind))
    say(out)
    return 0


def _figure(arguments: argparse.Namespace, results: Results, benchmarks: Sequence[Benchmark], claims: Claims) -> Figure:
    from infomax_bench.plots.overview import overview
    from infomax_bench.report.figures import OVERVIEW, caterpillars, view
    from infomax_bench.report.predictions import predictions
    from infomax_bench.run.decisions import decide_all

    if arguments.name == OVERVIEW:
        found = predictions(decide_all(results, benchmarks, arguments.subject), benchmarks, claims)
        return overview(caterpillars(found), claims.supervised, arguments.dark)
    if arguments.dark:
        raise UserError(f"--dark is for {OVERVIEW!r}, and {arguments.name!r} is another figure")
    return view(arguments.name, results, benchmarks, claims).figure()


def _place(arguments: argparse.Namespace) -> tuple[str, Path]:
    """What is written, and where to. Raises UserError if --out and --format contradict each other."""
    ends = arguments.out.suffix.lower().lstrip(".") if arguments.out else ""
    if ends and ends not in FORMATS:
        raise UserError(f"--out {arguments.out}: figures are written as {', '.join(FORMATS)}")
    if ends and arguments.format not in (None, ends):
        raise UserError(f"--out {arguments.out} and --format {arguments.format} contradict each other; leave one out")
    kind: str = arguments.format or ends or "pdf"
    return kind, arguments.out or Path(f"{arguments.name}.{kind}")


COMMAND = Command(
    "figure",
    "one figure, for papers",
    "Draws a figure of results that are there, as the report numbers them, without training.",
    _options,
    write_figure,
)
