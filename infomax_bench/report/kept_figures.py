"""Figures that need not be drawn again: a PNG says in its metadata what it was made from, and one of the same is it."""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from PIL import Image

from infomax_bench.plots import fonts
from infomax_bench.plots.theme import MADE_FROM
from infomax_bench.study.view import Shown

LIBRARIES = ("matplotlib", "numpy", "pandas", "pillow", "scipy")

Drawn = Mapping[str, Path]
"""What a figure was made from -> its file."""


def drawn_in(folder: Path) -> dict[str, Path]:
    """The figures in a folder that say what they were made from; damaged files are none."""
    found = {}
    for path in sorted(folder.glob("*.png")):
        try:
            with Image.open(path) as image:
                made_from = image.info.get(MADE_FROM, "")
                image.verify()  # its checksums
        except (OSError, SyntaxError, ValueError):
            continue
        if made_from:
            found[made_from] = path
    return found


def origin_of(shown: Shown) -> str:
    """What a view's figure is made from: its rows and options, whom claims are about, and all of `origin`."""
    frames, options = shown.called_with()
    claims = vars(options.pop("claims")) if "claims" in options else {}
    whom = {name: sorted(one) if isinstance(one, frozenset) else one for name, one in claims.items()}  # sets vary
    try:
        words = {str(word) for frame in frames for name in frame for word in _words(frame[name])}
    except TypeError:  # a frame that holds arrays, say: they have no hash
        return ""
    odd = sorted({letter for text in (*words, *whom.get("roles", ())) if not text.isascii() for letter in text})
    return origin(shown.view.draw, frames, options, whom, fonts.families("".join(odd)))


def _words(column: pd.Series) -> Iterable[Any]:
    return () if pd.api.types.is_numeric_dtype(column) else column.unique()


def origin(draw: Callable[..., Any], *of: Any) -> str:
    """A hash of values, of the code that draws them, of fonts and libraries; "" if that cannot be told, as of a
    function without a name."""
    try:
        return str(joblib.hash((_code(draw), draw, of), hash_name="sha1"))
    except Exception:  # what cannot be pickled says so in many ways
        return ""


def _code(draw: Callable[..., Any]) -> tuple[str, ...]:
    file = inspect.getsourcefile(inspect.unwrap(draw))
    return (_of_file(file) if file else "", _of_plots(), *_installed())


@functools.cache
def _of_file(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@functools.cache
def _of_plots() -> str:
    """Of the code that figures are drawn by, and of the statistics that it uses."""
    rooms = (Path(__file__).resolve().parents[1] / room for room in ("plots", "stats"))
    return " ".join(_of_file(str(path)) for room in rooms for path in sorted(room.glob("*.py")))


def _installed() -> tuple[str, ...]:
    return (*(version(name) for name in LIBRARIES), *fonts.of_the_look())
