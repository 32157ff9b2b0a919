"""What the Python API is given, checked before any work is done: whole numbers of any kind, seeds, devices, memory."""

from __future__ import annotations

import contextlib
import operator
import os
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from infomax_bench.base.errors import UserError

MOST_SEED = 2**63 - 1
"""Seeds stand in tables as int64."""


def whole(name: str, value: Any, least: int) -> int:
    """A whole number of any kind (Python's, numpy's, a tensor) as an int. Raises UserError for anything else."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except (TypeError, ValueError, RuntimeError):  # a tensor of fractions raises the last
        raise UserError(f"{name} is a whole number, not {_shown(value)}") from None
    if number < least:
        raise UserError(f"{name} is at least {least}, not {number}")
    return number


def seeds_of(value: Any) -> tuple[int, ...] | range:
    """Which seeds: those that are listed, or as many as a whole number says. Raises UserError for anything else."""
    single = isinstance(value, str) or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0
    if single:
        try:
            count = whole("seeds", value, 1)
        except UserError as error:
            raise UserError(f"{error}; or a list of them, as in [0, 3]") from None
        if count > MOST_SEED:
            raise UserError(f"seeds is a number of seeds, and {_shown(count)} are too many; or a list, as in [0, 3]")
        return range(count)
    if isinstance(value, range):
        found: tuple[int, ...] | range = value
    else:
        found = tuple(whole("each of seeds", each, 0) for each in value)
    if not found:
        raise UserError("seeds is an empty list")
    ends = sorted((found[0], found[-1])) if isinstance(found, range) else (min(found), max(found))
    if ends[0] < 0 or ends[1] > MOST_SEED:
        raise UserError(f"seeds are from 0 to {MOST_SEED}, not {ends[0] if ends[0] < 0 else ends[1]}")
    if not isinstance(found, range) and len(set(found)) < len(found):
        raise UserError(f"seeds {_shown(found)} holds one more than once: an interval over them would be too small")
    return found


def device_of(value: Any) -> str:
    """The device that is meant. Raises UserError for one that is not there, or is none."""
    try:
        device = torch.device(value)
    except (RuntimeError, TypeError):
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise UserError(f"device {_shown(str(value))} is none of those that jobs run on: 'cpu' or 'cuda'")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        there = f"{count} CUDA device{'s' if count > 1 else ''}" if count else "no CUDA device"
        raise UserError(f"device {str(device)!r}: torch sees {there}; use 'cpu'")
    return str(device)


def check_memory(width: int, n_seeds: int, n_in: int) -> None:
    """Raises UserError where one layer's weights, `n_in` of each unit, with gradients and Adam's two moments exceed
    this machine's memory. What passes may still be too much."""
    needed, there = 4 * 4 * width * n_seeds * n_in, memory()
    if there and needed > there:
        raise UserError(
            f"width {width} with {n_seeds} seed{'s' if n_seeds > 1 else ''} takes {needed / 2**30:,.0f} GiB and more, "
            f"and this machine has {there / 2**30:.0f}: choose fewer"
        )


@contextlib.contextmanager
def memory_told(what: str) -> Iterator[None]:
    """Memory that is not there, which torch and numpy each say in their own way, as a UserError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        words = ("allocate", "out of memory", "overflow")
        if not isinstance(error, MemoryError) and not any(word in str(error) for word in words):
            raise
        raise UserError(f"{what}: more than this machine's memory holds") from None


def memory() -> int:
    """Bytes of this machine; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return 0


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else text[:37] + "..."
