"""Equivalent widths on curves whose answers are known, and what lies beyond a sweep."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from infomax_bench.stats.equivalent import at_half_width, equivalent_width, equivalents, mean_texts

WIDTHS = np.array([8.0, 16.0, 32.0, 64.0, 128.0])


def test_equivalent_widths_on_a_line_in_the_logarithm_are_exact():
    accuracies = 0.5 + 0.05 * np.log2(WIDTHS)
    asked = np.array([8, 10.0, 23.0, 64.0, 128.0])
    found, bound = equivalent_width(WIDTHS, accuracies, 0.5 + 0.05 * np.log2(asked))
    assert found == pytest.approx(asked)
    assert not bound.any()


def test_beyond_the_sweep_is_a_bound():
    found, bound = equivalent_width(WIDTHS, np.linspace(0.5, 0.9, 5), np.array([0.49, 0.5, 0.9, 0.91]))
    assert found.tolist() == [8, 8, 128, 128]
    assert bound.tolist() == [-1, 0, 0, 1]


@given(st.lists(st.floats(0.1, 0.9), min_size=5, max_size=5), st.lists(st.floats(0, 1), min_size=1, max_size=6))
@settings(deadline=None)
def test_equivalent_widths_are_the_first_to_reach_the_monotone_curve(accuracies, reached):
    reached = np.sort(reached)
    found, bound = equivalent_width(WIDTHS, np.array(accuracies), reached)
    fitted = IsotonicRegression().fit_transform(np.log2(WIDTHS), accuracies)

    def curve(width):
        return np.interp(np.log2(width), np.log2(WIDTHS), fitted)

    inside = bound == 0
    assert curve(found[inside]) == pytest.approx(reached[inside], abs=1e-9)
    assert (curve(found[inside] * 0.999) <= reached[inside] + 1e-9).all()
    assert (np.diff(found) >= -1e-9).all()
    assert (found >= 8).all()
    assert (found <= 128).all()


def test_means_of_bounds_stay_bounds_and_beyond_both_ends_nothing_is_said():
    made = [("below", -1, 8.0), ("above", 1, 128.0), ("within", 0, 16.0), ("both", -1, 8.0)]
    found = pd.DataFrame(made, columns=["method", "bound", "equivalent"]).assign(dataset="d", width=32, kept=np.nan)
    more = found.assign(bound=[0, 0, 0, 1], equivalent=[32.0, 32.0, 4.0, 128.0])
    texts = mean_texts(pd.concat([found, more]), {"equivalent": ".0f", "kept": ".2f"})
    assert texts.index.names == ["dataset", "method", "width"]
    assert texts["equivalent"].droplevel(["dataset", "width"]).to_dict() == {
        "below": "< 16",
        "above": "> 64",
        "within": "8",
        "both": "?",
    }
    assert texts["kept"].droplevel(["dataset", "width"])["within"] == "–"
    assert mean_texts(found.iloc[:0], {"equivalent": ".0f"}).empty


def test_a_subject_at_one_width_has_no_equivalents_and_what_has_no_size_no_ratio_of_sizes():
    made = [(m, w, s, 0.1 * w) for m in "sa" for w in (1, 2, 4) for s in range(2)]
    rows = pd.DataFrame(made, columns=["method", "width", "seed", "value"]).assign(dataset="d", current=True)
    sizes = {("d", m, w): 0.0 if m == "a" and w == 1 else 10.0 * w for m in "sa" for w in (1, 2, 4)}
    found = equivalents(rows, "s", {"kept": sizes}).set_index(["width", "seed"])
    assert found["equivalent"].loc[2].tolist() == pytest.approx([2, 2])
    assert found["kept"].loc[4].tolist() == pytest.approx([1, 1])
    assert found["kept"].loc[1].isna().all()
    assert equivalents(rows[rows["width"] == 2], "s", {"kept": sizes}).empty


def test_half_the_width_stands_under_the_others_width():
    rows = pd.DataFrame([(m, w, 10 * w) for m in "sa" for w in (1, 2, 4)], columns=["method", "width", "value"])
    found = at_half_width(rows, "s").groupby("method")[["width", "value"]].agg(list)
    assert found.loc["s"].tolist() == [[2, 4], [10, 20]]
    assert found.loc["a"].tolist() == [[2, 4], [20, 40]]
    assert at_half_width(rows, "absent").empty
