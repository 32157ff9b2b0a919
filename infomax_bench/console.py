"""What is printed and logged: text from files, plug-ins and data must neither end a command nor steer a terminal."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but for tabs and line ends, what turns the direction of text, and halves of characters (which are
bytes of a name that is no text)."""


def plain(text: Any, one_line: bool = False) -> str:
    """The text with every unsafe character as its escape, such as \\x1b; with `one_line` also line ends."""
    shown = UNSAFE.sub(lambda found: _escaped(found[0]), str(text))
    return shown.replace("\n", "\\n") if one_line else shown


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


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
