"""What a benchmark declares: rows by name, figures of them, and what both are said to read."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from infomax_bench.study.claims import Claims
from infomax_bench.study.selection import Select, reads, selects_in
from infomax_bench.study.view import View, seeds_of

CLAIMS = Claims("m", "p", {"m": "this work"}, False)
ROWS = pd.DataFrame(
    {
        "metric": ["accuracy", "accuracy", "area"],
        "protocol": ["linear", "knn", ""],
        "x": [np.nan, 8.0, np.nan],
        "value": [0.5, 0.25, 3.0],
        "status": "ok",
        "method": "m",
        "seed": [0, 0, 1],
    }
)


def test_rows_are_chosen_by_metric_protocol_and_other_columns_and_scaled():
    assert list(Select("accuracy")(ROWS)["value"]) == [0.5, 0.25]
    assert list(Select("accuracy", "knn", scale=100, x=8)(ROWS)["value"]) == [25]
    assert list(Select("accuracy", ("knn", "linear")).raw(ROWS)["value"]) == [0.5, 0.25]
    assert Select("accuracy", "").raw(ROWS).empty


def test_what_is_derived_knows_what_it_reads():
    half = Select("area").then(lambda rows: rows.assign(value=rows["value"] / 2))
    assert list(half(ROWS)["value"]) == [1.5]
    assert list(half.then(lambda rows: rows.assign(value=0))(ROWS)["value"]) == [0]

    @reads(Select("area"), Select("accuracy"))
    def both(rows, claims):
        return rows

    nested = [View("v", lambda *_: Figure(), half, both), {"column": Select("kept")}]
    assert sorted(s.metric for s in selects_in(nested)) == ["accuracy", "area", "area", "kept"]


def test_a_view_without_rows_is_not_shown_and_claims_go_to_who_takes_them():
    drawn = []

    def with_claims(rows, claims, *, label):
        drawn.append((len(rows), claims, label))
        return Figure()

    assert View("v", with_claims, Select("absent"), label="l").shown(ROWS, CLAIMS) is None
    shown = View("v", with_claims, Select("area"), label="l", told={"few": 8}).shown(ROWS, CLAIMS)
    assert shown.told == {"seeds": "1 seed", "subject": "m", "few": 8}
    shown.figure()
    assert drawn == [(1, CLAIMS, "l")]
    assert View("v", lambda rows: Figure(), Select("area")).shown(ROWS, CLAIMS).figure()


def test_seeds_are_counted_by_encoder():
    rows = pd.DataFrame({"method": ["a", "a", "b"], "seed": [0, 1, 0], "status": "ok"})
    assert seeds_of(rows) == "1 to 2 seeds"
    assert seeds_of(rows[rows["method"] == "a"]) == "2 seeds"
    assert seeds_of(rows.iloc[:0]) == "no seeds"
