"""Encoders compared two by two: rows whose `method` is the one and whose `other` is the other."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from infomax_bench.stats.intervals import ALPHA, Interval, interval, t_quantile
from infomax_bench.stats.readings import by_seed

BETWEEN, OWN, WITH = "two methods", "two seeds of one method", "with "
"""What a pair is of; the last is followed by a reference's name."""


def chained(values: pd.Series) -> Interval:
    """The interval of the mean of values, each of a pair of encoders of which the next pair has one, in a ring.

    What two pairs share makes their values correlate, by 1/2 at most. The variance of the mean of n is then twice that
    of independent values, the variance between them is seen as (n - 2) / (n - 1) of what it is, and is as uncertain as
    one of fewer degrees of freedom (Satterthwaite 1946, from the eigenvalues 2 + 2 cos(2 pi k / n) of such a ring).
    """
    found = interval(values.to_numpy())
    n = found.n
    if n < 3:
        return replace(found, low=-math.inf, high=math.inf)
    df = (2 * n - 4) ** 2 / (6 * n - 16)
    half = t_quantile(df + 1, ALPHA) * found.sd * math.sqrt(2 * (n - 1) / (n - 2) / n)
    return replace(found, low=found.mean - half, high=found.mean + half, p_greater=math.nan, p_less=math.nan)


def both_ways(rows: pd.DataFrame) -> pd.DataFrame:
    """Every pair as one of either; that of a method with itself once."""
    turned = rows[rows["method"] != rows["other"]]
    return pd.concat([rows, turned.assign(method=turned["other"], other=turned["method"])])


def square(rows: pd.DataFrame) -> pd.DataFrame:
    """Pairs both ways -> a table of methods by methods, means over data sets; of methods that lack nothing."""
    means = rows.groupby(["dataset", "method", "other"], observed=True)["value"].mean().unstack("other")
    missing = means.isna().groupby("method", observed=True).any()
    table = means.groupby("method", observed=True).mean().mask(missing)
    n = means.groupby("method", observed=True).size()
    whole = [m for m in table.columns if m in table.index and n[m] == n.max()]
    table = table.loc[whole, whole]
    own = [m for m, known in zip(whole, np.isfinite(np.diag(table)), strict=True) if known]
    table = table.loc[own, own]
    while table.isna().to_numpy().any():  # the method that lacks most goes first
        lacking = table.isna().sum().idxmax()
        table = table.drop(index=lacking, columns=lacking)
    return table


def squares(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """By `panel`, the square of the methods that are in all of them."""
    tables = {str(panel): square(own) for panel, own in rows.groupby("panel", sort=False)}
    common = sorted({str(m) for one in tables.values() for m in one if all(m in other for other in tables.values())})
    return {panel: table.loc[common, common] for panel, table in tables.items()}


def kinds(rows: pd.DataFrame, methods: Collection[str], references: Collection[str]) -> pd.DataFrame:
    """Pairs both ways, with in `what` whether they are of a method and another of some, of two of its seeds, or of it
    and a reference; without the rest."""
    same = rows["method"] == rows["other"]
    between, beside = (rows[rows["other"].isin(names) & ~same] for names in (methods, references))
    with_one = beside.assign(what=WITH + beside["other"].astype(str))
    return pd.concat([between.assign(what=BETWEEN), rows[same].assign(what=OWN), with_one])


def nearest_of_each(rows: pd.DataFrame) -> pd.Series:
    """Of pairs both ways, the other that each method (index: dataset, method) is most like, by the mean over seeds."""
    means = rows.groupby(["dataset", "method", "other"], observed=True)["value"].mean()
    return means.groupby(["dataset", "method"]).idxmax().map(lambda place: place[-1])


def side_by_side(rows: pd.DataFrame, panels: Sequence[str]) -> pd.DataFrame:
    """Means of pairs both ways, a line for each data set and method: for each panel those BETWEEN methods and with its
    OWN seeds, for the first one those with anything else, and whom a method is nearest by it."""
    first = panels[0]
    means = rows.groupby(["dataset", "method", "what", "panel"], observed=True)["value"].mean()
    wide = means.unstack(["panel", "what"])
    shown = [pair for pair in product(panels, (BETWEEN, OWN)) if pair in wide]
    shown += [(first, what) for what in sorted(set(rows["what"]) - {BETWEEN, OWN})]
    wide = wide[shown].set_axis([f"{panel}: {what}" for panel, what in shown], axis=1)
    wide[f"nearest by {first}"] = nearest_of_each(rows[(rows["what"] == BETWEEN) & (rows["panel"] == first)])
    return wide.fillna({f"nearest by {first}": "–"}).reset_index()


def series(rows: pd.DataFrame) -> Iterator[tuple[str, Any, pd.DataFrame]]:
    """Along what encoders differ ("width", or "images" by the tags `amount` and `available`), the data set, and its
    rows, with how much of it they have in `x`."""
    for dataset, own in rows.groupby("dataset", observed=True):
        few = own["amount"].notna()
        yield "width", dataset, own[~few].assign(x=own["width"].astype(float))
        if few.any():
            same = own[own["width"] == own.loc[few, "width"].iloc[0]]
            yield "images", dataset, same.assign(x=same["amount"].fillna(own.loc[few, "available"].iloc[0]))


def along(
    rows: pd.DataFrame, panels: Collection[str], methods: Collection[str], references: Collection[str]
) -> pd.DataFrame:
    """How alike some methods are along each of the `series` of pairs: means over pairs, of those methods whose seeds
    were compared by every measure (of `panels`), under every seed and at every step that most of them have.

    Columns: `resource` (what the series is along), dataset, x, panel, seed; `what`, BETWEEN, OWN or WITH a reference;
    value; `n`, how many methods these are; `absent`, which are left out. Nothing of a series of one step or one method.
    """
    key = ["resource", "dataset", "x", "panel", "seed"]
    made = [pd.DataFrame(columns=[*key, "what", "value", "n", "absent"])]
    for resource, dataset, own in series(rows):
        alone = own[(own["method"] == own["other"]) & own["method"].isin(methods)]
        n = alone.groupby("x")["method"].nunique()
        steps = n[n > alone["method"].nunique() / 2].index  # what one method has alone is no step
        own, alone = own[own["x"].isin(steps)], alone[alone["x"].isin(steps)]
        present = alone.groupby("method", observed=True).size()
        whole = len(steps) * len(panels) * alone["seed"].nunique()
        there = set(present[present == whole].index)
        if len(steps) < 2 or len(there) < 2:
            continue
        told = both_ways(own)
        told = kinds(told[told["method"].isin(there)], there, references)
        means = told.groupby(["what", "x", "panel", "seed"], observed=True)["value"].mean().reset_index()
        absent = ", ".join(m for m in methods if m not in there)
        made.append(means.assign(resource=resource, dataset=dataset, n=len(there), absent=absent))
    return pd.concat([m for m in made if len(m)] or made)


@dataclass(frozen=True)
class Ends:
    """How alike two methods are with the least and the most of a resource.

    least, most: means over seeds; rise: from the one to the other. With the most of it, own: how alike two seeds of one
    method are; part: of that, what two methods share; above: by how much two methods are more alike than they are like
    each reference. Intervals are those of pairs that share encoders.
    """

    least: float
    most: float
    rise: Interval
    own: Interval
    part: Interval
    above: dict[str, Interval]


def at_ends(rows: pd.DataFrame, references: Collection[str]) -> Ends:
    """The ends of what `along` gives of one resource and one measure, means over data sets by seed; of the references
    that were measured with most of it under all seeds."""
    steps = rows.groupby("dataset", observed=True)["x"]
    first, last = (by_seed(rows[rows["x"] == steps.transform(end)], "value", "what") for end in ("min", "max"))
    table = pd.DataFrame({"least": first[BETWEEN], "most": last[BETWEEN], "own": last[OWN]}).dropna()
    beside = {m: last[WITH + m].reindex(table.index) for m in sorted(references) if WITH + m in last}
    return Ends(
        least=table["least"].mean(),
        most=table["most"].mean(),
        rise=chained(table["most"] - table["least"]),
        own=chained(table["own"]),
        part=chained(table["most"] / table["own"]),
        above={m: chained(table["most"] - values) for m, values in beside.items() if values.notna().all()},
    )


def nearest(rows: pd.DataFrame, subject: str, methods: Collection[str]) -> Iterator[dict[str, Any]]:
    """Of pairs both ways, by `panel`: the method that is the `most` and the one that is the `least` like the subject,
    of those that lack nothing; how alike they are (`at_most`, `at_least`), and its own seeds (`itself`)."""
    own = rows[(rows["method"] == subject) & rows["other"].isin(methods)]
    means = own.pivot_table(index="other", columns=["panel", "dataset"], values="value").dropna()
    if subject in means.index and len(means) > 2:
        by = means.T.groupby("panel").mean()
        for panel in (panel for panel in rows["panel"].unique() if panel in by.index):
            values = by.loc[panel]
            others = values.drop(index=subject)
            alike = {"itself": values[subject], "at_most": others.max(), "at_least": others.min()}
            yield {"measure": panel, "most": others.idxmax(), "least": others.idxmin(), **alike}
