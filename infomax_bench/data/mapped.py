"""Images that are made once and kept as a file of bytes in the user's cache.

What is large is mapped into memory and gathered by index: only what is looked at is read, the system keeps as much of
it as there is room for, and processes share it. What is small is read whole, as if it had just been made.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import math
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from infomax_bench.base.contents import hashes
from infomax_bench.base.errors import UserError
from infomax_bench.base.places import data_root, user_cache
from infomax_bench.base.sealed import Damaged, sealed, unsealed, write_text

log = logging.getLogger("infomax_bench")

FORMAT = 1
LARGE = 1 << 30
"""Bytes of images from which on they are mapped."""
BLOCK = 1024
"""Images that are moved at once when a file is put in order."""
PIXELS, REST, ABOUT = "images.u8", "rest.npz", "about.json"


@dataclass(frozen=True)
class Kept:
    """What lies in the cache.

    images: uint8 `[N, C, H, W]`, not to be written to where they are mapped; rest: what belongs to them, by name, with
    a leading dimension of N each; about: plain values.
    """

    images: Tensor
    rest: Mapping[str, Tensor]
    about: Mapping[str, Any]


@dataclass
class Writer:
    """Takes `size` images of a shape one part after the other, and what belongs to them.

    n: how many there are already. rest: arrays by name, with a leading dimension of `size` each. order: where each
    image of the kept file is among those that were written, int64 `[n]`; as they came, if it is None.
    """

    file: BinaryIO
    size: int
    shape: tuple[int, ...]
    n: int = 0
    rest: dict[str, np.ndarray] = field(default_factory=dict)
    order: np.ndarray | None = None
    about: dict[str, Any] = field(default_factory=dict)

    def append(self, images: np.ndarray, **rest: np.ndarray) -> None:
        """Adds images, uint8 `[n, C, H, W]`, and what belongs to them, `[n, ...]` each. Raises ValueError for others
        than were declared."""
        end = self.n + len(images)
        if images.dtype != np.uint8 or images.shape[1:] != self.shape or end > self.size:
            wanted = f"uint8 {list(self.shape)}, {self.size} in all"
            raise ValueError(f"images must be {wanted}; {images.dtype} {list(images.shape[1:])} make {end}")
        if (self.n and rest.keys() != self.rest.keys()) or any(len(own) != len(images) for own in rest.values()):
            given = ", ".join(f"{len(own)} {name}" for name, own in rest.items()) or "nothing"
            wanted = ", ".join(self.rest if self.n else rest)
            raise ValueError(f"what belongs to {len(images)} images must be {wanted}; it is {given}")
        for name, values in rest.items():
            if name not in self.rest:  # room for all at once: what is added bit by bit leaves holes between large parts
                self.rest[name] = np.zeros((self.size, *values.shape[1:]), values.dtype)
            self.rest[name][self.n : end] = values
        self.file.write(np.ascontiguousarray(images).data)
        self.n = end

    def put(self, at: int, image: np.ndarray) -> None:
        """Writes one image `[C, H, W]` over the one that was added at a place."""
        self.file.seek(at * math.prod(self.shape))
        self.file.write(np.ascontiguousarray(image, np.uint8).data)
        self.file.seek(0, os.SEEK_END)


def folder() -> Path:
    """Where images are kept: in the user's cache, or with the data for a user without a home."""
    return (user_cache() or data_root()) / "images"


def kept(key: str, make: Callable[[Maker], None], title: str) -> Kept:
    """The images that are kept under a key; if there are none, or they are damaged, `make` makes them.

    title: whose they are, for messages. Raises UserError if they cannot be kept, and whatever `make` raises; nothing
    half-made is ever found.
    """
    place = folder() / key
    try:
        if (found := _read(place, title)) is not None:
            return found
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(place.with_name(f".{key}.lock")):  # two runs, or two workers of one: the first one makes them
            if (found := _read(place, "")) is None:
                maker = Maker(place, title)
                make(maker)
                found = _read(place, title)
    except OSError as error:
        raise UserError(f"{title}: images cannot be kept in {place.parent}: {error.strerror or error}") from None
    if found is None:
        raise UserError(f"{title}: the images in {place} changed while they were made; try again")
    return found


@dataclass(frozen=True)
class Maker:
    """Makes the files of one place."""

    place: Path
    title: str

    @contextlib.contextmanager
    def writing(self, n: int, shape: Sequence[int], ordered: bool = False) -> Iterator[Writer]:
        """What `n` images of a shape are written to; they are kept when the block ends.

        ordered: whether they will be put into another order, which takes as much room again for a while. Raises
        UserError if the disk has no room for them.
        """
        size = n * math.prod(shape)
        need_room(self.place.parent, size * (2 if ordered else 1), self.title)
        with tempfile.TemporaryDirectory(dir=self.place.parent, prefix=".making-") as name:
            aside = Path(name)
            with (aside / "raw").open("w+b") as file:
                writer = Writer(file, n, tuple(shape))
                yield writer
                if writer.n != n:
                    raise ValueError(f"{self.title} declares {n} images and has {writer.n}")
            _finish(aside, writer, self.title)
            shutil.rmtree(self.place, ignore_errors=True)
            self.place.mkdir(parents=True)
            for own in (PIXELS, REST, ABOUT):  # the last one says what the others must be
                os.replace(aside / own, self.place / own)


def _finish(aside: Path, writer: Writer, title: str) -> None:
    """Puts the images in order and writes what belongs to them."""
    total = hashlib.sha256()
    raw = np.memmap(aside / "raw", np.uint8, "r", shape=(writer.n, *writer.shape))
    order = np.arange(writer.n) if writer.order is None else writer.order
    if writer.order is None:
        os.replace(aside / "raw", aside / PIXELS)
        for at in range(0, writer.n, BLOCK):
            total.update(raw[at : at + BLOCK].data)
    else:
        with (aside / PIXELS).open("wb") as file:
            for at in range(0, writer.n, BLOCK):
                part = raw[order[at : at + BLOCK]]
                total.update(part.data)
                file.write(part.data)
    rest: dict[str, Any] = {name: values[order] for name, values in writer.rest.items()}
    np.savez(aside / REST, **rest)
    about = {
        "format": FORMAT,
        "title": title,
        "shape": [writer.n, *writer.shape],
        "files": {PIXELS: total.hexdigest(), REST: hashlib.sha256((aside / REST).read_bytes()).hexdigest()},
        "about": writer.about,
    }
    write_text(aside / ABOUT, sealed(about, indent=1))


def _read(place: Path, title: str) -> Kept | None:
    """What is kept; None if that is nothing, or damaged, which is told of if there is a title."""
    try:
        said = unsealed(place / ABOUT)
        if said["format"] != FORMAT:
            return None
        if hashes([place / name for name in said["files"]], str(place)) != {
            place / name: value for name, value in said["files"].items()
        }:
            raise Damaged("a checksum does not match")
    except FileNotFoundError:
        _arrays.cache_clear()
        return None
    except (Damaged, KeyError, OSError) as error:
        if title:
            log.warning("%s: the images kept in %s are damaged (%s) and are made again", title, place, error)
        _arrays.cache_clear()
        return None
    with contextlib.suppress(OSError):  # when they were last used
        os.utime(place / ABOUT)
    return Kept(*_arrays(place, tuple(said["shape"]), *said["files"].values(), LARGE), said["about"])


@functools.lru_cache(maxsize=8)
def _arrays(place: Path, shape: tuple[int, ...], *_: Any) -> tuple[Tensor, Mapping[str, Tensor]]:
    """Read once in a process for as long as they are what they were: whoever asks for a shape has a data set built."""
    with np.load(place / REST, allow_pickle=False) as file:
        rest = {name: torch.from_numpy(file[name]) for name in file.files}
    return _images(place / PIXELS, shape), rest


def title_of(place: Path) -> str:
    """Whose images lie in a folder of the cache, as the data set is called; "" if that is not told."""
    try:
        return str(unsealed(place / ABOUT).get("title", ""))
    except (OSError, Damaged):
        return ""


def last_used(place: Path) -> float:
    """When images were last made or read, in seconds since the epoch; 0 for what are none."""
    try:
        return (place / ABOUT).stat().st_mtime
    except OSError:
        return 0.0


def _images(path: Path, shape: Sequence[int]) -> Tensor:
    if math.prod(shape) < LARGE:
        return torch.from_numpy(np.fromfile(path, np.uint8).reshape(shape))
    mapped = np.memmap(path, np.uint8, "r", shape=tuple(shape))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it cannot be written to is meant so
        return torch.from_numpy(mapped)


def is_mapped(images: Tensor) -> bool:
    """Whether images are too many to be copied."""
    return images.numel() >= LARGE


def room(shape: Sequence[int]) -> Tensor:
    """Room for uint8 images: in memory, or in a file of the cache that is gone when the process ends, if it is much.

    Raises UserError if the disk has none.
    """
    size = math.prod(shape)
    if size < LARGE:
        return torch.empty(*shape, dtype=torch.uint8)
    place = folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
        need_room(place, size, "images in another shape")
        with tempfile.NamedTemporaryFile(dir=place, prefix=".room-") as file:
            file.truncate(size)
            return torch.from_numpy(np.memmap(file.name, np.uint8, "r+", shape=tuple(shape)))
    except OSError as error:
        raise UserError(f"{place}: no room for {size / 1e9:.1f} GB of images: {error.strerror or error}") from None


def need_room(place: Path, size: int, title: str) -> None:
    """Raises UserError if a disk has no room for that many bytes."""
    free = shutil.disk_usage(place).free
    if free < size:
        raise UserError(
            f"{title}: {place} has {free / 1e9:.1f} GB free and {size / 1e9:.1f} are needed; free some, or put a link "
            "to a folder of a larger disk there"
        )
