"""What the data sets that come through torchvision share: how they are found, verified, downloaded and read."""

from __future__ import annotations

import hashlib
import http.client
import json
import logging
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from filelock import FileLock
from torch import Tensor

from infomax_bench.data import Dataset, Images, data_root
from infomax_bench.errors import UserError

log = logging.getLogger("infomax_bench")

RECORDED = "infomax-bench-sha256.json"
"""Beside the files of a data set without built-in checksums: their hashes right after a verified download."""
TIMEOUT = 30
"""Seconds of silence after which a server counts as unreachable."""


class TorchvisionDataset(Dataset):
    """Base class of data sets that torchvision knows how to download and read, under `data_root()`.

    Every load verifies the files. What is missing or damaged is downloaded to one side, verified, and only then moved
    into place, so that nothing half-written is ever found under its real name.
    """

    source: ClassVar[str]
    """The class in `torchvision.datasets`."""
    options: ClassVar[Mapping[str, Any]] = {}
    """What that class needs beside `root` and `train`."""
    folder: ClassVar[str]
    """Where torchvision keeps the files, relative to the data root."""
    files: ClassVar[Mapping[str, str]]
    """The files, and what each must be: "sha256:HEX", "md5:HEX", or "size:BYTES" where no checksum is known."""

    def fingerprint(self) -> str:
        content = json.dumps([self.source, dict(self.options), dict(self.files)])
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def load(self) -> Images:
        """The images, downloaded first if they are not there.

        Raises UserError if a file is missing or damaged and cannot be had.
        """
        root = data_root()
        try:
            if faults := self._faults(root):
                self._fetch(root, faults)
            parts = [self.arrays(self._open(root, train=train)) for train in (True, False)]
        except OSError as error:
            raise UserError(f"{self._title}: cannot use {error.filename or root}: {error.strerror or error}") from None
        images, labels = (torch.cat(both) for both in zip(*parts, strict=True))
        n_rest = len(parts[0][0])
        return Images(images=images, labels=labels, test=torch.arange(len(images)) >= n_rest)

    def arrays(self, part: Any) -> tuple[Tensor, Tensor]:
        """Images uint8 `[N, C, H, W]` and labels int64 `[N]` of one of torchvision's objects."""
        data = torch.as_tensor(part.data)
        images = data.unsqueeze(1) if data.dim() == 3 else data.permute(0, 3, 1, 2).contiguous()
        return images, torch.as_tensor(part.targets).long()

    @property
    def _title(self) -> str:
        return self.name or self.source

    def _open(self, root: Path, train: bool, download: bool = False) -> Any:
        from infomax_bench._torchvision import datasets  # seconds to import: not before it is needed

        return getattr(datasets, self.source)(root, train=train, download=download, **self.options)

    def _faults(self, root: Path) -> dict[Path, str]:
        """The files under `root` that cannot be used, and why."""
        recorded = _recorded(root / self.folder)
        faults = {}
        for name, known in self.files.items():
            path = root / self.folder / name
            if not path.is_file():
                faults[path] = "is missing"
            elif not all(_is(path, expected) for expected in (known, recorded.get(name)) if expected):
                faults[path] = "fails its checksum"
        return faults

    def _fetch(self, root: Path, faults: Mapping[Path, str]) -> None:
        """Puts verified files in place of what is missing or damaged."""
        aside = root / f".{self.source}.partial"
        try:
            root.mkdir(parents=True, exist_ok=True)
            with FileLock(root / f".{self.source}.lock"):  # two runs, or two workers of one: the first one downloads
                faults = self._faults(root)
                if not faults:
                    return
                try:
                    shutil.rmtree(aside, ignore_errors=True)  # of a process that was killed
                    self._download(aside)
                    (root / self.folder).mkdir(parents=True, exist_ok=True)
                    for name in [RECORDED, *self.files]:
                        os.replace(aside / self.folder / name, root / self.folder / name)
                finally:
                    shutil.rmtree(aside, ignore_errors=True)
        except (OSError, RuntimeError, http.client.HTTPException) as error:  # what urllib and torchvision raise
            reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
            path, fault = next(iter(faults.items()))
            raise UserError(
                f"{self._title}: {path} {fault} and could not be downloaded ({reason}); set INFOMAX_BENCH_DATA to a "
                f"folder that has {self.folder} in torchvision's layout, or copy "
                f"{', '.join(path.name for path in faults)} to {root / self.folder}"
            ) from None
        damaged = [str(path) for path, fault in faults.items() if fault != "is missing"]
        if damaged:
            log.warning("%s failed a checksum and was downloaded again", ", ".join(damaged))

    def _download(self, root: Path) -> None:
        """Fills the empty folder `root` with verified files and a record of their hashes, or raises RuntimeError."""
        with _timeout(TIMEOUT):
            self._open(root, train=True, download=True)  # checks the archives' md5
        for path, fault in self._faults(root).items():
            raise RuntimeError(f"the downloaded {path.name} {fault}")
        hashes = {name: _digest(root / self.folder / name, "sha256") for name in self.files}
        (root / self.folder / RECORDED).write_text(json.dumps(hashes, indent=1) + "\n")


def _recorded(folder: Path) -> dict[str, str]:
    try:
        hashes = json.loads((folder / RECORDED).read_text())
        return {name: f"sha256:{digest}" for name, digest in hashes.items()}
    except (OSError, ValueError, AttributeError):  # none, or not a record: it only adds to what is known
        return {}


def _is(path: Path, expected: str) -> bool:
    kind, _, value = expected.partition(":")
    return str(path.stat().st_size) == value if kind == "size" else _digest(path, kind) == value


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """torchvision sets no timeout of its own and would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
