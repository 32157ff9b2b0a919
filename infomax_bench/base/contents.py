"""What is in files: their hashes, each made once and remembered for as long as the file is not touched."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

from infomax_bench.base.places import user_cache
from infomax_bench.base.store import digest, write_text

SETTLED = 2.0
"""Seconds since a file's last change after which its dates tell of the next one: clocks of file systems have ticks."""


def hashes(paths: Sequence[Path], memory: str) -> dict[Path, str]:
    """The SHA-256 of every file, in hex.

    What is known of a file under its size, date, inode and change time is not read again: it is kept in a file in the
    user's cache, one for each `memory`. Without a home, or where nothing can be written, every call reads all files.
    Raises OSError for a file that cannot be read.
    """
    folder = user_cache()
    book = folder and folder / "contents" / f"{digest(memory)}.json"
    known = _read(book) if book else {}
    now = time.time()
    found: dict[Path, str] = {}
    kept: dict[str, list[object]] = {}
    for path in paths:
        stat = path.stat()
        mark = [stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_dev, stat.st_ctime_ns]
        *before, remembered = known.get(str(path), [""])
        found[path] = str(remembered) if before == mark else _hash(path)
        if now - max(stat.st_mtime, stat.st_ctime) > SETTLED:
            kept[str(path)] = [*mark, found[path]]
    if book and kept != known:
        with contextlib.suppress(OSError):  # it only saves time
            write_text(book, json.dumps(kept))
    return found


def _read(book: Path) -> dict[str, list[object]]:
    """What was kept; {} if that is nothing, or damaged."""
    try:
        known = json.loads(book.read_text(encoding="utf-8"))
        return {name: entry for name, entry in known.items() if len(entry) == 6 and len(entry[-1]) == 64}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
