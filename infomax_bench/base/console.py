"""What is printed: text from files, plug-ins and data must neither end a command nor steer a terminal."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from infomax_bench.base.printable import printable


def line_of(value: Any) -> str:
    """A text as one line that any terminal takes."""
    text: str = printable(str(value))
    return text.replace("\n", "\\n")


def few(names: Sequence[str], most: int = 6) -> str:
    """ "a, b and 3 others": names for a line, of which there may be many."""
    more = len(names) - most
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:most])} and {more} others"


def listed(names: Iterable[Any]) -> str:
    """ "a, b and c"."""
    *most, last = map(str, names)
    return f"{', '.join(most)} and {last}" if most else last


def in_words(n: int) -> str:
    """A small number as a word."""
    words = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    return words[n] if 0 <= n < len(words) else str(n)


def brief(value: float, plus: bool = False) -> str:
    """A number in two digits, or as many as stand before its point, with a real minus sign."""
    if not math.isfinite(value):
        return "?" if math.isnan(value) else "∞" if value > 0 else "−∞"
    return f"{value:{'+' if plus else ''}{'.0f' if abs(value) >= 9.95 else '.2g'}}".replace("-", "−")


def say(*texts: Any) -> None:
    """Prints results to standard output: lines, or texts of several lines."""
    for text in texts:
        print(printable(str(text)))


def tell(*lines: Any) -> None:
    """Prints what goes on to standard error, a line each."""
    for line in lines:
        print(line_of(line), file=sys.stderr, flush=True)


class _Told(logging.Handler):
    """Warnings that modules log, printed as everything else is."""

    def emit(self, record: logging.LogRecord) -> None:
        tell(record.getMessage())


def any_terminal() -> None:
    """From here on a character that the terminal's encoding lacks is printed as its escape, and ends no command; and
    what is logged is printed as everything else is."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    logger = logging.getLogger("infomax_bench")
    if not any(isinstance(handler, _Told) for handler in logger.handlers):
        logger.addHandler(_Told())
