"""One setting against another, by seed: what the values of two columns say, as findings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from infomax_bench.stats.compare import difference, gains
from infomax_bench.stats.findings import Estimate, Finding
from infomax_bench.stats.intervals import interval
from infomax_bench.stats.readings import by_seed, paired, side
from infomax_bench.stats.spread import deviation, deviation_ratio

SIDES = {1: "for", -1: "against", 0: "undecided"}


def against(
    name: str, values: pd.DataFrame, one: str, other: str, least: float = 0.0, less: bool = False
) -> Iterator[Finding]:
    """Whether the column `one` is surely above `other`, paired by seed (index): "for", "against" or "undecided", as
    where their difference is smaller than `least`. Nothing without pairs.

    less: being below is in favour, and the difference is turned. values: the means of both, `with` and `without`.
    """
    own = paired(values, (one, other))
    if len(own):
        found = difference(own, *((other, one) if less else (one, other)))
        about = {"other": other, "with": own[one].mean(), "without": own[other].mean()}
        yield Finding(name, SIDES[side(found, least=least)], Estimate.of(found), about)


def steadier(name: str, values: pd.DataFrame, one: str, other: str) -> Iterator[Finding]:
    """Whether the column `one` surely varies less over seeds than `other`, by the ratio of their standard deviations
    (Pitman and Morgan); else as `against`. Nothing of one seed."""
    own = paired(values, (one, other))
    if len(own) > 1:
        ratio = deviation_ratio(own[other].to_numpy(), own[one].to_numpy())
        about: dict[str, Any] = {
            "with": deviation(own[one].to_numpy()).value,
            "without": deviation(own[other].to_numpy()).value,
        }
        estimate = Estimate(ratio.value, ratio.low, ratio.high, ratio.n)
        yield Finding(name, SIDES[side(ratio, at=1)], estimate, {"other": other, **about})


def together(
    name: str, tables: Mapping[str, pd.DataFrame], one: str, other: str, least: float = 0.0
) -> Iterator[Finding]:
    """`against` in several tables as one finding: on a side if it is so in all. Nothing if one of them has no pairs.

    Its estimate and values are those of the first; `parts` holds those of each.
    """
    parts = {of: part for of, values in tables.items() for part in against(name, values, one, other, least)}
    if parts and len(parts) == len(tables):
        outcomes = {part.outcome for part in parts.values()}
        outcome = outcomes.pop() if len(outcomes) == 1 else SIDES[0]
        told = {of: {**part.values, "difference": part.estimate} for of, part in parts.items()}
        first = next(iter(parts.values()))
        yield Finding(name, outcome, first.estimate, {**first.values, "parts": told})


def summed(outcomes: Collection[str]) -> str:
    """What a claim of several parts does, by the outcomes of these: it "holds" if all are for it, "holds in part" if
    some are and none is against it, "is contradicted" or "is mixed" if some are against it, else "is undecided"."""
    if "against" in outcomes:
        return "is mixed" if "for" in outcomes else "is contradicted"
    return "holds" if set(outcomes) == {"for"} else "holds in part" if "for" in outcomes else "is undecided"


def grown(name: str, few: pd.DataFrame, many: pd.DataFrame, one: str, other: str) -> Iterator[Finding]:
    """Whether the column `one` is further above `other` in a second table than in a first, paired by seed (index).

    values: how far in each, `few` and `many`, and whether it is surely above in the second, `gained`.
    """
    first, last = gains(few, one, other), gains(many, one, other)
    if len(first) and len(last):
        grows = interval((last - first).dropna().to_numpy())
        about = {"few": first.mean(), "many": last.mean(), "gained": side(interval(last.to_numpy())) > 0}
        yield Finding(name, SIDES[side(grows)], Estimate.of(grows), about)


def grown_along(
    name: str, encoders: pd.DataFrame, columns: Sequence[str], of: str, by: Sequence[str], one: str, other: str
) -> Iterator[Finding]:
    """`grown` from the least value of the column `x` to the largest, in each case of the columns `by`, by the first of
    `columns`; of: the column of encoders that tells `one` from `other`.

    values: those of `grown`, the case, `least` and `most` of x, and what else grows, `beside`: column -> the same of
    it, with how far in `grows`.
    """
    for case, own in encoders.groupby(list(by), observed=True):
        least, most = own["x"].min(), own["x"].max()
        found: dict[str, Finding] = {}
        for column in columns if least < most else ():
            few, many = (by_seed(own[own["x"] == x], column, of) for x in (least, most))
            found.update((column, finding) for finding in grown(name, few, many, one, other))
        if first := found.pop(columns[0], None):
            beside = {column: {**finding.values, "grows": finding.estimate} for column, finding in found.items()}
            about = {**dict(zip(by, case, strict=True)), "least": least, "most": most, "beside": beside}
            yield replace(first, values={**first.values, **about})


def divergences(name: str, encoders: pd.DataFrame, of: str) -> Finding:
    """How often training `diverged` (0 or 1), for each value of the column `of` for which it did: in `times`, how many
    and of how many; `trainings`: how many there are of all."""
    counts = encoders.groupby(of, observed=True)["diverged"].agg(["sum", "count"]).astype(int)
    times = {kind: (n, most) for kind, n, most in counts.itertuples() if n}
    return Finding(name, values={"times": times, "trainings": counts["count"].sum()})
