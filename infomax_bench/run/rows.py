"""The rows of many jobs as columns: a documented run has ten thousand jobs and a million rows. Packed ones are columns
already; loose ones are read by all cores.

Every text is `printable`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from infomax_bench.base.forked import available_cores, in_parallel
from infomax_bench.base.printable import printable
from infomax_bench.base.status import LOST, Status
from infomax_bench.base.store import Job, Store

if TYPE_CHECKING:
    from infomax_bench.base.columns import JobTable

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
    columns: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass
class _Block:
    """Jobs with their rows as columns, in which a word is its number among `words`. ends: 0, and where the rows of each
    job end; failed: see Rows."""

    jobs: list[Job | None]
    ends: np.ndarray
    failed: list[list[str]]
    columns: dict[str, np.ndarray]
    words: dict[str, list[str | None]]
    warnings: list[str] = field(default_factory=list)


def read_rows(root: Path, entries: Sequence[dict[str, Any]]) -> Rows:
    """The jobs of the entries in the results folder `root`. A job that was not a success has, before its own rows, one
    without a value for each of its seeds."""
    store = Store(root)
    places = _in_columns(store, entries)
    others = [entry for entry, place in zip(entries, places, strict=True) if place is None]
    chunks = [others[i : i + AT_ONCE] for i in range(0, len(others), AT_ONCE)]
    read = in_parallel([partial(_read, root, chunk) for chunk in chunks], available_cores())
    blocks = [*map(_packed, store.packed.tables), *read]
    left = iter([(len(blocks) - len(read) + i // AT_ONCE, i % AT_ONCE) for i in range(len(others))])
    whole = [next(left) if place is None else place for place in places]
    spans = np.array([blocks[b].ends[i : i + 2] for b, i in whole], dtype=np.int64).reshape(-1, 2)
    begins = np.cumsum([0, *(block.ends[-1] for block in blocks)])[[b for b, _ in whole]]
    counts = spans[:, 1] - spans[:, 0]
    lines = np.arange(counts.sum()) + np.repeat(begins + spans[:, 0] - (np.cumsum(counts) - counts), counts)
    return Rows(
        [blocks[b].jobs[i] for b, i in whole],
        counts.tolist(),
        [blocks[b].failed[i] for b, i in whole],
        {name: column[lines] for name, column in _joined(blocks).items()},
        list(dict.fromkeys([*store.warnings, *(warning for block in blocks for warning in block.warnings)])),
    )


def _in_columns(store: Store, entries: Sequence[dict[str, Any]]) -> list[tuple[int, int] | None]:
    """For each entry, which of the packed tables has its job, and where, if its columns tell all of it; else None."""
    packed, loose = store.packed, {path.stem for path in (store.root / "jobs").glob("*.json")}
    places: list[tuple[int, int] | None] = []
    for entry in entries:
        place = None if entry["key"] in loose else packed.where.get(entry["key"])
        if place is not None:
            table, i = packed.tables[place[0]], place[1]
            whole = table.plain[i] and (table.heads[i].status, table.heads[i].reason) == (Status.OK, "")
            place = place if whole and table.seeds[i] <= set(entry["seeds"]) else None
        places.append(place)
    return places


def _packed(table: JobTable) -> _Block:
    """What is packed of a data set."""
    defaults = {"metric": None, "protocol": "", "other": "", "status": Status.OK.value, "reason": ""}
    columns, words = dict(table.numbers), {}
    for name, default in defaults.items():
        columns[name], spelled = table.texts[name]
        words[name] = [*spelled[:-1], default]
    failed: list[list[str]] = [[] for _ in table.heads]
    lost = np.array([word in LOST for word in words["status"]])
    for line in np.flatnonzero(lost[columns["status"]]).tolist():
        of = int(np.searchsorted(table.ends, line, side="right")) - 1
        failed[of].append(printable(words["reason"][columns["reason"][line]]))
    return _Block([_printable(job) for job in table.heads], table.ends, failed, columns, words)


def _read(root: Path, entries: Sequence[dict[str, Any]]) -> _Block:
    """The jobs of a few entries, each with its rows."""
    store = Store(root)
    words: dict[Any, int] = {}
    known: dict[str, tuple[Job | None, dict[str, np.ndarray], list[str]]] = {}  # several ask for the same
    jobs, failed, pieces = [], [], [_columns([], Job([]), words)]
    for entry in entries:
        if entry["key"] not in known:
            job = store.read_job(entry["key"], entry["seeds"])
            rows = job.rows if job else []
            if job is not None and job.status != Status.OK:
                evaluation = entry["request"]["evaluation"]
                rows = [{"seed": s, "metric": evaluation, "value": None} for s in entry["seeds"]] + rows
            columns = _columns(rows, job or Job([]), words)
            reasons = [
                printable(row.get("reason", "")) for row in (job.rows if job else ()) if row.get("status") in LOST
            ]
            known[entry["key"]] = job and _printable(job), columns, reasons
        job, columns, reasons = known[entry["key"]]
        jobs.append(job)
        failed.append(reasons)
        pieces.append(columns)
    ends = np.cumsum([len(piece["seed"]) for piece in pieces], dtype=np.int64)  # the first has none
    joined = {name: np.concatenate([piece[name] for piece in pieces]) for name in OWN}
    return _Block(jobs, ends, failed, joined, {name: list(words) for name in WORDS}, store.warnings)


def _printable(job: Job) -> Job:
    """A job without its rows, whose texts are printable."""
    return replace(job, rows=[], reason=printable(job.reason), stamp=printable(job.stamp))


def _joined(blocks: Sequence[_Block]) -> dict[str, Any]:
    """The columns of all blocks; words as codes, in the order of the words: a table of millions of them is sorted and
    compared several times faster."""
    joined: dict[str, Any] = {}
    for name in OWN if blocks else ():
        columns = [block.columns[name] for block in blocks]
        if name not in WORDS:
            joined[name] = np.concatenate(columns)
            continue
        spelled = [list(map(printable, block.words[name])) for block in blocks]
        known = sorted({word for words in spelled for word in words if word is not None})
        code: dict[str | None, int] = {None: -1, **{word: i for i, word in enumerate(known)}}
        of_all = [np.array([code[w] for w in words], dtype=np.int32) for words in spelled]
        codes = np.concatenate([of[at] for of, at in zip(of_all, columns, strict=True)])
        joined[name] = pd.Categorical.from_codes(codes, pd.Index(known, dtype="str"))
    return joined


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
