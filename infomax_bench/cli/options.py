"""What the command line takes: each kind of value is checked as it is read, before anything is loaded or written."""

from __future__ import annotations

import argparse
import errno
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from infomax_bench.base.errors import UserError

Bad = argparse.ArgumentTypeError

WIDEST = 16_384
"""Units: what is measured of pairs of units takes a GiB of memory there, and as much again for every seed."""
MOST_SEEDS = 1_000
MOST_EPOCHS = 1_000_000
MOST_TRIALS = 10_000
WORKERS_A_CORE = 8
LAST_SEED = 2**31 - 1
INSIDE = ("figures", "x" * 150)
"""A file as deep, and with a name as long, as those that are written into a results or report folder."""


def names(text: str) -> list[str]:
    """Names between commas, each once."""
    return _each_once(text.split(","))


def datasets(text: str) -> list[str]:
    """Names of data sets. A comma that belongs to a path that is there does not end a name: `folder:2024,05 birds`."""
    found, parts = [], text.split(",")
    while parts:
        path = parts[0].partition(":")[2]
        longest = (n for n in range(len(parts), 1, -1) if path and _is_there(",".join((path, *parts[1:n]))))
        n = next(longest, 1)
        found.append(",".join(parts[:n]))
        parts = parts[n:]
    return _each_once(found)


def _is_there(path: str) -> bool:
    return os.path.exists(os.path.expanduser(path.strip()))


def _each_once(parts: Sequence[str]) -> list[str]:
    found = dict.fromkeys(word(part) for part in parts if part.strip())
    if not found:
        raise Bad("an empty list of names")
    return list(found)


def word(text: str) -> str:
    """A name: text that is not empty."""
    if not text.strip():
        raise Bad("an empty name")
    if _no_text(text):
        raise Bad(_odd_bytes(text))
    return text.strip()


def source(text: str) -> Path:
    """A file that is only read, whatever its name."""
    if not text.strip():
        raise Bad("an empty path")
    return Path(text)


def path(text: str) -> Path:
    """A path whose name is text, since it is written into tables and pages."""
    if not text.strip():
        raise Bad("an empty path; leave the option out for the default, or give '.' for this folder")
    if _no_text(text):
        raise Bad(_odd_bytes(text))
    return Path(text)


def _no_text(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _odd_bytes(text: str) -> str:
    encoding = sys.getfilesystemencoding()
    fix = "rename it, or make a link to it" if encoding == "utf-8" else "set PYTHONUTF8=1"
    return f"{text} holds bytes that are no {encoding} text; {fix}"


def whole(what: str, least: int, most: float = math.inf, why: str = "") -> Callable[[str], int]:
    """A parser of whole numbers from `least` to `most`; why there are no more."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise Bad(f"{_short(text)} is not a whole number") from None
        if number < least:
            raise Bad(f"{what} at least {least}, not {_short(number)}")
        if number > most:
            raise Bad(f"{what} at most {most:,}, not {_short(number)}: {why}")
        return number

    return parse


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 24 else f"{text[:20]}..."


width = whole("widths are", 1, WIDEST, "pairs of units are measured, which takes memory of the width squared")
seeds = whole("the number of seeds is", 1, MOST_SEEDS, "every seed takes its own time and memory")
seed = whole("seeds are", 0, LAST_SEED, "random generators take no more")
epochs = whole("the number of epochs is", 1, MOST_EPOCHS, "training would not end")
trials = whole("the number of trials is", 1, MOST_TRIALS, "tuning would not end")


def widths(text: str) -> list[int]:
    """Widths between commas."""
    try:
        return [width(part) for part in names(text)]
    except Bad as error:
        if "whole number" not in str(error):
            raise
        raise Bad(f"{_short(text)} is not a list of whole numbers such as 16,64") from None


def numbers(text: str) -> list[float]:
    """Finite numbers between commas."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise Bad(f"{_short(text)} is not a list of numbers such as 0.5,0.25")
    return found


def sizes(text: str) -> list[int]:
    """A height, or height and width, of images."""
    found = [whole("sizes are", 1)(part) for part in text.split(",")]
    if len(found) > 2:
        raise Bad(f"{_short(text)} is not a height, or a height and a width such as 224,192")
    return found


def jobs(text: str) -> int:
    """How many workers: some for each core, since each takes memory of its own."""
    most = WORKERS_A_CORE * (os.cpu_count() or 1)
    why = f"each takes memory of its own, and there are {os.cpu_count()} cores"
    return whole("workers are", 1, most, why)(text)


def folder(option: str, where: Path) -> Path:
    """A folder that is written to when the work is done, made sure of before; nothing is made yet.

    Raises UserError if it cannot be made or written, or if names in it would be too long.
    """
    try:
        os.lstat(where.joinpath(*INSIDE))
    except OSError as error:
        if error.errno == errno.ENOTDIR:
            raise UserError(f"{option} {where} cannot be written: it is, or lies in, a file; name a folder") from None
        if error.errno != errno.ENOENT:
            raise UserError(f"{option} {_cut(where)} cannot be written: {error.strerror}") from None
    if where.is_symlink() and not where.exists():
        raise UserError(f"{option} {where} is a link to nowhere; name a folder")
    there = next((parent for parent in (where, *where.absolute().parents) if parent.exists()), where)
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"{option} {where} cannot be written: no permission in {there}")
    return where


def _cut(where: Path) -> str:
    text = str(where)
    return text if len(text) <= 120 else f"{text[:117]}..."


def settings(pairs: Sequence[str], shape: str) -> dict[str, str]:
    """--set options as text by name. shape: METHOD.PARAM=VALUE or PARAM=VALUE."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name or ("." in shape) != ("." in name):
            raise UserError(f"--set takes {shape}, not {pair!r}")
        if name in found:
            raise UserError(f"--set {name} is given twice: {found[name]} and {value}")
        found[name] = value
    return found
