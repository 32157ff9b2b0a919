"""What encoders, images, downloads and records take on disk, and what of it no result needs any more.

Results are nothing of this, and are never touched: jobs, packed or not, manifests, tables and tuned values. Neither are
downloads and the Hub's files, which other programs may use, and which cannot always be had again.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from infomax_bench.base.errors import Faulty, UserError
from infomax_bench.base.places import data_root, user_cache
from infomax_bench.base.store import Manifest, Store
from infomax_bench.data import mapped
from infomax_bench.study.cell import cell_of
from infomax_bench.study.plan import Planner
from infomax_bench.study.plugins import Registry

UNLISTED = "no result is about them"
OUTDATED = "made with other code, data or libraries than there are now"
LEFT = "left behind by a process that was killed"
"""Why something may go."""
DAY = 86_400
"""Seconds after which nobody is at work on a file any more."""


@dataclass(frozen=True)
class Idle:
    """A file, or a folder, that may go, and why."""

    path: Path
    why: str

    @property
    def bytes(self) -> int:
        return size_of(self.path)[1]


@dataclass(frozen=True)
class Place:
    """Files of one kind in one folder, and what of them may go."""

    kind: str
    folder: Path
    idle: list[Idle] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """Its files, and their bytes."""
        return size_of(self.folder)


@dataclass(frozen=True)
class Freed:
    """What was removed of one kind in one folder, for one reason."""

    kind: str
    folder: Path
    why: str
    items: int
    bytes: int


def size_of(path: Path) -> tuple[int, int]:
    """How many files there are at a path, and their bytes; what a link leads to lies elsewhere."""
    if not path.is_dir() or path.is_symlink():
        with contextlib.suppress(OSError):
            return 1, path.lstat().st_size
        return 0, 0
    below = [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
    sizes = [size_of(file) for file in below]
    return sum(n for n, _ in sizes), sum(size for _, size in sizes)


def places(roots: Sequence[Path], plugins: Registry) -> list[Place]:
    """All of it, by kind and folder; where there is nothing there is no place. roots: results folders."""
    cache = user_cache()
    found = [Place("encoders", root / "encoders", idle_encoders(root, plugins)) for root in roots]
    found.append(Place("images", mapped.folder(), idle_images(roots)))
    with contextlib.suppress(UserError):  # without a home there are none
        data = data_root()
        others = (data / "hub", mapped.folder())
        found += [Place("downloads", path) for path in _within(data) if path not in others]
        found.append(Place("the Hub's files", data / "hub"))
    found += [Place("the Hub's files", path) for path in _within(hub_cache()) if path.name.startswith("datasets--")]
    if cache is not None:
        found.append(Place("hashes of files", cache / "contents", idle_books(cache / "contents")))
        found.append(Place("recorded prices", cache / "prices.json"))
    return [place for place in found if place.size[0]]


def _within(folder: Path | None) -> list[Path]:
    """The folders in a folder."""
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder and folder.is_dir() else []


def hub_cache() -> Path | None:
    """Where the Hugging Face Hub's files are kept, by its own rules; None for a user without a home."""
    if given := os.environ.get("HF_HUB_CACHE"):
        return Path(given)
    try:
        home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    except RuntimeError:
        return None
    return home / "hub"


# -- what may go -------------------------------------------------------------------------------------------------------
def idle_encoders(root: Path, plugins: Registry) -> list[Idle]:
    """Encoders of a results folder that no entry of its manifest names, or that today's code, data and libraries would
    give another key, so that no run can ask for them. Where that cannot be told they are kept: a plug-in or a data set
    may be elsewhere."""
    manifest = Store(root).manifest()
    listed = {entry["encoder_key"]: entry for entry in manifest.values()}
    planners = [Planner(plugins, device) for device in ("cpu", "cuda")]
    idle = _left_behind(root / "encoders")
    for path in sorted((root / "encoders").glob("[!.]*.safetensors")):
        entry = listed.get(path.stem)
        if entry is None:
            idle.append(Idle(path, UNLISTED))
            continue
        with contextlib.suppress(UserError, Faulty, TypeError, ValueError, LookupError, AttributeError, OSError):
            cell, seeds = cell_of(entry["cell"]), tuple(entry["seeds"])
            if path.stem not in (planner.encoder_key(cell, seeds) for planner in planners):
                idle.append(Idle(path, OUTDATED))
    return idle


def idle_images(roots: Iterable[Path]) -> list[Idle]:
    """Images in the cache of data sets that no result of these folders is about, and that nobody has used for a day: a
    run makes them again from the data set's own files. Where no result is known they stay."""
    used = {name for root in roots for name in _datasets(Store(root).manifest())}
    left = _left_behind(mapped.folder())
    made = [path for path in _within(mapped.folder()) if not path.name.startswith(".")]
    old = [path for path in made if mapped.last_used(path) < time.time() - DAY]
    return left + [Idle(path, UNLISTED) for path in old if used and mapped.title_of(path) not in used]


def _datasets(manifest: Manifest) -> Iterator[str]:
    for entry in manifest.values():
        yield entry["cell"]["dataset"]
        yield entry["request"]["target"] or entry["cell"]["dataset"]


def _left_behind(folder: Path) -> list[Idle]:
    """Temporary files of a folder, which begin with a dot; locks are none."""
    old = time.time() - DAY
    found = [path for path in folder.glob(".[!.]*") if path.suffix != ".lock"]
    return [Idle(path, LEFT) for path in sorted(found) if path.stat().st_mtime < old]


def idle_books(folder: Path) -> list[Idle]:
    """Hashes of files of which none is there any more."""
    idle = []
    for path in sorted(folder.glob("[!.]*.json")):
        with contextlib.suppress(OSError, ValueError):
            if not any(os.path.exists(name) for name in json.loads(path.read_text(encoding="utf-8"))):
                idle.append(Idle(path, "their files are gone"))
    return idle


# -- prune -------------------------------------------------------------------------------------------------------------
def prune(roots: Sequence[Path], plugins: Registry, pretend: bool = False) -> list[Freed]:
    """Removes what may go, and returns what that was. pretend: nothing is removed.

    Beside a running run: a run lists what it needs, under the folder's lock, before it looks for it, and the lock is
    held here from the look at the list to the last file; an encoder that is in use is in memory.
    """
    freed = []
    for root in roots:
        with Store(root).locked():
            idle = idle_encoders(root, plugins)
            freed += _removed("encoders", root / "encoders", idle, pretend)
    freed += _removed("images", mapped.folder(), idle_images(roots), pretend)
    if (cache := user_cache()) is not None:
        books = cache / "contents"
        freed += _removed("hashes of files", books, idle_books(books), pretend)
    return freed


def _removed(kind: str, folder: Path, idle: Iterable[Idle], pretend: bool) -> list[Freed]:
    gone: dict[str, list[int]] = {}
    for one in idle:
        size = one.bytes
        with contextlib.suppress(OSError, Timeout):  # it is gone, or somebody is at work on it
            if not pretend:
                _remove(one.path)
            gone.setdefault(one.why, []).append(size)
    return [Freed(kind, folder, why, len(sizes), sum(sizes)) for why, sizes in gone.items()]


def _remove(path: Path) -> None:
    """Those who have images open keep them, and those who make them hold the lock. Raises Timeout then."""
    if not path.is_dir():
        path.unlink()
        return
    with FileLock(path.with_name(f".{path.name}.lock"), timeout=0):
        shutil.rmtree(path)
