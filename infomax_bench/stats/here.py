"""What these data sets show: methods paired by seed, over the mean of cases; nothing of other data sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infomax_bench.stats.intervals import ALPHA, MIN_SEEDS, Interval, holm


@dataclass(frozen=True)
class Here:
    """Whom the subject is surely ahead of and surely behind, and which rank it may have.

    n: of how many methods, the subject among them. rank: by the means. n_seeds: the least that a comparison has; with
    fewer than MIN_SEEDS nobody is surely ahead or behind.
    """

    ahead: tuple[str, ...]
    behind: tuple[str, ...]
    n: int
    rank: int
    n_seeds: int

    @property
    def ranks(self) -> tuple[int, int]:
        """The best and the worst rank that it may have: 1 and n by few seeds."""
        return 1 + len(self.behind), self.n - len(self.ahead)


def here(differences: Mapping[str, Interval]) -> Here | None:
    """Of the subject less each other method, over seeds; None if there is none. Tests are one-sided at ALPHA, with
    Holm's correction for the number of methods in each direction."""
    found = {method: one for method, one in differences.items() if one.n}
    if not found:
        return None
    sure = {method: one for method, one in found.items() if one.n >= MIN_SEEDS}
    above, below = (holm([getattr(one, p) for one in sure.values()]) for p in ("p_greater", "p_less"))
    ahead, behind = (tuple(m for m, p in zip(sure, ps, strict=True) if p <= ALPHA) for ps in (above, below))
    rank = 1 + sum(one.mean < 0 for one in found.values())
    return Here(ahead, behind, 1 + len(found), rank, min(one.n for one in found.values()))
