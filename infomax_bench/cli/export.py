"""`infomax-bench export`: the table of measurements of results that are there."""

from __future__ import annotations

import argparse

from infomax_bench.base.console import say, tell
from infomax_bench.base.errors import UserError
from infomax_bench.cli import options as take
from infomax_bench.cli.command import Command, results_folders


def _options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--results", type=take.path, metavar="DIR", help="one results folder (default: every results/*)")
    add("--out", type=take.path, metavar="FILE.csv", help="the table (default: measurements.csv in the results folder)")


def export_measurements(arguments: argparse.Namespace) -> int:
    """Writes the table of one results folder, or of every one."""
    from infomax_bench.base.outputs import check_out

    if arguments.out:
        check_out(arguments.out)
    folders = results_folders(arguments.results)
    if arguments.out and len(folders) > 1:
        raise UserError(f"--out is for one table, and there are results in {len(folders)} folders; add --results DIR")
    from infomax_bench.run.results import read_results, write_table

    for root in folders:
        results = read_results(root)
        tell(*(f"warning: {warning}" for warning in results.warnings))
        out = arguments.out or root / "measurements.csv"
        write_table(out, results)
        say(out)
    return 0


COMMAND = Command(
    "export",
    "all measurements as one CSV table",
    "Writes measurements.csv, one row a measured number, from results that are there, packed or not; no training. A\n"
    "run writes it by itself; of results that came packed, as a repository has them, it is made by this.",
    _options,
    export_measurements,
)
