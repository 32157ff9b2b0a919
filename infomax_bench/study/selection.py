"""Which rows a benchmark reads, by declared names; `check` holds these against what evaluations declare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from infomax_bench.base.status import Status
from infomax_bench.stats.readings import with_diverged
from infomax_bench.study.claims import Claims


class Select:
    """Rows of one metric, and of one protocol or some unless it is None; and of one value of other columns (`x=8`).

    scale: what values are multiplied by for readers (100 for percent).
    """

    def __init__(
        self, metric: str, protocol: str | tuple[str, ...] | None = None, *, scale: float = 1.0, **where: Any
    ) -> None:
        self.metric, self.protocol, self.scale, self.where = metric, protocol, scale, where

    def __repr__(self) -> str:
        parts = [repr(self.metric), repr(self.protocol), *(f"{k}={v!r}" for k, v in self.where.items())]
        return f"Select({', '.join(parts)})"

    @property
    def protocols(self) -> tuple[str, ...]:
        """Those that are named."""
        return () if self.protocol is None else (self.protocol,) if isinstance(self.protocol, str) else self.protocol

    def __call__(self, rows: pd.DataFrame, claims: Claims | None = None) -> pd.DataFrame:
        """The rows, whatever their status, scaled."""
        return scaled(self.raw(rows), self.scale)

    def raw(self, rows: pd.DataFrame, claims: Claims | None = None) -> pd.DataFrame:
        """The rows as they were measured."""
        kept = rows["metric"] == self.metric
        if self.protocol is not None:
            kept &= rows["protocol"].isin(self.protocols)
        for column, value in self.where.items():
            kept &= rows[column] == value
        return rows[kept]

    def then(self, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Derived:
        """These rows, changed, and scaled after."""
        return Derived(lambda rows, claims: change(self.raw(rows)), (self,), self.scale)

    def or_diverged(self, probe: str = "linear_probe", value: float = 0.0) -> Derived:
        """The good rows of one protocol or of all, and one with `value` for each encoder of which the evaluation
        `probe` says that its training diverged."""
        protocol = self.protocols[0] if self.protocols else None

        def made(rows: pd.DataFrame, claims: Claims) -> pd.DataFrame:
            return with_diverged(rows, self.metric, protocol, value, probe)

        return Derived(made, (self,), self.scale)


@dataclass(frozen=True)
class Derived:
    """Rows made of other rows, with what it reads of them; scale: as that of a Select."""

    make: Callable[[pd.DataFrame, Claims], pd.DataFrame]
    selects: tuple[Select, ...]
    scale: float = 1.0

    def __call__(self, rows: pd.DataFrame, claims: Any = None) -> pd.DataFrame:
        return scaled(self.raw(rows, claims), self.scale)

    def raw(self, rows: pd.DataFrame, claims: Any = None) -> pd.DataFrame:
        """The rows before they are scaled."""
        return self.make(rows, claims)

    def then(self, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Derived:
        """These rows, changed once more."""
        return Derived(lambda rows, claims: change(self.raw(rows, claims)), self.selects, self.scale)


def scaled(rows: pd.DataFrame, scale: float) -> pd.DataFrame:
    """The rows with values times `scale`."""
    return rows if scale == 1 else rows.assign(value=scale * rows["value"])


def reads(*selects: Select | Derived) -> Callable[[Callable[[pd.DataFrame, Claims], pd.DataFrame]], Derived]:
    """Marks a function of rows and claims by what it reads."""
    return lambda make: Derived(make, tuple(selects_in(list(selects))))


def in_panels(selects: Mapping[str, Select | Derived]) -> Derived:
    """The rows of each, under its name in the column `panel`."""

    def make(rows: pd.DataFrame, claims: Claims) -> pd.DataFrame:
        return pd.concat([select(rows, claims).assign(panel=panel) for panel, select in selects.items()])

    return Derived(make, tuple(selects_in(dict(selects))))


def of_this_width(select: Select | Derived) -> Derived:
    """Its rows without methods that have a width of their own."""

    def make(rows: pd.DataFrame, claims: Claims) -> pd.DataFrame:
        found = select(rows, claims)
        return found[~found["method"].isin(claims.own_width)]

    return Derived(make, tuple(selects_in(select)))


def best_by(select: Select | Derived, score: Select | Derived, among: str, by: Sequence[str]) -> Derived:
    """Its rows, in each case of the columns `by`, with the value of the column `among` that has the largest score; of
    equal ones the first by name."""

    def make(rows: pd.DataFrame, claims: Claims) -> pd.DataFrame:
        scores = score(rows, claims).sort_values(among).sort_values("value", ascending=False, kind="stable")
        return select(rows, claims).merge(scores.drop_duplicates(list(by))[[*by, among]], on=[*by, among])

    return Derived(make, tuple(selects_in([select, score])))


def complement(rows: pd.DataFrame) -> pd.DataFrame:
    """One less the values: errors of accuracies."""
    return rows.assign(value=1 - rows["value"].astype(float))


def at_home(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows measured on the encoder's own data set."""
    return rows[rows["target"] == rows["dataset"]]


def away(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows measured on other data sets than the encoder's own."""
    return rows[rows["target"] != rows["dataset"]]


def of_home(rows: pd.DataFrame) -> pd.DataFrame:
    """Good rows of other targets than the encoder's own data set: their values over that of the same method, seed and
    `x` trained on the target itself, which is kept as `home`."""
    good = rows[rows["status"] == Status.OK].assign(x=rows["x"].astype(float).fillna(0.0))
    key = ["method", "target", "seed", "x"]
    home = at_home(good).drop_duplicates(key)[[*key, "value"]].rename(columns={"value": "home"})
    found = away(good).merge(home, on=key, how="left")
    return found.assign(value=found["value"] / found["home"])


def selects_in(value: Any) -> Iterator[Select]:
    """Every Select in a value: in lists, mappings, and what has `selects` of its own."""
    if isinstance(value, Select):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from selects_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from selects_in(one)
    elif hasattr(value, "selects") and not isinstance(value, type):
        yield from value.selects
