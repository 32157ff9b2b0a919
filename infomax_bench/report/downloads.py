"""The rows behind a prediction, as CSV beside the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from infomax_bench.report.predictions import Prediction
from infomax_bench.run.results import Results
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.claims import Claims

CASE = ["method", "dataset", "target", "width", "metric", "protocol", "x"]
COLUMNS = [*CASE[:4], "seed", *CASE[4:], "value", "status"]
LARGEST = 1_000_000
"""Bytes of a file of single seeds; where there are more, it has their means, of how many, and how many were lost."""


def downloads(
    found: Sequence[Prediction], benchmarks: Iterable[Benchmark], results: Results, claims: Claims
) -> dict[str, bytes]:
    """Name in data/ -> content, of each prediction whose verdicts declare what they read."""
    by_name = {b.name: b for b in benchmarks}
    table = results.without_drafts(claims.subject)
    made = {p.file: behind(p, by_name[p.benchmark], table, claims) for p in found}
    return {name: as_csv(rows) for name, rows in made.items() if len(rows)}


def behind(prediction: Prediction, benchmark: Benchmark, table: pd.DataFrame, claims: Claims) -> pd.DataFrame:
    """The rows that its outcome rests on, of the subject, its forms and the roster, as they were measured: without the
    seeds under which the rule only says it again."""
    rows = benchmark.own_rows(table, claims)
    rows = rows[rows["method"].isin({claims.subject, *claims.roster, *claims.forms})]
    if claims.seeds:
        rows = rows[rows["seed"].isin(claims.seeds)]
    selects = [one for c in benchmark.contrasts if c.claim == prediction.claim for one in c.selects]
    places = sorted({at for one in selects for at in one.raw(rows, claims).index})
    found: pd.DataFrame = rows.loc[places, COLUMNS]
    return found


def as_csv(rows: pd.DataFrame) -> bytes:
    """With a line for each seed, or, where that would be much, for their mean."""
    whole = _written(rows)
    if len(whole) <= LARGEST:
        return whole
    good = rows.assign(value=rows["value"].where(rows["status"] == "ok"))
    of = good.groupby(CASE, observed=True, dropna=False, sort=False)["value"]
    means = of.agg(value="mean", n_seeds="count", n_failed="size").reset_index()
    return _written(means.assign(n_failed=means["n_failed"] - means["n_seeds"]))


def _written(rows: pd.DataFrame) -> bytes:
    """Names that a spreadsheet would compute stand behind an apostrophe, which makes them text."""
    for name in (one for one in CASE if not pd.api.types.is_numeric_dtype(rows[one])):
        rows = rows.assign(**{name: rows[name].map(_as_text)})
    return rows.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode(errors="backslashreplace")


def _as_text(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value
