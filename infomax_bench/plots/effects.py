"""Plot forms whose lines are no methods: what a setting does, and how large effects are.

As in `figures`, rows are tidy, and whiskers and bands are 95 % t intervals over seeds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from infomax_bench.plots.figures import intervals, titled
from infomax_bench.plots.theme import INK, LETTER, QUIET, SERIES, SMALL, draw_lines, empty, key, letters, limits, panels


def sweep(
    rows: pd.DataFrame, *, x: str, panel: str, xlabel: str, line: str = "dataset", order: Sequence[str] = ()
) -> Figure:
    """What a setting does: a line for each value of `line` over the values of the column `x`.

    These stand at equal distances, so that 0 and powers of ten share an axis. Each value of `panel`, which says what is
    measured, or of a pattern of columns, has a panel.

    order: the panels' order, by name unless given; those of a pattern stand as in the rows.
    """
    shown, by = titled(rows, panel)
    found = intervals(shown, [by, line, x])
    if found.empty:
        return empty()
    titles = _ordered(found[by], order if by == panel else list(shown[by].unique()))
    steps = sorted(found[x].unique())
    looks = {str(name): SERIES[i % len(SERIES)] for i, name in enumerate(sorted(found[line].unique()))}
    figure, axes = panels(titles, columns=3, height=2.0, left=0.45, right=0.2)
    for ax, title in zip(axes, titles, strict=True):
        own = found[found[by] == title]
        ax.set_xlim(-0.3, len(steps) - 0.7)
        ax.set_ylim(*limits(own))
        ax.set_xticks(range(len(steps)), [f"{step:g}" for step in steps])
        lines = []
        for name, values in own.groupby(line):
            at = np.array([steps.index(v) for v in values[x]], dtype=float)
            lines.append((looks[str(name)], at, values[["mean", "low", "high"]].to_numpy(dtype=float), 0.15))
        draw_lines(ax, lines)
        ax.yaxis.set_major_locator(MaxNLocator(5))
        ax.set_xlabel(xlabel)
    key(figure, looks)
    return figure


def estimates(
    rows: pd.DataFrame,
    *,
    line: str,
    panel: str,
    label: str,
    order: Sequence[str] = (),
    lines: Sequence[str] = (),
    strong: Sequence[str] = (),
) -> Figure:
    """A dot with its interval for each value of `line`, from the top down, against zero; a column for each panel.

    order, lines: the order of panels and of lines, by name unless given. strong: the lines that are set off.
    """
    found = intervals(rows, [panel, line])
    if found.empty:
        return empty()
    titles, names = _ordered(found[panel], order), _ordered(found[line], lines)
    first = LETTER * max(map(letters, names)) + 0.1
    figure, axes = panels(titles, columns=4, height=0.21 * len(names) + 0.1, left=0.1, right=0.5, first=first)
    low, high = limits(pd.concat([found, pd.DataFrame({"mean": [0.0], "low": [0.0], "high": [0.0]})]))
    for i, (ax, title) in enumerate(zip(axes, titles, strict=True)):
        ax.set_xlim(low, high)
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.axvline(0, color=INK, linewidth=1, linestyle=(0, (4, 2)), zorder=2)
        for _, one in found[found[panel] == title].iterrows():
            y, is_strong = names.index(one[line]), one[line] in strong
            colour = SERIES[0].colour if is_strong else QUIET
            ax.hlines(y, one["low"], one["high"], color=colour, linewidth=1.6, zorder=4)
            ax.plot(one["mean"], y, marker="o", color=colour, markersize=4.5, zorder=5)
            ax.text(
                1.02,
                y,
                f"{one['mean']:+.2f}",
                transform=ax.get_yaxis_transform(),
                fontsize=7.4,
                va="center",
                color=colour,
                fontweight="bold" if is_strong else "normal",
            )
        ax.grid(axis="y", visible=False)
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.set_yticks(np.arange(len(names)) if i % 4 == 0 else [], names if i % 4 == 0 else [], fontsize=SMALL)
        for tick, name in zip(ax.get_yticklabels(), names, strict=False):
            tick.set(
                color=SERIES[0].colour if name in strong else QUIET, fontweight="bold" if name in strong else "normal"
            )
    for ax in axes[::4]:
        ax.set_xlabel(label, loc="left")
    return figure


def _ordered(values: pd.Series, order: Sequence[str]) -> list[str]:
    """The values there are, in the given order, or by name."""
    return [t for t in order if t in set(values)] or sorted(str(v) for v in values.unique())
