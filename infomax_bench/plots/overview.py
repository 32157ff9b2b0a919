"""What came out of the predictions, in one figure, for light and for dark pages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from infomax_bench.plots.theme import LOOK, WIDE_LETTER, empty, letters
from infomax_bench.stats.verdict import Rival

WIDE, TALL = 8.0, 3.9
"""Inches; a code host shows 100 points for each of them."""
COLOURS = ("paper", "ink", "quiet", "line", "even", "supported", "refuted", "inconclusive")
LIGHT = ("#ffffff", "#1d2126", "#59616a", "#dfe3e7", "#8b939c", "#0a6e53", "#a3194f", "#735c00")
DARK = ("#15181b", "#e6e8ea", "#a2aab3", "#343a41", "#8b939c", "#5cd0aa", "#f594b4", "#dcc15f")
"""The page's colours."""


@dataclass(frozen=True)
class Caterpillar:
    """A prediction: what is claimed, the outcome as a word of verdicts and as it is said, how the subject stands, and
    the subject less each rival, in a unit. line: where the comparison is decided."""

    title: str
    outcome: str
    said: str
    standing: str
    rivals: Sequence[Rival]
    line: float
    unit: str


def overview(panels: Sequence[Caterpillar], supervised: Collection[str], dark: bool = False) -> Figure:
    """A panel for each prediction: the subject less each rival with 90 % over data sets, from the one that it is
    furthest behind to the one that it is furthest ahead of; those that see labels are hollow."""
    if not panels:
        return empty()
    look = dict(zip(COLOURS, DARK if dark else LIGHT, strict=True))
    figure = Figure(figsize=(WIDE, TALL), facecolor=look["paper"])
    room = 1 / len(panels)
    with matplotlib.rc_context(LOOK):
        for i, panel in enumerate(panels):
            left = i * room + 0.018
            ax = figure.add_axes((left, 0.16, room - 0.036, 0.6), facecolor="none")
            for y, name, colour in (
                (0.95, "title", "ink"),
                (0.885, "said", panel.outcome),
                (0.825, "standing", "quiet"),
            ):
                weight, largest = ("normal", 8.5) if colour == "quiet" else ("bold", 10)
                longest = max(letters(getattr(one, name)) for one in panels)  # alike in all of them
                size = min(largest, (room - 0.03) * WIDE / (WIDE_LETTER * max(longest, 1)))
                text = getattr(panel, name)
                figure.text(left, y, text, va="center", color=look[colour], fontsize=size, fontweight=weight)
            _caterpillar(ax, panel, supervised, look)
        told = (
            "a dot: the subject less a rival, mean and 90 % over data sets; hollow: sees labels; dashed: what decides"
        )
        figure.text(0.018, 0.02, told, fontsize=8, color=look["quiet"])
    return figure


def _caterpillar(ax: Axes, panel: Caterpillar, supervised: Collection[str], look: dict[str, str]) -> None:
    rivals = sorted(panel.rivals, key=lambda one: (-one.mean, one.method))  # as on the page, the worst on top
    ax.set_ylim(-0.8, max(len(rivals), 1) - 0.2)
    ax.spines[:].set_visible(False)
    ax.grid(axis="y", visible=False)
    ax.grid(axis="x", color=look["line"])
    ax.tick_params(colors=look["quiet"])
    ax.set_yticks([])
    ax.set_xlabel(panel.unit, color=look["quiet"], loc="left", fontsize=8)
    if not rivals:
        return
    means = np.array([one.mean for one in rivals])
    reach = 0.5 * np.ptp(means) or 1.0  # of intervals, as much as leaves the means their room
    low = max(min(*(one.low for one in rivals), 0.0), means.min() - reach)
    high = min(max(*(one.high for one in rivals), 0.0), means.max() + reach)
    low, high = min(low, 0.0, panel.line), max(high, 0.0, panel.line)
    ax.set_xlim(low - 0.04 * (high - low), high + 0.04 * (high - low))
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.axvline(0, color=look["quiet"], linewidth=0.8)
    if panel.line:
        ax.axvline(panel.line, color=look["ink"], linewidth=1, linestyle=(0, (3, 2)))
    for y, one in enumerate(rivals):
        side = "supported" if one.low > panel.line else "refuted" if one.high < panel.line else "even"
        ax.hlines(y, one.low, one.high, color=look[side], linewidth=1.1)
        filled = look["paper"] if one.method in supervised else look[side]
        ax.plot(one.mean, y, "o", markersize=3.8, markerfacecolor=filled, markeredgecolor=look[side])
