"""The few plot forms that benchmarks use.

Every form takes tidy rows (columns of `results.COLUMNS`, one metric and protocol unless said otherwise) and the Claims,
which say who the subject is and what role the others have. `panel` is a column, or a pattern of several (`titled`).
Whiskers and bands are 95 % t intervals over seeds; one seed has none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter, NullLocator
from scipy import special

from infomax_bench.base.status import Status
from infomax_bench.plots.labels import label_ends, label_points
from infomax_bench.plots.theme import (
    FAINT,
    INK,
    LETTER,
    QUIET,
    SMALL,
    SUBJECT,
    Style,
    display_names,
    draw_lines,
    empty,
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
from infomax_bench.stats.intervals import LEVEL
from infomax_bench.stats.readings import composed
from infomax_bench.study.claims import Claims


def intervals(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Columns `by`, mean, low, high, n: the t interval over seeds, as `intervals.interval`, of all groups at once.

    Values of one seed and group (several targets, say) are averaged first. low and high are NaN for one seed.
    """
    good = rows[(rows["status"] == Status.OK) & np.isfinite(rows["value"])]
    seeds = good.groupby([*by, "seed"], observed=True, as_index=False)["value"].mean()
    found: pd.DataFrame = seeds.groupby(list(by), observed=True)["value"].agg(["mean", "std", "count"]).reset_index()
    n = found.pop("count").to_numpy()
    half = special.stdtrit(np.maximum(n - 1, 1), (1 + LEVEL) / 2) * found.pop("std") / np.sqrt(n)
    return found.assign(low=found["mean"] - half, high=found["mean"] + half, n=n)


def comparable(rows: pd.DataFrame, by: str = "panel", over: Sequence[str] = ("dataset", "target")) -> pd.DataFrame:
    """Rows of the methods that have every case (columns `over`) that any method has, separately for each value of `by`.

    A mean over other cases would not be comparable.
    """
    good = rows[rows["status"] == Status.OK]
    cases = good.groupby(list(over), sort=False).ngroup()
    count = cases.groupby([good[by], good["method"]]).transform("nunique")
    return good[count == cases.groupby(good[by]).transform("nunique")]


def titled(rows: pd.DataFrame, panel: str) -> tuple[pd.DataFrame, str]:
    """Rows, and the column that tells panels apart: `panel`, or, where that is a pattern such as "{dataset}, {label}",
    the new column `title`."""
    return (composed("title", panel)(rows), "title") if "{" in panel else (rows, panel)


def curves(
    rows: pd.DataFrame,
    claims: Claims,
    *,
    xlabel: str,
    ylabel: str,
    x: str = "x",
    panel: str = "dataset",
    scale: float = 1.0,
    log: bool = False,
) -> Figure:
    """A line for each method over the column `x`, a panel for each value of `panel`; log: x doubles from tick to tick.

    A method measured at one x only, where others have more, is a level line.
    """
    rows, panel = titled(rows, panel)
    found = intervals(rows, [panel, "method", x])
    if found.empty:
        return empty()
    found[["mean", "low", "high"]] *= scale
    methods = sorted(found["method"].unique())
    look, names = styles(methods, claims), display_names(rows, claims)
    titles = [str(t) for t in sorted(found[panel].unique())]
    right = LETTER * max(map(letters, names.values())) + 0.32
    height = max(2.5, 1.22 * SMALL / 72 * len(methods) + 0.1)
    figure, axes = panels(titles, columns=2, height=height, left=0.62, right=right)
    for ax, (_, own) in zip(axes, found.groupby(panel), strict=True):
        swept = own.groupby("method").filter(lambda g: len(g) > 1)
        span = swept if len(swept) else own
        ticks = sorted(span[x].unique())
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
        ax.set_ylim(*limits(own))
        lines, ends = [], {}
        for method, line in own.groupby("method"):
            at, values = line[x].to_numpy(dtype=float), line[["mean", "low", "high"]].to_numpy(dtype=float)
            across = len(line) == 1 and len(swept) > 0
            if across:
                at, values = np.array(ax.get_xlim()), values.repeat(2, axis=0)
            style = look[str(method)]
            alpha = 0.22 if style is SUBJECT else min(0.09, 1 / len(methods))  # many bands would be a fog
            lines.append((replace(style, marker="" if across else style.marker), at, values, alpha))
            ends[str(method)] = (float(at[-1]), float(values[-1, 0]))
        draw_lines(ax, lines)
        ax.set_xlabel(xlabel)
        ax.yaxis.set_major_locator(MaxNLocator(6))
        label_ends(ax, ends, look, names)
    axes[0].set_ylabel(ylabel)
    legend(figure, methods, claims)
    return figure


def dots(
    rows: pd.DataFrame,
    claims: Claims,
    *,
    label: str = "",
    panel: str = "dataset",
    scale: float = 1.0,
    log: bool = False,
    higher_is_better: bool | None = True,
    bound: tuple[float, str] | None = None,
    order: Sequence[str] = (),
) -> Figure:
    """One dot with its interval for each method, best on top (by mean rank over the panels), a column for each panel.

    bound: where a reference line stands, and what it is. order: the panels' order, by name unless given.
    """
    rows, panel = titled(rows, panel)
    found = intervals(rows, [panel, "method"])
    if log:
        found = found[found["mean"] > 0].copy()
    if found.empty:
        return empty()
    found[["mean", "low", "high"]] *= scale
    rank = found.groupby(panel)["mean"].rank(ascending=higher_is_better is not False)
    methods = list(rank.groupby(found["method"]).mean().sort_values(kind="stable").index)
    look, names = styles(methods, claims), display_names(rows, claims)
    titles = [t for t in order if t in set(found[panel])] or [str(t) for t in sorted(found[panel].unique())]
    first = LETTER * max(map(letters, names.values())) + 0.1
    named = bound is not None and bool(bound[1])
    height = 0.19 * (len(methods) + named) + 0.1
    figure, axes = panels(titles, columns=4, height=height, left=0.1, right=0.5, first=first)
    groups = dict(iter(found.groupby(panel)))
    for i, (ax, title) in enumerate(zip(axes, titles, strict=True)):
        own = groups[title].set_index("method")
        ax.set_xlim(*_range(ax, own, bound, log))
        ax.set_ylim(-1.7 if named else -0.6, len(methods) - 0.4)
        _column_of_dots(ax, own, methods, look, claims.subject)
        ax.grid(axis="y", visible=False)
        if i % 4:
            ax.set_yticks([])
        else:
            name_rows(ax, range(len(methods)), methods, look, names)
        if not log:
            ax.xaxis.set_major_locator(MaxNLocator(4 if len(titles) > 2 else 6))
    better = {True: "(higher is better)", False: "(lower is better)", None: ""}[higher_is_better]
    for ax in axes[:: min(4, len(axes))]:
        ax.set_xlabel(f"{label} {better}".strip(), loc="left")
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


def matrix(
    rows: pd.DataFrame, claims: Claims, *, column: str, label: str, scale: float = 1.0, order: Sequence[str] = ()
) -> Figure:
    """Methods by the values of `column`, or of a pattern of columns ("{dataset}, {target}"), means as numbers; colour:
    how far from the subject's in that column.

    order: of the columns, by name unless given.
    """
    rows, column = titled(rows, column)
    found = intervals(rows, ["method", column])
    if found.empty:
        return empty()
    table = scale * found.pivot(index="method", columns=column, values="mean")
    table = table[[name for name in order if name in table]] if order else table
    if table.shape[1] > 1:
        table.insert(0, "mean", table.mean(axis=1, skipna=False))
    table = table.iloc[np.argsort(-table.mean(axis=1).to_numpy(), kind="stable")]
    methods = [str(m) for m in table.index]
    look, names = styles(methods, claims), display_names(rows, claims)
    figure, ax = sheet([names[m] for m in methods], table.shape[1], min(0.8, 8.2 / table.shape[1]), 0.235)
    has_subject = claims.subject in methods
    away = (table - (table.loc[claims.subject] if has_subject else table.mean())).to_numpy()
    known = np.abs(away[np.isfinite(away)])
    reach = (float(np.percentile(known, 90)) if known.size else 0.0) or 1.0
    colours = LinearSegmentedColormap.from_list("", ["#efb195", "#ffffff", "#8fbcdf"]).with_extremes(bad="#f1f2f4")
    ax.imshow(np.ma.masked_invalid(away), cmap=colours, vmin=-reach, vmax=reach, aspect="auto")
    for (i, j), value in np.ndenumerate(table.to_numpy()):
        weight = "bold" if methods[i] == claims.subject else "normal"
        ax.text(j, i, short(value), ha="center", va="center", fontsize=SMALL, fontweight=weight)
    ax.set_xticks(range(table.shape[1]), [str(c).replace(" → ", "\n→ ") for c in table.columns], fontsize=7.6)
    name_rows(ax, range(len(methods)), methods, look, names)
    foot(figure, f"{label}; blue: above {claims.subject if has_subject else 'the mean'}, orange: below")
    return figure


def scatter(
    across: pd.DataFrame,
    up: pd.DataFrame,
    claims: Claims,
    *,
    xlabel: str,
    ylabel: str,
    panel: str = "dataset",
    scale: tuple[float, float] = (1.0, 1.0),
    notes: Mapping[str, str] | None = None,
    trail: tuple[pd.DataFrame, pd.DataFrame, str] | None = None,
) -> Figure:
    """A labelled point for each method: one measurement against another, a panel for each value of `panel`.

    notes: what to add to a panel's title. trail: both measurements of the subject along a setting, and the column of
    the setting: drawn as a line from its least to its greatest value.
    """
    (across, _), (up, panel) = titled(across, panel), titled(up, panel)
    both = intervals(across, [panel, "method"]).merge(intervals(up, [panel, "method"]), on=[panel, "method"])
    if both.empty:
        return empty()
    methods = sorted(both["method"].unique())
    look, names = styles(methods, claims), display_names(pd.concat([across, up]), claims)
    titles = [str(t) for t in sorted(both[panel].unique())]
    shown = [f"{t}   {(notes or {}).get(t, '')}".rstrip() for t in titles]
    way = pd.DataFrame(columns=[panel, "mean_x", "mean_y"])
    if trail is not None:
        key = [panel, trail[2]]
        way = intervals(trail[0], key).merge(intervals(trail[1], key), on=key).sort_values(trail[2])
    figure, axes = panels(shown, columns=2, height=3.6, left=0.62, right=0.2)
    for ax, (title, own) in zip(axes, both.groupby(panel), strict=True):
        x, y = (
            k * own[[f"mean{s}", f"low{s}", f"high{s}"]].to_numpy() for s, k in zip(("_x", "_y"), scale, strict=True)
        )
        steps = way[way[panel] == title]
        at = steps[["mean_x", "mean_y"]].to_numpy(dtype=float) * scale
        if len(at):
            ax.plot(*at.T, color=SUBJECT.colour, linewidth=1, alpha=0.6, marker=".", markersize=4, zorder=2)
            for i, away in ((0, (3, 4)), (-1, (4, -9))):
                note = f"{steps[steps.columns[1]].iloc[i]:g}"
                ax.annotate(note, at[i], away, textcoords="offset points", fontsize=6.5, color=SUBJECT.colour)
        reached = (ax.set_xlim, np.vstack([x, at[:, [0, 0, 0]]])), (ax.set_ylim, np.vstack([y, at[:, [1, 1, 1]]]))
        for set_limits, values in reached:
            low, high = limits(pd.DataFrame(values, columns=["mean", "low", "high"]))
            set_limits(low - 0.04 * (high - low), high + 0.04 * (high - low))
        marks(ax, [look[m] for m in own["method"]], x, y, size=4)
        label_points(ax, list(own["method"]), x[:, 0], y[:, 0], look, names)
        ax.set_xlabel(xlabel)
        ax.xaxis.set_major_locator(MaxNLocator(6))
    axes[0].set_ylabel(ylabel)
    legend(figure, methods, claims)
    return figure


def sparks(
    series: Mapping[tuple[str, str], np.ndarray],
    claims: Claims,
    *,
    label: str,
    marked: Collection[tuple[str, str]] = (),
) -> Figure:
    """Small curves, methods by data sets, each scaled to its own range.

    series: (method, data set) -> `[S, P]`, a line for each seed. marked: those that wear an arrow.
    """
    methods = sorted({m for m, _ in series}, key=lambda m: (m != claims.subject, m))
    datasets = sorted({d for _, d in series})
    if not methods:
        return empty()
    look = styles(methods, claims)
    figure, ax = sheet(methods, len(datasets), 1.5, 0.34)
    for (method, dataset), values in sorted(series.items()):
        i, j = methods.index(method), datasets.index(dataset)
        ax.plot([j + 0.06, j + 0.92], [-i - 0.44, -i - 0.44], color=FAINT, linewidth=0.7)
        finite = values[np.isfinite(values)]
        if not finite.size:
            continue
        x = np.linspace(j + 0.06, j + 0.92, values.shape[1])
        heights = (values - finite.min()) / (np.ptp(finite) or 1.0) * 0.8 - 0.4 - i
        lines = [np.column_stack([x, line]) for line in heights]
        ax.add_collection(LineCollection(lines, colors=look[method].colour, linewidths=1.1, alpha=0.8))
        if (method, dataset) in marked:
            ax.text(j + 0.93, -i, "\u2198", fontsize=8, color=INK, ha="left", va="center")
    ax.set_xlim(0, len(datasets))
    ax.set_ylim(-len(methods) + 0.5, 0.5)
    ax.set_xticks([j + 0.49 for j in range(len(datasets))], datasets, fontsize=8)
    name_rows(ax, [-i for i in range(len(methods))], methods, look, dict(zip(methods, methods, strict=True)))
    foot(figure, label)
    return figure
