"""The benchmark on width: half the width, equivalent widths and ratios of sizes, on tables whose answers are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from infomax_bench.study.claims import Claims
from infomax_bench.study.suite import Suite
from tests.benchmarks.made import benchmark, frame, module

WIDTHS = np.array([8.0, 16.0, 32.0, 64.0, 128.0])
ROLES = {"s": "prior art", "a": "prior art", "b": "prior art", "c": "prior art", "raw": "reference"}


def equivalent(rows, claims):
    return module("width").equivalent(rows, claims)


def width_rows(gain=1.0, seeds=5, discarded=100, datasets="d"):
    """The subject gets at w what `a` gets at w / 2 (gain 1: one doubling); `b` is beyond the sweep, `c` below it."""
    at = {"s": 0.0, "a": -0.05 * gain, "b": 0.6, "c": -0.6}
    linear = {"metric": "accuracy", "protocol": "linear"}
    accuracy = [
        {
            **linear,
            "dataset": d,
            "method": m,
            "width": int(w),
            "seed": s,
            "value": 0.3 + 0.05 * np.log2(w) + ahead + 0.01 * s,
        }
        for m, ahead in at.items()
        for d in datasets
        for w in WIDTHS
        for s in range(seeds)
    ]
    sizes = [
        {"method": m, "dataset": "d", "width": int(w), "seed": 0, "value": value, "metric": metric, "protocol": ""}
        for m in at
        for w in WIDTHS
        for metric, value in (("parameters", 65 * w), ("discarded_parameters", 0 if m == "s" else discarded * w))
    ]
    return frame([*accuracy, *sizes], benchmark="width")


def test_ratios_of_widths_and_parameters():
    claims = Claims("s", "test", ROLES, False, width=32)
    found = equivalent(width_rows(), claims).set_index(["method", "width", "seed"])
    for seed in range(5):
        for width in (16, 32, 64, 128):
            line = found.loc["a", width, seed]
            assert (line["equivalent"], line["ratio"], line["bound"]) == pytest.approx((width / 2, 0.5, 0))
            assert line["kept"] == pytest.approx(0.5)
            assert line["with what is discarded"] == pytest.approx(0.5 * 65 / 165)
    assert found.loc["a", 8, 0]["bound"] == -1
    assert set(found.loc["b"]["bound"]) == {1}
    assert set(found.loc["c"]["bound"]) == {-1}


def test_parameters_between_widths_are_those_of_a_linear_encoder():
    """Half a doubling: 2^0.5 in width, and as much in parameters."""
    claims = Claims("s", "test", ROLES, False, width=32)
    found = equivalent(width_rows(gain=0.5), claims)
    own = found[(found["method"] == "a") & (found["bound"] == 0)]
    assert own["kept"].to_numpy() == pytest.approx(2**-0.5)


def test_bounds_stay_bounds_in_tables_and_figures():
    claims = Claims("s", "test", ROLES, False, width=32)
    rows = width_rows()
    table = benchmark("width").table(rows, claims).set_index("method")
    assert table.loc["a", "as s at, for 32"] == "16"
    assert table.loc["a", "as s at, for 8"] == "< 8"
    assert table.loc["b", "as s at, for 32"] == "> 128"
    assert table.loc["b", "ratio of widths, for 32"] == "> 4.00"
    assert table.loc["c", "ratio of parameters, for 32"] == "< 0.25"
    assert table.loc["s", "as s at, for 32"] == "–"
    mixed = rows.copy()  # one seed of five is beyond the sweep
    one = (mixed["method"] == "a") & (mixed["seed"] == 4) & (mixed["width"] == 32) & (mixed["metric"] == "accuracy")
    mixed.loc[one, "value"] = 1.0
    words = benchmark("width").table(mixed, claims).set_index("method").loc["a", "as s at, for 32"]
    assert words == f"> {(16**4 * 128) ** 0.2:.0f}"
    captions = [caption for caption, _ in benchmark("width").figures(rows, claims)]
    assert "Not drawn, since under some seed it lies beyond the sweep: d, > 128: b; d, < 8: c." in captions[-1]


def test_without_parameters_or_a_sweep_there_is_still_a_table():
    claims = Claims("s", "test", ROLES, False, width=32)
    rows = width_rows()
    table = benchmark("width").table(rows[rows["metric"] == "accuracy"], claims).set_index("method")
    assert table.loc["a", "ratio of widths, for 32"] == "0.50"
    assert table.loc["a", "ratio of parameters, for 32"] == "–"
    one = rows[rows["width"] == 32]
    assert set(benchmark("width").table(one, claims)["method"]) == set("sabc")
    assert len(list(benchmark("width").figures(one, claims))) == 1


def test_half_the_width_is_compared_where_a_method_can_be_so_wide():
    claims = Claims("s", "test", {"s": "prior art", "a": "prior art"}, False)
    rows = width_rows(datasets="defg")
    lost = rows[~((rows["method"] == "a") & (rows["width"] == 128))]
    assert [v.missing for v in benchmark("width").verdicts(lost, claims)] == [("a",)]
    out = {"method": "a", "width": 128, "metric": "linear_probe"}
    never = frame([{**out, "dataset": d} for d in "defg"]).assign(status="not applicable")
    (verdict,) = benchmark("width").verdicts(pd.concat([lost, never]), claims)
    assert (verdict.missing, verdict.effect) == ((), pytest.approx(0, abs=1e-9))
    (verdict,) = benchmark("width").verdicts(rows, claims)
    assert (verdict.verdict, verdict.n_datasets, verdict.effect) == ("supported", 4, pytest.approx(0, abs=1e-9))
    assert "s matches the median method" in verdict.sentence


def test_the_means_of_the_figure_are_of_the_seeds_that_all_widths_have():
    """Seeds that one width alone has are no part of a mean over widths."""
    claims = Claims("s", "test", {"s": "prior art", "a": "prior art"}, False)
    rows = width_rows()
    rows = rows[rows["method"].isin(["s", "a"])]
    more = rows[rows["width"] == 32].assign(seed=rows["seed"] + 100, value=lambda t: t["value"] - 0.3)
    width, rows = benchmark("width"), pd.concat([rows, more])
    shown = next(iter(width.views(rows, claims))).shown(rows, claims)
    means = shown.frames[0].groupby("method")["value"].mean()
    assert means["s"] - means["a"] == pytest.approx(0, abs=1e-9)
    assert (shown.told["seeds"], shown.told["widths"]) == ("5 seeds", [16, 32, 64, 128])


def test_the_grid_asks_for_parameters_and_no_more_seeds_than_decide():
    suite = Suite("test", ("a",), ("d",), {"d": 1}, 16, (8, 16), tuple(range(10)), 4, "a")
    asked = {(cell.width, cell.n_seeds, request.evaluation) for cell, request in benchmark("width").grid(suite)}
    assert asked == {(8, 5, "linear_probe"), (8, 5, "training"), (16, 0, "probe"), (16, 0, "training")}


def test_without_the_subject_only_the_sweep_is_shown():
    claims = Claims("z", "test", ROLES, False, width=32)
    rows = width_rows()
    assert [v.n_datasets for v in benchmark("width").verdicts(rows, claims)] == [0]
    assert len(list(benchmark("width").figures(rows, claims))) == 1
    assert set(benchmark("width").table(rows, claims)["method"]) == set("sabc")


def test_one_seed_decides_nothing_and_is_shown():
    claims = Claims("s", "test", ROLES, False, width=32)
    rows = width_rows(seeds=1)
    assert {v.verdict for v in benchmark("width").verdicts(rows, claims)} == {"inconclusive"}
    assert len(list(benchmark("width").figures(rows, claims))) == 3
