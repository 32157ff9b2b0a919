"""Agreement with published numbers is equivalence: by hand, against two one-sided tests, and whatever the numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from infomax_bench.stats.agreement import LEVEL, agreement, margin, reproduction
from infomax_bench.stats.intervals import interval

THREE = [0.90, 0.91, 0.92]
"""Mean 0.91, standard error 0.01 / sqrt(3); t of two degrees of freedom exceeds 2.92 in 5 %: 0.91 ± 0.0169."""


def test_the_margin_is_an_error_and_half_a_point_or_half_a_percent():
    assert margin(0.9, 0.0, share=True) == 0.005
    assert margin(0.9, 0.002, share=True) == pytest.approx(0.007)
    assert margin(-800, 0.0, share=False) == 4
    assert margin(29, 0.1, share=False) == pytest.approx(0.245)
    assert margin(0, 0.0, share=False) == 0


@pytest.mark.parametrize(
    ("low", "high", "ours", "outcome"),
    [
        (0.893, 0.927, THREE, "agrees"),  # 0.8931 to 0.9269
        (0.894, 0.927, THREE, "too uncertain"),
        (0.893, 0.926, THREE, "too uncertain"),
        (0.909, 0.911, THREE, "too uncertain"),  # a mean in the middle proves nothing
        (0.8, 0.894, THREE, "too uncertain"),
        (0.8, 0.893, THREE, "differs"),
        (0.927, 1.0, THREE, "differs"),
        (0.9, 0.9, [0.9, 0.9], "agrees"),  # without noise and without a margin
        (0.0, 0.0, [0.001, 0.001], "differs"),
        (0.0, math.inf, THREE, "agrees"),  # above another method
        (0.0, math.inf, [0.01, -0.01, 0.02], "too uncertain"),
        (0.0, math.inf, [-0.01, -0.011, -0.012], "differs"),
        (0.9, 0.92, [0.91], "too uncertain"),  # one seed
        (0.9, 0.92, [0.5], "too uncertain"),
        (0.9, 0.92, [], "not run"),
    ],
)
def test_an_interval_agrees_within_and_differs_outside(low, high, ours, outcome):
    assert agreement(low, high, interval(ours, LEVEL)) == outcome


seeds = st.lists(st.integers(-400, 400).map(lambda n: n / 8), min_size=2, max_size=6)
ends = st.tuples(st.integers(-400, 400), st.integers(0, 200)).map(lambda e: (e[0] / 8, (e[0] + e[1]) / 8))


@given(seeds, ends)
def test_it_agrees_if_both_one_sided_tests_say_so(ours, bounds):
    """Two one-sided tests at 5 % (Schuirmann 1987), as scipy makes them."""
    if len(set(ours)) > 1:
        within = [ttest_1samp(ours, end, alternative=way) for end, way in zip(bounds, ("greater", "less"), strict=True)]
        away = abs(max(test.pvalue for test in within) - 0.05)
        if away > 1e-9:  # at the very edge rounding decides
            says = agreement(*bounds, interval(ours, LEVEL)) == "agrees"
            assert says == all(test.pvalue < 0.05 for test in within)


@given(seeds, ends, st.integers(0, 100).map(lambda n: n / 8))
def test_a_wider_margin_turns_no_outcome_away_from_agreement(ours, bounds, more):
    order = ["differs", "too uncertain", "agrees"]
    before, after = (agreement(bounds[0] - w, bounds[1] + w, interval(ours, LEVEL)) for w in (0, more))
    assert order.index(after) >= order.index(before)


@given(seeds, ends, st.sampled_from([-4.0, -1.0, 0.5, 8.0]), st.integers(-80, 80))
def test_the_unit_the_sign_and_the_origin_of_a_measure_do_not_matter(ours, bounds, unit, shift):
    """Powers of two and eighths: nothing is rounded."""
    moved = sorted(unit * end + shift for end in bounds)
    found, turned = (interval(np.array(v), LEVEL) for v in (ours, [unit * v + shift for v in ours]))
    edges = [abs(a - b) for a in (found.low, found.high) for b in bounds]
    if min(edges) > 1e-9:
        assert agreement(*moved, turned) == agreement(*bounds, found)


def test_one_number_that_agrees_is_enough_and_one_that_differs_condemns_without_it():
    assert reproduction({"agrees", "differs", "not run"}) == "agrees"
    assert reproduction({"differs", "too uncertain", "tested"}) == "differs"
    assert reproduction({"too uncertain", "not run"}) == "too uncertain"
    assert reproduction({"not run", "passes", "fails", "tested"}) == "", "a bar of our own and a test compare nothing"
    assert reproduction(set()) == ""
