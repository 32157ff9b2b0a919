"""What a change of one thing does to encoders: each against the same method, data set and seed as it is."""

from __future__ import annotations

import pandas as pd

from infomax_bench.stats.intervals import MIN_SEEDS, Interval, interval
from infomax_bench.stats.readings import where, where_not, word_for

SAME = ["method", "dataset", "seed"]


def changes(encoders: pd.DataFrame, column: str) -> pd.DataFrame:
    """The encoders of which something was changed, those with a `label`: as `value`, how far their column is above that
    of the one without."""
    as_it_is = where(encoders, label="")[[*SAME, column]].rename(columns={column: "before"})
    both = where_not(encoders, label="").merge(as_it_is, on=SAME)
    return both.assign(value=both[column] - both["before"])


def mean_changes(changed: pd.DataFrame) -> pd.Series:
    """Means over methods and data sets, under the seeds that lack none of these."""
    wide = changed.pivot_table(index="seed", columns=SAME[:2], values="value", observed=True)
    means: pd.Series = wide.dropna().mean(axis=1)
    return means


def over_seeds(changed: pd.DataFrame) -> Interval:
    """The interval of these means."""
    return interval(mean_changes(changed).to_numpy())


def change(found: Interval, least: float) -> str:
    """ "as good" if the interval lies within `least` of zero; "better" or "worse" if it lies above or below zero and
    its middle at least so far; else, and with fewer than MIN_SEEDS seeds, "undecided"."""
    as_good = found.n >= MIN_SEEDS and max(-found.low, found.high) < least
    return "as good" if as_good else word_for(found, "better", "worse", least=least)
