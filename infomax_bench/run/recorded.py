"""How much computing is recorded: CPU seconds of jobs, which other work on the machine does not lengthen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from infomax_bench.base.store import Job

CORES = 2
"""Recorded hours are those of so many cores."""


def recorded_hours(cpu_seconds: Iterable[float]) -> float:
    """CPU seconds in hours of CORES cores."""
    return math.fsum(cpu_seconds) / (3600 * CORES)


def cpu_seconds(entries: Iterable[Mapping[str, Any]], jobs: Iterable[Job | None]) -> float:
    """Of the jobs that a manifest lists, each once, and of the trainings of their encoders, each once. What a job does
    not say, as older ones do not, counts nothing."""
    spent: dict[tuple[str, str], float] = {}
    for entry, job in zip(entries, jobs, strict=True):
        stamp = job.stamp if job and "cpu_seconds" in job.stamp else {}
        for what, key in (("cpu_seconds", "key"), ("training_seconds", "encoder_key")):
            seconds = stamp.get(what)
            if isinstance(seconds, int | float) and math.isfinite(seconds):
                spent[what, str(entry.get(key))] = float(seconds)
    return math.fsum(spent.values())
