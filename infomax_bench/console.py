"""What is printed and logged: text from files, plug-ins and data must neither end a command nor steer a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from infomax_bench.printable import ODD, escaped


def plain(text: Any, one_line: bool = False) -> str:
    """The text with every unsafe character as its escape, such as \\x1b; with `one_line` also line ends."""
    shown = ODD.sub(escaped, str(text))
    return shown.replace("\n", "\\n") if one_line else shown


def few(names: Sequence[str], most: int = 6) -> str:
    """ "a, b and 3 others": names for a line, of which there may be many."""
    more = len(names) - most
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:most])} and {more} others"


def say(*lines: Any) -> None:
    """Prints results: lines, or texts of several lines, to standard output."""
    for line in lines:
        print(plain(line))


def tell(*lines: Any) -> None:
    """Prints what goes on: a line each, to standard error."""
    for line in lines:
        print(plain(line, one_line=True), file=sys.stderr, flush=True)


def any_terminal() -> None:
    """From here on a character that the terminal's encoding lacks is printed as its escape, and ends no command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
