"""Means over data sets against scipy, and of pairs against the variance that is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from infomax_bench.stats.datasets import ERROR, Layout, bounds, over


def test_bounds_are_those_of_a_one_sample_t_test_on_the_means_of_data_sets():
    values = np.array([1.0, 3.0, 0.5, -1.0, 2.0])
    layout = Layout.of([("a", "x"), ("a", "y"), ("b", "b"), ("c", "c"), ("d", "d")])
    means = [2.0, 0.5, -1.0, 2.0]
    assert over(values, layout.sources) == pytest.approx(means)
    found, known = bounds(values, layout), stats.ttest_1samp(means, 0.0)
    interval = known.confidence_interval(1 - 2 * ERROR)
    assert (found.mean, found.low, found.high) == pytest.approx((np.mean(means), interval.low, interval.high))
    assert (found.n, found.sd) == (4, pytest.approx(np.std(means, ddof=1)))


def test_data_sets_that_count_as_another_are_averaged():
    layout = Layout.of([("a", "a"), ("b", "b"), ("c", "c")], as_one={"b": "a"})
    assert (layout.n, over(np.array([1.0, 3.0, 5.0]), layout.sources).tolist()) == (2, [2.0, 5.0])


RING = [(str(i), str((i + step) % 9)) for i in range(9) for step in (1, 2, 4)]


def test_the_variance_of_a_mean_over_pairs_is_that_of_crossed_sources_and_targets():
    """In the mean over many studies, whose own variance is known; and never less than that of either side."""
    rng, layout = np.random.default_rng(0), Layout.of(RING, crossed=True)
    source, target = (np.array([int(case[side]) for case in RING]) for side in (0, 1))
    a, b, e = 2.0, 1.0, 0.5
    draws = [rng.standard_normal((20_000, n)) for n in (9, 9, len(RING))]
    values = a * draws[0][:, source] + b * draws[1][:, target] + e * draws[2]
    found = bounds(values, layout)
    half = (found.high - found.low) / 2
    assert found.n == 9
    estimated = np.mean((half / -stats.t.ppf(ERROR, 8)) ** 2)
    known = (a**2 + b**2) / 9 + e**2 / 27
    assert values.mean(axis=1).var() == pytest.approx(known, rel=0.02)
    assert 0.94 * known < estimated < 1.01 * known
    assert estimated > over(values, layout.sources).var(axis=1, ddof=1).mean() / 9


def test_pairs_by_hand():
    values, layout = np.array([1.0, 2.0, 4.0, 9.0]), Layout.of([("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")], True)
    by_source, by_target = [1.0, 3.0, 9.0], [2.0, 5.0, 4.0]
    sides = [np.var(side, ddof=1) / 3 for side in (by_source, by_target)]
    variance = max(sum(sides) - np.var(values, ddof=1) / 4, *sides)
    found = bounds(values, layout)
    assert found.mean == pytest.approx(4.0)
    assert found.high - found.mean == pytest.approx(-stats.t.ppf(ERROR, 2) * variance**0.5)


@pytest.mark.parametrize("crossed", [False, True])
@pytest.mark.parametrize("n", [0, 1])
def test_of_fewer_than_two_data_sets_nothing_is_bounded(n, crossed):
    found = bounds(np.ones(n), Layout.of([("a", "b")] * n, crossed))
    assert found.n == n
    assert not n or (found.low, found.mean, found.high) == (-np.inf, 1.0, np.inf)
