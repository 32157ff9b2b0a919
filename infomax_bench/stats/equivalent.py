"""How wide a method must be to do what another does: equivalent widths, and what lies beyond a sweep as a bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

KEY = ["dataset", "method", "width"]
Sizes = Mapping[Any, float]
"""By data set, method and width."""


def equivalent_width(widths: np.ndarray, values: np.ndarray, reached: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The width at which a method has the values `reached` `[N]`, and whether that is only a bound.

    widths `[W]`: ascending, with their `values` `[W]`, which are made monotone (isotonic regression); linear in the
    logarithm of the width between them. Returns widths and bounds `[N]`: 0, or -1 (1) if it lies below (above) the
    sweep, whose end stands in its place. Where values stand still, the smallest width counts.
    """
    fitted = isotonic_regression(values).x
    level = np.log2(widths)
    bound = np.where(reached < fitted[0], -1, np.where(reached > fitted[-1], 1, 0))
    log_width = np.empty(len(reached))
    for i, value in enumerate(np.clip(reached, fitted[0], fitted[-1])):
        at = int(np.searchsorted(fitted, value, side="left"))  # the first point that reaches it
        if fitted[at] == value:
            log_width[i] = level[at]
        else:
            share = (value - fitted[at - 1]) / (fitted[at] - fitted[at - 1])
            log_width[i] = level[at - 1] + share * (level[at] - level[at - 1])
    return 2.0**log_width, bound


def equivalents(rows: pd.DataFrame, subject: str, sizes: Mapping[str, Sizes]) -> pd.DataFrame:
    """For every other method, data set, width and seed, the subject's width of the same value.

    Columns beside those four and `current`: `equivalent`; `bound`, as above; `ratio`, the equivalent width over the
    width; and the ratio of each of the sizes under its name, between widths linear in them, NaN where it was not
    measured, or where the other has a size of zero.
    """
    by = rows.groupby([*KEY, "seed"], observed=True)
    values = by.agg(value=("value", "mean"), current=("current", "all")).reset_index()
    found = []
    for (dataset, _), both in values.groupby(["dataset", "seed"]):
        own = both[both["method"] == subject].sort_values("width")
        others = both[both["method"] != subject]
        if len(own) < 2:  # nothing to interpolate
            continue
        widths = own["width"].to_numpy(dtype=float)
        width, bound = equivalent_width(widths, own["value"].to_numpy(), others["value"].to_numpy())
        made = others.drop(columns="value").assign(equivalent=width, bound=bound, ratio=width / others["width"])
        for name, size in sizes.items():
            mine = [size.get((dataset, subject, w), np.nan) for w in own["width"]]
            theirs = np.array([size.get(key, np.nan) for key in others[KEY].itertuples(index=False, name=None)])
            made[name] = np.interp(width, widths, mine) / np.where(theirs > 0, theirs, np.nan)
        found.append(made)
    columns = [*KEY, "seed", "current", "equivalent", "bound", "ratio", *sizes]
    return pd.concat(found) if found else pd.DataFrame(columns=columns)


def at_half_width(rows: pd.DataFrame, subject: str) -> pd.DataFrame:
    """The subject's rows as if they were twice as wide, and the others', at the widths of its sweep that have their
    half in it."""
    own = rows["method"] == subject
    doubled = rows.assign(width=rows["width"].where(~own, 2 * rows["width"]))
    return doubled[doubled["width"].isin(set(doubled.loc[own, "width"]) & set(rows.loc[own, "width"]))]


def mean_texts(found: pd.DataFrame, forms: Mapping[str, str]) -> pd.DataFrame:
    """Geometric means over seeds of some columns of `equivalents`, as text in Python's formats, by `KEY` (index).

    A seed that is only a bound makes the mean one: with the end of the sweep in its place the mean is at most ("<") or
    at least (">") that; with seeds beyond both ends nothing can be said ("?"). What was not measured is "–".
    """
    lines = {key: _texts(own, forms) for key, own in found.groupby(KEY, observed=True)}
    index = pd.MultiIndex.from_tuples(lines, names=KEY) if lines else pd.MultiIndex.from_arrays([[]] * 3, names=KEY)
    return pd.DataFrame(list(lines.values()), index, columns=list(forms))


def _texts(own: pd.DataFrame, forms: Mapping[str, str]) -> Sequence[str]:
    below, above = (own["bound"] < 0).any(), (own["bound"] > 0).any()
    if below and above:
        return ["?"] * len(forms)
    means = [float(np.exp(np.log(own[column].to_numpy(dtype=float)).mean())) for column in forms]
    sign = "< " if below else "> " if above else ""
    return [
        f"{sign}{mean:{form}}" if np.isfinite(mean) else "–" for mean, form in zip(means, forms.values(), strict=True)
    ]
