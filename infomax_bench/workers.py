"""Where jobs run: in processes of this machine, or on a Dask cluster, which Slurm, Kubernetes and clouds all can start.

A job is a function of plain data that keeps its result in a folder, so wherever it runs, and however often, the numbers
are the same. On a cluster that folder is one that all its machines share, and the project is installed on each of them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import joblib

from infomax_bench.console import tell
from infomax_bench.errors import UserError
from infomax_bench.repeatable import steadily

Item = TypeVar("Item")
Result = TypeVar("Result")

CONNECT = 15
"""Seconds to wait for a scheduler to answer."""


@dataclass(frozen=True)
class Workers:
    """jobs: processes of this machine; scheduler: the address of a Dask scheduler whose workers take their place."""

    jobs: int = 1
    scheduler: str | None = None

    def check(self) -> None:
        """Raises UserError if there is a cluster and it does not answer."""
        if self.scheduler is not None:
            _connected(self.scheduler)[0].close()

    def map(
        self, function: Callable[..., Result], items: Sequence[Item], folder: Path, *arguments: Any
    ) -> Iterator[Result]:
        """`function(item, *arguments)` of every item, each as it ends; the first items are begun first.

        folder: where the function keeps what it makes.
        """
        if self.scheduler is not None:
            yield from _on_cluster(self.scheduler, function, items, folder, arguments)
        elif min(self.jobs, len(items)) <= 1:
            for item in items:
                yield steadily(function, item, *arguments)
        else:
            parallel = joblib.Parallel(n_jobs=min(self.jobs, len(items)), return_as="generator_unordered",
                                       batch_size=1, inner_max_num_threads=1, backend="loky")  # fmt: skip
            yield from parallel(joblib.delayed(steadily)(function, item, *arguments) for item in items)


def _on_cluster(
    scheduler: str, function: Callable[..., Result], items: Sequence[Item], folder: Path, arguments: Sequence[Any]
) -> Iterator[Result]:
    """The same by a Dask cluster. A job whose worker is lost is given to another one, three times at most."""
    client, as_completed = _connected(scheduler)
    try:
        _check(client, folder)
        futures = [
            client.submit(steadily, function, item, *arguments, pure=False, priority=-i) for i, item in enumerate(items)
        ]
        for future in as_completed(futures, loop=client.loop):
            yield _result(future)
            future.release()
    finally:  # what is left is given up
        client.close()


def _connected(scheduler: str) -> tuple[Any, Any]:
    try:
        from distributed import Client, as_completed
        from distributed.comm import get_address_host_port
    except ImportError:
        raise UserError("--engine dask needs Dask: pip install 'infomax-bench[dask]'") from None
    try:
        get_address_host_port(scheduler, strict=True)  # a client that fails over this goes on trying
        client = Client(scheduler, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"no Dask scheduler answers at {scheduler} ({reason}); 'dask scheduler' starts one") from None
    return client, as_completed


def _check(client: Any, folder: Path) -> None:
    """Raises UserError if a worker cannot do its jobs: it would waste the others' time."""
    waiting = False
    while not (workers := client.scheduler_info(n_workers=-1)["workers"]):
        if not waiting:
            tell("waiting for the cluster's first worker")
        waiting = True
        time.sleep(0.5)
    for address, worker in workers.items():
        if worker["nthreads"] != 1:
            raise UserError(
                f"worker {address} does {worker['nthreads']} jobs in one process, and each needs a process of its own; "
                "start workers with 'dask worker --nthreads 1 --nworkers N'"
            )
    try:
        seen = client.run(_sees, str(folder))
    except ImportError as error:
        raise UserError(f"a worker cannot import the project ({error}); install it on all machines") from None
    blind = [address for address, sees in seen.items() if not sees]
    if blind:
        raise UserError(f"worker {blind[0]} does not see {folder}; results live in a folder that all machines share")


def _sees(folder: str) -> bool:
    return os.path.isdir(folder)


def _result(future: Any) -> Any:
    from distributed import KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        raise UserError(f"a job lost its worker again and again ({error}); is there enough memory?") from None
