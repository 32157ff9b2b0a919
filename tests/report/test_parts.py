"""The parts that pages are made of: numbers, words."""

from __future__ import annotations

from infomax_bench.report.missing import gaps
from infomax_bench.report.parts import number


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
