"""What worker processes of the tests do; nothing heavy is imported for it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from infomax_bench.base import repeatable


def begin(name: str, folder: Path, seconds: float = 0.0) -> str:
    """A job that leaves a file with its process's number."""
    (folder / name).write_text(str(os.getpid()))
    time.sleep(seconds)
    return name


def end_if_first(name: str, folder: Path) -> str:
    """A job whose first process is killed."""
    first = not (folder / name).exists()
    begin(name, folder)
    if first and name == "b":
        os.kill(os.getpid(), signal.SIGKILL)
    return name


def leave(name: str, folder: Path) -> str:
    """A job that ends its process as if all were well."""
    if name == "b":
        with (folder / name).open("a") as file:
            file.write(".")
        os._exit(0)
    return name


def where(item: int) -> tuple[int, bool]:
    """Which process does a job, and whether its products repeat."""
    if item < 0:
        raise ValueError("a negative item")
    return os.getpid(), repeatable.repeats()
