"""Independent calls on this machine's cores, by processes that share what this one holds.

For work on results that are in memory, where sending them elsewhere would take as long as the work: the sections of a
report. Trainings and evaluations go to `workers`.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from infomax_bench.base.errors import UserError

ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMBA_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    ),
    "1",
)
"""The environment of a process that does one job with one thread."""

_calls: Sequence[Callable[[], Any]] = ()
"""What forked processes find to do."""


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def held() -> Iterator[None]:
    """For what is made once and used to the end, such as a read table: no garbage is looked for meanwhile, and never
    among all that is there after it."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def in_parallel(calls: Sequence[Callable[[], Any]], processes: int) -> list[Any]:
    """What each call returns, in their order; what one raises is raised here.

    One after another where processes can't be forked safely, which is everywhere but on Linux. All are called once more
    if a process is killed; raises UserError if one is killed again.
    """
    global _calls
    if sys.platform != "linux" or min(processes, len(calls)) < 2:
        return [call() for call in calls]
    _calls = calls
    try:
        try:
            return _in_pool(min(processes, len(calls)), len(calls))
        except BrokenProcessPool:
            return _in_pool(min(processes, len(calls)), len(calls))
    except BrokenProcessPool:
        raise UserError(
            "a process that worked on results was killed twice (is there too little memory?); no result is lost, and "
            "the same command begins there again"
        ) from None
    finally:
        _calls = ()


def _in_pool(processes: int, n_calls: int) -> list[Any]:
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, mp_context=fork, initializer=_begin, initargs=(os.getpid(),)) as pool:
        try:
            return list(pool.map(_call, range(n_calls)))
        except BaseException:  # what goes on is for nobody
            for process in list(pool._processes.values()):
                process.kill()
            raise


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
