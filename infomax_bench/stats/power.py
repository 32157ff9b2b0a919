"""How large a difference data sets show with probability POWER."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import optimize, special

from infomax_bench.stats.datasets import ERROR, MIN_DATASETS

POWER = 0.8


def power(effect: float, sd: float, n: float | np.ndarray) -> Any:
    """How often n data sets show that a mean difference is above zero, if it is `effect` and its deviation over data
    sets `sd`.

    The one-sided t test at ERROR, by the noncentral t distribution; never, for fewer than MIN_DATASETS data sets.
    """
    from scipy.stats import nct  # all of it takes a while; special.nctdtr knows no answer far out

    n = np.asarray(n, dtype=float)
    if sd <= 0:
        sure = np.full(n.shape, float(effect > 0))
    else:
        df = np.maximum(n, 2) - 1
        away = np.clip(effect / sd * np.sqrt(n), -40, 40)  # certain from there on, and beyond scipy's reach further out
        sure = nct.sf(special.stdtrit(df, 1 - ERROR), df, away)
    result = np.where(n >= MIN_DATASETS, sure, 0.0)
    return result if result.ndim else float(result)


def detectable(sd: float, n: int) -> float:
    """The mean difference that n data sets show with probability POWER; infinite for fewer than MIN_DATASETS."""
    if n < MIN_DATASETS:
        return math.inf
    return sd * float(optimize.brentq(lambda effect: power(effect, 1.0, n) - POWER, 0.0, 80 / math.sqrt(n)))
