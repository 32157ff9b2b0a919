"""Which rows benchmarks read: what is kept, what is made of it, and that what was declared stays known."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from infomax_bench import Select, in_panels
from infomax_bench.study.claims import Claims
from infomax_bench.study.selection import at_home, away, best_by, complement, of_home, of_this_width, reads, selects_in

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


def rows():
    made = pd.DataFrame(
        {"metric": ["a", "a", "b", "a"], "protocol": ["p", "q", "", "p"], "x": [1, 2, 1, 2], "value": [1.0, 2, 3, 4]}
    )
    return made.assign(status="ok", dataset="d", target=["d", "d", "d", "e"])


def test_rows_are_chosen_by_metric_protocol_and_other_columns():
    assert Select("a")(rows())["value"].tolist() == [1, 2, 4]
    assert Select("a", "p")(rows())["value"].tolist() == [1, 4]
    assert Select("a", ("p", "q"), x=2)(rows())["value"].tolist() == [2, 4]


def test_changes_see_rows_as_measured_and_values_are_scaled_once():
    select = Select("a", "p", scale=100)
    twice = select.then(lambda own: own.assign(value=own["value"] + 1)).then(lambda own: own.assign(x=0))
    assert select(rows())["value"].tolist() == [100, 400]
    assert twice(rows(), None)["value"].tolist() == [200, 500]
    assert twice.raw(rows(), None)["value"].tolist() == [2, 5]
    assert list(selects_in({"of": [twice, reads(select)(lambda own, claims: own)]})) == [select, select]


def test_methods_with_a_width_of_their_own_can_be_left_out():
    table = rows().assign(method=["s", "p", "s", "p"])
    select = of_this_width(Select("a"))
    assert select(table, replace(CLAIMS, own_width=frozenset({"p"})))["value"].tolist() == [1]
    assert next(iter(selects_in([select]))).metric == "a"


def test_of_several_ways_the_best_by_another_measure_is_taken():
    way, seed = ["fast", "slow"] * 2, [0, 0, 1, 1]
    score = pd.DataFrame({"metric": "score", "way": way, "seed": seed, "value": [1.0, 2, 5, 5]})
    error = pd.DataFrame({"metric": "error", "way": way, "seed": seed, "value": [10.0, 20, 30, 40]})
    table = pd.concat([error, score]).assign(protocol="")
    taken = best_by(Select("error"), Select("score"), "way", ["seed"])
    assert taken(table, CLAIMS)["value"].tolist() == [20, 30], "of equal ones the first by name"
    assert [s.metric for s in selects_in(taken)] == ["error", "score"]
    assert complement(score)["value"].tolist() == [0, -1, -4, -4]


def test_rows_at_home_and_away():
    select = Select("a", "p")
    assert select.then(at_home)(rows())["value"].tolist() == [1]
    assert select.then(away)(rows())["value"].tolist() == [4]


def test_what_diverged_counts_with_a_value_of_its_own():
    lost = rows().iloc[2:3].assign(metric="linear_probe", status="diverged", value=float("nan"))
    table = pd.concat([rows().assign(reason=""), lost], ignore_index=True)
    found = Select("a", "p", scale=100).or_diverged(value=0.5)(table)
    assert found["value"].tolist() == [100, 400, 50]
    assert (found["status"] == "ok").all()
    assert (found["metric"] == "a").all()


def test_relative_values_are_of_the_same_method_seed_and_x_trained_on_the_target():
    made = [(m, d, t, s, v) for m, v in (("a", 0.4), ("b", 0.6)) for d in "de" for t in "de" for s in (0, 1)]
    own = pd.DataFrame(made, columns=["method", "dataset", "target", "seed", "value"])
    own["value"] = own["value"].where(own["dataset"] != own["target"], 0.8 + 0.1 * own["seed"])
    whole = pd.concat([own.assign(x=None), own.assign(x=5.0, value=own["value"] / 2)]).assign(status="ok")
    found = of_home(whole)
    assert len(found) == 2 * 2 * 2 * 2
    assert found.groupby(["method", "seed"])["value"].mean().tolist() == pytest.approx([0.5, 4 / 9, 0.75, 2 / 3])
    lost = of_home(whole[(whole["method"] == "a") | (whole["target"] != "e") | (whole["dataset"] != "e")])
    assert lost.loc[(lost["method"] == "b") & (lost["target"] == "e"), "value"].isna().all(), "nothing to compare with"
