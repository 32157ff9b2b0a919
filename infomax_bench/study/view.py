"""Figures, declared: which marks of which rows. The caption is words, under the view's name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from infomax_bench.base.status import Status
from infomax_bench.study.claims import Claims
from infomax_bench.study.selection import Select, selects_in

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Frame = Select | Callable[[pd.DataFrame, Claims], pd.DataFrame] | pd.DataFrame


class View:
    """One figure. draw: a plot form of `plots`, called with the frames and the options, and with `claims` if it takes
    them and is given none. told: what the caption's words use beside the `subject` and `seeds`, the number of seeds of
    the first frame, if there is one.

    It is not shown where one of the frames has no rows.
    """

    def __init__(
        self,
        name: str,
        draw: Callable[..., Figure],
        *frames: Frame,
        told: Any = None,  # names -> values, which only this wide may a `**dict` of options stand beside
        **options: Any,
    ) -> None:
        self.name, self.draw, self.frames, self.told, self.options = name, draw, frames, dict(told or {}), options

    @property
    def selects(self) -> list[Select]:
        """The rows it reads, as far as they are declared."""
        return list(selects_in(self.frames))

    def shown(self, rows: pd.DataFrame, claims: Claims) -> Shown | None:
        """The figure's data and what its caption tells; None where there is nothing to show."""
        frames = [f if isinstance(f, pd.DataFrame) else f(rows, claims) for f in self.frames]
        if any(frame.empty for frame in frames):
            return None
        seeds = {"seeds": seeds_of(frames[0])} if frames else {}
        return Shown(self, frames, claims, {**seeds, "subject": claims.subject, **self.told})


@dataclass(frozen=True)
class Shown:
    """A view with its rows."""

    view: View
    frames: list[pd.DataFrame]
    claims: Claims
    told: dict[str, Any] = field(default_factory=dict)

    def called_with(self) -> tuple[list[pd.DataFrame], dict[str, Any]]:
        """The frames and the options that it is drawn with."""
        options = dict(self.view.options)
        if "claims" in inspect.signature(self.view.draw).parameters:
            options.setdefault("claims", self.claims)
        return self.frames, options

    def figure(self) -> Figure:
        """Draws it."""
        frames, options = self.called_with()
        return self.view.draw(*frames, **options)


def seeds_of(rows: pd.DataFrame) -> str:
    """ "5 seeds", for captions; a range where methods, or what they were trained at, differ."""
    good = rows[rows["status"] == Status.OK] if "status" in rows else rows
    encoders = [c for c in ("method", "dataset", "width", "label") if c in good]
    if good.empty:
        return "no seeds"
    by = good.groupby(encoders, observed=True, dropna=False)["seed"].nunique() if encoders else [good["seed"].nunique()]
    counts = sorted({int(n) for n in by})
    return f"{counts[0]} to {counts[-1]} seeds" if len(counts) > 1 else f"{counts[0]} seed{'s' * (counts[0] != 1)}"
