"""What the data sets that come through torchvision share: how they are found, verified, downloaded and read."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import logging
import os
import re
import shutil
import socket
import sys
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import torch
from filelock import FileLock
from torch import Tensor

from infomax_bench.base.contents import hashes
from infomax_bench.base.errors import UserError
from infomax_bench.base.store import write_text
from infomax_bench.data.dataset import Dataset, Images, data_root

log = logging.getLogger("infomax_bench")

RECORDED = "infomax-bench-sha256.json"
"""Beside the files of a data set without built-in checksums: their hashes right after a verified download."""
HTTPS = {
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/": "https://github.com/zalandoresearch/fashion-mnist/"
    "raw/master/data/fashion/",
}
"""Where files that torchvision asks for over plain http are to be had over https, if not at the same place."""
TIMEOUT = 30
"""Seconds of silence after which a server counts as unreachable."""


class TorchvisionDataset(Dataset):
    """Base class of data sets that torchvision knows how to download and read, under `data_root()`.

    Every load verifies the files. What is missing or damaged is unpacked, if it lies there packed or under another
    name (`_spares`), or downloaded, to one side, verified, and only then moved into place, so that nothing half-written
    is ever found under its real name. Files that nothing vouches for but their size are used, and called unverified.
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
        """Of what the files must be; where that is no more than a size, of what the files there hold too."""
        content = json.dumps([self.source, dict(self.options), dict(self.files)])
        with suppress(UserError, OSError):  # loading tells
            root = data_root()
            if self._are_there(root):
                self._record(root)
                paths = [root / self.folder / name for name in self._unverified(root)]
                content += "".join(hashes(paths, f"{root} {self.source}").values() if paths else ())
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def load(self) -> Images:
        """The images, downloaded first if they are not there.

        Raises UserError if a file is missing or damaged and cannot be had.
        """
        root = data_root()
        try:
            if faults := self._faults(root):
                self._fetch(root, faults)
            self._record(root)
            parts = [self._read(root, train) for train in (True, False)]
        except OSError as error:
            raise UserError(f"{self._title}: cannot use {error.filename or root}: {error.strerror or error}") from None
        if names := self._unverified(root):
            log.warning(
                "%s: unverified: %s in %s have the right size, and no checksum says that they are the published files; "
                "where they are removed, verified ones are downloaded",
                self._title,
                ", ".join(names),
                root / self.folder,
            )
        images, labels = (torch.cat(both) for both in zip(*parts, strict=True))
        n_rest = len(parts[0][0])
        return Images(images=images, labels=labels, test=torch.arange(len(images)) >= n_rest)

    @property
    def verified(self) -> bool | None:
        """Whether a checksum vouches for every file; None if not all of them are there."""
        try:
            root = data_root()
        except UserError:
            return None
        return not self._unverified(root) if self._are_there(root) else None

    def _are_there(self, root: Path) -> bool:
        return all((root / self.folder / name).is_file() for name in self.files)

    def _unverified(self, root: Path) -> list[str]:
        """The files of which no more than the size is known."""
        recorded = _recorded(root / self.folder)
        return [name for name, known in self.files.items() if known.startswith("size:") and name not in recorded]

    def _read(self, root: Path, train: bool) -> tuple[Tensor, Tensor]:
        """Images and labels of one part. Raises UserError if the files hold something else."""
        expected = type(self).n_rest if train else type(self).n_test  # of an argument's part, the files have more
        try:
            images, labels = self.arrays(self._open(root, train=train))
            if images.shape != (expected, *self.shape) or labels.shape != (expected,):
                raise ValueError(f"images {list(images.shape)}, labels {list(labels.shape)}")
            if not 0 <= int(labels.min()) <= int(labels.max()) < self.n_classes:
                raise ValueError(f"labels from {labels.min()} to {labels.max()}")
        except OSError:
            raise
        except Exception as error:  # torchvision's reader trusts what it finds
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UserError(
                f"{self._title}: the files in {root / self.folder} are not this data set ({reason}); remove them, and "
                "verified ones are downloaded"
            ) from None
        return images, labels

    def arrays(self, part: Any) -> tuple[Tensor, Tensor]:
        """Images uint8 `[N, C, H, W]` and labels int64 `[N]` of one of torchvision's objects."""
        data = torch.as_tensor(part.data)
        images = data.unsqueeze(1) if data.dim() == 3 else data.permute(0, 3, 1, 2).contiguous()
        return images, torch.as_tensor(part.targets).long()

    @property
    def _title(self) -> str:
        return self.name or self.source

    def _class(self) -> type:
        """torchvision's class, asking over https alone, and reading the files that were verified and no others."""
        from infomax_bench.data._torchvision import datasets  # seconds to import: not before it is needed

        theirs: type = getattr(datasets, self.source)
        mirrors = [HTTPS.get(url, url.replace("http://", "https://", 1)) for url in getattr(theirs, "mirrors", ())]
        return type(theirs.__name__, (theirs,), {"mirrors": mirrors, "_check_legacy_exist": lambda _: False})

    def _open(self, root: Path, train: bool, download: bool = False) -> Any:
        return self._class()(root, train=train, download=download, **self.options)

    def _faults(self, root: Path) -> dict[Path, str]:
        """The files under `root` that cannot be used, and why."""
        recorded = _recorded(root / self.folder)
        faults = {}
        for name, known in self.files.items():
            path = root / self.folder / name
            if not path.is_file():
                faults[path] = "is missing"
            elif not all(_is(path, e) for e in (known, recorded.get(name) or self._packed(path, known)) if e):
                faults[path] = "fails its checksum"
        return faults

    def _archives(self) -> dict[str, str]:
        """What torchvision downloads, relative to the data root, and the MD5 that it publishes."""
        theirs: Any = self._class()
        if "tgz_md5" in dir(theirs):  # CIFAR
            return {theirs.filename: theirs.tgz_md5}
        if "md5" in dir(theirs):  # EMNIST
            return {f"{self.folder}/{theirs.url.rpartition('/')[2]}": theirs.md5}
        return {f"{self.folder}/{name}": md5 for name, md5 in theirs.resources}

    def _packed(self, path: Path, known: str) -> str | None:
        """What a file of which we know the size alone must be by its archive, if that lies there and is genuine."""
        archive = path.with_name(f"{path.name}.gz")
        if not known.startswith("size:") or not archive.is_file():
            return None
        if _digest(archive, "md5") != self._archives().get(f"{self.folder}/{archive.name}"):
            return None
        with gzip.open(archive) as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"

    def _record(self, root: Path) -> None:
        """Keeps the hashes of files that an archive vouches for; where nothing can be written, it is asked again."""
        folder = root / self.folder
        packed = {name: self._packed(folder / name, self.files[name]) for name in self._unverified(root)}
        found = {name: expected for name, expected in packed.items() if expected}
        if found:
            record = {name: value.partition(":")[2] for name, value in {**_recorded(folder), **found}.items()}
            with suppress(OSError):
                write_text(folder / RECORDED, json.dumps(record, indent=1) + "\n")

    def _fetch(self, root: Path, faults: Mapping[Path, str]) -> None:
        """Puts verified files in place of what is missing or damaged."""
        for path in (path for path in faults if path.is_dir()):  # as Kaggle's archive unpacks
            raise UserError(
                f"{self._title}: {path} is a folder, where a file is wanted; move what is in it to its place"
            )
        aside = root / f".{self.source}.partial"
        lacking = faults
        try:
            root.mkdir(parents=True, exist_ok=True)
            with FileLock(root / f".{self.source}.lock"):  # two runs, or two workers of one: the first one downloads
                try:
                    shutil.rmtree(aside, ignore_errors=True)  # of a process that was killed
                    faults = self._faults(root)
                    lacking = {path: fault for path, fault in faults.items() if not self._unpacked(path, aside)}
                    if lacking:
                        self._download(aside, root)
                        (root / self.folder).mkdir(parents=True, exist_ok=True)
                        for name in [RECORDED, *self.files]:
                            os.replace(aside / self.folder / name, root / self.folder / name)
                finally:
                    shutil.rmtree(aside, ignore_errors=True)
        except (OSError, RuntimeError, http.client.HTTPException) as error:  # what urllib and torchvision raise
            reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
            path, fault = next(iter(lacking.items()))
            if others := [other.name for other in _spares(path)]:
                fault += f" ({', '.join(others)} holds something else)"
            raise UserError(
                f"{self._title}: {path} {fault} and could not be downloaded ({reason}); set INFOMAX_BENCH_DATA to a "
                f"folder that has {self.folder} in torchvision's layout, or copy "
                f"{', '.join(path.name for path in lacking)} to {root / self.folder}"
            ) from None
        damaged = [str(path) for path, fault in faults.items() if fault != "is missing"]
        if damaged:
            log.warning("%s failed a checksum and was replaced", ", ".join(damaged))

    def _unpacked(self, path: Path, aside: Path) -> bool:
        """Whether a file's right content lay beside it, packed or under another name; it is put in place then."""
        known = self.files[path.name]
        expected = [e for e in (known, self._packed(path, known)) if e]
        for spare in _spares(path):
            aside.mkdir(parents=True, exist_ok=True)
            copy = aside / path.name
            with suppress(EOFError, gzip.BadGzipFile, zlib.error):
                with gzip.open(spare) if spare.suffix == ".gz" else spare.open("rb") as source, copy.open("wb") as file:
                    shutil.copyfileobj(source, file)
                if all(_is(copy, e) for e in expected):
                    os.replace(copy, path)
                    return True
        return False

    def _download(self, root: Path, there: Path) -> None:
        """Fills the empty folder `root` with verified files and a record of their hashes, or raises RuntimeError.

        Whole archives that lie in the folder `there` are unpacked instead of downloaded.
        """
        for name, md5 in self._archives().items():
            if (there / name).is_file() and _digest(there / name, "md5") == md5:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(there / name, root / name)
        with _timeout(TIMEOUT), _https_alone():
            self._open(root, train=True, download=True)  # checks the archives' md5
        for path, fault in self._faults(root).items():
            raise RuntimeError(f"the downloaded {path.name} {fault}")
        record = {name: _digest(root / self.folder / name, "sha256") for name in self.files}
        (root / self.folder / RECORDED).write_text(json.dumps(record, indent=1) + "\n")


def _recorded(folder: Path) -> dict[str, str]:
    try:
        hashes = json.loads((folder / RECORDED).read_text())
        return {name: f"sha256:{digest}" for name, digest in hashes.items()}
    except (OSError, ValueError, AttributeError):  # none, or not a record: it only adds to what is known
        return {}


def _spares(path: Path) -> list[Path]:
    """Where a file's content may lie too: packed, as it is downloaded, or with a dot in its name, as on Kaggle."""
    dotted = path.with_name(re.sub(r"-(idx\d-ubyte)$", r".\1", path.name))
    names = [f"{path.name}.gz", dotted.name, f"{dotted.name}.gz"]
    found = dict.fromkeys([*(path.with_name(name) for name in names), dotted / dotted.name])
    return [spare for spare in found if spare != path and spare.is_file()]


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


class _NoPlainHttp(urllib.request.HTTPHandler):
    """Sends nothing; a request that torchvision makes because https failed ends as that failure."""

    def http_open(self, req: urllib.request.Request) -> NoReturn:
        raise sys.exception() or urllib.error.URLError(f"{req.full_url} is plain http")


@contextmanager
def _https_alone() -> Iterator[None]:
    """torchvision asks again over plain http when https fails; what comes so may be anybody's."""
    before = urllib.request._opener  # type: ignore[attr-defined]  # there is no other way to know it
    if before is None:  # whoever has put one there knows better
        urllib.request.install_opener(urllib.request.build_opener(_NoPlainHttp))
    try:
        yield
    finally:
        urllib.request.install_opener(before)
