"""Independent calls on this machine's cores, by processes that share what this one holds.

For work on results that are in memory, where sending them elsewhere would take as long as the work: the sections of a
report. Trainings and evaluations go to `workers`.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

_calls: Sequence[Callable[[], Any]] = ()
"""What forked processes find to do."""


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_parallel(calls: Sequence[Callable[[], Any]], processes: int) -> list[Any]:
    """What each call returns, in their order; what one raises is raised here.

    One after another where processes can't be forked safely, which is everywhere but on Linux.
    """
    global _calls
    if sys.platform != "linux" or min(processes, len(calls)) < 2:
        return [call() for call in calls]
    _calls = calls
    try:
        fork = multiprocessing.get_context("fork")
        # they end before what they leave behind matters, and collecting it would copy what is shared
        with ProcessPoolExecutor(min(processes, len(calls)), mp_context=fork, initializer=gc.disable) as pool:
            return list(pool.map(_call, range(len(calls))))
    finally:
        _calls = ()


def _call(i: int) -> Any:
    return _calls[i]()
