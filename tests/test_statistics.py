"""Intervals and verdicts against scipy, hand-computed cases and their own nominal level."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from infomax_bench.statistics import (
    MIN_SEEDS,
    compare,
    decide,
    decide_bound,
    hardest,
    holm,
    interval,
    seed_means,
)


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=20))
@settings(deadline=None)
def test_interval_is_scipys_t_interval(values):
    found = interval(values)
    if np.std(values) < 1e-6:
        return
    expected = stats.ttest_1samp(values, 0)
    ci = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((ci.low, ci.high))
    assert min(found.p_greater, found.p_less) * 2 == pytest.approx(expected.pvalue, abs=1e-9)


def test_one_value_says_nothing_and_equal_values_say_all():
    assert interval([0.3]).low == -np.inf
    sure = interval([0.3] * 5)
    assert (sure.low, sure.high, sure.p_greater) == (0.3, 0.3, 0.0)
    assert interval([0.0] * 5).p_greater == 1.0


def test_holm_on_a_worked_example():
    """Holm (1979): 0.01, 0.04, 0.03, 0.005 -> 0.03, 0.06, 0.06, 0.02."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def table(**methods: list[float]) -> pd.DataFrame:
    """Values by seed and method."""
    return pd.DataFrame(methods)


def outcome(values: pd.DataFrame, **options) -> str:
    comparisons, _ = compare(values, "s", [m for m in values if m != "s"], **options)
    return decide(comparisons)


NOISE = [0.010, -0.012, 0.004, -0.006, 0.003]


def test_clear_cases():
    base = np.array([0.5, 0.6, 0.55, 0.52, 0.58])  # seeds differ much more than the noise: pairing matters
    near, far = base + 0.1 + NOISE, base + 0.3
    assert outcome(table(s=far, a=near, b=base)) == "supported"
    assert outcome(table(s=near, a=base, b=far)) == "refuted", "one better rival is enough"
    assert outcome(table(s=base + NOISE, a=base)) == "inconclusive"
    assert outcome(table(s=base, a=near), higher_is_better=False) == "supported"


def test_margin_lets_a_match_count():
    base = np.array([0.5, 0.6, 0.55, 0.52, 0.58])
    slightly_worse = base - 0.02 + 0.1 * np.array(NOISE)
    assert outcome(table(s=slightly_worse, a=base)) == "refuted"
    assert outcome(table(s=slightly_worse, a=base), margin=0.03) == "supported"


def test_too_few_seeds_never_decide():
    values = table(s=[0.9] * (MIN_SEEDS - 1), a=[0.1] * (MIN_SEEDS - 1))
    assert outcome(values) == "inconclusive"
    assert decide_bound([0.0] * (MIN_SEEDS - 1), 0.5)[0] == "inconclusive"


def test_bound():
    assert decide_bound([0.01, 0.02, 0.0, 0.01, 0.02], 0.05)[0] == "supported"
    assert decide_bound([0.31, 0.22, 0.4, 0.31, 0.32], 0.05)[0] == "refuted"
    assert decide_bound([0.0, 0.1, 0.02, 0.09, 0.04], 0.05)[0] == "inconclusive"


def test_a_refutation_names_the_rival_that_refutes():
    base = np.array([0.5, 0.6, 0.55, 0.52, 0.58])
    noisy = base + np.array([0.9, -0.8, 0.7, -0.6, 0.5])
    sure = base + 0.1 + 0.1 * np.array(NOISE)
    comparisons, _ = compare(table(s=base, sure=sure, noisy=noisy), "s", ["sure", "noisy"])
    worst = hardest(comparisons, decide(comparisons))
    assert worst is not None
    assert worst.rival == "sure"


def test_missing_rivals_are_named():
    comparisons, missing = compare(table(s=[1.0, 2.0]), "s", ["gone"])
    assert (comparisons, missing) == ([], ["gone"])


def rows(records: list[tuple[str, int, str, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(records, columns=["method", "seed", "dataset", "value"])
    return frame.assign(target=frame["dataset"], status="ok")


def test_means_are_over_cases_that_all_have():
    """A method that lacks a data set under a seed must not be compared on the rest of them."""
    records = [("a", s, d, 1.0 if d == "easy" else 0.0) for s in (0, 1) for d in ("easy", "hard")]
    records += [("b", 0, "easy", 1.0), ("b", 1, "easy", 1.0), ("b", 1, "hard", 0.0)]
    means = seed_means(rows(records), "a")
    assert means["a"].tolist() == [0.5, 0.5]
    assert np.isnan(means["b"][0])
    assert means["b"][1] == 0.5


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
