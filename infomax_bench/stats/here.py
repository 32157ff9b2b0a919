"""What these data sets show: methods paired by seed, over the mean of cases; nothing of other data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infomax_bench.stats.compare import Comparison
from infomax_bench.stats.intervals import ALPHA, MIN_SEEDS


@dataclass(frozen=True)
class Here:
    """Whom the subject is surely ahead of and surely behind.

    n: of how many methods, the subject among them. rank: by the means. n_seeds: the least that a comparison has; with
    fewer than MIN_SEEDS nobody is surely ahead or behind. ranks: the best and the worst that it may have.
    """

    ahead: tuple[str, ...]
    behind: tuple[str, ...]
    n: int
    rank: int
    n_seeds: int
    ranks: tuple[int, int]


def here(comparisons: Sequence[Comparison]) -> Here | None:
    """Of the subject with each other method, over seeds; None if there is none. Tests are one-sided at ALPHA, with
    Holm's correction for the number of methods in each direction."""
    if not comparisons:
        return None
    sure = [one for one in comparisons if one.n_seeds >= MIN_SEEDS]
    ahead = tuple(one.rival for one in sure if one.p_ahead <= ALPHA)
    behind = tuple(one.rival for one in sure if one.p_holm <= ALPHA)
    rank = 1 + sum(one.mean < 0 for one in comparisons)
    n = 1 + len(comparisons)
    return Here(ahead, behind, n, rank, min(one.n_seeds for one in comparisons), (1 + len(behind), n - len(ahead)))
