"""Plot forms whose lines are no methods: what a setting does, and how large effects are.

As in `figures`, whiskers and bands are 95 % t intervals over seeds.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from infomax_bench.plots import contents
from infomax_bench.plots.contents import SPAN, Marks, form
from infomax_bench.plots.theme import INK, LETTER, QUIET, SERIES, SMALL, draw_lines, key, letters, limits, panels


@form(contents.sweep)
def sweep(shown: Marks) -> Figure:
    steps = sorted(shown.table["x"].unique())
    looks = {name: SERIES[i % len(SERIES)] for i, name in enumerate(shown.lines)}
    figure, axes = panels(shown.panels, columns=3, height=2.0, left=0.45, right=0.2)
    for ax, title in zip(axes, shown.panels, strict=True):
        own = shown.table[shown.table["panel"] == title]
        ax.set_xlim(-0.3, len(steps) - 0.7)
        ax.set_ylim(*limits(own))
        ax.set_xticks(range(len(steps)), [f"{step:g}" for step in steps])
        lines = []
        for name, values in own.groupby("line"):
            at = np.array([steps.index(v) for v in values["x"]], dtype=float)
            lines.append((looks[str(name)], at, values[SPAN].to_numpy(dtype=float), 0.15))
        draw_lines(ax, lines)
        ax.yaxis.set_major_locator(MaxNLocator(5))
        ax.set_xlabel(shown.xlabel)
    key(figure, looks)
    return figure


@form(contents.estimates)
def estimates(shown: Marks) -> Figure:
    names, strong = shown.lines, shown.strong
    first = LETTER * max(map(letters, names)) + 0.1
    figure, axes = panels(shown.panels, columns=4, height=0.21 * len(names) + 0.1, left=0.1, right=0.5, first=first)
    low, high = limits(pd.concat([shown.table, pd.DataFrame({"mean": [0.0], "low": [0.0], "high": [0.0]})]))
    for i, (ax, title) in enumerate(zip(axes, shown.panels, strict=True)):
        ax.set_xlim(low, high)
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.axvline(0, color=INK, linewidth=1, linestyle=(0, (4, 2)), zorder=2)
        for _, one in shown.table[shown.table["panel"] == title].iterrows():
            y, is_strong = names.index(one["line"]), one["line"] in strong
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
        ax.set_xlabel(shown.xlabel, loc="left")
    return figure
