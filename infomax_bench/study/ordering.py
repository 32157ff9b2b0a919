"""Claims that groups of methods come in an order that a table foretells."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from infomax_bench.base.errors import UserError, unknown
from infomax_bench.base.status import Status
from infomax_bench.stats.ordering import Ordering, ordering, typical, whole
from infomax_bench.stats.roster import UNDECIDED
from infomax_bench.study.claims import Claims
from infomax_bench.study.contrast import Decision
from infomax_bench.study.essay import essay_in
from infomax_bench.study.given import Given, read_table
from infomax_bench.study.selection import Select, selects_in

CELLS = " | "
QUIET = 0.05
"""The share of its time that a measurement may have waited for the machine, in the median over them."""
FILE = {
    "order": Given(tuple[str, ...], "the words of the table's last cells, the lowest first"),
    "methods": Given(dict[str, tuple[str, ...]], "who stands for a row of the table"),
}


@dataclass(frozen=True)
class Foretold:
    """By group of methods, in the table's order: who is in it, what is said of it, and its rank among what is said."""

    methods: Mapping[str, tuple[str, ...]]
    words: Mapping[str, str]
    ranks: Mapping[str, int]

    @property
    def every(self) -> list[str]:
        """All methods."""
        return sorted(method for own in self.methods.values() for method in own)


def foretold(path: Path) -> Foretold:
    """What a table of the essay foretells: its rows are sentences of `claims.toml` beside the file, which says who
    stands for each row and which order the words of its last cell have.

    Raises UserError, with the culprit, for rows and words that are not there.
    """
    own = read_table(FILE, tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    rows = [one.words.split(CELLS) for one in essay_in(path.parent).sentences if CELLS in one.words]
    words = {row[0]: row[-1] for row in rows}
    for name in own["methods"]:
        if name not in words:
            raise UserError(f"{path}: {unknown('row of a table in claims.toml', name, words)}")
        if words[name] not in own["order"]:
            raise UserError(f"{path}: order: {unknown('word', words[name], own['order'])}")
    said = {name: words[name] for name in own["methods"]}
    return Foretold(own["methods"], said, {name: own["order"].index(word) for name, word in said.items()})


@dataclass(frozen=True)
class OrderContrast:
    """Do groups of methods come in the order that is foretold, by what was measured alone on the machine?

    claim, title, metric: as of a Contrast. rows: what was measured alone; waited: the share of its time in which it had
    to wait, since where the machine was not QUIET there is no word; beside: the like, measured with other jobs beside
    it, which is shown, without a word, where there is nothing else. The words `in_order` tell it, with as values: the
    `ordering`; the `groups` that were measured, the least first; on which `datasets`, and by data set its tau
    (`by_dataset`); which data sets are `left_out`, for they lack a method; whether it was `alone`, and the median that
    it `waited`.
    """

    claim: str
    title: str
    metric: str
    rows: Select
    waited: Select
    beside: Select
    foretold: Foretold

    @property
    def selects(self) -> list[Select]:
        """The rows it reads."""
        return list(selects_in([self.rows, self.waited, self.beside]))

    def decide(self, rows: pd.DataFrame, claims: Claims) -> Iterator[Decision]:
        """The decision, if anything was measured; rows: all of the benchmark's."""
        said = self.foretold
        alone = _good(self.rows(rows), said.every)
        own = _good(self.beside(rows), said.every) if alone.empty else alone
        if own.empty:
            return
        amounts = own.pivot_table(index="method", columns="dataset", values="value", observed=True)
        amounts = amounts.loc[:, amounts.notna().any()]
        compared = whole(amounts)
        groups = typical(compared, said.methods) if len(compared.columns) else {}
        found = ordering(said.ranks, groups)
        missing = tuple(method for method in said.every if method not in amounts.index)
        waited = float(self.waited(rows)["value"].median())
        doubts = {
            "not measured alone": alone.empty,
            "the machine was not quiet": waited > QUIET,
            f"{len(missing)} of {len(said.every)} methods not measured": bool(missing),
        }
        doubt = next((why for why, so in doubts.items() if so), "")
        outcome = "inconclusive" if doubt else found.outcome
        values: dict[str, Any] = {
            "ordering": found,
            "groups": sorted(groups, key=groups.__getitem__),
            "datasets": list(compared.columns),
            "by_dataset": {d: self._of_one(compared[[d]]).tau for d in compared.columns},
            "left_out": sorted(set(amounts.columns) - set(compared.columns)),
            "alone": not alone.empty,
            "waited": waited,
        }
        more = {"metric": self.metric, "missing": missing, "aside": claims.subject not in said.every, "values": values}
        more |= {"n_datasets": len(compared.columns), "reason": doubt or UNDECIDED * (outcome == "inconclusive")}
        effect = (found.tau, math.nan, math.nan)
        against, n_seeds = "the order foretold", int(own["seed"].nunique())
        yield Decision(self.claim, self.title, against, outcome, effect, n_seeds, {**more, "said": "in_order"})

    def _of_one(self, amounts: pd.DataFrame) -> Ordering:
        return ordering(self.foretold.ranks, typical(amounts, self.foretold.methods))


def _good(rows: pd.DataFrame, methods: list[str]) -> pd.DataFrame:
    return rows[(rows["status"] == Status.OK) & rows["method"].isin(methods) & (rows["value"] > 0)]
