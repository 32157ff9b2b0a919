"""Jobs on a Dask cluster. Its workers must be what this machine is: the same harness, libraries and results folder."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from infomax_bench.base.console import tell
from infomax_bench.base.errors import UserError
from infomax_bench.base.repeatable import steadily
from infomax_bench.run.versions import difference, versions

Item = TypeVar("Item")
Result = TypeVar("Result")

CONNECT = 15
"""Seconds to wait for a scheduler to answer."""
GONE = (asyncio.CancelledError, concurrent.futures.CancelledError, ConnectionError, TimeoutError)
"""What a client raises when its scheduler ends; its own errors are of the third kind."""


def check(scheduler: str) -> None:
    """Raises UserError if no scheduler answers."""
    _connected(scheduler)[0].close()


def run(
    scheduler: str,
    function: Callable[..., Result],
    items: Sequence[Item],
    folder: Path,
    arguments: Sequence[Any],
    lost: Callable[[Item, str], Result],
) -> Iterator[Result]:
    """`Workers.map` by a cluster. A job whose worker is lost is given to another one, three times at most."""
    from distributed import KilledWorker

    with contextlib.ExitStack() as stack:
        stack.enter_context(_one_line(scheduler))
        client, as_completed = _connected(scheduler)
        stack.callback(_close, client)  # what is left is given up
        token = stack.enter_context(_token(folder))
        _check(client, folder, token)
        futures = {
            client.submit(
                _checked, versions(), folder, token, function, item, *arguments, pure=False, priority=-i
            ): item
            for i, item in enumerate(items)
        }
        n_done = 0
        for future in as_completed(futures, loop=client.loop):
            if future.cancelled():
                raise ConnectionError
            try:
                result = future.result()
            except KilledWorker as error:
                result = lost(futures[future], f"its worker was lost again and again ({error})")
            n_done += 1
            yield result
            future.release()
        if n_done < len(futures):
            raise ConnectionError


@contextlib.contextmanager
def _one_line(scheduler: str) -> Iterator[None]:
    """Turns what a client raises without its scheduler into a UserError, and keeps Dask's own lines about it back."""
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:  # each has a level of its own
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    except GONE as error:
        raise UserError(
            f"the Dask scheduler at {scheduler} is gone; what was done is kept, and the same command goes on from there"
        ) from error
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _close(client: Any) -> None:
    with contextlib.suppress(Exception):  # its scheduler may be gone
        client.close()


def _connected(scheduler: str) -> tuple[Any, Any]:
    try:
        from distributed import Client, as_completed
        from distributed.comm.addressing import get_address_host_port
    except ImportError:
        raise UserError("--engine dask needs Dask: pip install 'infomax-bench[dask]'") from None
    try:
        get_address_host_port(scheduler, strict=True)  # a client that fails over this goes on trying
        client = Client(scheduler, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"no Dask scheduler answers at {scheduler} ({reason}); 'dask scheduler' starts one") from None
    return client, as_completed


@contextlib.contextmanager
def _token(folder: Path) -> Iterator[str]:
    """A file in the folder by whose name and content a worker can tell that it sees this folder and no other."""
    token = secrets.token_hex(8)
    path = folder / f".token-{token}"
    with contextlib.suppress(FileNotFoundError):  # a folder that is not here either; workers will say so
        path.write_text(token, encoding="ascii")
    try:
        yield token
    finally:
        path.unlink(missing_ok=True)


def _check(client: Any, folder: Path, token: str) -> None:
    """Raises UserError if a worker cannot do its jobs: it would waste the others' time."""
    waiting = False
    while not (workers := client.scheduler_info(n_workers=-1).get("workers")):
        if client.status not in ("running", "connecting"):
            raise ConnectionError
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
        found = client.run(_fault, versions(), str(folder), token)
    except GONE:
        raise
    except Exception as error:  # what the worker raised, or words about it
        raise UserError(
            f"a worker cannot do jobs of this version ({error}); install the same on all machines, and start workers "
            "again after a change"
        ) from None
    for address, fault in found.items():
        if fault:
            raise UserError(f"worker {address} {fault}")


def _fault(asked: Mapping[str, str], folder: str, token: str) -> str:
    """What is wrong with this worker, in words; "" if nothing."""
    if unlike := difference(versions(), asked):
        return f"has {unlike}; install the same on all machines, and start workers again after a change"
    if not os.path.isdir(folder):
        return f"does not see {folder}; results live in a folder that all machines share"
    try:
        with open(os.path.join(folder, f".token-{token}"), encoding="ascii") as file:
            same = file.read() == token
    except OSError:
        same = False
    return "" if same else f"sees another folder at {folder}; results live in a folder that all machines share"


def _checked(
    asked: Mapping[str, str], folder: Path, token: str, function: Callable[..., Result], item: Any, *arguments: Any
) -> Result:
    """The job, on a worker that may have come later than the others. Raises UserError if it is not like them."""
    if fault := _fault(asked, str(folder), token):
        from distributed import get_worker

        raise UserError(f"worker {get_worker().address} {fault}")
    return steadily(function, item, *arguments)
