"""Where jobs run: in processes of this machine, or on a Dask cluster, which Slurm, Kubernetes and clouds all can start.

A job is a function of plain data that keeps its result in a folder, so wherever it runs, and however often, the numbers
are the same. On a cluster that folder is one that all its machines share, and the project is installed on each of them.
A job whose process is killed (by hand, for its memory) is given to another one, a few times.
"""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from infomax_bench.base.errors import UserError
from infomax_bench.base.forked import ONE_THREAD, end_with_parent
from infomax_bench.base.repeatable import steadily
from infomax_bench.run import cluster
from infomax_bench.run.versions import difference, versions

Item = TypeVar("Item")
Result = TypeVar("Result")

TRIES = 3
"""Processes that a job may cost."""
LOST = f"its process ended {TRIES} times before it had done (was it killed, or is there too little memory?)"


@dataclass(frozen=True)
class Workers:
    """jobs: processes of this machine; scheduler: the address of a Dask scheduler whose workers take their place;
    apart: a single job too has a process of its own, so that whatever ends that one does not end this."""

    jobs: int = 1
    scheduler: str | None = None
    apart: bool = False

    def check(self) -> None:
        """Raises UserError if there is a cluster and it does not answer."""
        if self.scheduler is not None:
            cluster.check(self.scheduler)

    def map(
        self,
        function: Callable[..., Result],
        items: Sequence[Item],
        folder: Path,
        *arguments: Any,
        lost: Callable[[Item, str], Result] | None = None,
    ) -> Generator[Result, None, None]:
        """`function(item, *arguments)` of every item, each as it ends; the first items are begun first.

        folder: where the function keeps what it makes. lost: what stands for the result of an item that ends its
        worker again and again, given the item and the reason.

        Raises UserError if a worker is not what this process is (its versions, its folder), or if an item is lost and
        there is no `lost`.
        """
        if not items:
            return
        give_up = lost or _refuse
        if self.scheduler is not None:
            yield from cluster.run(self.scheduler, function, items, folder, arguments, give_up)
        elif min(self.jobs, len(items)) <= 1 and not self.apart:
            for item in items:
                yield steadily(function, item, *arguments)
        else:
            yield from _in_processes(min(self.jobs, len(items)), function, items, arguments, give_up)


def _refuse(item: Any, reason: str) -> Any:
    raise UserError(f"{getattr(item, 'label', item)}: {reason}")


def _in_processes(
    jobs: int,
    function: Callable[..., Result],
    items: Sequence[Item],
    arguments: Sequence[Any],
    lost: Callable[[Item, str], Result],
) -> Generator[Result, None, None]:
    """The same in processes that do a job at a time each, so that it is known whose job ended one."""
    waiting = deque(range(len(items)))
    tries = [0] * len(items)
    idle: list[Any] = []
    running: dict[Future[Result], tuple[int, Any]] = {}
    every: set[Any] = set()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                i, process = waiting.popleft(), idle.pop() if idle else _process()
                every.add(process)
                try:
                    future = process.submit(_checked, versions(), function, items[i], *arguments)
                except BrokenProcessPool:  # it was killed while it had nothing to do
                    _end(process)
                    every.discard(process)
                    waiting.appendleft(i)
                    continue
                running[future] = i, process
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            results = []
            for future in ended:
                i, process = running.pop(future)
                try:
                    results.append(future.result())
                    idle.append(process)
                except BrokenProcessPool:
                    _end(process)
                    every.discard(process)
                    tries[i] += 1
                    if tries[i] < TRIES:
                        waiting.appendleft(i)
                    else:
                        results.append(lost(items[i], LOST))
            yield from results
    finally:
        for process in every:
            _end(process)


def _process() -> Any:
    """One fresh process that takes jobs, replaced by itself when its memory has grown."""
    from joblib.externals.loky import ProcessPoolExecutor

    warnings.filterwarnings("ignore", "A worker stopped", UserWarning)  # that it is replaced just then is no news
    return ProcessPoolExecutor(1, env=ONE_THREAD, initializer=end_with_parent, initargs=(os.getpid(),))


def _end(process: Any) -> None:
    process.shutdown(wait=False, kill_workers=True)


def _checked(asked: Mapping[str, str], function: Callable[..., Result], item: Any, *arguments: Any) -> Result:
    """The job, unless this process is newer than the one that planned it. Raises UserError then."""
    if unlike := difference(versions(), asked):
        raise UserError(f"the project was changed while the run went on (a new process has {unlike}); run again")
    return steadily(function, item, *arguments)
