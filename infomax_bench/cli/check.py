"""`infomax-bench check`: does a plug-in keep its promises?"""

from __future__ import annotations

import argparse

from infomax_bench.cli import options as take
from infomax_bench.cli.command import Command


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "plugin", type=take.word, metavar="PLUGIN", help="a plug-in's name, or its file; NAME:ARGUMENT of a data set"
    )
    parser.add_argument("--fast", action="store_true", help="leave out what takes long: under 10 seconds of a core")


def check_plugin(arguments: argparse.Namespace) -> int:
    """Tells which promises the plug-in keeps; 1 if it breaks one."""
    from infomax_bench.check.check import check

    return check(arguments.plugin, arguments.plugins, arguments.fast)


COMMAND = Command(
    "check",
    "does a plug-in keep its promises?",
    "Tests what the harness relies on: shapes, determinism under a seed, gradient flow, no use of labels by an\n"
    "unsupervised method, every data set's shape, degenerate images, the same start alone and in a group. Ends\n"
    "with what a method makes of a small data set beside the references of every table; a warning there is no failure.",
    _options,
    check_plugin,
)
