"""Whether what was measured agrees with a number that somebody published: by equivalence, so that noise is no proof."""

from __future__ import annotations

from infomax_bench.stats.intervals import Interval

LEVEL = 0.90
"""Of our interval: within the margins, it rejects at 5 % both that we are below and that we are above them (Schuirmann
1987)."""

TOLERANCE = 0.005
"""Half a point of accuracies and shares; half a percent of all else."""


def margin(value: float, error: float, share: bool) -> float:
    """How far from a published value counts as the same: its standard error and TOLERANCE, which is of the value unless
    that is a share (or an accuracy)."""
    return error + TOLERANCE * (1.0 if share else abs(value))


def agreement(low: float, high: float, found: Interval) -> str:
    """Our interval, at LEVEL, against the values `low` to `high` that are taken for what was published.

    It "agrees" if it lies within them, "differs" if it lies wholly outside, and is "too uncertain" else, as one seed
    always is; "not run" without any.
    """
    if not found.n:
        return "not run"
    if low <= found.low and found.high <= high:
        return "agrees"
    return "differs" if found.low > high or found.high < low else "too uncertain"


def reproduction(outcomes: set[str]) -> str:
    """What all numbers of a method come to: "agrees" if one of them does, "differs" if none does and one differs, "too
    uncertain" if that is all; "" if nothing was compared."""
    return next((word for word in ("agrees", "differs", "too uncertain") if word in outcomes), "")
