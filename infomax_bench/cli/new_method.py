"""`infomax-bench new-method`: a commented plug-in file that runs."""

from __future__ import annotations

import argparse

from infomax_bench.base.console import say
from infomax_bench.cli import options as take
from infomax_bench.cli.command import PROGRAM, Command


def _options(parser: argparse.ArgumentParser) -> None:
    place = "where to (default: the clone's methods/, or here without a clone)"
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--dir", type=take.path, metavar="DIR", help=place)


def new_method(arguments: argparse.Namespace) -> int:
    """Writes the file, and says what to do next."""
    from infomax_bench.cli.template import write_method

    path = write_method(arguments.name, arguments.dir)
    say(f"{path} written; next: {PROGRAM} check {path}")
    return 0


COMMAND = Command(
    "new-method",
    "a commented plug-in file that runs",
    "Writes NAME.py, which already runs and is ready to be changed.",
    _options,
    new_method,
)
