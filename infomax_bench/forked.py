"""Independent calls on this machine's cores, by processes that share what this one holds.

For work on results that are in memory, where sending them elsewhere would take as long as the work: the sections of a
report. Trainings and evaluations go to `workers`.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

_calls: Sequence[Callable[[], Any]] = ()
"""What forked processes find to do."""


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_parallel(calls: Sequence[Callable[[], Any]], processes: int) -> list[Any]:
    """What each call returns, in their order; what one raises is raised here.

    One after another where processes can't be forked safely, which is everywhere but on Linux; and where one of them
    was killed.
    """
    global _calls
    if sys.platform != "linux" or min(processes, len(calls)) < 2:
        return [call() for call in calls]
    _calls = calls
    try:
        fork = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(
            min(processes, len(calls)), mp_context=fork, initializer=_begin, initargs=(os.getpid(),)
        ) as pool:
            try:
                return list(pool.map(_call, range(len(calls))))
            except BaseException:  # what goes on is for nobody
                for process in list(pool._processes.values()):
                    process.kill()
                raise
    except BrokenProcessPool:
        return [call() for call in calls]
    finally:
        _calls = ()


def _begin(parent: int) -> None:
    """In a forked process. It ends before what it leaves behind matters, and collecting that would copy what is
    shared."""
    gc.disable()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent(parent)


def end_with_parent(parent: int) -> None:
    """Ends this process a second after its parent is gone, however that ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent").start()


def _call(i: int) -> Any:
    return _calls[i]()
