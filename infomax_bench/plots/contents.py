"""What figures show, whoever draws it: matplotlib in the modules beside this one, the page's own script from `Marks`.

Every function takes tidy rows (columns of `results.COLUMNS`, one metric and protocol unless said otherwise) and, where
lines are methods, the Claims, which say who the subject is and what role the others have. `panel` is a column, or a
pattern of several (`titled`). Intervals are 95 % t intervals over seeds; one seed has none. None is nothing to show.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, ParamSpec

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import special

from infomax_bench.base.status import Status
from infomax_bench.plots.theme import display_names, empty
from infomax_bench.stats.intervals import LEVEL
from infomax_bench.stats.readings import composed
from infomax_bench.study.claims import Claims

P = ParamSpec("P")
SPAN = ["mean", "low", "high"]


@dataclass(frozen=True)
class Marks:
    """The marks of a figure, in the units of its axes, and what its axes say."""

    table: pd.DataFrame
    """A line for each mark: its `panel`, its `line` (a method, or whatever the lines are), `x` where there is one, and
    mean, low and high."""
    panels: list[str]
    lines: list[str]
    """Where they stand one above the other: from the top down."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What lines are called where that is not their own name."""
    claims: Claims | None = None
    """None where lines are no methods."""
    xlabel: str = ""
    ylabel: str = ""
    log: bool = False
    bound: tuple[float, str] | None = None
    """Where a reference line stands, and what it is."""
    strong: Sequence[str] = ()
    """The lines that are set off."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What to add to a panel's title."""
    trail: pd.DataFrame | None = None
    """The way of the subject along a setting: `panel`, `step`, `x` and `y`, by step."""
    parts: list[str] = field(default_factory=list)
    """What bars are made of, in the order of drawing."""
    rest: str = ""
    """The part that is left of a whole."""
    whole: float = 1.0


class Form(Generic[P]):
    """A plot form: `shows` makes Marks of rows and options, `draw` a figure of these; called, both."""

    def __init__(self, shows: Callable[P, Marks | None], draw: Callable[[Marks], Figure]) -> None:
        functools.update_wrapper(self, draw)
        self.name = draw.__name__
        self.shows, self.draw = shows, draw
        self.__signature__ = inspect.signature(shows)
        self.__doc__ = shows.__doc__

    def __call__(self, *frames: P.args, **options: P.kwargs) -> Figure:
        shown = self.shows(*frames, **options)
        return empty() if shown is None else self.draw(shown)

    def __reduce__(self) -> str:  # pickled by name, as a function is
        return self.name


def form(shows: Callable[P, Marks | None]) -> Callable[[Callable[[Marks], Figure]], Form[P]]:
    """Makes a function that draws Marks a plot form."""
    return functools.partial(Form, shows)


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
) -> Marks | None:
    """One dot with its interval for each method, best on top (by mean rank over the panels), a column for each panel.

    bound: where a reference line stands, and what it is. order: the panels' order, by name unless given.
    """
    rows, panel = titled(rows, panel)
    found = intervals(rows, [panel, "method"])
    if log:
        found = found[found["mean"] > 0]
    if found.empty:
        return None
    rank = found.groupby(panel)["mean"].rank(ascending=higher_is_better is not False)
    methods = rank.groupby(found["method"]).mean().sort_values(kind="stable").index[::-1]
    better = {True: "(higher is better)", False: "(lower is better)", None: ""}[higher_is_better]
    return Marks(
        _table(found, panel, "method", scale),
        ordered(found[panel], order),
        [str(m) for m in methods],
        display_names(rows, claims),
        claims,
        xlabel=f"{label} {better}".strip(),
        log=log,
        bound=bound,
    )


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
) -> Marks | None:
    """A line for each method over the column `x`, a panel for each value of `panel`; log: x doubles from tick to tick.

    A method measured at one x only, where others have more, is a level line (the column `level`).
    """
    rows, panel = titled(rows, panel)
    found = intervals(rows, [panel, "method", x])
    if found.empty:
        return None
    table = _table(found, panel, "method", scale, x).assign(level=False)
    parts = []
    for _, own in table.groupby("panel", sort=False):
        single = own.groupby("line")["x"].transform("size") == 1
        if single.any() and not single.all():
            at = own.loc[~single, "x"]
            level = own[single].assign(level=True)
            own = pd.concat([own[~single], level.assign(x=at.min()), level.assign(x=at.max())])
        parts.append(own.sort_values(["line", "x"], kind="stable"))
    return Marks(
        pd.concat(parts, ignore_index=True),
        ordered(found[panel]),
        ordered(found["method"]),
        display_names(rows, claims),
        claims,
        xlabel=xlabel,
        ylabel=ylabel,
        log=log,
    )


def matrix(
    rows: pd.DataFrame, claims: Claims, *, column: str, label: str, scale: float = 1.0, order: Sequence[str] = ()
) -> Marks | None:
    """Methods by the values of `column`, or of a pattern of columns ("{dataset}, {target}"), means as numbers; colour:
    how far from the subject's in that column (`away`, from -1 to 1).

    order: of the columns, by name unless given.
    """
    rows, column = titled(rows, column)
    found = intervals(rows, ["method", column])
    if found.empty:
        return None
    table = scale * found.pivot(index="method", columns=column, values="mean")
    table = table[[name for name in order if name in table]] if order else table
    if table.shape[1] > 1:
        table.insert(0, "mean", table.mean(axis=1, skipna=False))
    table = table.iloc[np.argsort(-table.mean(axis=1).to_numpy(), kind="stable")]
    has_subject = claims.subject in table.index
    away = table - (table.loc[claims.subject] if has_subject else table.mean())
    known = np.abs(away.to_numpy()[np.isfinite(away.to_numpy())])
    reach = (float(np.percentile(known, 90)) if known.size else 0.0) or 1.0
    told = f"{label}; blue: above {claims.subject if has_subject else 'the mean'}, orange: below"
    cells = _cells(table, mean=table, away=(away / reach).clip(-1, 1))
    return Marks(cells, *_sides(table), display_names(rows, claims), claims, xlabel=told)


def pairs(rows: pd.DataFrame, claims: Claims, *, below: pd.DataFrame, above: pd.DataFrame, label: str) -> Marks | None:
    """Methods by methods in the order of `below`, in hundredths: its values below the diagonal and on it, those of
    `above` above it; the subject's line and column are outlined.

    rows: what they are made of, where the methods' names come from.
    """
    sides = np.where(np.tri(len(below), dtype=bool), below.to_numpy(), above.to_numpy())
    values = pd.DataFrame(100 * sides, below.index, below.columns)
    return Marks(_cells(values, mean=values), *_sides(values)[:2], display_names(rows, claims), claims, xlabel=label)


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
) -> Marks | None:
    """A labelled point for each method: one measurement against another (`x`, with `x_low` and `x_high`), a panel for
    each value of `panel`.

    notes: what to add to a panel's title. trail: both measurements of the subject along a setting, and the column of
    the setting: drawn as a line from its least to its greatest value.
    """
    (across, _), (up, panel) = titled(across, panel), titled(up, panel)
    both = intervals(across, [panel, "method"]).merge(intervals(up, [panel, "method"]), on=[panel, "method"])
    if both.empty:
        return None
    wide = dict(zip(("x", "x_low", "x_high"), (scale[0] * both[f"{name}_x"] for name in SPAN), strict=True))
    tall = {name: scale[1] * both[f"{name}_y"] for name in SPAN}
    table = pd.DataFrame({"panel": both[panel].astype(str), "line": both["method"].astype(str), **wide, **tall})
    way = None
    if trail is not None:
        key = [panel, trail[2]]
        way = intervals(trail[0], key).merge(intervals(trail[1], key), on=key).sort_values(trail[2])
        places = {"x": scale[0] * way["mean_x"], "y": scale[1] * way["mean_y"]}
        way = pd.DataFrame({"panel": way[panel].astype(str), "step": way[trail[2]], **places})
    names = display_names(pd.concat([across, up]), claims)
    sides = ordered(both[panel]), ordered(both["method"])
    return Marks(table, *sides, names, claims, xlabel, ylabel, notes=notes or {}, trail=way)


def sweep(
    rows: pd.DataFrame, *, x: str, panel: str, xlabel: str, line: str = "dataset", order: Sequence[str] = ()
) -> Marks | None:
    """What a setting does: a line for each value of `line` over the values of the column `x`.

    These stand at equal distances, so that 0 and powers of ten share an axis. Each value of `panel`, which says what is
    measured, or of a pattern of columns, has a panel.

    order: the panels' order, by name unless given; those of a pattern stand as in the rows.
    """
    shown, by = titled(rows, panel)
    found = intervals(shown, [by, line, x])
    if found.empty:
        return None
    titles = ordered(found[by], order if by == panel else list(shown[by].unique()))
    return Marks(_table(found, by, line, 1.0, x), titles, ordered(found[line]), xlabel=xlabel)


def estimates(
    rows: pd.DataFrame,
    *,
    line: str,
    panel: str,
    label: str,
    order: Sequence[str] = (),
    lines: Sequence[str] = (),
    strong: Sequence[str] = (),
) -> Marks | None:
    """A dot with its interval for each value of `line`, from the top down, against zero; a column for each panel.

    order, lines: the order of panels and of lines, by name unless given. strong: the lines that are set off.
    """
    found = intervals(rows, [panel, line])
    if found.empty:
        return None
    sides = ordered(found[panel], order), ordered(found[line], lines)
    return Marks(_table(found, panel, line, 1.0), *sides, xlabel=label, bound=(0.0, ""), strong=strong)


def stacked(
    rows: pd.DataFrame,
    claims: Claims,
    *,
    part: str,
    rest: str,
    label: str,
    order: Sequence[str] = (),
    panel: str = "dataset",
    scale: float = 1.0,
) -> Marks | None:
    """A bar for each method, made of the parts (values of the column `part`), a column for each panel; the longest
    first parts on top, whose means stand beside the bars.

    order: the parts that come first; others follow by name. rest: the part that is drawn last, faint. Parts below zero
    are drawn as nothing.
    """
    found = intervals(rows, [panel, "method", part])
    if found.empty:
        return None
    table = _table(found, panel, "method", scale).assign(part=found[part].astype(str))
    parts = [p for p in dict.fromkeys([*order, *sorted(table["part"])]) if p in set(table["part"])]
    parts.sort(key=rest.__eq__)
    first = table[table["part"] == parts[0]].groupby("line")["mean"].mean().sort_values(kind="stable")
    unknown = [m for m in ordered(table["line"]) if m not in first]
    sides = ordered(found[panel]), [*map(str, first.index[::-1]), *unknown]
    names = display_names(rows, claims)
    return Marks(table, *sides, names, claims, xlabel=label, parts=parts, rest=rest, whole=scale)


def ordered(values: pd.Series, order: Sequence[str] = ()) -> list[str]:
    """The values there are, in the given order, or by value; as text."""
    return [t for t in order if t in set(values)] or [str(v) for v in sorted(values.unique())]


def _table(found: pd.DataFrame, panel: str, line: str, scale: float, x: str = "") -> pd.DataFrame:
    at = {"x": found[x].astype(float)} if x else {}
    spans = {name: scale * found[name] for name in SPAN}
    return pd.DataFrame({"panel": found[panel].astype(str), "line": found[line].astype(str), **at, **spans})


def _cells(like: pd.DataFrame, **values: pd.DataFrame) -> pd.DataFrame:
    """The cells of tables line by line."""
    columns, lines = _sides(like)
    sides = {"panel": columns * len(lines), "line": np.repeat(lines, len(columns))}
    return pd.DataFrame({**sides, **{name: of.to_numpy().ravel() for name, of in values.items()}})


def _sides(table: pd.DataFrame) -> tuple[list[str], list[str]]:
    return [str(c) for c in table.columns], [str(m) for m in table.index]
