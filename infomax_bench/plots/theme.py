"""The look that all figures share: colours by role, layout in inches.

The subject is drawn strong, everyone else by role in quieter colours that differ in lightness too.
"""

from __future__ import annotations

import io
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FuncFormatter
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from infomax_bench.plots import fonts
from infomax_bench.study.claims import Claims

DPI = 150
PAGE = 10.0
"""Width in inches of a figure with several panels; the report shows one inch as the same length in all figures."""

NARROWEST = 0.8
"""Inches of a panel that names leave it at least."""

MADE_FROM = "made-from"
"""The keyword of a PNG's text about what it was made from."""

EMPTY = "empty"
"""The label of a figure that shows nothing."""

INK, QUIET, FAINT = "#22262b", "#666d76", "#e3e6ea"
LOOK: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": fonts.NAMES,
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#9aa1a9",
    "axes.linewidth": 0.7,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.unicode_minus": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "figure.facecolor": "white",
    "text.hinting": "none",
}
SMALL = 7.8
LETTER = 0.57 * SMALL / 72
"""Inches that a letter of a label takes, on the generous side."""
WIDE_LETTER = 0.66 / 72
"""The same of a title, bold, for each point of its size."""


@dataclass(frozen=True)
class Style:
    """How a method is drawn: the role decides, and a tint tells neighbours of one role apart."""

    colour: str
    line: Any
    marker: str
    width: float
    order: int

    @property
    def weight(self) -> str:
        """Of letters."""
        return "bold" if self is SUBJECT else "normal"


SUBJECT = Style("#c43c14", "-", "o", 2.6, 9)
ROLES = {
    "this work": Style("#e0905f", "-", "o", 1.5, 5),
    "prior art": Style("#1f5f99", "-", "o", 1.2, 4),
    "control": Style("#0b8a68", (0, (5, 1.6)), "s", 1.4, 6),
    "reference": Style("#5d646d", (0, (1.2, 1.4)), "D", 1.2, 3),
}
SERIES = (
    Style("#1f5f99", "-", "o", 1.6, 4),
    Style("#c0651a", "-", "s", 1.6, 4),
    Style("#0b8a68", "-", "D", 1.6, 4),
    Style("#8a3f8f", "-", "^", 1.6, 4),
    Style("#5d646d", "-", "v", 1.6, 4),
    Style("#a08a00", "-", "P", 1.6, 4),
)
"""For what is no method: data sets, depths, settings."""
TINTS = (0.0, 0.2, 0.38)


def styles(methods: Iterable[str], claims: Claims) -> dict[str, Style]:
    """The style of every method, the same in all figures; an unknown role reads as a reference."""
    count: dict[str, int] = {}
    found = {}
    for method in sorted({*methods, *claims.roles}):
        role = claims.roles.get(method, "")
        base = ROLES.get(role, ROLES["reference"])
        tint = TINTS[count.get(role, 0) % len(TINTS)]
        count[role] = count.get(role, 0) + (method != claims.subject)
        red, green, blue = (c + (1 - c) * tint for c in to_rgb(base.colour))
        found[method] = SUBJECT if method == claims.subject else replace(base, colour=to_hex((red, green, blue)))
    return found


def display_names(rows: pd.DataFrame, claims: Claims) -> dict[str, str]:
    """Method -> what it is called in a figure: † if some of its rows are from other versions, ¶ if it did not
    reproduce what is published of it, ‖ if it was never compared with that."""
    stale = set(rows.loc[~rows["current"].astype(bool), "method"])
    marks = (("†", stale), ("¶", claims.doubtful), ("‖", claims.uncompared))
    return {m: " ".join([m, *(mark for mark, own in marks if m in own)]) for m in rows["method"].unique()}


def png(figure: Figure, made_from: str = "") -> bytes:
    """The figure as PNG, the same bytes every time; made_from: what the file says that it was, if anything.

    A palette of 256 colours, chosen on every third point, is a third of the size of full colour and looks the same.
    """
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    _names_are_text(figure)
    with matplotlib.rc_context(LOOK), fonts.without_warnings():
        canvas.draw()
    full = np.asarray(canvas.buffer_rgba())[..., :3]
    colours = Image.fromarray(full[::3, ::3].copy()).quantize(256, Image.Quantize.MEDIANCUT)
    image = Image.fromarray(full.copy()).quantize(palette=colours, dither=Image.Dither.NONE)
    palette = image.getpalette() or []
    paper = 3 * int(np.asarray(image)[0, 0])
    palette[paper : paper + 3] = [int(c) for c in full[0, 0]]  # the cut mixes it with faint colours
    image.putpalette(palette)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=4, pnginfo=labelled(made_from))
    return buffer.getvalue()


def write(figure: Figure, kind: str, path: Path) -> None:
    """Writes a figure as png, pdf or svg, the same bytes every time."""
    if kind == "png":
        path.write_bytes(png(figure))
        return
    _names_are_text(figure)
    dated = {"pdf": "CreationDate", "svg": "Date"}[kind]
    with matplotlib.rc_context({**LOOK, "pdf.fonttype": 42, "svg.hashsalt": ""}), fonts.without_warnings():
        figure.savefig(path, format=kind, metadata={dated: None}, facecolor=figure.get_facecolor())


def labelled(made_from: str) -> PngInfo:
    """What a PNG says beside its picture."""
    told = PngInfo()
    if made_from:
        told.add_text(MADE_FROM, made_from)
    return told


def _names_are_text(figure: Figure) -> None:
    """Names are drawn as they are, a dollar for a dollar, each in fonts that have its letters. Numbers on axes, which
    matplotlib writes as formulas, are left alone."""
    parts = [part for part in figure.get_children() if not isinstance(part, Axes)]
    for part in [*parts, *(part for ax in figure.axes for part in ax.get_children())]:
        if isinstance(part, Axis) and not isinstance(part.get_major_formatter(), FixedFormatter | FuncFormatter):
            part = part.label  # looking for texts in ticks of numbers would make these
        for text in part.findobj(Text):
            assert isinstance(text, Text)
            text.set_parse_math(False)
            if not text.get_text().isascii():
                text.set_fontfamily(fonts.families(text.get_text()))


def letters(text: str) -> float:
    """How many Latin letters are as wide as a text: the letters of East Asia take the room of nearly two."""
    return sum(1.8 if unicodedata.east_asian_width(letter) in "WF" else 1.0 for letter in text)


def panels(
    titles: Sequence[str], *, columns: int, height: float, left: float, right: float, first: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """A figure with one panel for each title, laid out in inches; `first` is extra room left of each line of panels."""
    count = max(len(titles), 1)
    columns = min(columns, count)
    lines = -(-count // columns)
    page = PAGE if columns > 1 else min(PAGE, 5.6 + first)
    width = max((page - first) / columns - left - right, NARROWEST)
    page = first + columns * (left + width + right)  # wider than it should be where names are very long
    top, bottom, head = 0.28, 0.5, 0.3
    tall = head + lines * (top + height + bottom)
    figure = Figure(figsize=(page, tall))
    axes = []
    with matplotlib.rc_context(LOOK):
        for i, title in enumerate(titles):
            line, column = divmod(i, columns)
            x = first + column * (left + width + right) + left
            y = tall - head - line * (top + height + bottom) - top - height
            ax = figure.add_axes((x / page, y / tall, width / page, height / tall))
            size = min(LOOK["axes.titlesize"], (left + width + right) / (WIDE_LETTER * max(letters(title), 1)))
            ax.set_title(title, pad=6, y=1, fontsize=size)  # a given y: else its place is looked for at every drawing
            axes.append(ax)
    return figure, axes


def sheet(names: Sequence[str], columns: int, cell: float, tall: float) -> tuple[Figure, Axes]:
    """A figure of cells in inches, a line for each name, with room for the names, a head and a line of text below."""
    first = LETTER * max(map(letters, names)) + 0.15
    wide, high = cell * columns, tall * len(names)
    size = (first + wide + 0.1, high + 0.75)
    figure = Figure(figsize=size)
    with matplotlib.rc_context(LOOK):
        ax = figure.add_axes((first / size[0], 0.32 / size[1], wide / size[0], high / size[1]))
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.xaxis.tick_top()
    return figure, ax


def foot(figure: Figure, text: str) -> None:
    """A line of text below a sheet, or two smaller ones where the sheet is narrow."""
    wide, high = figure.get_size_inches()
    fits = (wide - 0.16) / LETTER
    lines = textwrap.wrap(text, max(int(fits), (len(text) + 1) // 2 + 8)) or [""]
    size = min(8.0, SMALL * fits / max(map(letters, lines)))
    figure.text(0.08 / wide, 0.08 / high, "\n".join(lines), fontsize=size, linespacing=1.0, color=QUIET)


def name_rows(
    ax: Axes, places: Sequence[float], methods: Sequence[str], look: Mapping[str, Style], names: Mapping[str, str]
) -> None:
    """Methods' names at the left of their rows, in their colours."""
    ax.set_yticks(places, [names[m] for m in methods], fontsize=SMALL)
    for tick, method in zip(ax.get_yticklabels(), methods, strict=True):
        tick.set(color=look[method].colour, fontweight=look[method].weight)


def empty(text: str = "nothing measured yet") -> Figure:
    """A figure that says that there is nothing to show."""
    figure = Figure(figsize=(PAGE / 2, 0.8))
    figure.set_label(EMPTY)
    figure.text(0.02, 0.5, text, color=QUIET, fontsize=9, va="center")
    return figure


def legend(figure: Figure, methods: Iterable[str], claims: Claims) -> None:
    """What the colours mean, in one line at the top."""
    present = {claims.roles.get(m, "") for m in methods if m != claims.subject}
    shown = [(f"{claims.subject} (the subject)", SUBJECT)] if claims.subject in set(methods) else []
    shown += [(role if role != "this work" else "its variants", s) for role, s in ROLES.items() if role in present]
    key(figure, dict(shown))


def key(figure: Figure, shown: Mapping[str, Style]) -> None:
    """Names and how they are drawn, in one line at the top."""
    handles = [
        Line2D([], [], color=s.colour, linestyle=s.line, linewidth=s.width, marker=s.marker, markersize=4, label=name)
        for name, s in shown.items()
    ]
    with matplotlib.rc_context(LOOK):
        figure.legend(
            handles=handles,
            loc="upper left",
            ncols=max(len(handles), 1),
            frameon=False,
            fontsize=8.3,
            handlelength=2.6,
            borderaxespad=0.35,
            columnspacing=1.8,
        )


def limits(found: pd.DataFrame) -> tuple[float, float]:
    """Room for the means, and for intervals as long as they do not dwarf the means."""
    low, high = float(found["mean"].min()), float(found["mean"].max())
    reach = 0.5 * (high - low) or 0.05 * abs(high) or 1.0
    low = float(np.nanmin([low, max(found["low"].min(), low - reach)]))
    high = float(np.nanmax([high, min(found["high"].max(), high + reach)]))
    pad = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    never_below = min(found["mean"].min(), found["low"].min()) >= 0
    return (max(low - pad, -0.4 * pad) if never_below else low - pad), high + pad


def marks(ax: Axes, drawn: Sequence[Style], x: np.ndarray, y: np.ndarray, size: float) -> None:
    """A dot for each method with its intervals: x and y are `[n, 3]`, mean, low and high; NaN bounds draw none."""
    order = sorted(range(len(drawn)), key=lambda i: drawn[i].order)  # the subject last, on top
    colours = [drawn[i].colour for i in order]
    widths = [0.8 + drawn[i].width / 2 for i in order]
    for bars, at, (_, low, high) in ((ax.hlines, y[order, 0], x[order].T), (ax.vlines, x[order, 0], y[order].T)):
        bars(at, low, high, colors=colours, linewidths=widths, alpha=0.85, zorder=4)
    last = {drawn[i].marker: place for place, i in enumerate(order)}
    for marker in sorted(last, key=last.__getitem__):
        own = [i for i in order if drawn[i].marker == marker]
        area = [(size + drawn[i].width) ** 2 for i in own]
        ax.scatter(
            x[own, 0], y[own, 0], s=area, c=[drawn[i].colour for i in own], marker=marker, linewidths=0, zorder=5
        )


def draw_lines(ax: Axes, lines: Sequence[tuple[Style, np.ndarray, np.ndarray, float]]) -> None:
    """Lines with their bands, all in a few artists, which draws many lines several times faster.

    lines: the style, x `[n]`, `[n, 3]` of mean, low and high, and how opaque the band is; no marker, no dots.
    """
    lines = sorted(lines, key=lambda line: line[0].order)  # the subject last, on top
    known = [(s, x[kept], y[kept], a) for s, x, y, a in lines if (kept := np.isfinite(y).all(axis=1)).any()]
    bands = [np.column_stack([np.r_[x, x[::-1]], np.r_[y[:, 1], y[::-1, 2]]]) for _, x, y, _ in known]
    shades = [(*to_rgb(s.colour), alpha) for s, _, _, alpha in known]
    drawn = LineCollection(
        [np.column_stack([x, y[:, 0]]) for _, x, y, _ in lines],
        colors=[s.colour for s, *_ in lines],
        linewidths=[s.width for s, *_ in lines],
        linestyles=[s.line for s, *_ in lines],
        clip_on=False,
        zorder=5,
        capstyle="butt",
    )
    ax.add_collection(PolyCollection(bands, facecolors=shades, linewidths=0, zorder=1), autolim=False)
    ax.add_collection(drawn, autolim=False)
    for marker in sorted({s.marker for s, *_ in lines} - {""}):
        own = [(s, x, y) for s, x, y, _ in lines if s.marker == marker]
        at, means = np.concatenate([x for _, x, _ in own]), np.concatenate([y[:, 0] for *_, y in own])
        of = np.repeat(np.arange(len(own)), [len(x) for _, x, _ in own])
        ax.scatter(
            at,
            means,
            s=np.array([(2.4 + s.width) ** 2 for s, *_ in own])[of],
            marker=marker,
            linewidths=0,
            c=np.array([s.colour for s, *_ in own])[of],
            clip_on=False,
            zorder=6,
        )


def short(value: float) -> str:
    """A number in about three digits."""
    size = abs(value)
    if not np.isfinite(value):
        return "-"
    if size >= 1e4:
        return f"{value / 1e6:.3g}M" if size >= 1e6 else f"{value / 1e3:.3g}k"
    if size >= 10:
        return f"{value:.0f}" if size >= 100 else f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 else f"{value:.2g}"
