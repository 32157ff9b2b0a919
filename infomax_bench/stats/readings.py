"""From intervals to words, for benchmarks that give an answer and no verdict; and rows as tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from string import Formatter
from typing import Any, Protocol

import numpy as np
import pandas as pd

from infomax_bench.base.status import Status
from infomax_bench.stats.intervals import MIN_SEEDS


class Bounded(Protocol):
    """Anything that has an interval over seeds."""

    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def n(self) -> int: ...


def side(found: Bounded, at: float = 0.0, least: float = 0.0) -> int:
    """Where an interval lies: 1 above, -1 below, 0 neither, or if its middle is nearer than `least`, or with fewer than
    MIN_SEEDS seeds."""
    if found.n < MIN_SEEDS or abs((found.low + found.high) / 2 - at) < least:
        return 0
    return 1 if found.low > at else -1 if found.high < at else 0


def word_for(found: Bounded, above: str, below: str, at: float = 0.0, least: float = 0.0) -> str:
    """The first word if the interval lies above, the second if it lies below, else "undecided"."""
    return {1: above, -1: below, 0: "undecided"}[side(found, at, least)]


def with_diverged(
    rows: pd.DataFrame, metric: str, protocol: str | None = None, value: float = 0.0, probe: str = "linear_probe"
) -> pd.DataFrame:
    """The good rows of a metric (and protocol), and one with `value` for each encoder whose training diverged.

    Without these a setting that diverges would be missed by nobody. Tuning counts them in the same way: accuracy 0.
    """
    good = rows[(rows["metric"] == metric) & (rows["status"] == Status.OK)]
    if protocol is not None:
        good = good[good["protocol"] == protocol]
    lost = diverged(rows, probe).assign(metric=metric, protocol=protocol or "", value=value, status=str(Status.OK))
    return pd.concat([good, lost]) if len(lost) else good


def with_values(rows: pd.DataFrame) -> pd.DataFrame:
    """The good rows that have a value."""
    return rows[(rows["status"] == Status.OK) & rows["value"].notna()]


def diverged(rows: pd.DataFrame, evaluation: str) -> pd.DataFrame:
    """The rows in which an evaluation says that the encoder's training diverged."""
    return rows[(rows["status"] == Status.DIVERGED) & (rows["metric"] == evaluation)]


def where(rows: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """The rows whose columns have these values."""
    kept = pd.Series(True, rows.index)
    for column, value in values.items():
        kept &= rows[column] == value
    return rows[kept]


def where_not(rows: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """The rows that have none of these values in these columns."""
    kept = pd.Series(True, rows.index)
    for column, value in values.items():
        kept &= rows[column] != value
    return rows[kept]


def composed(column: str, pattern: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Writes a column that is made of others, as "{dataset} on {target}" says, into rows."""
    fields = [name for _, name, _, _ in Formatter().parse(pattern) if name]

    def made(rows: pd.DataFrame) -> pd.DataFrame:
        cases = rows[fields].drop_duplicates().itertuples(index=False)
        texts = [pattern.format(**dict(zip(fields, case, strict=True))) for case in cases]
        place = rows.groupby(fields, sort=False, observed=True, dropna=False).ngroup()
        return rows.assign(**{column: np.array(texts, dtype=object)[place.to_numpy(dtype=int)]})

    return made


def encoder_table(
    rows: pd.DataFrame,
    key: Sequence[str],
    columns: Mapping[str, Callable[[pd.DataFrame], pd.DataFrame]],
    probe: str = "",
) -> pd.DataFrame:
    """A line for each encoder, told apart by the columns `key`, and a column for each selection of rows: the mean of
    those that are good.

    With a probe there is a column `diverged`, which is 1 where that evaluation says that training diverged.
    """
    by = list(key)
    found = {
        name: where(select(rows), status=Status.OK).groupby(by, observed=True)["value"].mean()
        for name, select in columns.items()
    }
    if probe:
        found["diverged"] = diverged(rows, probe).groupby(by, observed=True)["status"].size().clip(upper=1)
    made = pd.DataFrame(found).rename_axis(by).reset_index().astype(dict.fromkeys(found, float))
    return made.assign(diverged=made["diverged"].fillna(0.0)) if probe else made


def by_seed(encoders: pd.DataFrame, column: str, of: str) -> pd.DataFrame:
    """Means over data sets: a line for each seed, a column for each value of `of`; NaN where a data set is missing."""
    datasets = sorted(encoders["dataset"].unique())
    wide = encoders.pivot_table(index="seed", columns=[of, "dataset"], values=column)
    found = {
        name: wide[name].reindex(columns=datasets).mean(axis=1, skipna=False)
        for name in wide.columns.get_level_values(0).unique()
    }
    return pd.DataFrame(found, index=wide.index)


def tables(rows: pd.DataFrame, by: Sequence[str], columns: str | Sequence[str]) -> dict[Any, pd.DataFrame]:
    """The good rows as a table of each case, in order: by the values of `by` (a tuple), means by seed (index) and
    `columns`."""
    good = rows[rows["status"] == Status.OK]
    levels: list[Any] = list(by)
    whole = good.pivot_table(index=[*by, "seed"], columns=columns, values="value", observed=True)
    cases = (
        whole.groupby(level=levels) if len(whole) else ()
    )  # one table, cut: many small ones take several times as long
    return {key: own.droplevel(levels).dropna(axis="columns", how="all") for key, own in cases}


def complete(rows: pd.DataFrame, of: str, by: Sequence[str], among: Sequence[str]) -> pd.DataFrame:
    """The rows of those cases of the columns `by` that have all values of the column `of` that there are in their case
    of the columns `among`."""
    have = rows.groupby(list(by), observed=True)[of].transform("nunique")
    return rows[have == rows.groupby(list(among), observed=True)[of].transform("nunique")]


def averaged(rows: pd.DataFrame, by: Sequence[str] = (), how: str = "mean") -> pd.DataFrame:
    """One row for each encoder (method, data set, seed), target and value of the columns `by`: the mean of its good
    rows, or what `how` makes of them ("min", say)."""
    key = ["method", "dataset", "target", "seed", *by, "status", "current"]
    good = rows[rows["status"] == Status.OK]
    return good.groupby(key, observed=True, sort=False)["value"].agg(how).reset_index()


def open_factors(rows: pd.DataFrame, label: str = "class") -> pd.DataFrame:
    """Means over the factors (`protocol`) of a data set, but the one that its label is another name of: its protocol is
    `label`. Older rows have no factors, but one mean over all, and stay as they are."""
    own = rows[rows["protocol"] != ""]
    older = rows[~rows["dataset"].isin(own["dataset"])]
    return pd.concat([averaged(where_not(own, protocol=label)), older], ignore_index=True)


def below_best(rows: pd.DataFrame, among: Sequence[str], without: Collection[str] = ()) -> pd.DataFrame:
    """As value how far each is above the best mean of a method in its case (the columns `among`), of all methods but
    `without`: at most 0 but for noise."""
    means = rows[~rows["method"].isin(without)].groupby([*among, "method"], observed=True)["value"].mean()
    best = means.groupby(list(among), observed=True).max().rename("best").reset_index()
    joined = rows.merge(best, on=list(among))
    return joined.assign(value=joined["value"] - joined["best"])


def paired(values: pd.DataFrame, names: Collection[str]) -> pd.DataFrame:
    """The values of some columns under the seeds that all of them have; no lines if one is missing."""
    return values[list(names)].dropna() if set(names) <= set(values) else pd.DataFrame()


def at_largest(rows: pd.DataFrame, of: str, by: Sequence[str]) -> pd.DataFrame:
    """The rows with the largest value of the column `of` in their case of the columns `by`."""
    return rows[rows[of] == rows.groupby(list(by), observed=True)[of].transform("max")]


def over_last(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Values over the one with the largest `x` of each case of the columns `by`, of rows where both are above zero."""
    rows = rows.sort_values("x", kind="stable").astype({"value": float})
    last = rows.groupby(list(by), observed=True)["value"].transform("last")
    found = rows.assign(value=rows["value"] / last.where(last > 0))
    return found[found["value"] > 0]


def first_reaching(curves: pd.DataFrame, bar: pd.Series, by: Sequence[str]) -> pd.DataFrame:
    """As value the least `x` of each curve, told apart by the columns `by`, at which its value is no more than the bar
    of its case (the columns that `bar` is indexed by), up to rounding: infinite where none is."""
    found = curves.merge(bar.rename("bar").reset_index(), on=list(bar.index.names))
    found["value"] = found["x"].where(found["value"] <= found["bar"] + 1e-7, math.inf)
    return found.groupby(list(by), observed=True)["value"].min().reset_index()


def at_best(encoders: pd.DataFrame, setting: str, column: str, by: Sequence[str]) -> pd.DataFrame:
    """Of each case, told apart by the columns `by`, the rows with the value of `setting` at which the mean of `column`
    is highest."""
    means = encoders.groupby([*by, setting])[column].mean().dropna()
    best = set(means.groupby(list(by)).idxmax())
    return encoders[[place in best for place in encoders[[*by, setting]].itertuples(index=False, name=None)]]


def as_rows(encoders: pd.DataFrame, columns: Collection[str], scale: float = 1.0) -> pd.DataFrame:
    """Columns of encoders as rows, each under its name in the column `panel`, where there is a value; times `scale`."""
    parts = [encoders.assign(value=scale * encoders[column], panel=column) for column in columns]
    return pd.concat(parts).dropna(subset=["value"])
