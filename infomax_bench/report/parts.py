"""What a report is made of: pictures, tables and the cards of verdicts, as plain values that its templates lay out."""

from __future__ import annotations

import base64
import hashlib
import io
import logging
import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from infomax_bench.plots import theme
from infomax_bench.plots.theme import png, short
from infomax_bench.report.kept_figures import Drawn, origin_of
from infomax_bench.stats.verdict import Verdict
from infomax_bench.study.claims import Claims
from infomax_bench.study.view import Shown

log = logging.getLogger("infomax_bench")


OPENINGS = {"Yes": "supported", "No": "refuted", "Undecided": "inconclusive"}


@dataclass(frozen=True)
class Picture:
    """A figure: PNG bytes, its caption, its name as a file, and its width in inches."""

    name: str
    caption: str
    data: bytes
    inches: float = 0.0

    @classmethod
    def of(cls, name: str, caption: str, shown: Shown, drawn: Drawn) -> Picture:
        """One that is drawn already, or drawn now; errors are matplotlib's."""
        made = origin_of(shown)
        data = drawn[made].read_bytes() if made in drawn else png(shown.figure(), made)
        return cls(name, caption, data, Image.open(io.BytesIO(data)).width / theme.DPI)

    @property
    def uri(self) -> str:
        return "data:image/png;base64," + base64.b64encode(self.data).decode()


@dataclass(frozen=True)
class Mark:
    """A figure that the page's script draws: its name, its caption, and what is drawn, as JSON."""

    name: str
    caption: str
    data: str


@dataclass(frozen=True)
class Table:
    """A table of text. numeric: which columns hold numbers; strong: which lines are the subject's."""

    head: list[str]
    lines: list[list[str]]
    numeric: list[bool]
    strong: list[bool]


@dataclass(frozen=True)
class Quote:
    """A sentence of the essay, what it stands below, and its outcome by one benchmark in a few words."""

    heading: str
    words: str
    told: str


@dataclass
class Section:
    """One benchmark: what it asks, what came out in a heading and below it, and whatever else there is to tell."""

    name: str
    title: str
    question: str
    claim: str
    rule: str
    verdicts: list[Verdict]
    known: str = ""
    headline: str = ""
    takeaway: str = ""
    answer: str = ""
    quotes: list[Quote] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    table: Table | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """Of its claims about the first one's subject, if all have the same; else ""."""
        words = {v.verdict for v in self.verdicts if v.aside == self.verdicts[0].aside}
        return words.pop() if len(words) == 1 else ""

    @property
    def opening(self) -> str:
        """The word that the headline begins with, as an outcome; "" for none."""
        word = re.match(r"(Yes|No|Undecided)\b", self.headline)
        return OPENINGS[word[0]] if word else ""


def picture(name: str, caption: str, shown: Shown, drawn: Drawn) -> Picture | None:
    """None, and a warning, for what cannot be drawn: a name may be of any length."""
    try:
        return Picture.of(name, caption, shown, drawn)
    except (RuntimeError, ValueError, MemoryError) as error:
        log.warning(f"the figure {name!r} is left out, for it could not be drawn ({error})")
        return None


def file_name(text: str) -> str:
    """A name for a part of a file's name: small letters, digits, dots, hyphens and underscores are kept; what has other
    characters, or is long, is told apart by a hash, on file systems that see no capitals too."""
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:60].lstrip(".")
    return kept if kept and kept == text.lower() else f"{kept}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def number(value: Any) -> str:
    """A cell of a table: integers as they are, other numbers in about three digits."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, (int, np.integer)) or (isinstance(value, float) and value.is_integer() and abs(value) >= 100):
        return f"{int(value):,}".replace(",", "\u202f")
    return short(float(value)) if isinstance(value, float) else str(value)


def signed(value: float, plus: bool = True) -> str:
    """A number with a real minus sign; unbounded and missing ones in words."""
    if math.isnan(value):
        return "?"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:{'+' if plus else ''}.3g}".replace("-", "−")


def beside(verdict: Verdict) -> list[str]:
    """What the same rule says of others, in lines: references, the subject's forms, other seeds; and what would be
    another outcome."""
    told = {
        "The same rule says of methods that learn next to nothing": verdict.references,
        f"The same rule says of other forms of {verdict.subject}": verdict.forms,
        "The same rule says under other seeds": verdict.again,
    }
    lines = [f"{what}: {by_outcome(own)}." for what, own in told.items() if own]
    flips = "; ".join(f"{flip.what} {flip.verdict}" for flip in verdict.flips)
    return [*lines, f"Another outcome: {flips}."] if flips else lines


def by_outcome(words: Mapping[str, str]) -> str:
    """ "refuted (pca, ica); inconclusive (gmm)"."""
    found: dict[str, list[str]] = defaultdict(list)
    for method, word in words.items():
        found[word].append(method)
    return "; ".join(f"{word} ({', '.join(methods)})" for word, methods in found.items())


def capital(text: str) -> str:
    """The text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def table(frame: pd.DataFrame, claims: Claims, marks: dict[str, str]) -> Table:
    """A data frame as text: methods first, with their marks, numbers in three digits, the subject's lines strong."""
    frame = frame[sorted(frame, key=lambda c: c != "method")]
    numeric = [pd.api.types.is_numeric_dtype(frame[c]) for c in frame]
    rename = [c == "method" for c in frame]
    lines = [
        [marks.get(str(v), str(v)) if is_name else number(v) for v, is_name in zip(line, rename, strict=True)]
        for line in frame.itertuples(index=False)
    ]
    strong = [str(m) == claims.subject for m in frame["method"]] if "method" in frame else [False] * len(frame)
    return Table([str(c) for c in frame], lines, numeric, strong)
