"""Published numbers, and the protocols under which they were made, from data files beside a benchmark."""

from __future__ import annotations

import csv
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from infomax_bench.base.status import Status
from infomax_bench.stats.agreement import LEVEL, agreement, margin
from infomax_bench.stats.intervals import Interval, interval
from infomax_bench.study.cell import Cell, Request
from infomax_bench.study.selection import Select
from infomax_bench.study.suite import Suite


@dataclass(frozen=True)
class Published:
    """A published number, or another line of the file.

    kind: "equal" to the number ± spread (a standard deviation) over n seeds; in a "range" of two; "above" the method of
    that name, seed by seed. Or it is not published: a "sanity check" of our own, that the mean is at least the number;
    "tested", by the test that is the source. note: the likely reason if we do not reach it.
    """

    method: str
    protocol: str
    evaluation: str
    metric: str
    kind: str
    published: str
    spread: float
    n: int
    source: str
    note: str

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest number that is published; of a difference that lies above zero."""
        if self.kind == "above":
            return 0.0, math.inf
        ends = [float(end) for end in self.published.split(" to ")]
        return ends[0], ends[-1]

    @property
    def allowed(self) -> tuple[float, float]:
        """The least and the largest number that agree: those published, and a margin; an order has none."""
        low, high = self.bounds
        if self.kind == "above":
            return low, high
        error, share = self.spread / math.sqrt(self.n), self.scale == 100
        return low - margin(low, error, share), high + margin(high, error, share)

    @property
    def selects(self) -> list[Select]:
        """Our rows; none of what is tested."""
        return [Select(self.metric, method=self.method, label=self.protocol)] * (self.kind != "tested")

    @property
    def scale(self) -> float:
        """Accuracies and shares are read in percent."""
        return 100 if "accuracy" in self.metric or "share" in self.metric else 1

    def compared(self, ours: np.ndarray) -> tuple[str, Interval]:
        """What our values, a seed each, say of it, and their interval: see `agreement`; a sanity check "passes" or
        "fails"."""
        found = interval(ours, LEVEL)
        if self.kind == "sanity check" and found.n:
            return "passes" if found.mean >= self.bounds[0] else "fails", found
        return agreement(*self.allowed, found), found


@dataclass(frozen=True)
class Protocol:
    """How numbers were made. dataset: what encoders are trained on; needs: the data set that a preset must have, for
    it to be run; cell: what else of an encoder is not the default; settings: hyperparameters by method; options: by
    evaluation."""

    name: str
    dataset: str
    needs: str
    cell: Mapping[str, Any]
    settings: Mapping[str, Mapping[str, Any]]
    options: Mapping[str, Mapping[str, Any]]

    def encoder(self, suite: Suite, method: str) -> Cell:
        """The method's encoder, under the protocol's name."""
        settings = tuple(sorted(self.settings.get(method, {}).items()))
        return suite.cell(method, self.dataset, **{"label": self.name, "settings": settings, **self.cell})

    def request(self, evaluation: str) -> Request:
        """The evaluation, with the protocol's options."""
        return Request(evaluation, None, tuple(sorted(self.options.get(evaluation, {}).items())))


def read_numbers(path: Path) -> list[Published]:
    """The lines of a CSV file, whose columns are the fields of Published, in its order."""
    with path.open(encoding="utf8", newline="") as file:
        return [_number(line) for line in csv.DictReader(file)]


def compared_with(line: Published, numbers: Sequence[Published]) -> Published | None:
    """The number of the method that this one's is to be above; None for other kinds."""
    same = (one for one in numbers if (one.method, one.metric) == (line.published, line.metric) and one.kind != "above")
    return next(same) if line.kind == "above" else None


def values(rows: pd.DataFrame, line: Published, numbers: Sequence[Published]) -> pd.Series:
    """Our values by seed; where they are to be above another method's, the differences."""
    (select,) = line.selects
    own = select(rows)
    ours: pd.Series = own[own["status"] == Status.OK].groupby("seed")["value"].mean()
    other = compared_with(line, numbers)
    return (ours - values(rows, other, numbers)).dropna() if other else ours


def _number(line: dict[str, Any]) -> Published:
    plain = {"spread": float(line["spread"] or 0), "n": int(line["n"] or 1)}
    return Published(**{**line, **plain})


def read_protocols(text: str) -> dict[str, Protocol]:
    """TOML's tables by name, each over the one that it is `like`."""
    tables = tomllib.loads(text)

    def whole(name: str) -> dict[str, Any]:
        own = tables[name]
        base = whole(own["like"]) if "like" in own else {"settings": {}, "options": {}}
        return _over(base, {key: value for key, value in own.items() if key != "like"})

    return {name: Protocol(name, **whole(name)) for name in tables}


def _over(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Nested tables, the values of one over those of another; lists become tuples, as cells have them."""
    plain = {key: tuple(v) if isinstance(v, list) else v for key, v in own.items()}
    return base | {key: _over(base.get(key, {}), v) if isinstance(v, dict) else v for key, v in plain.items()}
