"""The rows of many jobs as columns, read by all cores: a documented run has ten thousand jobs and a million rows.

Every text is `printable`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from infomax_bench.base.forked import available_cores, in_parallel
from infomax_bench.base.printable import printable
from infomax_bench.base.status import LOST, Status
from infomax_bench.base.store import Job, Store

OWN = ("seed", "protocol", "other", "metric", "x", "value", "status", "reason")
"""The columns in which the rows of one job differ."""
WORDS = ("protocol", "other", "metric", "status", "reason")
AT_ONCE = 1000
"""Jobs that one process reads before the next are given out."""


@dataclass
class Rows:
    """The jobs of some entries of a manifest, in their order, without their rows, and all of these as columns.

    jobs: None where there is no job; counts: the rows of each; failed: why rows of it failed, for each; columns: those
    of OWN; warnings: of damaged files.
    """

    jobs: list[Job | None] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    failed: list[list[str]] = field(default_factory=list)
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def read_rows(root: Path, entries: Sequence[dict[str, Any]]) -> Rows:
    """The jobs of the entries in the results folder `root`. A job that was not a success has, before its own rows, one
    without a value for each of its seeds."""
    chunks = [entries[i : i + AT_ONCE] for i in range(0, len(entries), AT_ONCE)]
    parts = in_parallel([partial(_read, root, chunk) for chunk in chunks], available_cores())
    joined = Rows(
        [job for part, _ in parts for job in part.jobs],
        [count for part, _ in parts for count in part.counts],
        [reasons for part, _ in parts for reasons in part.failed],
        warnings=list(dict.fromkeys(warning for part, _ in parts for warning in part.warnings)),
    )
    # equal words become one object: a table of millions of them is compared and grouped several times faster
    one: dict[Any, Any] = {}
    words = [np.array([one.setdefault(w, w) for w in map(printable, spelled)], dtype=object) for _, spelled in parts]
    for name in OWN if parts else ():
        columns = [part.columns[name] for part, _ in parts]
        if name in WORDS:
            columns = [spelled[codes] for spelled, codes in zip(words, columns, strict=True)]
        joined.columns[name] = np.concatenate(columns)
    return joined


def _read(root: Path, entries: Sequence[dict[str, Any]]) -> tuple[Rows, list[Any]]:
    """The same of a few entries, but with a number for each word; and the words."""
    store, part = Store(root), Rows()
    words: dict[Any, int] = {}
    known: dict[str, tuple[Job | None, dict[str, np.ndarray], list[str]]] = {}  # several ask for the same
    pieces: list[dict[str, np.ndarray]] = [_columns([], Job([]), words)]
    for entry in entries:
        if entry["key"] not in known:
            job = store.read_job(entry["key"], entry["seeds"])
            rows = job.rows if job else []
            if job is not None and job.status != Status.OK:
                evaluation = entry["request"]["evaluation"]
                rows = [{"seed": s, "metric": evaluation, "value": None} for s in entry["seeds"]] + rows
            columns = _columns(rows, job or Job([]), words)
            failed = [printable(row["reason"]) for row in (job.rows if job else ()) if row.get("status") in LOST]
            if job is not None:
                words_of_job = {"reason": printable(job.reason), "stamp": printable(job.stamp)}
                job = replace(job, rows=[], **words_of_job)
            known[entry["key"]] = job, columns, failed
        job, columns, failed = known[entry["key"]]
        part.jobs.append(job)
        part.counts.append(len(columns["seed"]))
        part.failed.append(failed)
        pieces.append(columns)
    part.columns = {name: np.concatenate([piece[name] for piece in pieces]) for name in OWN}
    part.warnings = store.warnings
    return part, list(words)


def _columns(rows: Sequence[dict[str, Any]], job: Job, words: dict[Any, int]) -> dict[str, np.ndarray]:
    defaults = {"protocol": "", "other": "", "status": job.status, "reason": job.reason}
    columns = {}
    for name in OWN:
        default = defaults.get(name)
        values = [row.get(name, default) for row in rows]
        if name in WORDS:
            columns[name] = np.array([words.setdefault(v, len(words)) for v in values], dtype=np.int64)
        else:
            columns[name] = np.array(values, dtype=np.int64 if name == "seed" else np.float64)
    return columns
