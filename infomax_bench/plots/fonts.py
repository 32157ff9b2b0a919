"""Fonts for names in any script: those of the look first, and for what these lack others that are installed."""

from __future__ import annotations

import contextlib
import functools
import logging
import unicodedata
import warnings
from collections.abc import Iterable, Iterator

import matplotlib
from matplotlib.font_manager import FontEntry, fontManager
from matplotlib.ft2font import FT2Font

NAMES = ("Arial", "Liberation Sans", "DejaVu Sans")
"""The look's fonts, by preference; the last comes with matplotlib."""


def families(text: str) -> list[str]:
    """The fonts that a text is drawn with: the look's, then those that have what it lacks; each is installed."""
    chosen = [_base()]
    for character in dict.fromkeys(text):
        if (
            _is_drawn(character)
            and not any(_has(name, character) for name in chosen)
            and (found := family_with(character))
        ):
            chosen.append(found)
    return chosen


def lacking(texts: Iterable[str]) -> list[str]:
    """The visible characters of some texts that no installed font has, in order."""
    odd = {c for text in texts if not text.isascii() for c in text}
    return sorted(c for c in odd if _is_drawn(c) and not family_with(c))


def _is_drawn(character: str) -> bool:
    """Not a control, a space or what only changes its neighbour's shape."""
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs", "Mn")


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Draws letters that no font has as boxes, and bold ones that a font has not as they are, without a word for each:
    the report says once what is lacking."""
    log = logging.getLogger("matplotlib.font_manager")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")
            yield
    finally:
        log.setLevel(before)


@functools.cache
def family_with(character: str) -> str:
    """The first font that has a character, of the look's and then of all upright ones; "" if none has."""
    return next((name for name in (*of_the_look(), *_others()) if _has(name, character)), "")


@functools.cache
def of_the_look() -> tuple[str, ...]:
    """The look's fonts that are installed."""
    installed = {entry.name for entry in fontManager.ttflist}
    return tuple(name for name in NAMES if name in installed)


def _base() -> str:
    return of_the_look()[0]


@functools.cache
def _others() -> tuple[str, ...]:
    """Sans before the rest, and regular before other weights. Those that come with matplotlib are for formulas."""
    own = matplotlib.get_data_path()
    upright = [entry for entry in fontManager.ttflist if entry.style == "normal" and not entry.fname.startswith(own)]
    return tuple(dict.fromkeys(entry.name for entry in sorted(upright, key=_rank) if entry.name not in NAMES))


def _rank(entry: FontEntry) -> tuple[bool, bool, str]:
    return "Sans" not in entry.name, entry.weight not in (400, "normal", "regular"), entry.name


@functools.cache
def _has(family: str, character: str) -> bool:
    font = _opened(family)
    return font is not None and font.get_char_index(ord(character)) != 0


@functools.cache
def _opened(family: str) -> FT2Font | None:
    """The font's regular file; None for what cannot be drawn with: a damaged one, or one of pictures."""
    files = [entry for entry in fontManager.ttflist if entry.name == family and entry.style == "normal"]
    try:
        font = FT2Font(min(files, key=_rank).fname)
    except (OSError, RuntimeError, ValueError):
        return None
    return font if font.scalable else None
