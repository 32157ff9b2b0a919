"""Three forms beside those of `figures`: what a whole is made of, images side by side, and methods in pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from infomax_bench.plots import contents
from infomax_bench.plots.contents import Marks, form
from infomax_bench.plots.theme import (
    FAINT,
    LETTER,
    LOOK,
    NARROWEST,
    PAGE,
    QUIET,
    SMALL,
    SUBJECT,
    empty,
    foot,
    letters,
    name_rows,
    panels,
    sheet,
    short,
    styles,
)
from infomax_bench.study.benchmark import Kept
from infomax_bench.study.claims import Claims

PARTS = ("#c43c14", "#1f5f99", "#6aa5d8", "#0b8a68", "#83c5ab", "#b58a2e", "#8a6bb0", "#4d5560")
"""Colours of a whole's parts, the first the strongest; what is left of it is FAINT."""
SHADES = 32
"""Steps of an image's intensity: the eye needs no more, and a file's palette has room for names in their colours."""


LEGEND: dict[str, Any] = {"frameon": False, "fontsize": 8.3, "handlelength": 1.2, "borderaxespad": 0.35}


@form(contents.stacked)
def stacked(shown: Marks) -> Figure:
    methods, names, claims = shown.lines[::-1], shown.names, shown.claims
    assert claims is not None
    look, parts = styles(methods, claims), shown.parts
    room = LETTER * max(map(letters, names.values())) + 0.1
    height = 0.19 * len(methods) + 0.1
    figure, axes = panels(shown.panels, columns=4, height=height, left=0.1, right=0.5, first=room)
    inner = [p for p in parts if p != shown.rest]
    colours = dict(zip(parts, [*PARTS[: len(inner)], FAINT], strict=False))
    for i, (ax, title) in enumerate(zip(axes, shown.panels, strict=True)):
        own = shown.table[shown.table["panel"] == title].pivot(index="line", columns="part", values="mean")
        own = own.reindex(index=methods, columns=parts)
        places, left = np.arange(len(methods)), np.zeros(len(methods))
        for name in parts:
            width = own[name].clip(lower=0).fillna(0).to_numpy()
            ax.barh(places, width, left=left, height=0.72, color=colours[name], linewidth=0)
            left += width
        ax.set_xlim(0, shown.whole)
        ax.set_ylim(-0.6, len(methods) - 0.4)
        ax.grid(axis="y", visible=False)
        text = partial(ax.text, transform=ax.get_yaxis_transform(), fontsize=7.4, va="center")
        for y, (method, value) in enumerate(own[parts[0]].items()):
            text(1.02, y, short(value), color=look[str(method)].colour)
        if i % 4:
            ax.set_yticks([])
        else:
            name_rows(ax, places.tolist(), methods, look, names)
    for ax in axes[:: min(4, len(axes))]:
        ax.set_xlabel(shown.xlabel, loc="left")
    with matplotlib.rc_context(LOOK):
        figure.legend(
            handles=[Patch(color=colours[p], label=p) for p in parts], loc="upper left", ncols=len(parts), **LEGEND
        )
    return figure


def mosaic(
    kept: Kept, claims: Claims, dataset: str, *, blocks: Mapping[str, str], truth: Mapping[str, str], label: str
) -> Figure:
    """Images in a line for each method, the subject's first, in blocks side by side.

    kept: uint8 arrays `[n, C, H, W]` or `[n, H, W]` by (method, data set). blocks: title -> name of the array; truth:
    title -> name of what stands in the line above all methods, called `label`, if anything does. Blocks that no method
    has are left out.
    """
    own = {method: arrays for (method, name), arrays in kept.items() if name == dataset}
    methods = sorted(own, key=lambda m: (m != claims.subject, m))
    shown = {title: name for title, name in blocks.items() if any(name in arrays for arrays in own.values())}
    if not shown:
        return empty()
    look = styles(methods, claims)
    count = max(len(own[m][name]) for m in methods for name in shown.values() if name in own[m])
    room, gap, head = LETTER * max(map(letters, [*methods, label])) + 0.15, 0.16, 0.34
    free = max(PAGE - room - 0.1 - gap * (len(shown) - 1), NARROWEST)
    tile = min(0.34, free / (count * len(shown)))
    size = (room + len(shown) * (count * tile + gap), head + tile * (len(methods) + 1) + 0.08)
    figure = Figure(figsize=size)
    with matplotlib.rc_context(LOOK):
        for i, (title, name) in enumerate(shown.items()):
            above = next((own[m].get(truth.get(title, "")) for m in methods), None)
            lines = [above, *(own[m].get(name) for m in methods)]
            left = (room + i * (count * tile + gap)) / size[0]
            ax = figure.add_axes((left, 0.08 / size[1], count * tile / size[0], 1 - (head + 0.08) / size[1]))
            ax.imshow(_canvas(lines, count), aspect="auto", interpolation="nearest", extent=(0, count, len(lines), 0))
            ax.set_title(title, fontsize=8.6, pad=4)
            ax.grid(visible=False)
            ax.spines[:].set_visible(False)
            ax.set_xticks([])
            ax.set_yticks([])
            if not i:
                name_rows(
                    ax, [y + 1.5 for y in range(len(methods))], methods, look, dict(zip(methods, methods, strict=True))
                )
                ax.text(-0.16 / tile * 0.6, 0.5, label, ha="right", va="center", fontsize=SMALL, color=QUIET)
    return figure


def _canvas(lines: Sequence[np.ndarray | None], count: int) -> np.ndarray:
    """Lines of `count` images as one picture, uint8 `[H, W, 3]`, a white point between; None is an empty line."""
    like = next(np.asarray(images) for images in lines if images is not None)
    height, width = like.shape[-2:]
    sheet = np.full((len(lines) * (height + 1), count * (width + 1), 3), 255, dtype=np.uint8)
    for i, images in enumerate(lines):
        for j, image in enumerate([] if images is None else images[:count]):
            channels = image if image.ndim == 3 else image[None]
            colour = np.broadcast_to(channels, (3, height, width)) if len(channels) == 1 else channels
            y, x = i * (height + 1), j * (width + 1)
            sheet[y : y + height, x : x + width] = colour.transpose(1, 2, 0)
    level = np.rint(sheet / 255 * SHADES) * (255 / SHADES)
    return np.asarray(level, dtype=np.uint8)


def clustered(similarity: pd.DataFrame) -> list[str]:
    """The names of a symmetric table of similarities, at most 1, with those beside each other that are alike: the
    leaves of a hierarchical clustering by average linkage, in the order that puts the nearest together."""
    distance = 1 - (similarity.to_numpy() + similarity.to_numpy().T) / 2
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance.clip(min=0), checks=False), "average", optimal_ordering=True)
    return [str(similarity.index[i]) for i in leaves_list(tree)]


@form(contents.pairs)
def pairs(shown: Marks) -> Figure:
    methods, claims = shown.lines, shown.claims
    assert claims is not None
    n, look = len(methods), styles(methods, claims)
    numbered = {m: f"{shown.names[m]}  {i}" for i, m in enumerate(methods, start=1)}
    figure, ax = sheet([numbered[m] for m in methods], n, min(0.3, 8.0 / n), 0.2)
    values = shown.table["mean"].to_numpy().reshape(n, n)
    colours = LinearSegmentedColormap.from_list("", ["#ffffff", "#8fbcdf", "#1f5f99"]).with_extremes(bad=FAINT)
    ax.imshow(np.ma.masked_invalid(values), cmap=colours, vmin=0, vmax=100, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour, weight = "white" if value > 60 else "#22262b", "bold" if i == j else "normal"
            middle = partial(ax.text, ha="center", va="center")
            middle(j, i, f"{value:.0f}", fontsize=5.8, color=colour, fontweight=weight)
    if claims.subject in methods:
        at = methods.index(claims.subject) - 0.5
        for corner, wide, tall in (((-0.5, at), n, 1), ((at, -0.5), 1, n)):
            ax.add_patch(Rectangle(corner, wide, tall, fill=False, edgecolor=SUBJECT.colour, linewidth=1.3, zorder=5))
    ax.set_xticks(range(n), [str(i) for i in range(1, n + 1)], fontsize=7)
    name_rows(ax, range(n), methods, look, numbered)
    foot(figure, shown.xlabel)
    return figure
