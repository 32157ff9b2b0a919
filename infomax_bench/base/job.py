"""A job: the result of one evaluation of one block of seeds, as plain values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from infomax_bench.base.status import Status

NUMBERS = ("x", "value")
WORDS = ("metric", "protocol", "other", "status", "reason")
FORMAT = 3
"""Of jobs and manifests. 1: a job's key was not part of its checksum, and the manifest had none. 2: see
`old_columns.toml`."""


@dataclass
class Job:
    """The result of one evaluation of one block of seeds.

    rows: dictionaries with at least seed, metric and value. status: a `Status`, with a reason if not ok.
    retry: a failure that may not happen again (a full disk, a bug mended), so the next run tries it once more.
    """

    rows: list[dict[str, Any]]
    status: str = Status.OK
    reason: str = ""
    retry: bool = False
    seconds: float = 0.0
    arrays: str = ""
    """The hash of the .npz file beside it, if it has one."""
    stamp: dict[str, Any] = field(default_factory=dict)

    def head(self) -> dict[str, Any]:
        """All but the rows."""
        return {name: value for name, value in vars(self).items() if name != "rows"}


def check_job(job: Job) -> None:
    """Raises TypeError, ValueError or OverflowError for what is not a job's content, whatever its checksum says."""
    if not isinstance(job.stamp, dict) or not all(isinstance(t, str) for t in (job.status, job.reason, job.arrays)):
        raise TypeError("it is no job")
    for row in job.rows:
        for name in NUMBERS:
            if type(number := row.get(name)) is not float and number is not None:
                float(number)
        for name in WORDS:
            if type(row.get(name, "")) is not str:
                raise TypeError(f"the {name} of a row is none")


def check_seeds(of: Iterable[Any], seeds: Iterable[int] | None) -> None:
    """Raises ValueError if a job has rows of other seeds than it is about; None: nobody knows these."""
    if seeds is not None and not set(of) <= set(seeds):
        raise ValueError("its rows are of other seeds")
