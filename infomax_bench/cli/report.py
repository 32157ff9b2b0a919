"""`infomax-bench report`: rebuild the report of results that are there."""

from __future__ import annotations

import argparse
from pathlib import Path

from infomax_bench.base.errors import UserError, unknown
from infomax_bench.base.forked import held
from infomax_bench.cli import options as take
from infomax_bench.cli.command import Command, add_verbose, document, next_step, registry_for, results_folders


def _options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--results", type=take.path, metavar="DIR", help="one results folder (default: every results/*)")
    add("--out", type=take.path, metavar="DIR", help="where to (default: reports/NAME)")
    add("--subject", type=take.word, metavar="METHOD", help="decide the claims about this method instead")
    add_verbose(parser)


def make_reports(arguments: argparse.Namespace) -> int:
    """Writes the report of one results folder, or of every one."""
    with held():
        registry = registry_for(arguments, "benchmarks")
        from infomax_bench.report.build import write_report
        from infomax_bench.report.terminal import print_end
        from infomax_bench.run.decisions import decide_all
        from infomax_bench.run.results import read_info, read_results

    folders = results_folders(arguments.results)
    known = {name for root in folders for name in read_info(root).get("methods", {})}
    if arguments.subject and known and arguments.subject not in known:
        raise unknown("method", arguments.subject, known)
    if arguments.out and len(folders) > 1:
        raise UserError(f"--out is for one report, and there are results in {len(folders)} folders; add --results DIR")
    places = {root: take.folder("--out", arguments.out or Path("reports") / root.name) for root in folders}
    benchmarks = [registry.benchmark(name) for name in registry.names("benchmarks")]
    for root, out in places.items():
        with held():
            results = read_results(root)
        verdicts = decide_all(results, benchmarks, arguments.subject)
        page = write_report(root, out, registry, results, verdicts, document(root, arguments.out))
        then = next_step(verdicts, results.preset) if root == [*places][-1] else ""
        print_end(verdicts, results, benchmarks, page, arguments.verbose, then)
    return 0


COMMAND = Command(
    "report",
    "rebuild the report",
    "Builds the report from results alone, without training.",
    _options,
    make_reports,
)
