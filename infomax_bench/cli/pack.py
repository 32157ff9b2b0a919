"""`infomax-bench pack`: results in a few files, for keeping, sharing and committing."""

from __future__ import annotations

import argparse

from infomax_bench.base.console import say, tell
from infomax_bench.cli import options as take
from infomax_bench.cli.command import Command, results_folders


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--results", type=take.path, metavar="DIR", help="one results folder (default: every results/*)"
    )
    own = "new jobs in files of their own: what is packed stays as it is, so that a repository keeps each once"
    parser.add_argument("--beside", action="store_true", help=own)


def pack_results(arguments: argparse.Namespace) -> int:
    """Packs one results folder, or every one."""
    folders = results_folders(arguments.results)
    from infomax_bench.base.packing import pack

    for root in folders:
        done = pack(root, arguments.beside)
        tell(*(f"warning: {line}" for line in done.lines))
        say(f"{root}: {done.jobs} jobs in {done.files} files, {done.bytes / 1e6:.1f} MB")
    return 0


COMMAND = Command(
    "pack",
    "results in a few files instead of one a job",
    "Puts the jobs that a results folder lists into packed/: a file of rows and one of arrays for each data set, and\n"
    "the list of results. 'run', 'report' and 'export' read them like loose jobs, and check their checksums. A\n"
    "run writes what is new beside them, in jobs/; pack again, and it is folded in: files of data sets of which there\n"
    "is nothing new stay as they are. Compressing takes a minute or two; nothing is lost, and 'unpack' undoes it.",
    _options,
    pack_results,
    goes_on=True,
)
