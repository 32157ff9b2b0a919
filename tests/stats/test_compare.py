"""Paired comparisons and what stands beside them, against scipy and hand-computed cases."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from infomax_bench.stats.compare import (
    apart,
    apart_from,
    by_case,
    compare,
    difference,
    gains,
    interquartile_mean,
    probability_of_improvement,
)
from infomax_bench.stats.intervals import interval
from tests.stats.made import rows, table


def test_missing_rivals_are_named():
    comparisons, missing = compare(table(s=[1.0, 2.0]), "s", ["gone"])
    assert (comparisons, missing) == ([], ["gone"])


def test_seeds_that_lack_a_case_are_not_compared():
    """A method that lacks a data set under a seed must not be compared on the rest of them."""
    records = [("a", s, d, 1.0 if d == "easy" else 0.0) for s in (0, 1) for d in ("easy", "hard")]
    records += [("b", 0, "easy", 1.0), ("b", 1, "easy", 1.0), ("b", 1, "hard", 0.0)]
    cases = by_case(rows(records), "a")
    (found,), _ = compare(cases, "a", ["b"])
    assert (found.mean, found.n_seeds) == (0.0, 1)
    (without,), _ = compare(cases, "a", ["b"], {"b": np.array([case[0] == "hard" for case in cases.cases])})
    assert (without.mean, without.n_seeds) == (0.0, 2), "it is excused from a data set that it cannot do"


arrays = st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(0, 10**6))


@given(arrays)
@settings(deadline=None)
def test_interquartile_mean_and_improvement_are_scipys(shape):
    """As rliable defines them: a trimmed mean of all runs; Mann and Whitney's U over the number of pairs, by task."""
    seeds, cases, seed = shape
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 6, (2, seeds, cases)).astype(float)
    assert interquartile_mean(x) == pytest.approx(stats.trim_mean(x, 0.25, axis=None))
    expected = [stats.mannwhitneyu(a, b).statistic / seeds**2 for a, b in zip(x.T, y.T, strict=True)]
    assert probability_of_improvement(x, y) == pytest.approx(np.mean(expected))
    assert probability_of_improvement(x, y) + probability_of_improvement(y, x) == pytest.approx(1)


def test_comparisons_carry_both_descriptions():
    values = [("s", s, d, 0.9) for s in range(5) for d in ("easy", "hard")]
    values += [("r", s, d, v) for s in range(5) for d, v in (("easy", 0.8), ("hard", 0.95))]
    (found,), _ = compare(by_case(rows(values), "s"), "s", ["r"])
    assert (found.mean, found.iqm) == pytest.approx((0.025, 0.025))
    assert found.improvement == 0.5, "better on one of two data sets, under every seed"
    assert found.sd == pytest.approx(0)


def test_a_comparison_is_a_paired_t_test_corrected_in_each_direction():
    rng = np.random.default_rng(3)
    subject, rival = rng.normal(0.80, 0.005, 8), rng.normal(0.805, 0.005, 8)
    found, _ = compare(table(s=list(subject), r=list(rival), far=list(subject - 1)), "s", ["r", "far"])
    known = {side: stats.ttest_rel(subject, rival, alternative=side) for side in ("less", "greater", "two-sided")}
    assert found[0].low == pytest.approx(known["two-sided"].confidence_interval(0.95).low)
    assert found[0].p_holm == pytest.approx(min(1, 2 * known["less"].pvalue))
    assert found[0].p_ahead == pytest.approx(known["greater"].pvalue), "the surer one pays for both"
    assert (found[1].p_holm, found[1].p_ahead) == pytest.approx((1, 0), abs=1e-9)


def test_a_difference_is_paired_by_seed_and_of_no_seed_where_one_is_missing():
    values = pd.DataFrame({"a": [1.0, 2.0, np.nan], "b": [0.0, 0.5, 0.0]})
    assert (difference(values, "a", "b").mean, difference(values, "a", "b").n) == (1.25, 2)
    assert difference(values, "a", "gone").n == 0
    assert gains(values, "a", "gone").empty


def test_columns_are_surely_above_or_below_another_or_neither():
    seeds = np.arange(5.0)
    values = pd.DataFrame(
        {"one": seeds, "up": seeds + np.array([1, 1.1, 1, 1.1, 1]), "down": seeds - 1, "level": seeds[::-1]}
    )
    others = ["one", "up", "down", "level", "gone"]
    assert apart_from(values, "one", others) == (["up"], ["down"])
    assert apart_from(values.iloc[:4], "one", others) == ([], []), "too few seeds"
    assert apart_from(values, "gone", others) == ([], [])


def test_apart_is_what_holm_leaves_of_two_sided_tests():
    """By hand: 2 p of 0.02 and 0.04 alone would do, of three methods only the surest does; four seeds never do."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(8)
    noise = (noise - noise.mean()) / noise.std(ddof=1)

    def at(p):
        return interval(noise + stats.t.isf(abs(p) / 2, 7) / np.sqrt(8) * np.sign(p))

    assert apart({"a": at(0.015), "b": at(-0.015), "c": at(0.04)}) == (["a", "c"], ["b"])
    assert apart({"a": at(0.015), "b": at(0.03), "c": at(0.04)}) == (["a"], [])
    assert apart({"few": interval(noise[:4] + 100)}) == apart({}) == ([], [])
