"""Packs a results folder, and unpacks it: the same jobs, arrays and manifest in a few files (see `packed`), or in one
file for each job.

What was packed is read back and compared before an index names it, and only then is removed what it was made of: a
process that is killed leaves a whole folder, in which some jobs may be there in both forms.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from infomax_bench.base.columns import ArrayTable, JobTable, arrays_table, jobs_table, takes
from infomax_bench.base.errors import UserError
from infomax_bench.base.job import FORMAT, WORDS, Job
from infomax_bench.base.packed import Packed, Part, index_path
from infomax_bench.base.sealed import copy_of, replacing, sealed, write_twice
from infomax_bench.base.store import Manifest, Store

LEVEL = 19
"""Of zstd: what is kept for good is worth half a minute, and reading is as fast at any level."""
IN_FEW_WORDS = [f"rows.list.element.{name}" for name in ("seed", "x", "form", *WORDS)]
"""Columns with few different values. Of the others, zstd finds more by itself."""


@dataclass
class Outcome:
    """How packing or unpacking went. jobs: in the packed folder, or taken out of it; files, bytes: of that folder;
    lines: what else there is to say."""

    jobs: int = 0
    files: int = 0
    bytes: int = 0
    lines: list[str] = field(default_factory=list)


@dataclass
class _Folded:
    """A data set's part of packing: its parts, and the files that are not needed beside them, as they were then."""

    parts: list[Part]
    files: dict[Path, os.stat_result] = field(default_factory=dict)


# -- pack ------------------------------------------------------------------------------------------------------------
def pack(root: Path, beside: bool = False) -> Outcome:
    """Packs what the manifest of a results folder lists; loose jobs are folded into what is packed there already.

    beside: loose jobs have parts of their own, and what is packed stays as it is, for whoever keeps every version.

    Raises UserError if the folder holds no results, or is damaged so that some could be lost.
    """
    store = Store(root)
    with store.locked():
        manifest_files = _states((store.manifest_path, copy_of(store.manifest_path)))
        manifest, before = store.manifest(), store.packed
        _need_all(store, manifest)
        if not manifest:
            raise UserError(" ".join(store.warnings[-1:]) or f"{root} holds no results; 'infomax-bench run' makes some")
        keys: dict[str, dict[str, list[int]]] = {}
        for _, entry in sorted(manifest.items()):
            keys.setdefault(entry["cell"]["dataset"], {}).setdefault(entry["key"], entry["seeds"])
        folded = [_fold(store, before, dataset, own, beside) for dataset, own in sorted(keys.items())]
        parts = [part for one in folded for part in one.parts] + [_pack_manifest(root, before, manifest)]
        lines = _unlisted(store, before, {key for own in keys.values() for key in own})
        index = {"format": FORMAT, "parts": [asdict(part) for part in parts]}
        write_twice(index_path(root), sealed(index, indent=1))
        for one in folded:
            _remove(one.files)
        _remove(manifest_files)
        _tidy(root, parts)
        files = [index_path(root), *(index_path(root).parent / part.file for part in parts)]
        jobs = sum(part.lines for part in parts if part.kind == "rows")
        return Outcome(jobs, len(files), sum(path.stat().st_size for path in files), store.warnings + lines)


def _fold(store: Store, before: Packed, dataset: str, keys: Mapping[str, list[int]], beside: bool) -> _Folded:
    """The parts of a data set's encoders: those that are there, if they hold what is listed and nothing is loose; or
    beside them one of what is loose, if all they hold is listed and none of that is loose."""
    found = _states(path for key in keys for path in (store.job_path(key), store.arrays_path(key)))
    own = [part for part in before.parts if part.dataset == dataset and part.kind != "manifest"]
    if not found and own and before.keys(dataset) == set(keys):
        return _Folded(own)
    packed = before.keys(dataset)
    again = any(store.job_path(key).exists() for key in packed)
    if beside and packed <= set(keys) and not (again or before.missing):
        keys = {key: seeds for key, seeds in keys.items() if key not in packed}
    else:
        own = []
    jobs: dict[str, Job] = {}
    arrays: list[tuple[str, str, Mapping[str, np.ndarray]]] = []
    files: dict[Path, os.stat_result] = {}
    for key, seeds in keys.items():
        job = store.read_job(key, seeds)
        if job is None:
            continue
        if not takes(job):
            store.warn(f"{store.job_path(key)} stays as it is: its rows have seeds that are no numbers")
            continue
        jobs[key] = job
        paths = [store.job_path(key)]
        if job.arrays and store.has_arrays(key, job):
            arrays.append((key, job.arrays, store.read_arrays(key, job.arrays)))
            paths.append(store.arrays_path(key))
        files |= {path: found[path] for path in paths if path in found}
    parts = own + ([_pack_jobs(store.root, dataset, jobs)] if jobs else [])
    parts += [_pack_arrays(store.root, dataset, arrays)] if arrays else []
    return _Folded(parts, files)


def _pack_jobs(root: Path, dataset: str, jobs: Mapping[str, Job]) -> Part:
    table = jobs_table(jobs)
    part = _write(root, "rows", dataset, table, len(jobs), use_dictionary=IN_FEW_WORDS)
    back = JobTable(Packed(root, (part,)).read(part))
    for key, i in back.keys.items():
        if json.dumps(vars(back.job(i))) != json.dumps(vars(jobs[key])):
            raise AssertionError(f"job {key} is another one when it is packed")
    return part


def _pack_arrays(root: Path, dataset: str, arrays: list[tuple[str, str, Mapping[str, np.ndarray]]]) -> Part:
    part = _write(root, "arrays", dataset, arrays_table(arrays), len(arrays), use_dictionary=["key", "kept", "name"])
    back = ArrayTable(Packed(root, (part,)).read(part))
    for key, kept, own in arrays:
        packed = back.arrays(key)
        same = list(packed) == list(own) and back.kept[key] == kept
        if not same or any(_bits(packed[name]) != _bits(array) for name, array in own.items()):
            raise AssertionError(f"arrays of job {key} are others when they are packed")
    return part


def _bits(array: np.ndarray) -> tuple[Any, ...]:
    return array.dtype, array.shape, array.tobytes()


def _pack_manifest(root: Path, before: Packed, manifest: Manifest) -> Part:
    if before.manifest() == manifest:
        return next(part for part in before.parts if part.kind == "manifest")
    entries = [json.dumps(entry, sort_keys=True) for entry in manifest.values()]
    table = pa.table({"slot": pa.array(list(manifest), pa.string()), "entry": pa.array(entries, pa.string())})
    return _write(root, "manifest", "", table, len(manifest), use_dictionary=False)


def _write(root: Path, kind: str, dataset: str, table: pa.Table, lines: int, use_dictionary: list[str] | bool) -> Part:
    """Writes a part: one group of rows, each column in one page, so that all of it is packed together."""
    stream = pa.BufferOutputStream()
    pq.write_table(
        table,
        stream,
        compression="zstd",
        compression_level=LEVEL,
        use_dictionary=use_dictionary,
        row_group_size=max(len(table), 1),
        data_page_size=2**30,
        write_statistics=False,
    )
    content = stream.getvalue()
    sha256 = hashlib.sha256(content).hexdigest()
    of = re.sub(r"[^A-Za-z0-9_-]+", "-", dataset)[-40:].strip("-")
    part = Part(kind, dataset, ".".join([*filter(None, [of, kind]), sha256[:12], "parquet"]), sha256, lines)
    with replacing(index_path(root).parent / part.file) as temporary:
        temporary.write_bytes(content)
    return part


def _need_all(store: Store, manifest: Manifest) -> None:
    """Raises UserError if a part is missing, and with it jobs that are not loose either: restored, it has them."""
    if not store.packed.missing:
        return
    jobs = {entry["key"]: store.read_job(entry["key"], entry["seeds"]) for entry in manifest.values()}
    lost = [key for key, job in jobs.items() if job is None or (job.arrays and not store.has_arrays(key, job))]
    if lost:
        gone = "; ".join(store.packed.missing)
        raise UserError(f"{gone}: restore it, or run again, which makes {len(lost)} jobs anew; nothing was changed")


def _unlisted(store: Store, before: Packed, listed: set[str]) -> list[str]:
    """Makes packed jobs loose again that the manifest lists no more."""
    gone = [key for key in before.where if key not in listed]
    for key in gone:
        _loosen(store, before, key)
    return [f"{len(gone)} jobs are loose again: no result is theirs any more"] if gone else []


# -- unpack ----------------------------------------------------------------------------------------------------------
def unpack(root: Path) -> Outcome:
    """Writes what is packed as one file for each job, but for jobs that are loose already, and removes the packed
    files. Raises UserError if nothing is packed, or if it is damaged."""
    store = Store(root)
    with store.locked():
        before = store.packed
        if not before.parts:
            raise UserError(f"nothing is packed in {root}")
        _need_all(store, store.manifest())
        for key in before.where:
            _loosen(store, before, key)
        store.write_manifest(store.manifest())
        for path in (index_path(root), copy_of(index_path(root))):
            path.unlink(missing_ok=True)
        _tidy(root, [])
        return Outcome(len(before.where), lines=store.warnings)


def _loosen(store: Store, before: Packed, key: str) -> None:
    """Writes a packed job, with its arrays, if it is not loose already."""
    job = store.read_job(key)
    if job is None:
        return
    arrays = store.arrays_path(key)
    if job.arrays and job.arrays == before.kept(key) and not arrays.is_file():
        job.arrays = store.write_arrays(key, before.arrays(key))  # by another library, their file may be another
    store.write_job(key, job)


# -- files -----------------------------------------------------------------------------------------------------------
def _states(paths: Iterable[Path]) -> dict[Path, os.stat_result]:
    """What tells whether a file is changed, for those that are there."""
    states = {}
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            states[path] = path.stat()
    return states


def _remove(files: Mapping[Path, os.stat_result]) -> None:
    """Removes files but those that were written anew in the meantime."""
    for path, now in _states(files).items():
        then = files[path]
        if (now.st_mtime_ns, now.st_size, now.st_ino) == (then.st_mtime_ns, then.st_size, then.st_ino):
            path.unlink()


def _tidy(root: Path, parts: Iterable[Part]) -> None:
    """Removes parts that no index names any more, what a killed process left, and folders that became empty."""
    folder, named = index_path(root).parent, {part.file for part in parts}
    for path in folder.glob("*.parquet"):
        if path.name not in named:
            with contextlib.suppress(PermissionError):  # where a file that is open cannot be removed
                path.unlink()
    for empty in (folder, root / "jobs"):
        with contextlib.suppress(OSError):
            empty.rmdir()
