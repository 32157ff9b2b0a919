"""Intervals against scipy, hand-computed cases and their own nominal level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from infomax_bench.stats.intervals import holm, interval, rank_interval


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


def test_the_interval_of_a_rank_correlation_by_hand():
    """Bonett and Wright (2000): 0.5 over 28 pairs; z = 0.549, its error (1.125 / 25)^0.5 = 0.2121."""
    low, high = rank_interval(0.5, 28)
    assert (low, high) == pytest.approx((np.tanh(0.5493 - 1.96 * 0.21213), np.tanh(0.5493 + 1.96 * 0.21213)), abs=1e-4)
    assert rank_interval(-0.5, 28) == pytest.approx((-high, -low))
    assert rank_interval(0.9, 3) == (-1, 1)
    assert rank_interval(float("nan"), 30) == (-1, 1)
    assert rank_interval(1.0, 30) == (1, 1)


@pytest.mark.parametrize("r", [0.0, 0.6])
def test_the_interval_of_a_rank_correlation_covers_the_truth(r):
    """Of two normal variables with correlation r Spearman's is 6 / pi asin(r / 2)."""
    rng, n, studies = np.random.default_rng(0), 25, 800
    x = rng.standard_normal((studies, n))
    y = r * x + (1 - r**2) ** 0.5 * rng.standard_normal((studies, n))
    truth = 6 / np.pi * np.arcsin(r / 2)
    ranks = [stats.rankdata(v, axis=1) - (n + 1) / 2 for v in (x, y)]
    rho = (ranks[0] * ranks[1]).sum(1) / (ranks[0] ** 2).sum(1)
    bounds = np.array([rank_interval(v, n) for v in rho])
    covered = ((bounds[:, 0] < truth) & (truth < bounds[:, 1])).sum()
    low, high = stats.binom.ppf([0.001, 0.999], studies, 0.95)
    assert low <= covered <= high


def test_holm_on_a_worked_example():
    """Holm (1979): 0.01, 0.04, 0.03, 0.005 -> 0.03, 0.06, 0.06, 0.02."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
