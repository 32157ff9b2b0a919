"""The parts that pages are made of: bars, numbers, words."""

from __future__ import annotations

import numpy as np

from infomax_bench.report.missing import gaps
from infomax_bench.report.parts import bars, number


def test_a_bound_is_drawn_where_it_lies():
    (bar,) = bars([(32.0, 30.0, 34.0)], line=5.0)
    assert bar.line < bar.low < bar.mean < bar.high
    (bar,) = bars([(-0.5, -0.8, -0.2)], line=-1.0)
    assert bar.line < bar.low, "within the margin is ahead of the line"


def test_intervals_are_drawn_on_one_scale_with_zero_on_it():
    first, second, none = bars([(1.0, 0.5, 1.5), (-1.0, -np.inf, 0.0), (np.nan, np.nan, np.nan)])
    assert none is None
    assert first.line == second.line
    assert first.low > first.line > second.mean
    assert second.low == 0
    assert 0 <= first.high <= 100


def test_small_words():
    assert gaps([], [], []) == ""
    assert gaps([("b", 1, "m")], [("why", ["x", "x"])], []) == (
        "This run is not complete: 1 evaluation not measured yet, 1 encoder failed somewhere."
    )
    assert [number(v) for v in (12345, 0.12345, float("nan"), None, "text")] == [
        "12\u202f345",
        "0.12",
        "–",
        "–",
        "text",
    ]
