"""Sentences from findings: a benchmark's words are the macros of `words/NAME.jinja` beside its file.

A macro has the name of what it tells: of a finding, of a view (its caption), of a verdict. Of all findings and verdicts
`headline` says in at most some 14 words what answers the benchmark's title, and `takeaway` in at most 120 what was
found, how sure it is, and what stands against it; `answer` says the rest. Lines may be broken anywhere; a line of `---`
ends a point. What `common.jinja` of this package holds can be imported, and tells what has no words of its own.
`essay("P1")` is a sentence of the essay, in quotation marks (see `Essay`).
"""

from __future__ import annotations

import functools
import math
import re
from pathlib import Path
from typing import Any

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    FunctionLoader,
    PackageLoader,
    StrictUndefined,
    TemplateError,
)

from infomax_bench.base.console import brief, few, in_words, listed
from infomax_bench.base.errors import UserError
from infomax_bench.stats import intervals
from infomax_bench.study.essay import essay_in

COMMON = "common.jinja"


class Words:
    """The words of one benchmark; folder: where its file is."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.path = folder / "words" / f"{name}.jinja"
        self._own = f"{name}.jinja"

    @functools.cached_property
    def _macros(self) -> dict[str, Any]:
        try:
            own, common = (_environment(self.folder).get_template(name).module for name in (self._own, COMMON))
        except TemplateError as error:
            raise UserError(f"{self.path} is no template ({type(error).__name__}: {error})") from None
        return {**_macros_of(common), **_macros_of(own)}

    def has(self, name: str) -> bool:
        """Whether there are words of that name."""
        return name in self._macros

    def say(self, name: str, *values: Any) -> list[str]:
        """The points, each on one line. Raises UserError, with the file, if there are no such words or they fail."""
        if not self.has(name):
            raise UserError(f"{self.path} has no words named {name!r}: write a macro of that name")
        try:
            text = str(self._macros[name](*values))
        except (TemplateError, TypeError, ValueError, LookupError) as error:
            raise UserError(f"{self.path}: {name!r} cannot be told ({type(error).__name__}: {error})") from None
        points = re.split(r"^\s*---\s*$", text, flags=re.MULTILINE)
        return [_tidy(point) for point in points if point.strip()]


@functools.cache
def _environment(folder: Path) -> Environment:
    """That of all benchmarks of a folder, so that what they share is compiled once; one without a file has no words."""
    found = [
        FileSystemLoader(folder / "words"),
        PackageLoader("infomax_bench", "study"),
        FunctionLoader(lambda name: ("", None, lambda: False)),
    ]
    made = Environment(loader=ChoiceLoader(found), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {"num": _number, "signed": _signed, "bounds": _bounds, "brackets": _brackets, "few": few}
    made.filters |= {"brief": brief, "in_words": in_words, "listed": listed}
    made.globals["essay"] = lambda name: essay_in(folder).quoted(name)
    made.filters["verdict_bounds"] = lambda v, form="+.3g": intervals.in_words(v.ci_low, v.ci_high, form)
    return made


def _tidy(text: str) -> str:
    """On one line, and without spaces that a template's line breaks leave before a comma or inside brackets."""
    line = " ".join(text.split())
    return re.sub(r"\s+([,;:.)])(?=[\s;:.,)]|$)", r"\1", line).replace("( ", "(")


def _macros_of(module: Any) -> dict[str, Any]:
    return {name: one for name, one in vars(module).items() if callable(one) and not name.startswith("_")}


def _number(value: float, form: str) -> str:
    """A number in Python's format, such as "+.1f"."""
    return format(value, form)


def _signed(found: Any, form: str = "+.1f", scale: float = 1.0) -> str:
    """A difference (Estimate or Interval) with its interval."""
    return f"{scale * found.mean:{form}}, {_bounds(found, form, scale)}"


def _bounds(found: Any, form: str = "+.3g", scale: float = 1.0) -> str:
    """The interval of an Estimate or Interval."""
    return intervals.in_words(scale * found.low, scale * found.high, form)


def _brackets(found: Any, form: str = "+.1f") -> str:
    """The interval of an Estimate or Interval in brackets; a single seed has none."""
    known = math.isfinite(found.high - found.low)
    return f"[{found.low:{form}}, {found.high:{form}}]" if known else "(no interval from one seed)"
