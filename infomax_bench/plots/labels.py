"""Names beside lines and points, placed so that none lies upon another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from scipy.optimize import isotonic_regression

from infomax_bench.plots.theme import LETTER, SMALL, SUBJECT, Style, letters


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """The positions nearest to the given ones (least squares) that are `gap` apart and, if they fit, within bounds."""
    order = np.argsort(positions, kind="stable")
    steps = gap * np.arange(len(order))
    free = isotonic_regression(np.asarray(positions, dtype=float)[order] - steps).x
    placed = np.empty(len(order))
    placed[order] = np.clip(free, low, max(low, high - gap * (len(order) - 1))) + steps
    return [float(p) for p in placed]


def label_ends(
    ax: Axes, ends: Mapping[str, tuple[float, float]], look: Mapping[str, Style], names: Mapping[str, str]
) -> None:
    """Each line's name beside its end, moved apart where they would overlap, with a thin line to where it belongs."""
    assert isinstance(ax.figure, Figure)
    from_data = ax.transScale + ax.transLimits
    starts = [tuple(from_data.transform(end)) for end in ends.values()]
    gap = 1.22 * SMALL / 72 / (ax.figure.get_figheight() * ax.get_position().height)
    places = spread([y for _, y in starts], gap, -0.04, 1.06)
    colours = [look[method].colour for method in ends]
    _lines(ax, [[start, (1.05, place)] for start, place in zip(starts, places, strict=True)], colours)
    for method, place in zip(ends, places, strict=True):
        _write(ax, 1.06, place, names[method], look[method])


def label_points(
    ax: Axes, methods: Sequence[str], x: np.ndarray, y: np.ndarray, look: Mapping[str, Style], names: Mapping[str, str]
) -> None:
    """Names beside points: the nearest free place round each point, the subject's first."""
    assert isinstance(ax.figure, Figure)
    box = ax.get_position()
    size = 72 * np.array([box.width * ax.figure.get_figwidth(), box.height * ax.figure.get_figheight()])
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    points = np.stack([(x - left) / (right - left), (y - low) / (high - low)], axis=1) * size  # in points of 1/72 inch
    taken = np.concatenate([points - 4, points + 4], axis=1)  # left, bottom, right, top
    outline = [withStroke(linewidth=2.2, foreground="white")]
    for i in sorted(range(len(methods)), key=lambda i: (look[methods[i]] is not SUBJECT, methods[i])):
        text, style = names[methods[i]], look[methods[i]]
        own = np.array([72 * LETTER * 0.93 * letters(text), 1.1 * SMALL])
        centre, spot, radius = _free_place(points[i], own, size, taken)
        taken = np.vstack([taken, spot])
        if radius > 7:
            reach = np.clip(points[i], spot[:2], spot[2:])  # the label's nearest point
            _lines(ax, [[tuple(points[i] / size), tuple(reach / size)]], [style.colour])
        at, up = centre / size
        _write(ax, at, up, text, style, ha="center", zorder=12, path_effects=outline)


def _free_place(
    point: np.ndarray, own: np.ndarray, size: np.ndarray, taken: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Centre, box and distance of the place for a label of size `own` that covers least of what is taken `[n, 4]`, the
    nearest of these; outside a panel of `size` counts too."""
    found, least = None, np.inf
    for radius in (7, 12, 19, 28, 40, 54):
        for angle in np.deg2rad([0, 180, 35, -35, 145, -145, 90, -90, 65, -65, 115, -115]):
            toward = np.array([np.cos(angle), np.sin(angle)])
            centre = point + toward * (radius + np.array([own[0], 0]) / 2)
            spot = np.concatenate([centre - own / 2, centre + own / 2])
            outside = np.maximum(0, -spot[:2]).sum() + np.maximum(0, spot[2:] - size).sum()
            over = np.minimum(spot[2:], taken[:, 2:]) - np.maximum(spot[:2], taken[:, :2])
            cost = (over.clip(min=0).prod(1)).sum() + 20 * outside
            if cost < least:
                found, least = (centre, spot, radius), cost
        if least == 0:
            break
    assert found is not None
    return found


def _lines(ax: Axes, lines: Sequence[Sequence[tuple[float, float]]], colours: Sequence[str]) -> None:
    """Thin lines from labels to what they name, in fractions of the axes."""
    ax.add_collection(
        LineCollection(
            list(lines), colors=list(colours), linewidths=0.5, transform=ax.transAxes, clip_on=False, zorder=3
        ),
        autolim=False,
    )


def _write(ax: Axes, x: float, y: float, text: str, style: Style, **how: Any) -> None:
    how |= {"color": style.colour, "fontsize": SMALL, "fontweight": style.weight}
    ax.text(x, y, text, transform=ax.transAxes, va="center", **how)
