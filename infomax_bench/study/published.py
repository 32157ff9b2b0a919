"""Published numbers, and the protocols under which they were made, from data files beside a benchmark."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infomax_bench.stats.agreement import agreement
from infomax_bench.stats.intervals import Interval
from infomax_bench.study.cell import Cell, Request
from infomax_bench.study.selection import Select
from infomax_bench.study.suite import Suite

WHOLE = {"parameters": ("parameters", "discarded_parameters")}
"""What is published as one number and measured as several: theirs counts what is thrown away too."""


@dataclass(frozen=True)
class Published:
    """A published number.

    kind: "equal" to the number ± spread over n seeds; in a "range" of two; "at least" the number; "above" the method of
    that name, seed by seed; or "tested", by the test that is the source. note: the likely reason if we do not reach it.
    marks: whether the method is marked then; not where nothing of it is at stake.
    """

    method: str
    protocol: str
    evaluation: str
    metric: str
    kind: str
    published: str
    spread: float
    n: int
    marks: bool
    source: str
    note: str

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest number that is published; zero for a difference."""
        ends = [0.0] if self.kind == "above" else [float(end) for end in self.published.split(" to ")]
        return ends[0], ends[-1]

    @property
    def selects(self) -> list[Select]:
        """Our rows; none of what is tested."""
        metrics = WHOLE.get(self.metric, (self.metric,)) if self.kind != "tested" else ()
        return [Select(metric, method=self.method, label=self.protocol) for metric in metrics]

    @property
    def scale(self) -> float:
        """Accuracies and shares are read in percent."""
        return 100 if "accuracy" in self.metric or "share" in self.metric else 1

    def agreement(self, ours: Interval) -> str:
        """Whether ours agrees, by the rule of the number's kind."""
        return agreement(self.kind, self.bounds, self.spread, self.n, ours)


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


def _number(line: dict[str, Any]) -> Published:
    plain = {"spread": float(line["spread"] or 0), "n": int(line["n"] or 1), "marks": line["marks"] != "no"}
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
