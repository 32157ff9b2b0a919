"""A subject against the same company for every subject: the median method, and the best of each family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from infomax_bench.stats.datasets import Bounds, Layout, bounds

Word = Literal["supported", "refuted", "inconclusive"]


@dataclass(frozen=True)
class Differences:
    """A subject less the median of a roster, and less the best method of each family, by case: `median` `[..., C]`,
    `best` `[..., F, C]`. families: their names; members: which method each best is, by its place in the roster
    `[..., F]`."""

    median: np.ndarray
    best: np.ndarray
    families: tuple[str, ...]
    members: np.ndarray


def differences(
    own: np.ndarray, values: np.ndarray, families: Sequence[str], ranking: np.ndarray | None = None
) -> Differences:
    """own: the subject's values by case `[..., C]`, more being better; values: the roster's `[..., M, C]`, NaN where a
    method has none: there it is left out of the median, and it is the best of no family.

    ranking: by what the best of a family is chosen, `[..., M]`; by the mean over cases if it is None.
    """
    whole = np.isfinite(values).all(axis=-1)
    ranked = np.where(whole, values.mean(axis=-1) if ranking is None else ranking, -np.inf)
    ranked = np.where(np.isnan(ranked), -np.inf, ranked)
    names = sorted({family for i, family in enumerate(families) if whole[..., i].any()})
    own_of = {name: np.flatnonzero(np.array(families) == name) for name in names}
    empty = np.zeros((*own.shape[:-1], 0), int)
    chosen = [own_of[name][ranked[..., own_of[name]].argmax(axis=-1)] for name in names]
    members = np.stack(chosen, axis=-1) if names else empty
    best = np.take_along_axis(values, members[..., None], axis=-2)
    return Differences(own - median(values), own[..., None, :] - best, tuple(names), members)


def median(values: np.ndarray) -> np.ndarray:
    """Over the methods `[..., M, C]` that have a value, case by case; NaN where none has."""
    n = np.isfinite(values).sum(axis=-2)
    ordered = np.sort(values, axis=-2)  # NaN last
    at = [np.maximum(place, 0)[..., None, :] for place in ((n - 1) // 2, n // 2)]
    low, high = (np.take_along_axis(ordered, place, axis=-2)[..., 0, :] for place in at)
    return np.where(n > 0, (low + high) / 2, np.nan)


def sides(median: Bounds, best: Bounds, least: float = 0.0) -> np.ndarray:
    """What is shown of a claim to be better: 1 if the subject is surely ahead of the median and of the best of every
    family (`best` `[..., F]`) by more than `least`; -1 if it is surely not ahead of the median by that; else 0.

    Ahead of all is one intersection-union test, so nothing is corrected for their number (Berger 1982).
    """
    ahead = (median.low > least) & np.all(best.low > least, axis=-1)
    return np.where(ahead, 1, np.where(median.high < least, -1, 0))


WORDS: dict[int, Word] = {1: "supported", -1: "refuted", 0: "inconclusive"}


@dataclass(frozen=True)
class Compared:
    """What the differences of one subject say. best: family -> which method, and how far the subject is ahead of it."""

    side: int
    reason: str
    median: Bounds
    best: dict[str, tuple[str, Bounds]]

    @property
    def word(self) -> Word:
        return WORDS[self.side]


UNDECIDED = "undecided"


def compared(found: Differences, layout: Layout, methods: Sequence[str], least: float = 0.0) -> Compared:
    """The rule's word on one subject, with its reason where there is none. methods: the roster's names."""
    middle, best = bounds(found.median, layout), bounds(found.best, layout)
    each = {
        family: (methods[member], _at(best, i))
        for i, (family, member) in enumerate(zip(found.families, found.members.tolist(), strict=True))
    }
    side = int(sides(middle, best, least)) if layout.n else 0
    behind = [method for method, one in each.values() if one.high < least] if middle.low > least else []
    reason = "" if side else f"above the median, behind {', '.join(behind)}" if behind else UNDECIDED
    return Compared(side, reason, _at(middle), each)


def bounded(values: np.ndarray, line: float, below: bool) -> np.ndarray:
    """What is shown of a claim that a mean over data sets (`[..., K]`) lies below a line, or above it: 1 if its bound
    does and so does every single data set, -1 if it is so on the other side, else 0.

    Shares are skewed, and the bound alone errs: of fractions whose mean is the line, as much as of 12 studies in 100.
    """
    found = bounds(values, Layout(np.arange(values.shape[-1])))
    under = (found.high < line) & (values < line).all(axis=-1)
    over = (found.low > line) & (values > line).all(axis=-1)
    return np.where(under, 1, np.where(over, -1, 0)) * (1 if below else -1)


def _at(found: Bounds, place: Any = ...) -> Bounds:
    """The bounds at a place of arrays, as plain numbers."""
    mean, low, high, sd = (float(np.asarray(v)[place]) for v in (found.mean, found.low, found.high, found.sd))
    return Bounds(mean, low, high, found.n, sd)
