"""Rows as tables: of encoders, of cases, of means by seed."""

from __future__ import annotations

import functools
import math

import pandas as pd
import pytest

from infomax_bench.stats.readings import (
    as_rows,
    at_best,
    at_largest,
    averaged,
    by_seed,
    complete,
    composed,
    encoder_table,
    first_reaching,
    open_factors,
    over_last,
    tables,
    where,
    where_not,
    with_diverged,
    with_values,
)
from infomax_bench.stats.spread import deviations, ranges, ranges_by_seed


def test_a_line_for_each_encoder_with_the_means_of_what_is_selected():
    rows = pd.DataFrame(
        [
            ("m", 0, "accuracy", 0.8, "ok"),
            ("m", 0, "accuracy", 0.6, "ok"),
            ("m", 1, "accuracy", 0.5, "failed"),
            ("m", 1, "dead", 0.1, "ok"),
            ("n", 0, "probe", math.nan, "diverged"),
        ],
        columns=["method", "seed", "metric", "value", "status"],
    )
    columns = {name: functools.partial(where, metric=name) for name in ("accuracy", "dead")}
    made = encoder_table(rows, ["method", "seed"], columns, "probe").set_index(["method", "seed"])
    assert made.loc[("m", 0), "accuracy"] == pytest.approx(0.7)
    assert math.isnan(made.loc[("m", 1), "accuracy"])
    assert made["diverged"].to_dict() == {("m", 0): 0, ("m", 1): 0, ("n", 0): 1}
    assert len(encoder_table(rows, ["method", "seed"], columns)) == 2, "without a probe only what has a value"
    columns["accuracy"] = functools.partial(with_diverged, metric="accuracy", probe="probe")
    made = encoder_table(rows, ["method", "seed"], columns, "probe").set_index(["method", "seed"])
    assert made.loc[("n", 0), "accuracy"] == 0, "a selection may count what diverged"


def test_means_over_data_sets_need_all_of_them():
    rows = pd.DataFrame(
        [(0, "d", "a", 1.0), (0, "e", "a", 3.0), (1, "d", "a", 5.0), (0, "d", "b", 7.0)],
        columns=["seed", "dataset", "cell", "value"],
    )
    made = by_seed(rows, "value", "cell")
    assert made.loc[0, "a"] == 2
    assert made.loc[1].isna().all()
    assert made["b"].isna().all()


def test_each_case_has_its_table_of_good_rows():
    made = pd.DataFrame({"dataset": ["e", "d", "d", "d"], "depth": [1, 1, 1, 2], "seed": [0, 0, 0, 1]})
    found = tables(made.assign(value=[1.0, 2, 4, 8], status=["ok", "ok", "ok", "failed"]), ["dataset"], "depth")
    assert list(found) == [("d",), ("e",)]
    assert found[("d",)].to_dict() == {1: {0: 3.0}}, "means of a seed, without what failed"
    assert tables(made.iloc[:0].assign(value=0.0, status="ok"), ["dataset"], "depth") == {}


def test_a_column_is_composed_of_others():
    made = pd.DataFrame(
        {"dataset": pd.Categorical(list("aab")), "x": [1, 2, 1], "depth": [0.5, math.nan, 2]}, [7, 3, 5]
    )
    found = composed("panel", "{dataset}, {x}")(made)
    assert found["panel"].to_dict() == {7: "a, 1", 3: "a, 2", 5: "b, 1"}
    assert composed("dataset", "{dataset} to {depth:.1f}")(made)["dataset"].tolist() == [
        "a to 0.5",
        "a to nan",
        "b to 2.0",
    ]
    assert composed("panel", "{x}")(made.iloc[:0]).columns.tolist() == ["dataset", "x", "depth", "panel"]


def test_cases_that_lack_a_value_that_others_have_are_left_out():
    made = pd.DataFrame({"dataset": list("dddde"), "seed": [0, 0, 1, 2, 0], "amount": [1, 2, 1, 2, 1]})
    assert complete(made, "amount", ["dataset", "seed"], ["dataset"]).index.tolist() == [0, 1, 4]
    assert complete(made.iloc[:0], "amount", ["dataset", "seed"], ["dataset"]).empty


def test_good_rows_of_an_encoder_are_averaged():
    made = pd.DataFrame({"part": ["x", "y", "x"], "value": [1.0, 3, 9], "status": ["ok", "ok", "failed"]})
    made = made.assign(method="m", dataset="d", target="d", seed=0, current=True)
    assert averaged(made)["value"].tolist() == [2.0]
    assert averaged(made, how="min")["value"].tolist() == [1.0]
    assert averaged(made, ["part"])[["part", "value"]].to_numpy().tolist() == [["x", 1.0], ["y", 3.0]]
    assert averaged(made.iloc[:0]).empty


def test_rows_with_and_without_values_of_columns():
    made = pd.DataFrame({"cell": list("aab"), "x": [1, 2, 3]})
    assert where(made, cell="a", x=2).index.tolist() == [1]
    assert where_not(made, cell="b").index.tolist() == [0, 1]
    assert where_not(made, cell="b", x=2).index.tolist() == [0]
    assert where_not(made).index.tolist() == where(made).index.tolist() == [0, 1, 2]


def test_rows_at_the_largest_value_of_a_column():
    made = pd.DataFrame({"cell": list("aaab"), "x": [1, 3, 3, 2]})
    assert at_largest(made, "x", ["cell"]).index.tolist() == [1, 2, 3]
    assert at_largest(made.iloc[:0], "x", ["cell"]).empty


def test_values_relative_to_the_last_of_their_case():
    made = pd.DataFrame([("a", 2, 4.0), ("a", 1, 1.0), ("b", 1, 3.0), ("b", 2, 0.0), ("a", 3, 2.0), ("a", 0, 0.0)])
    found = over_last(made.set_axis(["cell", "x", "value"], axis=1), ["cell"])
    assert found.to_numpy().tolist() == [["a", 1, 0.5], ["a", 2, 2.0], ["a", 3, 1.0]], "nothing over zero, nor zero"


def test_the_first_point_of_a_curve_that_reaches_the_bar_of_its_case():
    points = [("d", "m", x, v) for x, v in ((1, 0.5), (2, 0.25), (4, 0.1))] + [("d", "n", 1, 0.9), ("e", "m", 1, 0.2)]
    curves = pd.DataFrame(points, columns=["dataset", "method", "x", "value"])
    bar = pd.Series([0.25, 0.5], pd.Index(["d", "e"], name="dataset"))
    found = first_reaching(curves, bar, ["dataset", "method"]).set_index(["dataset", "method"])["value"]
    assert found.to_dict() == {("d", "m"): 2, ("d", "n"): math.inf, ("e", "m"): 1}
    assert first_reaching(curves, bar.drop("e"), ["method"])["method"].tolist() == ["m", "n"], "no bar, no curve"


def test_rows_at_the_best_value_of_a_setting():
    places = [(c, x, v) for c, best in (("a", 1), ("b", 10)) for x in (1, 10) for v in (0.5, 0.5 + (x == best))]
    made = pd.DataFrame(places, columns=["cell", "x", "score"])
    found = at_best(made, "x", "score", ["cell"])
    assert set(zip(found["cell"], found["x"], strict=True)) == {("a", 1), ("b", 10)}
    assert at_best(made.iloc[:0], "x", "score", ["cell"]).empty


def test_columns_as_rows():
    made = pd.DataFrame({"seed": [0, 1], "a": [0.1, math.nan], "b": [0.3, 0.4]})
    found = as_rows(made, ["a", "b"], scale=100)
    assert list(zip(found["panel"], found["seed"], found["value"], strict=True)) == [
        ("a", 0, 10),
        ("b", 0, 30),
        ("b", 1, 40),
    ]


def test_ranges_need_all_values_of_what_is_swept():
    places = [("a", 0, 1, 0.2), ("a", 0, 2, 0.5), ("a", 1, 1, 0.3), ("a", 1, 2, math.nan)]
    found = ranges(pd.DataFrame(places, columns=["cell", "seed", "x", "value"]), "value", "x", ["cell", "seed"])
    assert found[["cell", "seed"]].to_numpy().tolist() == [["a", 0]]
    assert found["range"].item() == pytest.approx(0.3)


def test_ranges_by_seed_are_means_over_data_sets():
    places = [("a", s, d, x, x * (1 + (d == "e"))) for s in (0, 1) for d in "de" for x in (1, 3)]
    made = pd.DataFrame(places, columns=["cell", "seed", "dataset", "x", "value"])
    assert ranges_by_seed(made, "value", "x", "cell")["a"].to_dict() == {0: 3.0, 1: 3.0}
    lacking = made[(made["seed"] == 0) | (made["dataset"] == "d")]
    assert ranges_by_seed(lacking, "value", "x", "cell")["a"].isna().tolist() == [False, True]


def test_deviations_of_groups_for_a_table():
    made = pd.DataFrame({"cell": list("aaaab"), "set": list("ddddd"), "value": [0.1, 0.3, 0.2, math.nan, 0.5]})
    found = deviations(made.groupby(["cell", "set"])["value"], 100)
    assert found.loc[("a", "d"), "deviation"] == pytest.approx(10)
    assert found["interval"].tolist() == ["5.2 to 63", ""]


def test_good_rows_that_have_a_value():
    made = pd.DataFrame({"value": [1.0, math.nan, 2.0], "status": ["ok", "ok", "failed"]})
    assert with_values(made).index.tolist() == [0]


def test_the_factor_that_the_label_names_counts_for_nothing():
    """By factor where rows are; the mean over all where older rows have nothing else."""
    columns = ["method", "dataset", "target", "seed", "protocol", "value", "status", "current"]
    told = [
        ("shapes", "", 0.9),
        ("shapes", "class", 0.9),
        ("shapes", "x", 0.2),
        ("shapes", "size", 0.4),
        ("old", "", 0.7),
    ]
    rows = pd.DataFrame([("m", d, d, 0, factor, value, "ok", True) for d, factor, value in told], columns=columns)
    found = open_factors(rows).set_index("dataset")["value"]
    assert found.to_dict() == pytest.approx({"shapes": 0.3, "old": 0.7})
