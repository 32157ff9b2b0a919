"""Folders of the user's: what `~` stands for, and where caches go; some users have no home."""

from __future__ import annotations

import os
from pathlib import Path

from infomax_bench.base.errors import UserError


def expanded(path: str | Path) -> Path:
    """The path with its `~` written out. Raises UserError where nobody knows what that is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UserError(f"{path}: there is no home folder that '~' could be; write the whole path") from None


def user_cache() -> Path | None:
    """Our folder among the user's caches; None for a user without a home, as in some containers."""
    try:
        return Path.home() / ".cache" / "infomax-bench"
    except RuntimeError:
        return None


def data_root() -> Path:
    """Where downloaded data sets live: INFOMAX_BENCH_DATA, in torchvision's layout, or a folder in the user's cache.

    Raises UserError for a user without a home who has not set it.
    """
    if given := os.environ.get("INFOMAX_BENCH_DATA"):
        return expanded(given)
    cache = user_cache()
    if cache is None:
        raise UserError("there is no home folder for downloaded data; set INFOMAX_BENCH_DATA to a folder")
    return cache / "data"
