"""Which rows benchmarks read: what is kept, what is made of it, and that what was declared stays known."""

from __future__ import annotations

import pandas as pd

from infomax_bench import Select, in_panels
from infomax_bench.study.claims import Claims
from infomax_bench.study.contrast import Contrast
from infomax_bench.study.select import selects_in

CLAIMS = Claims("s", "test", {"s": "this work", "p": "prior art"}, False)
ROWS = pd.DataFrame(
    [("a", "", 0.1), ("a", "linear", 0.2), ("b", "", 0.3), ("c", "", 0.4)], columns=["metric", "protocol", "value"]
)


def test_panels_are_told_apart_by_name_and_declare_all_that_they_read():
    read = {"of a": Select("a", "linear", scale=100), "of b": Select("b").then(lambda rows: rows.assign(value=0))}
    panels = in_panels(read)
    found = panels(ROWS, CLAIMS)
    assert found[["panel", "value"]].to_numpy().tolist() == [["of a", 20], ["of b", 0]]
    assert [s.metric for s in selects_in([panels.then(len)])] == ["a", "b"]
    assert panels(ROWS.iloc[:0], CLAIMS).empty


def test_a_contrast_knows_what_it_reads_through_changes_and_may_claim_nothing_where_nothing_is_measured():
    rows = Select("z").then(lambda rows: rows)
    table = ROWS.assign(method="s", dataset="d", target="d", seed=0, status="ok", current=True)
    assert [s.metric for s in Contrast("P", "Better", "z", rows).selects] == ["z"]
    (missing,) = Contrast("P", "Better", "z", rows).decide(table, CLAIMS)
    assert (missing.verdict, missing.more["missing"]) == ("inconclusive", ("p",))
    assert list(Contrast("P", "Better", "z", rows, where_measured=True).decide(table, CLAIMS)) == []
