"""Results on disk. One job, one file: written under a temporary name, then renamed.

results/<preset>/
    jobs/KEY.json          rows of one evaluation of one block of seeds; KEY hashes all that determines them
    jobs/KEY.npz           what the report shows beside rows (filters, top images), where there is any
    encoders/KEY.safetensors
    manifest.json          which KEY answers which question now: the union of all runs; manifest.json.bak is a copy
    measurements.csv       the rows of the manifest's jobs, one tidy table
    measurements.csv.gz    the same, for repositories: a host takes no file of over 100 MB, and packed it has a few
    verdicts.json          the claims, decided
    findings.json          the same and what else benchmarks found, as plain data
    run.json, run.log      how and on what it was run (run.json.bak is a copy); warnings and failures

What a file says of itself (whose key it is, its seeds, its settings) is under its checksum, so that one that was
changed, or has another's name, is noticed and made again. Files of former formats are read too, in today's words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from infomax_bench.base import older
from infomax_bench.base.errors import UserError
from infomax_bench.base.printable import printable
from infomax_bench.base.sealed import Damaged, digest, is_twice, read_either, replacing, sealed, write_text, write_twice
from infomax_bench.base.status import Status

__all__ = ["Job", "Manifest", "Store", "digest", "file_hash", "replacing", "write_text"]

FORMAT = 3
"""1: a job's key was not part of its checksum, and the manifest had none. 2: see `old_columns.toml`."""

Manifest = dict[str, dict[str, Any]]
"""Slot -> entry: which job answers which question."""


def file_hash(path: Path) -> str:
    """A short hash of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


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
        body = {"rows": job.rows, "status": job.status, "reason": job.reason, "retry": job.retry,
                "seconds": round(job.seconds, 3), "arrays": job.arrays, "stamp": job.stamp}  # fmt: skip
        content = {"format": FORMAT, "key": key, "sha256": digest([FORMAT, key, body]), "body": body}
        write_text(self.job_path(key), json.dumps(content, allow_nan=True))

    def read_job(self, key: str, seeds: Sequence[int] | None = None) -> Job | None:
        """The job, or None if there is none; a damaged file is reported once and counts as missing.

        seeds: those that it is about, if they are known: rows of others are damage.
        """
        path = self.job_path(key)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            body, version = content["body"], content["format"]
            if version != FORMAT and version not in older.formats():
                raise ValueError(f"its format is {version}")
            if content["sha256"] != digest(body if version == 1 else [version, key, body]):
                raise ValueError("its checksum does not match")
            job = Job(**(body if version == FORMAT else older.modern_job(body)))
            _check_job(job)
            if seeds is not None and not {row["seed"] for row in job.rows} <= set(seeds):
                raise ValueError("its rows are of other seeds")
            return job
        except FileNotFoundError:
            return None
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError, OSError) as error:
            self.warn(f"{path} is damaged and will be made again ({error})")
            return None

    def done(self, key: str, seeds: Sequence[int] | None = None) -> bool:
        """Whether the job is there and need not be tried again."""
        job = self.read_job(key, seeds)
        return job is not None and not job.retry and (not job.arrays or self.has_arrays(key, job))

    def has_arrays(self, key: str, job: Job) -> bool:
        """Whether what is kept beside the job's rows is there and whole; if not, it is reported once."""
        path = self.arrays_path(key)
        if path.is_file() and file_hash(path) == job.arrays:
            return True
        self.warn(f"{path} is damaged and will be made again")
        return False

    def read_arrays(self, key: str) -> dict[str, Any]:
        """What is kept beside a job's rows. Raises what numpy, zipfile and zlib do for a damaged or missing file."""
        import numpy as np

        with np.load(self.arrays_path(key)) as file:
            return {name: file[name] for name in file.files}

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
            if any((self.root / "jobs").glob("[0-9a-f]*.json")):
                self.warn(f"{self.manifest_path} is missing: of the results in jobs/ only those are shown that this "
                           "run asks for")  # fmt: skip
            return {}
        return _entries(content)

    def update_manifest(self, change: Callable[[Manifest], Manifest]) -> Manifest:
        """Replaces the manifest by `change` of it, which is returned; safe beside another run on the same folder."""
        with self.locked():
            before = self.manifest()
            after: Manifest = json.loads(json.dumps(change(before)))  # as it will be read
            if after != before or not is_twice(self.manifest_path):
                write_twice(self.manifest_path, sealed({"format": FORMAT, "entries": after}, indent=0, sort_keys=True))
            return after

    # -- log --------------------------------------------------------------------------------------------------
    def log(self, lines: Iterable[str]) -> None:
        """Appends to run.log."""
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        with (self.root / "run.log").open("a", encoding="utf-8") as file:
            file.writelines(f"{now} {printable(line)}\n" for line in lines)


def _check_job(job: Job) -> None:
    """Raises TypeError, ValueError or OverflowError for what is not a job's content, whatever its checksum says."""
    if not isinstance(job.stamp, dict) or not all(isinstance(t, str) for t in (job.status, job.reason, job.arrays)):
        raise TypeError("it is no job")
    for row in job.rows:
        for name in ("value", "x"):
            if type(number := row.get(name)) is not float and number is not None:
                float(number)
        for name in ("metric", "protocol", "other", "status", "reason"):
            if type(row.get(name, "")) is not str:
                raise TypeError(f"the {name} of a row is none")


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
