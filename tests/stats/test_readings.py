"""Rows as tables."""

import pandas as pd

from infomax_bench.stats.readings import tables


def test_each_case_has_its_table_of_good_rows():
    made = pd.DataFrame({"dataset": ["e", "d", "d", "d"], "depth": [1, 1, 1, 2], "seed": [0, 0, 0, 1]})
    found = tables(made.assign(value=[1.0, 2, 4, 8], status=["ok", "ok", "ok", "failed"]), ["dataset"], "depth")
    assert list(found) == [("d",), ("e",)]
    assert found[("d",)].to_dict() == {1: {0: 3.0}}, "means of a seed, without what failed"
    assert tables(made.iloc[:0].assign(value=0.0, status="ok"), ["dataset"], "depth") == {}
