"""Figures as plain data, which the page's script draws (`static/marks.js`): the marks that matplotlib would draw."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from infomax_bench.plots.contents import Form, Marks
from infomax_bench.report.parts import Mark, Picture
from infomax_bench.study.view import Shown

COLOURS = 6
"""How many lines have a colour of their own, beside the subject's; the rest is grey."""
DIGITS = {"mean": 4, "half": 3, "x_half": 3, "away": 2}
"""Significant digits of a column; 4 of others."""
ALWAYS = ("form", "panels", "lines", "tones", "rows")


def mark(name: str, caption: str, shown: Shown, tones: Mapping[str, int]) -> Mark | None:
    """None for what has nothing to show. tones: the methods that have a colour (`companions`).

    What a plug-in draws itself is a picture; what it makes of arrays is none, for these are large.
    """
    form = shown.view.draw
    if not isinstance(form, Form):
        return Mark(name, caption, json.dumps(_picture(Picture.of(name, caption, shown, {})))) if shown.frames else None
    frames, options = shown.called_with()
    marks = form.shows(*frames, **options)
    if marks is None:
        return None
    return Mark(name, caption, json.dumps(plain(form.name, marks, tones), separators=(",", ":"), allow_nan=False))


def _picture(picture: Picture) -> dict[str, Any]:
    told: dict[str, Any] = {key: [] for key in ("panels", "lines", "tones")}
    return {"form": "picture", **told, "rows": {"line": []}, "src": picture.uri, "inches": picture.inches}


def scripts(questions: Iterable[Sequence[Mark]], others: Iterable[Mark | None] = ()) -> dict[str, bytes]:
    """Name in data/ -> a script that adds marks to those of the page: the first of each question, and all others."""
    each = list(questions)
    more = [one for own in each for one in own[1:]] + [one for one in others if one]
    return {"marks.js": script(one for own in each for one in own[:1]), "marks-more.js": script(more)}


def script(marks: Iterable[Mark]) -> bytes:
    """A script that adds marks to those of the page."""
    told = ",\n".join(f"{json.dumps(one.name)}:{one.data}" for one in marks)
    return f"Object.assign(infomax.marks ??= {{}}, {{\n{told}\n}});\n".encode()


def plain(form: str, marks: Marks, tones: Mapping[str, int]) -> dict[str, Any]:
    """Marks as JSON has them; what is empty is left out.

    rows: columns, in which panels and lines are numbered; `half` is half of the interval, null where there is none.
    tones: of each line 0 for the subject, a colour's number, or -1 for grey. names, notes: pairs, since a name may be
    that of what every object of a script has.
    """
    told = {
        "form": form,
        "panels": marks.panels,
        "lines": marks.lines,
        "tones": _tones(marks, tones),
        "names": [(line, marks.names[line]) for line in marks.lines if marks.names.get(line, line) != line],
        "xlabel": marks.xlabel,
        "ylabel": marks.ylabel,
        "log": marks.log,
        "bound": marks.bound,
        "notes": [(panel, marks.notes[panel]) for panel in marks.panels if panel in marks.notes],
        "parts": marks.parts,
        "rest": marks.rest,
        "whole": marks.whole if marks.parts else 0,
        "trail": None if marks.trail is None else _columns(marks.trail, {"panel": marks.panels}),
        "rows": _columns(_halves(marks.table), {"panel": marks.panels, "line": marks.lines, "part": marks.parts}),
    }
    return {name: value for name, value in told.items() if value or name in ALWAYS}


def _tones(marks: Marks, tones: Mapping[str, int]) -> list[int]:
    """Where there are few lines, all have a colour, whatever they are."""
    strong = [marks.claims.subject] if marks.claims else list(marks.strong)
    others = [line for line in marks.lines if line not in strong]
    known = {line: tones[line] for line in others if line in tones} if marks.claims else {}
    free = iter(sorted({*range(1, COLOURS + 1)} - set(known.values())))
    if len(others) <= COLOURS and not (marks.strong and not marks.claims):
        known |= {line: next(free) for line in others if line not in known}
    return [0 if line in strong else known.get(line, -1) for line in marks.lines]


def _halves(table: pd.DataFrame) -> pd.DataFrame:
    """With half of the interval, which is the same to either side, in place of its ends."""
    halves = {f"{of}half": high for of, high in (("", "high"), ("x_", "x_high")) if high in table}
    middle = {"half": "mean", "x_half": "x"}
    made = table.assign(**{half: table[high] - table[middle[half]] for half, high in halves.items()})
    return made.drop(columns=[name for name in ("low", "high", "x_low", "x_high") if name in made])


def _columns(table: pd.DataFrame, numbered: Mapping[str, list[str]]) -> dict[str, list[Any]]:
    made: dict[str, list[Any]] = {}
    for name, column in zip(map(str, table), (table[name] for name in table), strict=True):
        if name in numbered:
            places = {value: i for i, value in enumerate(numbered[name])}
            made[name] = [places.get(str(value), -1) for value in column]
        elif column.dtype == bool:
            made |= {name: [int(value) for value in column]} if column.any() else {}
        else:
            values = column.to_numpy(dtype=float)
            made[name] = [rounded(v, DIGITS.get(name, 4)) if np.isfinite(v) else None for v in values]
    return made


def rounded(value: float, digits: int = 4) -> float | int:
    """A number in so many significant digits, as short as JSON has it."""
    near = float(f"{value:.{digits}g}")
    return int(near) if near.is_integer() and abs(near) < 1e15 else near
