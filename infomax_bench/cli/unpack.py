"""`infomax-bench unpack`: one file a job again."""

from __future__ import annotations

import argparse

from infomax_bench.base.console import say, tell
from infomax_bench.cli import options as take
from infomax_bench.cli.command import Command


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", type=take.path, metavar="DIR", required=True, help="the results folder")


def unpack_results(arguments: argparse.Namespace) -> int:
    """Unpacks one results folder."""
    from infomax_bench.base.packing import unpack

    done = unpack(arguments.results)
    tell(*(f"warning: {line}" for line in done.lines))
    say(f"{arguments.results}: {done.jobs} jobs, a file each")
    return 0


COMMAND = Command(
    "unpack",
    "one file a job again",
    "Writes what 'pack' packed as it was before: one file for each job in jobs/, and manifest.json. Nothing needs it\n"
    "but programs that read these files; jobs that a run has made since are kept.",
    _options,
    unpack_results,
    goes_on=True,
)
