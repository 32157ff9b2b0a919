"""Results on disk. One job, one file: written under a temporary name, then renamed.

results/<preset>/
    jobs/KEY.json          rows of one evaluation of one block of seeds; KEY hashes all that determines them
    jobs/KEY.npz           what the report shows beside rows (filters, top images), where there is any
    encoders/KEY.safetensors
    manifest.json          which KEY answers which question now: the union of all runs
    measurements.csv       the rows of the manifest's jobs, one tidy table
    measurements.csv.gz    the same, for repositories: a host takes no file of over 100 MB, and packed it has a few
    verdicts.json          the claims, decided
    run.json, run.log      how and on what it was run; warnings and failures
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from infomax_bench.errors import UserError
from infomax_bench.printable import printable

FORMAT = 1


def digest(value: Any) -> str:
    """A short hash of plain values, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def file_hash(path: Path) -> str:
    """A short hash of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, which takes its place if the block succeeds and leaves no trace if not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all, whatever the text holds."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


@dataclass
class Job:
    """The result of one evaluation of one block of seeds.

    rows: dictionaries with at least seed, metric and value. status: "ok", "failed" or "not applicable", with a reason.
    retry: a failure that may not happen again (a full disk, a bug mended), so the next run tries it once more.
    """

    rows: list[dict[str, Any]]
    status: str = "ok"
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
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with replacing(self.root / ".probe") as temporary:
                temporary.write_text("")
            (self.root / ".probe").unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"results folder {self.root} cannot be written: {error.strerror}") from None

    def _warn(self, text: str) -> None:
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
        text = json.dumps({"format": FORMAT, "sha256": digest(body), "body": body}, allow_nan=True)
        write_text(self.job_path(key), text)

    def read_job(self, key: str) -> Job | None:
        """The job, or None if there is none; a damaged file is reported once and counts as missing."""
        path = self.job_path(key)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            body = content["body"]
            if content["format"] != FORMAT or content["sha256"] != digest(body):
                raise ValueError("its checksum does not match")
            return Job(**body)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, OSError) as error:
            self._warn(f"{path} is damaged and will be made again ({error})")
            return None

    def done(self, key: str) -> bool:
        """Whether the job is there and need not be tried again."""
        job = self.read_job(key)
        if job is None or job.retry:
            return False
        path = self.arrays_path(key)
        if job.arrays and not (path.exists() and file_hash(path) == job.arrays):
            self._warn(f"{path} is damaged and will be made again")
            return False
        return True

    def read_arrays(self, key: str) -> dict[str, Any]:
        """What is kept beside a job's rows. Raises what numpy, zipfile and zlib do for a damaged or missing file."""
        import numpy as np

        with np.load(self.arrays_path(key)) as file:
            return {name: file[name] for name in file.files}

    # -- manifest ---------------------------------------------------------------------------------------------
    def manifest(self) -> dict[str, dict[str, Any]]:
        """Slot -> entry: which job answers which question. Empty if there is none yet."""
        try:
            entries: dict[str, dict[str, Any]] = json.loads((self.root / "manifest.json").read_text(encoding="utf-8"))
            return entries
        except FileNotFoundError:
            return {}
        except ValueError as error:
            self._warn(f"{self.root / 'manifest.json'} is damaged and will be made again ({error})")
            return {}

    def update_manifest(self, change: Callable[[dict[str, dict[str, Any]]], dict[str, dict[str, Any]]]) -> None:
        """Replaces the manifest by `change` of it; safe beside another run on the same folder."""
        with FileLock(self.root / ".lock"):
            text = json.dumps(change(self.manifest()), indent=0, sort_keys=True)
            path = self.root / "manifest.json"
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                write_text(path, text)

    # -- log --------------------------------------------------------------------------------------------------
    def log(self, lines: Iterable[str]) -> None:
        """Appends to run.log."""
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        with (self.root / "run.log").open("a", encoding="utf-8") as file:
            file.writelines(f"{now} {printable(line)}\n" for line in lines)
