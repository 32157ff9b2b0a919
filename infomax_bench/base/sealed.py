"""JSON files that tell whether they are whole: an object with a checksum over the rest of it.

Files that were written before there was one are read as they are. The most valuable ones have a copy beside them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SUM = "sha256"


class Damaged(ValueError):
    """A file that is not what was written, and why it is thought so."""


def digest(value: Any) -> str:
    """A short hash of plain values, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


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


def sealed(content: dict[str, Any], indent: int, sort_keys: bool = False) -> str:
    """The text of an object with its checksum."""
    plain = json.loads(json.dumps(content, default=str))  # as it will be read
    plain.pop(SUM, None)
    return json.dumps({**plain, SUM: digest(plain)}, indent=indent, sort_keys=sort_keys)


def unsealed(path: Path, check: Callable[[dict[str, Any]], object] | None = None) -> dict[str, Any]:
    """The object in a file, without its checksum.

    check: raises for content of another shape than is meant. Raises Damaged for a file that is not whole, and OSError
    for one that cannot be read.
    """
    content = path.read_bytes()
    try:
        value = json.loads(content)
        if not isinstance(value, dict):
            raise TypeError("it holds no object")
        if value.pop(SUM, "") not in ("", digest(value)):
            raise ValueError("its checksum does not match")
        if check is not None:
            check(value)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        missing = f"it has no {error}" if isinstance(error, KeyError) else ""
        raise Damaged(missing or str(error) or type(error).__name__) from None
    return value


def copy_of(path: Path) -> Path:
    """Where a file's copy is."""
    return path.with_name(path.name + ".bak")


def write_twice(path: Path, text: str) -> None:
    """Writes the copy, then the file; neither if it is so already."""
    for place in (copy_of(path), path):
        if not place.is_file() or place.read_bytes() != text.encode():
            write_text(place, text)


def is_twice(path: Path) -> bool:
    """Whether a file and its copy are there and the same."""
    both = (path, copy_of(path))
    return all(place.is_file() for place in both) and both[0].read_bytes() == both[1].read_bytes()


def read_either(
    path: Path, warn: Callable[[str], None], check: Callable[[dict[str, Any]], object] | None = None
) -> dict[str, Any] | None:
    """The object in a file, or in its copy if the file is missing or damaged, which is said; None if there is neither.

    Raises Damaged if one is damaged and there is no other.
    """
    faults = []
    for place in (path, copy_of(path)):
        try:
            value = unsealed(place, check)
        except FileNotFoundError:
            faults.append("")
        except (Damaged, OSError) as error:
            faults.append(str(error) if isinstance(error, Damaged) else str(error.strerror))
        else:
            if faults:
                what = f"is damaged ({faults[0]})" if faults[0] else "is missing"
                warn(f"{path} {what}; its copy {copy_of(path).name} is used")
            return value
    if any(faults):
        raise Damaged(" and its copy: ".join(fault or "missing" for fault in faults) if faults[1] else faults[0])
    return None
