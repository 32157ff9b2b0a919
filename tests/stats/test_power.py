"""How many seeds would decide: against published numbers, and simulated studies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from infomax_bench.stats.compare import Comparison
from infomax_bench.stats.intervals import MIN_SEEDS, interval
from infomax_bench.stats.power import seeds_for_bound, seeds_needed, would_decide


def comparison(mean: float, sd: float = 1.0, n: int = 5) -> Comparison:
    return Comparison("r", mean, mean - sd, mean + sd, n, 0.5, sd)


@pytest.mark.parametrize(("effect", "n"), [(0.5, "34"), (0.8, "15"), (1.0, "10"), (0.2, "more than 100")])
def test_seeds_needed_are_cohens(effect, n):
    """Cohen's and G*Power's numbers for a paired t test, two-sided at 5 %, power 80 %; 199 pairs for 0.2."""
    assert seeds_needed([comparison(effect)]) == n
    assert seeds_needed([comparison(-effect)]) == n
    assert seeds_for_bound(interval([effect - 1, effect + 1, effect]), 0.0) == n


def test_seeds_needed_for_many_and_for_none():
    both = [comparison(1.0), comparison(1.0)]
    assert int(seeds_needed(both)) > 10, "both must be shown at once"
    assert seeds_needed([comparison(1.0), comparison(50.0)]) == "10", "a rival far behind costs nothing"
    assert int(seeds_needed([comparison(-1.0), comparison(50.0)])) > 10, "refuting pays for the number of rivals"
    assert seeds_needed([comparison(1.0)], complete=False) == "", "seeds do not bring a missing rival"
    assert seeds_needed([comparison(-1.0)], complete=False) == "10", "but one better rival is enough"
    assert seeds_needed([comparison(50.0, n=3)]) == str(MIN_SEEDS)
    assert seeds_needed([comparison(0.1, sd=float("nan"), n=1)]) == "at least 5"
    assert seeds_needed([comparison(0.0, sd=0.0)]) == "more than 100", "ties stay ties"
    assert seeds_needed([]) == ""


def test_seeds_needed_are_enough():
    """With so many seeds, four fifths of studies decide: two rivals behind by as much as was seen."""
    rng = np.random.default_rng(0)
    n = int(seeds_needed([comparison(1.0), comparison(0.8)]))
    differences = rng.normal(np.array([1.0, 0.8]), 1.0, (4000, n, 2))
    decided = (stats.ttest_1samp(differences, 0, axis=1, alternative="greater").pvalue < 0.025).all(axis=1).mean()
    assert 0.8 - 0.02 < decided < 0.87


def test_words_on_seeds():
    assert would_decide("") == ""
    assert would_decide("14") == " About 14 seeds would be needed to decide it."
    assert would_decide("more than 100") == " More than 100 seeds would be needed to decide it."
