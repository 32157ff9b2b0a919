"""How many seeds would decide a claim with probability POWER, if what was seen were the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, special

from infomax_bench.stats.compare import Comparison
from infomax_bench.stats.intervals import ALPHA, MIN_SEEDS, Interval

POWER = 0.8
MOST_SEEDS = 100
"""More than anyone will run: beyond it no number is given."""

_SEEDS = np.arange(MIN_SEEDS, MOST_SEEDS + 1)


def power(effect: float, sd: float, n: float | np.ndarray, alpha: float = ALPHA) -> Any:
    """How often n seeds show that a mean difference is above zero, if it is `effect` and its deviation over seeds `sd`.

    The one-sided t test at level alpha, by the noncentral t distribution; never, for fewer than MIN_SEEDS seeds.
    """
    from scipy.stats import nct  # all of it takes a while; special.nctdtr knows no answer far out

    n = np.asarray(n, dtype=float)
    if sd <= 0:
        sure = np.full(n.shape, float(effect > 0))
    else:
        df = np.maximum(n, 2) - 1
        away = np.clip(effect / sd * np.sqrt(n), -40, 40)  # certain from there on, and beyond scipy's reach further out
        sure = nct.sf(special.stdtrit(df, 1 - alpha), df, away)
    result = np.where(n >= MIN_SEEDS, sure, 0.0)
    return result if result.ndim else float(result)


@dataclass(frozen=True)
class Power:
    """How often a claim against several rivals is called supported, and how often refuted, if the truth is `effect`."""

    effect: float
    n_seeds: int
    supported: float
    """If one rival is worse than the subject by `effect`, and the others far worse."""
    refuted: float
    """If one rival is better than the subject by `effect`, and the others far worse."""


def power_table(
    sd: float, rivals: int = 1, effects: Sequence[float] = (0.25, 0.5, 1.0, 2.0), seeds: Sequence[int] = (5, 10)
) -> list[Power]:
    """Power of a claim against `rivals` methods; sd: deviation of a difference over seeds, in the effects' unit."""
    return [
        Power(effect, n, power(effect, sd, n), power(effect, sd, n, ALPHA / max(1, rivals)))
        for effect in effects
        for n in seeds
    ]


def detectable(sd: float, n: int, alpha: float = ALPHA, certainty: float = POWER) -> float:
    """The mean difference that n seeds show with probability `certainty`; infinite for fewer than MIN_SEEDS seeds."""
    if n < MIN_SEEDS:
        return math.inf
    return sd * float(optimize.brentq(lambda effect: power(effect, 1.0, n, alpha) - certainty, 0.0, 80 / math.sqrt(n)))


def seeds_needed(comparisons: Sequence[Comparison], complete: bool = True) -> str:
    """How many seeds would probably (POWER) decide a claim against all rivals, if what was seen is the truth.

    If some rival was seen to be better, that is how many would refute the claim; else how many would support it, with
    the chances of all comparisons to miss added up. "" if seeds would not help (complete: no rival is missing) or
    nothing is known.
    """
    if not comparisons:
        return ""
    if any(c.n_seeds < 2 for c in comparisons):
        return f"at least {MIN_SEEDS}"
    behind = [c for c in comparisons if c.mean < 0]
    if behind:
        chance = np.max([power(-c.mean, c.sd, _SEEDS, ALPHA / len(comparisons)) for c in behind], axis=0)
        return _smallest(chance >= POWER)
    if not complete:
        return ""
    hard = [c for c in comparisons if power(c.mean, c.sd, MIN_SEEDS) < 1 - 1e-6]
    missed = np.sum([1 - power(c.mean, c.sd, _SEEDS) for c in hard], axis=0) + np.zeros(len(_SEEDS))
    return _smallest(missed <= 1 - POWER)


def seeds_for_bound(found: Interval, bound: float) -> str:
    """The same for a mean and a bound."""
    if found.n < 2:
        return f"at least {MIN_SEEDS}" if found.n else ""
    return _smallest(power(abs(found.mean - bound), found.sd, _SEEDS) >= POWER)


def _smallest(reached: np.ndarray) -> str:
    """The first of MIN_SEEDS, ..., MOST_SEEDS at which it holds, in words."""
    return str(int(_SEEDS[reached.argmax()])) if reached.any() else f"more than {MOST_SEEDS}"


def would_decide(needed: str) -> str:
    """A sentence on how many seeds would do, to end another with; "" if there is nothing to say."""
    if not needed:
        return ""
    text = f"about {needed}" if needed.isdigit() else needed
    return f" {text[0].upper()}{text[1:]} seeds would be needed to decide it."
