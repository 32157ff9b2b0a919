"""The few plot forms that benchmarks use, drawn by matplotlib: what they show is made in `contents`.

Whiskers and bands are 95 % t intervals over seeds; one seed has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter, NullLocator

from infomax_bench.plots import contents
from infomax_bench.plots.contents import SPAN, Marks, form
from infomax_bench.plots.contents import comparable as comparable  # for benchmarks
from infomax_bench.plots.contents import intervals as intervals
from infomax_bench.plots.contents import titled as titled
from infomax_bench.plots.labels import label_ends, label_points
from infomax_bench.plots.theme import (
    INK,
    LETTER,
    QUIET,
    SMALL,
    SUBJECT,
    Style,
    draw_lines,
    foot,
    legend,
    letters,
    limits,
    marks,
    name_rows,
    panels,
    sheet,
    short,
    styles,
)


@form(contents.curves)
def curves(shown: Marks) -> Figure:
    methods, names, claims = shown.lines, shown.names, shown.claims
    assert claims is not None
    look = styles(methods, claims)
    right = LETTER * max(map(letters, names.values())) + 0.32
    height = max(2.5, 1.22 * SMALL / 72 * len(methods) + 0.1)
    figure, axes = panels(shown.panels, columns=2, height=height, left=0.62, right=right)
    for ax, title in zip(axes, shown.panels, strict=True):
        own = shown.table[shown.table["panel"] == title]
        _ticks_of_curves(ax, sorted(own["x"].unique()), shown.log)
        ax.set_ylim(*limits(own))
        lines, ends = [], {}
        for method, line in own.groupby("line"):
            at, values = line["x"].to_numpy(), line[SPAN].to_numpy(dtype=float)
            style = look[str(method)]
            alpha = 0.22 if style is SUBJECT else min(0.09, 1 / len(methods))  # many bands would be a fog
            marker = "" if line["level"].any() else style.marker
            lines.append((replace(style, marker=marker), at, values, alpha))
            ends[str(method)] = (float(at[-1]), float(values[-1, 0]))
        draw_lines(ax, lines)
        ax.set_xlabel(shown.xlabel)
        ax.yaxis.set_major_locator(MaxNLocator(6))
        label_ends(ax, ends, look, names)
    axes[0].set_ylabel(shown.ylabel)
    legend(figure, methods, claims)
    return figure


def _ticks_of_curves(ax: Axes, ticks: Sequence[float], log: bool) -> None:
    if log:
        ax.set_xscale("log", base=2)
        ax.xaxis.set_major_locator(FixedLocator(ticks))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_locator(NullLocator())
        if len(ticks) < 6:  # there is room left of the last one, and none right of it beside the methods' names
            ax.get_xticklabels()[-1].set_horizontalalignment("right")
    elif len(ticks) < 9 and all(float(at).is_integer() for at in ticks):
        ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.set_xlim(ticks[0], ticks[-1] if len(ticks) > 1 else ticks[0] * 1.1 + 0.1)


@form(contents.dots)
def dots(shown: Marks) -> Figure:
    methods, names, claims = shown.lines[::-1], shown.names, shown.claims
    assert claims is not None
    look, titles = styles(methods, claims), shown.panels
    first = LETTER * max(map(letters, names.values())) + 0.1
    named = shown.bound is not None and bool(shown.bound[1])
    height = 0.19 * (len(methods) + named) + 0.1
    figure, axes = panels(titles, columns=4, height=height, left=0.1, right=0.5, first=first)
    for i, (ax, title) in enumerate(zip(axes, titles, strict=True)):
        own = shown.table[shown.table["panel"] == title].set_index("line")
        ax.set_xlim(*_range(ax, own, shown.bound, shown.log))
        ax.set_ylim(-1.7 if named else -0.6, len(methods) - 0.4)
        _column_of_dots(ax, own, methods, look, claims.subject)
        ax.grid(axis="y", visible=False)
        if i % 4:
            ax.set_yticks([])
        else:
            name_rows(ax, range(len(methods)), methods, look, names)
        if not shown.log:
            ax.xaxis.set_major_locator(MaxNLocator(4 if len(titles) > 2 else 6))
    for ax in axes[:: min(4, len(axes))]:
        ax.set_xlabel(shown.xlabel, loc="left")
    legend(figure, methods, claims)
    return figure


def _range(ax: Axes, own: pd.DataFrame, bound: tuple[float, str] | None, log: bool) -> tuple[float, float]:
    """From where to where an axis of values goes; draws the bound that it has to show."""
    low, high = limits(own)
    if log:
        ax.set_xscale("log")
        ax.xaxis.set_minor_formatter(NullFormatter())
        low, high = own["mean"].min() / 1.6, own["mean"].max() * 1.6
    if bound is not None:
        at, name = bound
        room = 0.06 * (high - low)
        low, high = min(low, at - room), max(high, at + room)
        ax.axvline(at, color=INK, linewidth=1, linestyle=(0, (4, 2)), zorder=2)
        ax.text(at, -1.3, f" {name}", fontsize=7, color=QUIET, va="center")
    return low, high


def _column_of_dots(
    ax: Axes, own: pd.DataFrame, methods: Sequence[str], look: Mapping[str, Style], subject: str
) -> None:
    """Each method's mean with its interval and, beside them, its number; own: mean, low and high by method."""
    if subject in own.index:
        line = methods.index(subject)
        ax.axhspan(line - 0.5, line + 0.5, color=SUBJECT.colour, alpha=0.08, linewidth=0)
    rows_of = {m: y for y, m in enumerate(methods) if m in own.index}
    own, at = own.loc[list(rows_of)], np.array(list(rows_of.values()), dtype=float)
    spans = np.column_stack([at, at * np.nan, at * np.nan])
    marks(ax, [look[m] for m in rows_of], own[["mean", "low", "high"]].to_numpy(), spans, size=3.4)
    text = partial(ax.text, transform=ax.get_yaxis_transform(), fontsize=7.4, va="center")  # x in fractions of the axes
    for (method, y), value in zip(rows_of.items(), own["mean"], strict=True):
        weight = "bold" if method == subject else "normal"
        text(1.02, y, short(value), color=look[method].colour, fontweight=weight)


@form(contents.matrix)
def matrix(shown: Marks) -> Figure:
    methods, claims = shown.lines, shown.claims
    assert claims is not None
    cells = len(methods), len(shown.panels)
    figure, ax = sheet([shown.names[m] for m in methods], cells[1], min(0.8, 8.2 / cells[1]), 0.235)
    colours = LinearSegmentedColormap.from_list("", ["#efb195", "#ffffff", "#8fbcdf"]).with_extremes(bad="#f1f2f4")
    away, values = (shown.table[name].to_numpy().reshape(cells) for name in ("away", "mean"))
    ax.imshow(np.ma.masked_invalid(away), cmap=colours, vmin=-1, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        weight = "bold" if methods[i] == claims.subject else "normal"
        ax.text(j, i, short(value), ha="center", va="center", fontsize=SMALL, fontweight=weight)
    ax.set_xticks(range(cells[1]), [name.replace(" → ", "\n→ ") for name in shown.panels], fontsize=7.6)
    name_rows(ax, range(len(methods)), methods, styles(methods, claims), shown.names)
    foot(figure, shown.xlabel)
    return figure


@form(contents.scatter)
def scatter(shown: Marks) -> Figure:
    claims, names = shown.claims, shown.names
    assert claims is not None
    look = styles(shown.lines, claims)
    titles = [f"{title}   {shown.notes.get(title, '')}".rstrip() for title in shown.panels]
    figure, axes = panels(titles, columns=2, height=3.6, left=0.62, right=0.2)
    for ax, title in zip(axes, shown.panels, strict=True):
        own = shown.table[shown.table["panel"] == title]
        x, y = own[["x", "x_low", "x_high"]].to_numpy(), own[SPAN].to_numpy()
        at = np.empty((0, 2)) if shown.trail is None else _trail(ax, shown.trail[shown.trail["panel"] == title])
        reached = (ax.set_xlim, np.vstack([x, at[:, [0, 0, 0]]])), (ax.set_ylim, np.vstack([y, at[:, [1, 1, 1]]]))
        for set_limits, values in reached:
            low, high = limits(pd.DataFrame(values, columns=SPAN))
            set_limits(low - 0.04 * (high - low), high + 0.04 * (high - low))
        marks(ax, [look[m] for m in own["line"]], x, y, size=4)
        label_points(ax, list(own["line"]), x[:, 0], y[:, 0], look, names)
        ax.set_xlabel(shown.xlabel)
        ax.xaxis.set_major_locator(MaxNLocator(6))
    axes[0].set_ylabel(shown.ylabel)
    legend(figure, shown.lines, claims)
    return figure


def _trail(ax: Axes, steps: pd.DataFrame) -> np.ndarray:
    """Draws the way of the subject along a setting; its places `[n, 2]`."""
    at = steps[["x", "y"]].to_numpy(dtype=float)
    if len(at):
        ax.plot(*at.T, color=SUBJECT.colour, linewidth=1, alpha=0.6, marker=".", markersize=4, zorder=2)
        for i, away in ((0, (3, 4)), (-1, (4, -9))):
            note = f"{steps['step'].iloc[i]:g}"
            ax.annotate(note, at[i], away, textcoords="offset points", fontsize=6.5, color=SUBJECT.colour)
    return at
