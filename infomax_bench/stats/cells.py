"""One setting against another, by seed: what the values of two columns say, as findings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from infomax_bench.stats.compare import difference, gains
from infomax_bench.stats.findings import Estimate, Finding
from infomax_bench.stats.intervals import interval
from infomax_bench.stats.readings import paired, side
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


def together(name: str, parts: dict[str, Finding]) -> Iterator[Finding]:
    """One finding of several: on a side if all of them are. Its estimate is that of the first; values: `parts`."""
    if parts:
        outcomes = {part.outcome for part in parts.values()}
        first = next(iter(parts.values()))
        told = {of: {**part.values, "difference": part.estimate} for of, part in parts.items()}
        yield Finding(
            name, outcomes.pop() if len(outcomes) == 1 else SIDES[0], first.estimate, {**first.values, "parts": told}
        )


def grown(name: str, few: pd.DataFrame, many: pd.DataFrame, one: str, other: str) -> Iterator[Finding]:
    """Whether the column `one` is further above `other` in a second table than in a first, paired by seed (index).

    values: how far in each, `few` and `many`, and whether it is surely above in the second, `gained`.
    """
    first, last = gains(few, one, other), gains(many, one, other)
    if len(first) and len(last):
        grows = interval((last - first).dropna().to_numpy())
        about = {"few": first.mean(), "many": last.mean(), "gained": side(interval(last.to_numpy())) > 0}
        yield Finding(name, SIDES[side(grows)], Estimate.of(grows), about)
