"""The bar of a long job: how far it is and how long it will take, up to date also while one task lasts minutes."""

from __future__ import annotations

import contextlib
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import NoReturn

from tqdm import TqdmWarning, tqdm

TICK = {True: 1.0, False: 60.0}
"""Seconds between two looks at the clock, on a terminal and in a file."""


def watched() -> bool:
    """Whether somebody sees a bar move: on a terminal, and in a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def in_time(seconds: float, about: str = "") -> str:
    """ "40 s", "12 min", "3.4 h", each after `about`; and "less than 1 s"."""
    if seconds < 1:
        return "less than 1 s"
    if seconds < 90:
        return f"{about}{seconds:.0f} s"
    return about + (f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h")


@contextlib.contextmanager
def progress(total: float, quiet: bool = False) -> Iterator[tqdm[NoReturn]]:
    """A bar of `total` expected seconds of work, on stderr. The time left is by the mean rate so far: tasks are too
    unlike each other for a recent one to say more."""
    terminal = sys.stderr.isatty()
    warnings.filterwarnings("ignore", category=TqdmWarning)  # sums of costs may pass the total by their last digit
    with tqdm(
        total=total,
        disable=quiet,
        file=sys.stderr,
        dynamic_ncols=True,
        smoothing=0,
        bar_format="{l_bar}{bar}| {elapsed}, {remaining} left {postfix}",
        mininterval=0.5 if terminal else 15,
    ) as bar:
        over = threading.Event()

        def tick() -> None:
            while not over.wait(TICK[terminal]):
                bar.refresh()

        clock = threading.Thread(target=tick, daemon=True, name="progress")
        if not quiet:
            clock.start()
        try:
            yield bar
        finally:
            over.set()
            if not quiet:
                clock.join()
