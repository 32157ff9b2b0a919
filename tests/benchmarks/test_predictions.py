"""Equivalent widths, relative accuracies and what supervision costs, on tables whose answers are known."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from infomax_bench.run.results import COLUMNS
from infomax_bench.study.claims import Claims
from infomax_bench.study.plugins import registry
from infomax_bench.study.suite import Suite

WIDTHS = np.array([8.0, 16.0, 32.0, 64.0, 128.0])
ROLES = {"s": "prior art", "a": "prior art", "b": "prior art", "c": "prior art", "raw": "reference"}


def benchmark(name):
    return registry().benchmark(name)


def equivalent_width(*arguments):
    return sys.modules[type(benchmark("width")).__module__].equivalent_width(*arguments)


def frame(records, **same):
    """Rows of COLUMNS from dicts."""
    made = pd.DataFrame(records).assign(status="ok", current=True, track="controlled", **same)
    made["target"] = made.get("target", made["dataset"])
    return made.reindex(columns=list(COLUMNS)).astype({"x": float, "value": float})


# -- pruning ----------------------------------------------------------------------------------------------------------
def test_prunable_fractions_at_other_tolerances_are_read_off_the_curves():
    """A straight fall: each point is worth an eighth of the units, up to the last level. A seed that failed is left
    out."""
    levels = [
        {"dataset": "d", "method": "s", "seed": seed, "x": x, "value": accuracy - 0.08 * x}
        for seed, accuracy in enumerate([0.9, 0.7])
        for x in (0.0, 0.3, 0.4)
    ]
    alive = [
        {"dataset": "d", "method": "s", "seed": seed, "metric": "prunable_fraction", "value": 0.1} for seed in (0, 1)
    ]
    best = {"width": 64, "protocol": "best/refitted"}
    rows = pd.concat([frame(levels, metric="accuracy", **best), frame(alive, **best)])
    failed = rows.assign(seed=2, value=np.nan, status="failed")
    found = sys.modules[type(benchmark("pruning")).__module__].by_tolerance(pd.concat([rows, failed]))
    assert len(found) == 2 * 5
    assert found["value"].to_numpy() == pytest.approx(np.minimum(found["x"] / 8, 0.4), abs=0.003)


# -- width ------------------------------------------------------------------------------------------------------------
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


def width_rows(gain=1.0, seeds=5, discarded=100):
    """The subject gets at w what `a` gets at w / 2 (gain 1: one doubling); `b` is beyond the sweep, `c` below it."""
    at = {"s": 0.0, "a": -0.05 * gain, "b": 0.6, "c": -0.6}
    accuracy = [
        {"method": m, "dataset": "d", "width": int(w), "seed": s, "value": 0.3 + 0.05 * np.log2(w) + ahead + 0.01 * s,
         "metric": "accuracy", "protocol": "linear"}
        for m, ahead in at.items() for w in WIDTHS for s in range(seeds)
    ]  # fmt: skip
    sizes = [
        {"method": m, "dataset": "d", "width": int(w), "seed": 0, "value": value, "metric": metric, "protocol": ""}
        for m in at for w in WIDTHS
        for metric, value in (("parameters", 65 * w), ("discarded_parameters", 0 if m == "s" else discarded * w))
    ]  # fmt: skip
    return frame([*accuracy, *sizes], benchmark="width")


def test_ratios_of_widths_and_parameters():
    claims = Claims("s", "test", ROLES, False, width=32)
    found = benchmark("width").equivalents(width_rows(), claims).set_index(["method", "width", "seed"])
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
    found = benchmark("width").equivalents(width_rows(gain=0.5), claims)
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
    rows = width_rows()
    lost = rows[~((rows["method"] == "a") & (rows["width"] == 128))]
    assert [v.missing for v in benchmark("width").verdicts(lost, claims)] == [("a",)]
    never = frame([{"method": "a", "dataset": "d", "width": 128, "metric": "linear_probe"}]).assign(
        status="not applicable"
    )
    (verdict,) = benchmark("width").verdicts(pd.concat([lost, never]), claims)
    assert (verdict.verdict, verdict.effect) == ("supported", pytest.approx(0, abs=1e-9))


def test_the_means_of_the_figure_differ_by_the_verdicts_effect(monkeypatch):
    """Seeds that one width alone has are no part of a mean over widths."""
    claims = Claims("s", "test", {"s": "prior art", "a": "prior art"}, False)
    rows = width_rows()
    rows = rows[rows["method"].isin(["s", "a"])]
    more = rows[rows["width"] == 32].assign(seed=rows["seed"] + 100, value=lambda t: t["value"] - 0.3)
    width, drawn = benchmark("width"), []
    monkeypatch.setitem(type(width).figures.__globals__, "dots", lambda rows, *_, **__: drawn.append(rows))
    rows = pd.concat([rows, more])
    caption, _ = next(iter(width.figures(rows, claims)))
    means = drawn[0].groupby("method")["value"].mean()
    (verdict,) = width.verdicts(rows, claims)
    assert 100 * (means["s"] - means["a"]) == pytest.approx(verdict.effect, abs=1e-9)
    assert "5 seeds" in caption


def test_the_grid_asks_for_parameters_and_no_more_seeds_than_decide():
    suite = Suite("test", ("a",), ("d",), {"d": 1}, 16, (8, 16), tuple(range(10)), 4, "a")
    asked = {(cell.width, cell.n_seeds, request.evaluation) for cell, request in benchmark("width").grid(suite)}
    assert asked == {(8, 5, "linear_probe"), (8, 5, "training"), (16, 0, "probe"), (16, 0, "training")}


# -- transfer ---------------------------------------------------------------------------------------------------------
def transfer_rows(kept, seeds=5):
    """Methods with an accuracy of 0.8 at home, plus a bit by seed, and a share of it abroad: `kept` by method."""
    rng = np.random.default_rng(0)
    probes = [("linear", np.nan), ("knn", np.nan)]
    probes += [(few, float(n)) for few in ("few-shot", "few-shot k-NN") for n in (1, 5, 10, 50)]
    records = []
    for method, share in kept.items():
        for seed in range(seeds):
            for protocol, x in probes:
                home = {d: 0.8 + 0.01 * seed + 0.02 * rng.random() for d in "de"}
                for source in "de":
                    for target in "de":
                        value = home[target] * (share + 0.0002 * rng.random() if source != target else 1)
                        records.append({"method": method, "dataset": source, "target": target, "width": 64,
                                        "seed": seed, "protocol": protocol, "x": x, "value": value})  # fmt: skip
    return frame(records, metric="accuracy", benchmark="transfer")


def claims_with(supervised):
    return Claims("s", "test", ROLES, False, supervised=frozenset(supervised))


TASK = "Supervised features are task-specific"


@pytest.mark.parametrize("protocol", ["linear", "knn", "few-shot", "few-shot k-NN"])
def test_relative_accuracy_is_of_the_same_probe_at_home(protocol):
    relative = benchmark("transfer").relative(transfer_rows({"s": 0.9, "a": 0.7}), protocol)
    assert len(relative) == 2 * 5 * 2 * (4 if protocol.startswith("few") else 1)
    means = relative.groupby("method")["value"].mean()
    assert means.to_dict() == pytest.approx({"s": 0.9001, "a": 0.7001}, abs=1e-4)


def test_what_supervision_costs():
    rows = transfer_rows({"s": 0.9, "a": 0.7, "b": 0.8, "c": 0.9})
    found = {v.title: v for v in benchmark("transfer").verdicts(rows, claims_with("a")) if v.against == "unsupervised"}
    assert found[TASK].verdict == "supported"
    assert found[TASK].effect == pytest.approx(15, abs=0.05), "the mean of 80 and 90, less 70"
    assert "they keep 70.0 % of the accuracy of training there, unsupervised ones 85.0 %" in found[TASK].sentence
    (other,) = [v for v in benchmark("transfer").verdicts(rows, claims_with("c")) if v.title == TASK]
    assert other.verdict == "refuted"
    assert not [v for v in benchmark("transfer").verdicts(rows, claims_with("")) if v.title == TASK]


def test_supervision_is_undecided_while_a_method_is_missing():
    rows = transfer_rows({"s": 0.9, "a": 0.7, "b": 0.8})
    (found,) = [v for v in benchmark("transfer").verdicts(rows, claims_with("a")) if v.title == TASK]
    assert (found.verdict, found.missing) == ("inconclusive", ("c",))
    assert "Not measured, failed or not able: c." in found.sentence
    few = transfer_rows({"s": 0.9, "a": 0.7, "b": 0.8, "c": 0.9}, seeds=3)
    (found,) = [v for v in benchmark("transfer").verdicts(few, claims_with("a")) if v.title == TASK]
    assert (found.verdict, found.seeds_needed) == ("inconclusive", "5")


def test_transfer_is_shown_by_every_probe():
    rows = transfer_rows({"s": 0.9, "a": 0.7, "b": 0.8, "c": 0.9})
    table = benchmark("transfer").table(rows, claims_with("a")).set_index(["dataset", "method"])
    line = table.loc["d -> e", "a"]
    assert line["of home (%)"] == pytest.approx(70, abs=0.2)
    assert line["k-NN, of home (%)"] == pytest.approx(70, abs=0.2)
    assert line.notna().all()
    assert {f"{n} label{'s' * (n > 1)} a class (%)" for n in (1, 5, 10, 50)} <= set(table)
    figures = list(benchmark("transfer").figures(rows, claims_with("a")))
    assert len(figures) == 4
    kinds = benchmark("transfer").kinds(rows, claims_with("a"))
    means = 100 * kinds.groupby(["panel", "method"])["value"].mean().unstack()
    assert means["prior art, supervised"].to_numpy() == pytest.approx([70] * 4, abs=0.2)
    assert means["prior art, unsupervised"].to_numpy() == pytest.approx([85] * 4, abs=0.2)
