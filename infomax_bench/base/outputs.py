"""Files that a command writes: asked before the work, written whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from infomax_bench.base.errors import UserError
from infomax_bench.base.store import replacing


def check_out(out: Path, source: Path | None = None) -> None:
    """Raises UserError if nothing could be written to `out`, or it is the file that is read. Links are followed."""
    try:
        where = out.resolve()
        if where.is_dir():
            raise UserError(f"--out {out}: is a folder; name a file in it")
        if not where.parent.is_dir():
            raise UserError(f"--out {out}: no such folder: {out.parent}")
        if source is not None and out.exists() and source.exists() and out.samefile(source):
            raise UserError(f"--out {out}: is the file that is read; name another one")
        if not os.access(where if where.exists() else where.parent, os.W_OK):
            raise UserError(f"--out {out}: may not be written")
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a name that is too long or holds a NUL
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(f"--out {out}: {reason}") from None


def write_whole(out: Path, write: Callable[[Path], None]) -> None:
    """Writes a file beside `out` and renames it; what is no file but a device or a pipe is written to as it is. Raises
    UserError, which names `out`, if that fails; an older file then stays as it was."""
    where = out.resolve()
    try:
        if where.exists() and not stat.S_ISREG(where.stat().st_mode):
            write(where)
        else:
            with replacing(where) as temporary:
                write(temporary)
    except OSError as error:
        raise UserError(f"--out {out}: {error.strerror or error}; nothing was written") from None
