"""An order that was foretold: tau and its p-value against brute force, and what neither may depend on."""

from __future__ import annotations

import itertools
import math

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from infomax_bench.stats.ordering import ordering, typical, whole


def by_name(numbers):
    return {str(i): number for i, number in enumerate(numbers)}


def of(ranks, values):
    return ordering(by_name(ranks), by_name(values))


def by_brute_force(ranks, values):
    """tau-b, and the share of all orders of the values, equal ones as often as there are, that have at least it."""
    seen = kendalltau(ranks, values).statistic
    every = [kendalltau(ranks, order).statistic for order in itertools.permutations(values)]
    return seen, sum(tau > seen - 1e-9 for tau in every) / len(every)


@pytest.mark.parametrize(
    ("ranks", "values"),
    [
        ((0, 1, 2, 3, 4), (1, 2, 4, 3, 5)),  # without ties: scipy's exact distribution
        ((2, 0, 1), (1, 2, 3)),
        ((2, 0, 1, 3, 0), (3, 1, 2, 4, 1.5)),  # the essay's ranks: two are low
        ((2, 0, 1, 3, 0), (2, 3, 5, 4, 1)),
        ((0, 0, 1, 1, 2), (1, 1, 1, 2, 2)),  # ties on both sides
    ],
)
def test_tau_and_p_are_those_of_brute_force(ranks, values):
    found, (tau, p) = of(ranks, values), by_brute_force(ranks, values)
    assert (found.tau, found.p) == pytest.approx((tau, p), abs=1e-12)
    untied = len(set(ranks)) == len(ranks) and len(set(values)) == len(values)
    assert found.how == ("the exact distribution" if untied else f"all {math.factorial(len(ranks))} orders")


def test_by_hand():
    """Five approaches, two of them foretold equal: 2 of 120 orders have no pair in the wrong order, 8 at most one."""
    ranks = (2, 0, 1, 3, 0)
    right = of(ranks, (30, 2, 10, 100, 1))
    assert (right.p, right.wrong, right.outcome) == (pytest.approx(2 / 120), (), "supported")
    assert right.tau == pytest.approx(9 / math.sqrt(9 * 10)), "nine pairs of ten are foretold to differ"
    one = of(ranks, (9, 2, 10, 100, 1))
    assert (one.p, one.wrong, one.outcome) == (pytest.approx(8 / 120), (("2", "0"),), "inconclusive")
    assert of(ranks, (1, 3, 2, 0, 4)).outcome == "refuted"
    assert of((0, 1, 2, 3), (1, 2, 3, 0)).tau == 0
    assert of((0, 1, 2, 3), (1, 2, 3, 0)).outcome == "refuted", "no order at all is not the one that was foretold"


@pytest.mark.parametrize(("ranks", "values"), [((0, 1), (1, 1)), ((0, 0), (1, 2)), ((0,), (1,)), ((), ())])
def test_nothing_to_order_decides_nothing(ranks, values):
    found = of(ranks, values)
    assert math.isnan(found.tau)
    assert (found.p, found.outcome) == (1.0, "inconclusive")


def test_who_was_not_measured_is_left_out():
    assert ordering({"a": 0, "b": 1, "c": 2}, {"c": 3.0, "a": 1.0}).tau == 1


five = st.lists(st.integers(1, 6), min_size=5, max_size=5)


@settings(max_examples=20)
@given(five, five, st.permutations(range(5)))
def test_neither_the_unit_nor_the_names_matter(ranks, values, places):
    found = of(ranks, values)
    for other in (of(ranks, [7.0 * v**3 for v in values]), of([10 * r for r in ranks], values)):
        assert other == found
    turned = of([ranks[i] for i in places], [values[i] for i in places])
    assert (turned.p, turned.outcome, len(turned.wrong)) == (found.p, found.outcome, len(found.wrong))
    assert turned.tau == pytest.approx(found.tau, nan_ok=True)


@given(st.permutations([1, 2, 3, 4, 5]))
def test_a_pair_put_right_never_harms(values):
    """Neighbours in value that stand in the wrong order change places."""
    found = of(range(5), values)
    assume(found.wrong)
    low = next(v for v in sorted(values) if v < 5 and values.index(v) > values.index(v + 1))
    better = of(range(5), [{low: low + 1, low + 1: low}.get(v, v) for v in values])
    assert better.tau > found.tau
    assert better.p < found.p
    assert len(better.wrong) == len(found.wrong) - 1


def test_a_group_is_the_median_of_its_methods_over_the_data_sets_that_all_have():
    amounts = pd.DataFrame({"d": [1.0, 4, 8, 5], "e": [4.0, 9, 2, 5], "f": [9.0, math.nan, 9, 9]}, index=list("abcd"))
    groups = {"low": ("a", "b", "c"), "high": ("d", "absent"), "none": ("absent",)}
    assert list(whole(amounts)) == ["d", "e"]
    assert typical(whole(amounts), groups) == pytest.approx({"low": 4.0, "high": 5.0}), "means of 2, 6 and 4"
