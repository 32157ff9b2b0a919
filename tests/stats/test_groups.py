"""One group of methods against another."""

from __future__ import annotations

import pytest

from infomax_bench.stats.compare import by_case
from infomax_bench.stats.groups import between
from tests.benchmarks.made import rows


def test_groups_are_compared_by_their_means_paired_by_seed():
    table = rows("gaps", {("m", ""): {"s": 0, "a": 1, "b": 3, "c": 1.5}}, datasets=("d", "e"))
    cases = by_case(table, "s")
    found = between(cases, ["a", "b"], ["c"], scale=10)
    assert found.outcome == "supported"
    assert found.means == pytest.approx((20, 15), abs=0.1)
    assert found.found.mean == pytest.approx(5, abs=0.1)
    assert found.found.low < found.found.mean < found.found.high
    assert between(cases, ["c"], ["a", "b"]).outcome == "refuted"
    assert between(cases, ["a"], ["a"]).outcome == "inconclusive"
    lacking = between(cases, ["a", "b", "z"], ["c"])
    assert (lacking.outcome, lacking.missing) == ("inconclusive", ("z",))
    assert between(cases, [], ["c"]) is None
    few = between(by_case(table[table["seed"] < 3], "s"), ["b"], ["a"])
    assert few.outcome == "inconclusive"
