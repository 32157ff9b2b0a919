"""The templates of pages, in which every value is text, whoever it comes from.

Results may be a stranger's: the names of methods, data sets and classes, reasons, commands, cards. What is not written
in a template itself is escaped where it is shown, in HTML and in Markdown, without a template's having to ask for it.
The rest is for a browser: a page may load nothing but what lies beside it, and run no script that stands in it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from infomax_bench.base.console import brief, few, in_words, listed
from infomax_bench.report.parts import beside, capital
from infomax_bench.report.predictions import axis_of, axis_of_variants

STATIC = Path(__file__).parent / "static"
"""Scripts and styles of the page. Its style stands in it; scripts lie in its data/static/: those at the top are run in
every page, the one that is called as the page first; those below, as they are loaded."""

POLICY = (
    "default-src 'none'; script-src 'self' file:; style-src 'unsafe-inline'; img-src 'self' file: data:; "
    "base-uri 'none'; form-action 'none'"
)
"""A content security policy: scripts and pictures that lie beside the page, no script in it, and no network."""


def templates(kind: str) -> Environment:
    """The templates of one language, "html" or "md"."""
    environment = Environment(
        loader=PackageLoader("infomax_bench.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=True,
        finalize=_as_markdown if kind == "md" else None,
    )
    environment.filters |= {"capital": capital, "link": link, "code": _code, "raw_html": _raw_html}
    environment.filters |= {
        "brief": brief,
        "few": few,
        "in_words": in_words,
        "listed": listed,
        "beside": beside,
        "axis_of": axis_of,
        "axis_of_variants": axis_of_variants,
    }
    shared = sorted(STATIC.glob("*.*"), key=lambda path: (path.stem != "page", path.name))  # what others build on first
    css = "\n".join(path.read_text(encoding="utf-8") for path in shared if path.suffix == ".css")
    scripts = [path.name for path in shared if path.suffix == ".js"]
    environment.globals |= {"css": Markup(css), "scripts": scripts, "policy": POLICY}
    return environment


def link(path: str | PurePath) -> Markup:
    """The address of a file beside the page."""
    return Markup(quote(os.fsencode(path)))


# -- Markdown ---------------------------------------------------------------------------------------------------------
def _as_markdown(value: Any) -> Any:
    return value if hasattr(value, "__html__") else markdown(value)


def markdown(value: Any) -> Markup:
    """Text that a Markdown host shows as it is, on one line."""
    text = re.sub(r"[\\|*`\[\]~$]|_(?!\w)|(?<!\w)_", r"\\\g<0>", _line(value))  # infomax_em stays as it is
    text = re.sub(r"^ ?(#{1,6}|[-+]|=+|--+|\d{1,9}[.)])(?=\s|$)", _unmarked, text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = text.replace("://", "&#58;//").replace("www.", "www&#46;")  # hosts make links of bare addresses
    return Markup(text)


def _unmarked(start: re.Match[str]) -> str:
    """What would begin a heading or a list at the start of a line."""
    return f"{start[0][:-1]}\\{start[0][-1]}"


def _code(value: Any) -> Markup:
    """Text as code, in a fence of more backticks than it has in a row."""
    text = _line(value)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    room = " " if "`" in text else ""
    return Markup(f"{fence}{room}{text}{room}{fence}")


def _raw_html(value: Any) -> Markup:
    """Text within HTML that stands in Markdown."""
    return escape(_line(value))


def _line(value: Any) -> str:
    return re.sub(r"[ \t\r\n]+", " ", str(value).strip("\n").replace("\n", "; "))
