"""Results on disk. One job, one file: written under a temporary name, then renamed.

results/<preset>/
    jobs/KEY.json          rows of one evaluation of one block of seeds; KEY hashes all that determines them
    jobs/KEY.npz           what the report shows beside rows (filters, top images), where there is any
    packed/                jobs, arrays and manifest in a few files, for keeping and sharing (see `packed`); a loose job
                           goes before the packed one of its key, and so does the manifest
    encoders/KEY.safetensors
    manifest.json          which KEY answers which question now: the union of all runs; manifest.json.bak is a copy
    measurements.csv       the rows of the manifest's jobs, one tidy table
    verdicts.json          the claims, decided
    findings.json          the same and what else benchmarks found, as plain data
    run.json, run.log      how and on what it was run (run.json.bak is a copy); warnings and failures

What a file says of itself (whose key it is, its seeds, its settings) is under its checksum, so that one that was
changed, or has another's name, is noticed and made again. Files of former formats are read too, in today's words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from infomax_bench.base import older
from infomax_bench.base.errors import UserError
from infomax_bench.base.job import FORMAT, Job, check_job, check_seeds
from infomax_bench.base.packed import Packed, packed
from infomax_bench.base.printable import printable
from infomax_bench.base.sealed import (
    Damaged,
    copy_of,
    digest,
    is_twice,
    read_either,
    replacing,
    sealed,
    write_text,
    write_twice,
)

__all__ = ["Job", "Manifest", "Store", "digest", "file_hash", "replacing", "write_text"]

Manifest = dict[str, dict[str, Any]]
"""Slot -> entry: which job answers which question."""


def file_hash(path: Path) -> str:
    """A short hash of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


class Store:
    """A results folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.warnings: list[str] = []

    def prepare(self) -> None:
        """Makes the folder. Raises UserError if it cannot be written."""
        for path in (self.root, self.root / "jobs", self.root / "encoders"):
            if path.exists() and not path.is_dir():
                raise UserError(f"{path} is no folder, and is in the way of one")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with replacing(self.root / ".probe") as temporary:
                temporary.write_text("")
            (self.root / ".probe").unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"results folder {self.root} cannot be written: {error.strerror}") from None

    def warn(self, text: str) -> None:
        """Keeps a line for whoever uses the store, once."""
        if text not in self.warnings:
            self.warnings.append(text)

    # -- jobs -------------------------------------------------------------------------------------------------
    def job_path(self, key: str) -> Path:
        return self.root / "jobs" / f"{key}.json"

    def arrays_path(self, key: str) -> Path:
        return self.root / "jobs" / f"{key}.npz"

    def encoder_path(self, key: str) -> Path:
        return self.root / "encoders" / f"{key}.safetensors"

    def write_job(self, key: str, job: Job) -> None:
        body = {
            "rows": job.rows,
            "status": job.status,
            "reason": job.reason,
            "retry": job.retry,
            "seconds": round(job.seconds, 3),
            "arrays": job.arrays,
            "stamp": job.stamp,
        }
        content = {"format": FORMAT, "key": key, "sha256": digest([FORMAT, key, body]), "body": body}
        write_text(self.job_path(key), json.dumps(content, allow_nan=True))

    def read_job(self, key: str, seeds: Sequence[int] | None = None) -> Job | None:
        """The job, or None if there is none; a damaged file is reported once, and its packed copy read.

        seeds: those that it is about, if they are known: rows of others are damage.
        """
        path, damage = self.job_path(key), ""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            body, version = content["body"], content["format"]
            if version != FORMAT and version not in older.formats():
                raise ValueError(f"its format is {version}")
            if content["sha256"] != digest(body if version == 1 else [version, key, body]):
                raise ValueError("its checksum does not match")
            job = Job(**(body if version == FORMAT else older.modern_job(body)))
            check_job(job)
            check_seeds((row["seed"] for row in job.rows), seeds)
            return job
        except FileNotFoundError:
            pass
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError, OSError) as error:
            damage = str(error)
        found = self._head(key, seeds) and self.packed.job(key)
        if damage:
            self.warn(f"{path} is damaged and {'is read packed' if found else 'will be made again'} ({damage})")
        return found

    def _head(self, key: str, seeds: Sequence[int] | None) -> Job | None:
        """A packed job without its rows; None if there is none."""
        job, own = self.packed.head(key) or (None, set[int]())
        try:
            check_seeds(own, seeds)
        except ValueError as error:
            self.warn(f"job {key}, which is packed, will be made again ({error})")
            return None
        return job

    def done(self, key: str, seeds: Sequence[int] | None = None) -> bool:
        """Whether the job is there and need not be tried again."""
        job = self.read_job(key, seeds) if self.job_path(key).exists() else self._head(key, seeds)
        return job is not None and not job.retry and (not job.arrays or self.has_arrays(key, job))

    def has_arrays(self, key: str, job: Job) -> bool:
        """Whether what is kept beside the job's rows is there and whole; if not, it is reported once."""
        if self._has_loose(key, job.arrays) or (job.arrays and self.packed.kept(key) == job.arrays):
            return True
        self.warn(f"{self.arrays_path(key)} is damaged and will be made again")
        return False

    def _has_loose(self, key: str, kept: str) -> bool:
        path = self.arrays_path(key)
        return path.is_file() and file_hash(path) == kept

    def read_arrays(self, key: str, kept: str = "") -> dict[str, Any]:
        """What is kept beside a job's rows. kept: the hash that the job has of it; without, a file goes before what is
        packed. Raises what numpy, zipfile and zlib do for a damaged or missing file."""
        import numpy as np

        loose = self._has_loose(key, kept) if kept else self.arrays_path(key).is_file()
        if not loose and self.packed.kept(key):
            return self.packed.arrays(key)
        with np.load(self.arrays_path(key)) as file:
            return {name: file[name] for name in file.files}

    def write_arrays(self, key: str, arrays: Mapping[str, Any]) -> str:
        """Writes what the report shows beside a job's rows; returns the file's hash."""
        import numpy as np

        with replacing(self.arrays_path(key)) as temporary:
            np.savez_compressed(temporary, **arrays)
        return file_hash(self.arrays_path(key))

    @property
    def packed(self) -> Packed:
        """What is packed, as it is now."""
        return packed(self.root, self.warn)

    # -- manifest ---------------------------------------------------------------------------------------------
    @property
    def manifest_path(self) -> Path:
        return self.root / "manifest.json"

    def locked(self) -> FileLock:
        """Held while a file that several runs write is read and written."""
        return FileLock(self.root / ".lock")

    def manifest(self) -> Manifest:
        """Slot -> entry: which job answers which question. Empty if there is none yet.

        Raises UserError if it is damaged and its copy too: what it listed would silently be lost.
        """
        try:
            content = read_either(self.manifest_path, self.warn, _check_manifest)
        except Damaged as error:
            raise UserError(
                f"{self.manifest_path} is damaged ({error}); restore it, or delete it and its copy to begin anew: "
                "jobs that are asked for again are found in jobs/, others are no longer shown"
            ) from None
        if content is None:
            listed = self.packed.manifest()
            if listed is not None:
                return listed
            if any((self.root / "jobs").glob("[0-9a-f]*.json")):
                self.warn(
                    f"{self.manifest_path} is missing: of the results in jobs/ only those are shown that this "
                    "run asks for"
                )
            return {}
        return _entries(content)

    def update_manifest(self, change: Callable[[Manifest], Manifest]) -> Manifest:
        """Replaces the manifest by `change` of it, which is returned; safe beside another run on the same folder."""
        with self.locked():
            before = self.manifest()
            after: Manifest = json.loads(json.dumps(change(before)))  # as it will be read
            if after != before or not self._is_kept():
                self.write_manifest(after)
            return after

    def write_manifest(self, manifest: Manifest) -> None:
        """Writes the manifest as it is; whoever does so holds the lock."""
        write_twice(self.manifest_path, sealed({"format": FORMAT, "entries": manifest}, indent=0, sort_keys=True))

    def _is_kept(self) -> bool:
        """Whether the manifest is there twice, or packed."""
        loose = self.manifest_path.is_file() or copy_of(self.manifest_path).is_file()
        return is_twice(self.manifest_path) if loose else self.packed.manifest() is not None

    # -- log --------------------------------------------------------------------------------------------------
    def log(self, lines: Iterable[str]) -> None:
        """Appends to run.log."""
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        with (self.root / "run.log").open("a", encoding="utf-8") as file:
            file.writelines(f"{now} {printable(line)}\n" for line in lines)


def _entries(content: dict[str, Any]) -> Manifest:
    """The slots of a manifest; in format 1 they are all there is."""
    entries: Manifest = content["entries"] if "format" in content else content
    if content.get("format") == FORMAT:
        return entries
    return {slot: older.modern_entry(entry) for slot, entry in entries.items()}


def _check_manifest(content: dict[str, Any]) -> None:
    """Raises TypeError or KeyError if entries lack what all readers need, or if a file without a checksum has none."""
    if not content:
        raise TypeError("it lists nothing")
    for slot, entry in _entries(content).items():
        cell, request = entry["cell"], entry["request"]
        texts = [entry["benchmark"], entry["key"], request["evaluation"], request["target"] or ""]
        texts += [cell[name] for name in ("method", "dataset", "track", "backbone", "label")]
        texts += [name for name, _ in cell["tags"]]
        numbers = [*entry["seeds"], cell["width"], cell["depth"]]
        if not all(isinstance(t, str) for t in texts) or not all(type(n) is int for n in numbers) or not entry["seeds"]:
            raise TypeError(f"the entry {slot} is not one")
        if not all(isinstance(value, str | int | float) for _, value in cell["tags"]):
            raise TypeError(f"the entry {slot} has a tag that is neither text nor number")
