"""Folders of the user's: what `~` stands for, and where caches go; some users have no home."""

from __future__ import annotations

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
