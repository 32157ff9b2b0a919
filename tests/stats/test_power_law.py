"""Exponents of curves that are power laws."""

import pandas as pd
import pytest

from infomax_bench.stats.power_law import exponents


def test_the_exponent_of_each_curve_is_found_and_a_single_point_has_none():
    made = [("a", n, 2.0 * n**-0.5) for n in (1, 4, 16)] + [("b", n, 3.0) for n in (1, 2)] + [("c", 1, 1.0)]
    rows = pd.DataFrame(made, columns=["curve", "n", "value"]).assign(current=True)
    found = exponents(rows, ["curve"], "n", 1e-9).set_index("curve")["value"]
    assert found.to_dict() == pytest.approx({"a": 0.5, "b": 0.0})


def test_what_is_perfect_is_at_the_floor_and_one_old_row_makes_a_curve_old():
    rows = pd.DataFrame({"curve": "a", "n": [1, 10], "value": [1.0, 0.0], "current": [True, False]})
    found = exponents(rows, ["curve"], "n", 0.01)
    assert found["value"].tolist() == pytest.approx([2.0])
    assert not found["current"].any()
    assert exponents(rows.iloc[:0], ["curve"], "n", 0.01).empty
