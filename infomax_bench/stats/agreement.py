"""Whether what was measured agrees with a number that somebody published."""

from __future__ import annotations

from infomax_bench.stats.intervals import ALPHA, Interval

TOLERANCE = 0.005
"""What "about 92.5 %" allows, relative; and what agreement within noise may not be finer than."""


def agreement(kind: str, bounds: tuple[float, float], spread: float, n: int, found: Interval) -> str:
    """Whether our interval "agrees" or "differs"; "undecided" where that takes more than one seed of ours; "not run".

    kind: "equal" to a mean, by Welch's t test if it has a `spread` (standard deviation over `n` seeds), and always
    within TOLERANCE; in a "range", if the interval overlaps it; "at least", if the mean reaches it; "above", if the
    interval lies above it. bounds: the least and the largest number that was published.
    """
    if not found.n:
        return "not run"
    low, high = bounds
    near = abs(found.mean - low) <= TOLERANCE * abs(low)
    if kind == "range":
        agrees = found.low <= high and found.high >= low if found.n > 1 else low <= found.mean <= high
    elif kind == "at least":
        agrees = found.mean >= low
    elif kind == "equal" and (near or not spread):
        agrees = near
    elif found.n < 2:
        return "undecided"
    elif kind == "above":
        agrees = found.low > low
    else:
        from scipy.stats import ttest_ind_from_stats  # all of it takes a while, for this alone

        test = ttest_ind_from_stats(found.mean, found.sd, found.n, low, spread, n, equal_var=False)
        agrees = test.pvalue > 2 * ALPHA
    return "agrees" if agrees else "differs"
