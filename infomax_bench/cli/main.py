"""The command line. Help must come up at once, so nothing heavy is imported before a command needs it."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import NoReturn

from infomax_bench.base.console import any_terminal, tell
from infomax_bench.base.errors import Diverged, NotApplicable, UserError
from infomax_bench.base.version import __version__
from infomax_bench.cli import (
    cache,
    check,
    encode,
    evaluate,
    export,
    figure,
    listing,
    new,
    pack,
    report,
    run,
    tune,
    unpack,
)
from infomax_bench.cli import options as take
from infomax_bench.cli.command import PROGRAM, Command

_MODULES = (listing, run, tune, check, report, figure, export, pack, unpack, cache, encode, evaluate)
COMMANDS: dict[str, Command] = {one.name: one for one in (*(module.COMMAND for module in _MODULES), *new.COMMANDS)}
"""In the order of the help."""

EPILOG = """\
examples:
  infomax-bench list methods                      every method: family, backbones, objective, paper
  infomax-bench run                               everything, on embedded data, in minutes
  infomax-bench run BENCHMARK --methods A,B --seeds 5
  infomax-bench run --preset standard --dry-run   what that would run, and the hours, memory and disk it would take
  infomax-bench run --subject my_idea             the four predictions as claims about your method
  infomax-bench run --set METHOD.PARAM=10 --results results/other
  infomax-bench tune my_idea                      the same number of trials as every other method had
  infomax-bench check methods/my_idea.py          does it keep the promises of a method?
  infomax-bench report                            rebuild every report from the results that are there
  infomax-bench figure P2 --format pdf            the first figure of a prediction, for papers; --list names them all
  infomax-bench pack                              the results in a few files, for keeping and sharing
"""


class _Parser(argparse.ArgumentParser):
    """Errors on one line."""

    def error(self, message: str) -> NoReturn:
        fail(message)


def fail(message: str) -> NoReturn:
    """One clear line on the standard error, and exit status 2."""
    tell(f"{PROGRAM}: error: {message}")
    raise SystemExit(2)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(
        prog=PROGRAM,
        formatter_class=raw,
        epilog=EPILOG,
        description="Train, probe, prune and transfer features of every pretraining method on equal terms, and decide "
        "the predictions of 'InfoMax vs. Pretraining Prior Art' by rules written before the run.",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    own = "a folder of your own plug-in files (loose, or in methods/, evaluations/, ...); may be repeated"
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.summary, description=command.description, formatter_class=raw)
        sub.add_argument("--plugins", type=take.path, action="append", default=[], metavar="DIR", help=own)
        command.options(sub)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0 good, 1 something failed and is reported so, 2 bad input."""
    any_terminal()
    arguments = build_parser().parse_args(argv)
    command = COMMANDS[arguments.command]
    try:
        with _ended_like_interrupted():
            return command.action(arguments)
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
        end = "the same command goes on from here" if command.goes_on else "what was not finished is lost"
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
