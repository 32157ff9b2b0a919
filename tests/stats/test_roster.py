"""The median of a roster, the best of each family, and the word on a subject, in cases done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infomax_bench.stats.datasets import Layout
from infomax_bench.stats.roster import bounded, compared, differences, median

NAN = np.nan
FOUR = Layout.of([(name, name) for name in "abcd"])
METHODS = ("one", "two", "three", "four")
FAMILIES = ("red", "red", "blue", "blue")


@given(st.lists(st.one_of(st.just(NAN), st.floats(-1e6, 1e6)), min_size=6, max_size=6))
def test_the_median_is_over_the_methods_that_have_a_value(values):
    table = np.array(values).reshape(3, 2)
    columns = [column[np.isfinite(column)] for column in table.T]
    known = [np.median(column) if len(column) else NAN for column in columns]
    np.testing.assert_allclose(median(table), known, rtol=1e-12, atol=1e-9)


def test_the_best_of_a_family_is_one_method_everywhere_and_has_all_cases():
    values = np.array([[1.0, 9.0], [4.0, 5.0], [8.0, NAN], [0.0, 1.0]])
    found = differences(np.array([5.0, 5.0]), values, FAMILIES)
    assert found.families == ("blue", "red")
    assert [METHODS[i] for i in found.members] == ["four", "one"]
    assert found.best.tolist() == [[5.0, 4.0], [4.0, -4.0]]
    assert found.median.tolist() == [5 - 2.5, 0.0]


def test_the_best_may_be_chosen_by_another_number():
    values = np.array([[1.0], [4.0], [8.0], [0.0]])
    found = differences(np.array([5.0]), values, FAMILIES, np.array([0.9, 0.2, 0.1, 0.3]))
    assert [METHODS[i] for i in found.members] == ["four", "one"]


def test_a_family_of_which_no_method_has_all_cases_has_no_best():
    found = differences(np.zeros(2), np.array([[1.0, NAN], [2.0, 3.0]]), ("red", "blue"))
    assert (found.families, found.best.shape) == (("blue",), (1, 2))


SMALL = np.array([0.01, -0.01, 0.02, -0.02])


def word(own, *roster, least=0.0):
    families = [f"family {i}" for i in range(len(roster))]
    found = differences(np.asarray(own), np.array(roster), families)
    told = compared(found, FOUR, [f"m{i}" for i in range(len(roster))], least)
    return told.word, told.reason


def test_supported_is_surely_ahead_of_the_median_and_of_the_best_of_every_family():
    assert word(1 + SMALL, 0 * SMALL, SMALL[::-1], 0.5 - SMALL) == ("supported", "")
    assert word(1 + SMALL, 0 * SMALL, 0.5 - SMALL, 1 - SMALL) == ("inconclusive", "undecided")
    assert word(1 + SMALL, 0 * SMALL, 0.5 - SMALL, 2 - SMALL) == ("inconclusive", "above the median, behind m2")


def test_refuted_is_surely_not_ahead_of_the_median_by_the_least_difference():
    assert word(SMALL, 1 - SMALL, 1 + SMALL, -1 - SMALL) == ("refuted", "")
    assert word(0.5 + SMALL, 0 * SMALL, -SMALL, least=1.0) == ("refuted", ""), "ahead, and by less than it takes"
    assert word(0.5 + SMALL, 1 - SMALL, 1 + SMALL, least=-1.0) == ("supported", ""), "behind, and by less than allowed"
    assert word(100 * SMALL, 0 * SMALL, -SMALL) == ("inconclusive", "undecided")


def test_studies_are_decided_together_as_they_are_one_by_one():
    rng = np.random.default_rng(0)
    own, values = rng.normal(size=(5, 4)), rng.normal(size=(5, 4, 4))
    together = differences(own, values, FAMILIES)
    for i in range(5):
        alone = differences(own[i], values[i], FAMILIES)
        assert together.median[i].tolist() == alone.median.tolist()
        assert together.best[i].tolist() == alone.best.tolist()


@pytest.mark.parametrize(
    ("values", "side"),
    [
        ([0.01, 0.02, 0.01, 0.02], 1),
        ([0.31, 0.22, 0.4, 0.31], -1),
        ([0.01, 0.02, 0.01, 0.06], 0),
        ([0.0, 0.0, 0.0, 0.051], 0),
        ([0.06, 0.3, 0.9, 0.07], 0),
    ],
)
def test_a_bound_takes_every_data_set(values, side):
    assert bounded(np.array(values), 0.05, below=True) == side
    assert bounded(np.array(values), 0.05, below=False) == -side
