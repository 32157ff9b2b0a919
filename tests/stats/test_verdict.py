"""Better than every other over seeds, on made-up studies: clear cases, and its own nominal level."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from infomax_bench.stats.compare import compare
from infomax_bench.stats.intervals import MIN_SEEDS
from infomax_bench.stats.verdict import best_of_all, decide, hardest
from tests.stats.made import NOISE, table


def outcome(values: pd.DataFrame) -> str:
    comparisons, _ = compare(values, "s", [m for m in values if m != "s"])
    return decide(comparisons)


def test_clear_cases():
    base = np.array([0.5, 0.6, 0.55, 0.52, 0.58])  # seeds differ much more than the noise: pairing matters
    near, far = base + 0.1 + NOISE, base + 0.3
    assert outcome(table(s=far, a=near, b=base)) == "supported"
    assert outcome(table(s=near, a=base, b=far)) == "refuted", "one better rival is enough"
    assert outcome(table(s=base + NOISE, a=base)) == "inconclusive"


def test_too_few_seeds_never_decide():
    values = table(s=[0.9] * (MIN_SEEDS - 1), a=[0.1] * (MIN_SEEDS - 1))
    assert outcome(values) == "inconclusive"


def test_the_best_of_all_needs_all():
    base = np.array([0.5, 0.6, 0.55, 0.52, 0.58])
    values = pd.DataFrame({0.0: base, 1.0: base + 0.1 + NOISE, 10.0: base + 0.3})
    assert best_of_all(values, 10.0, (0.0, 1.0, 10.0))[0] == "supported"
    assert best_of_all(values, 10.0, (0.0, 1.0, 10.0, 100.0))[0] == "inconclusive", "one is missing"
    outcome, worst = best_of_all(values, 1.0, (0.0, 1.0, 10.0))
    assert (outcome, worst.rival) == ("refuted", 10.0)
    assert best_of_all(values, 100.0, (0.0, 100.0)) == ("inconclusive", None)


def test_a_refutation_names_the_rival_that_refutes():
    base = np.array([0.5, 0.6, 0.55, 0.52, 0.58])
    noisy = base + np.array([0.9, -0.8, 0.7, -0.6, 0.5])
    sure = base + 0.1 + 0.1 * np.array(NOISE)
    comparisons, _ = compare(table(s=base, sure=sure, noisy=noisy), "s", ["sure", "noisy"])
    worst = hardest(comparisons, decide(comparisons))
    assert worst is not None
    assert worst.rival == "sure"


@pytest.mark.parametrize("n_rivals", [1, 8])
def test_false_verdicts_stay_within_the_level(n_rivals):
    """Where the subject equals its rivals, "supported" and "refuted" are each called in at most 5 % of studies."""
    rng = np.random.default_rng(0)
    studies, calls = 600, {"supported": 0, "refuted": 0, "inconclusive": 0}
    for _ in range(studies):
        seed_effect = rng.normal(0, 0.05, size=(MIN_SEEDS, 1))
        values = 0.7 + seed_effect + rng.normal(0, 0.01, size=(MIN_SEEDS, n_rivals + 1))
        calls[outcome(pd.DataFrame(values, columns=["s", *(f"r{i}" for i in range(n_rivals))]))] += 1
    bound = stats.binom.ppf(0.99, studies, 0.05)
    assert calls["supported"] <= bound
    assert calls["refuted"] <= bound
