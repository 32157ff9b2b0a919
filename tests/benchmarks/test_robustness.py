"""Is independence the right target: the rule on planted truths, what is shown, and what is run."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from infomax_bench.data.corruptions import SEVERITIES
from infomax_bench.evaluations import robustness as evaluation
from infomax_bench.evaluations.thresholds import CORRUPTIONS, DROPOUT
from infomax_bench.run.results import COLUMNS
from infomax_bench.stats.findings import Found
from infomax_bench.study.claims import Claims
from infomax_bench.study.plan import make_suite
from infomax_bench.study.plugins import home, registry
from infomax_bench.study.presets import load_presets
from infomax_bench.study.suite import Suite
from tests.small_runs import go

WIDTH = 16
METHODS = [f"m{i:02d}" for i in range(12)]
CLAIMS = Claims("m00", "test", dict.fromkeys(METHODS, "prior art"), False, width=WIDTH)
LEVELS = {**dict.fromkeys(CORRUPTIONS, SEVERITIES), DROPOUT: evaluation.DROPPED, "few-shot": (1, 5, 10, 50)}


def benchmark():
    return registry().benchmark("robustness")


def planted(kept, dependence, seeds=5, clean=0.9, noise=0.0, weight=None, methods=METHODS, datasets=("d", "e")):
    """Rows of methods whose redundancy and accuracy kept are given, one number a method."""
    rng = np.random.default_rng(0)
    records, about = [], {"label": "", "sweep": "", "amount": np.nan}
    if weight is not None:
        about = {"label": f"lambda_tc = {weight:g}", "sweep": "lambda_tc", "amount": weight}
    for method, share, redundancy in zip(methods, kept, dependence, strict=True):
        for dataset in datasets:
            for seed in range(seeds):
                where = {"method": method, "dataset": dataset, "seed": seed, **about}
                own = share + noise * rng.standard_normal()
                records.append({**where, "metric": "nonlinear_dependence", "value": redundancy})
                records.append({**where, "metric": "dead_units", "value": 0.0})
                records.append({**where, "metric": "chance_accuracy", "value": 0.1})
                records.append({**where, "metric": "accuracy", "protocol": "linear", "value": clean})
                records += [
                    {**where, "metric": "accuracy", "protocol": protocol, "x": x, "value": 0.1 + own * (clean - 0.1)}
                    for protocol, levels in LEVELS.items()
                    for x in levels
                ]
                records += [
                    {**where, "metric": "accuracy", "protocol": protocol, "x": 0, "value": clean}
                    for protocol in (*CORRUPTIONS, DROPOUT)
                ]
    made = pd.DataFrame(records).assign(
        status="ok", current=True, track="controlled", benchmark="robustness", width=WIDTH, backbone="linear"
    )
    made = made.reindex(columns=[*COLUMNS, "sweep", "amount"]).astype({"x": float, "value": float})
    return made.assign(target=made["dataset"], protocol=made["protocol"].fillna(""))


def sweep_rows(kept, dependence, **changes):
    """The subject along the benchmark's weights."""
    weights = (0, 0.01, 0.1, 1, 10, 100, 1000)
    return pd.concat(
        planted([k], [d], weight=w, methods=["m00"], **changes)
        for w, k, d in zip(weights, kept, dependence, strict=True)
    )


UP = np.linspace(0.3, 0.8, 12)
REDUNDANCY = np.linspace(0.01, 0.2, 12)
PARTS = ("corrupted images", "silent units", "few labels")
ACROSS, WITHIN = "across methods", "in the sweep"


def found(*rows):
    return Found(benchmark().findings(pd.concat(rows), CLAIMS))


def outcomes(told, name="% kept", **about):
    """Part -> outcome."""
    return {one["part"]: one.outcome for one in told.all(name, **about)}


def correlated(claims, *rows):
    module = importlib.import_module(type(benchmark()).__module__)
    return module.correlations(module.scores(pd.concat(rows)), claims)


def scored(rows):
    """By part, what is kept."""
    module = importlib.import_module(type(benchmark()).__module__)
    return module.scores(rows).query("what == '% kept'").set_index("part")["value"]


# -- the rule ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("kept", "word"), [(UP, "more robust"), (UP[::-1], "less robust")])
def test_the_answer_across_methods(kept, word):
    rows = planted(kept, REDUNDANCY, noise=0.01)
    told = found(rows)
    assert outcomes(told, comparison=ACROSS) == dict.fromkeys(PARTS, word)
    assert {one["n"] for one in told.all("% kept")} == {12}
    assert told.one("not swept")["weight"] == "lambda_tc"
    said = benchmark().answer(rows, CLAIMS)
    assert said.startswith(f"Across 12 methods: more redundant features are {word} with corrupted images (rank corr")
    assert "Within m00 nothing was swept: it has no lambda_tc, or was not measured." in said


def test_undecided_where_there_is_nothing_or_too_little():
    # over seeds alone the last is sure: twelve methods are too few for a correlation of 0.42
    order = [5, 0, 8, 1, 2, 10, 4, 11, 3, 6, 9, 7]
    assert spearmanr(UP[order], REDUNDANCY).statistic == pytest.approx(0.42, abs=0.01)
    for rows in (
        planted(np.full(12, 0.5), REDUNDANCY, noise=0.05),
        planted(UP, REDUNDANCY, seeds=4, noise=0.01),
        planted(UP, REDUNDANCY, seeds=1),
        planted(UP[:9], REDUNDANCY[:9], methods=METHODS[:9], noise=0.01),
        planted(UP[order], REDUNDANCY),
    ):
        assert outcomes(found(rows)) == dict.fromkeys(PARTS, "undecided")
    assert not found(planted([], [], methods=[]))


def test_the_answer_within_the_subject():
    rows = planted(np.full(12, 0.5), REDUNDANCY, noise=0.05)
    kept, dependence = np.array([0.5, 0.6, 0.7, 0.6, 0.5, 0.4, 0.3]), np.linspace(0.2, 0.0, 7)
    falling = sweep_rows(kept, dependence, noise=0.01)
    told = found(rows, falling)
    assert outcomes(told, comparison=WITHIN) == dict.fromkeys(PARTS, "more robust")
    assert outcomes(told, "strongest") == {"clean images": "inconclusive"} | dict.fromkeys(PARTS, "refuted")
    assert told.one("strongest", part="corrupted images").estimate.low > 0, "what the smaller weight gains"
    said = benchmark().answer(pd.concat([rows, falling]), CLAIMS)
    assert "Within m00, over 7 weights: more redundant features are more robust with corrupted images" in said
    assert "Weaker independence than lambda_tc = 1000 is better with corrupted images (most surely " in said
    assert "Whether the strongest, lambda_tc = 1000, is best is undecided with clean images." in said
    rising = sweep_rows(np.linspace(0.3, 0.8, 7), dependence, noise=0.01)
    told = found(rows, rising)
    assert outcomes(told, comparison=WITHIN) == dict.fromkeys(PARTS, "less robust")
    assert outcomes(told, "strongest") == {"clean images": "inconclusive"} | dict.fromkeys(PARTS, "supported")
    said = benchmark().answer(pd.concat([rows, rising]), CLAIMS)
    assert "The strongest is best: lambda_tc = 1000, with corrupted images, silent units, few labels." in said
    told = found(rows, rising.query("label != 'lambda_tc = 1'"))
    assert set(outcomes(told, "strongest").values()) == {"inconclusive"}, "a weight is missing"


def test_within_the_subject_it_is_also_told_up_to_the_weight_that_is_best_with_clean_images():
    """Here dependence falls with the weight throughout; what is kept rises, and then accuracy is lost."""
    kept, dependence = np.array([0.3, 0.4, 0.5, 0.6, 0.3, 0.2, 0.1]), np.linspace(0.2, 0.0, 7)
    rows = sweep_rows(kept, dependence, noise=0.001)
    clean = rows["protocol"] == "linear"
    for best, label in ((False, ""), (True, "lambda_tc = 1"), (True, "lambda_tc = 1000"), (True, "lambda_tc = 0.01")):
        one = rows.copy()
        one.loc[clean & (one["label"] == label) & best, "value"] += 0.05
        told = found(one)
        assert outcomes(told, comparison=WITHIN)["corrupted images"] == "more robust"
        few = outcomes(told, "up to the best")
        if label == "lambda_tc = 1":
            assert few == dict.fromkeys(PARTS, "less robust")
            start = "Up to lambda_tc = 1, the highest mean accuracy with clean images (4 weights): more redundant"
            assert start in benchmark().answer(one, CLAIMS)
        else:
            assert not few, "all weights say it already, or two weights nothing"
    rows.loc[clean & (rows["label"] == "lambda_tc = 1"), "value"] += 0.05
    rows = rows[(rows["label"] != "lambda_tc = 0.1") | (rows["seed"] != 2)]
    assert {one["n"] for one in found(rows).all("up to the best")} == {3}


@pytest.mark.parametrize("weight", ["1", "1000"])
def test_a_weight_that_diverges_is_named_and_takes_the_win(weight):
    rows = planted(np.full(12, 0.5), REDUNDANCY, noise=0.05)
    rising = sweep_rows(np.linspace(0.3, 0.8, 7), np.linspace(0.2, 0.0, 7), noise=0.01)
    lost = (rising["label"] == f"lambda_tc = {weight}") & (rising["seed"] == 3) & (rising["dataset"] == "d")
    failed = rising[lost].iloc[:1].assign(status="diverged", metric="robustness", reason="diverged", value=np.nan)
    told = found(rows, rising[~lost], failed)
    assert told.one("diverged")["times"] == {f"lambda_tc = {weight}": 1}
    assert set(outcomes(told, "strongest").values()) == {"inconclusive"}
    assert outcomes(told, comparison=WITHIN) == dict.fromkeys(PARTS, "undecided")
    assert {one["n"] for one in told.all("% kept", comparison=WITHIN)} == {6}
    said = benchmark().answer(pd.concat([rows, rising[~lost], failed]), CLAIMS)
    assert f"Training diverged with lambda_tc = {weight} (1 of them)." in said


# -- what it rests on -------------------------------------------------------------------------------------------------
def test_the_sweep_takes_no_part_across_methods():
    rows = planted(UP, REDUNDANCY, noise=0.01)
    odd = sweep_rows(np.full(7, 0.99), np.zeros(7))
    with_sweep = correlated(CLAIMS, rows, odd).query("comparison == @ACROSS")
    pd.testing.assert_frame_equal(with_sweep, correlated(CLAIMS, rows))


def test_variants_and_methods_of_other_widths_take_no_part_across_methods():
    claims = replace(CLAIMS, roles=dict.fromkeys(METHODS[:11], "prior art"), own_width=frozenset({"m10"}))
    assert set(correlated(claims, planted(UP, REDUNDANCY))["n"]) == {10}


def test_what_is_kept_is_a_share_of_what_is_above_chance():
    rows = planted([0.25], [0.1], methods=["m00"], seeds=1, datasets=("d",))
    kept = scored(rows)
    assert kept["corrupted images"] == pytest.approx(0.25)
    assert set(kept.index) == {*PARTS, *CORRUPTIONS}
    table = benchmark().table(rows, CLAIMS).iloc[0]
    assert table["clean images (%)"] == pytest.approx(90)
    assert table["corrupted images (% kept)"] == pytest.approx(25)
    rows.loc[(rows["protocol"] == "noise") & (rows["x"] == 5), "value"] = 0.1  # all is lost at one of 25 levels
    assert scored(rows)["corrupted images"] == pytest.approx(0.24)
    assert scored(rows)["noise"] == pytest.approx(0.2)
    zero = planted([0.25], [0.1], methods=["m00"], seeds=1, clean=0.105)
    assert scored(zero)["noise"].isna().all(), "nothing to keep"


def test_failed_and_not_applicable_rows_are_not_read():
    bad = planted([0.9], [0.9], methods=["m00"]).assign(status="failed", value=np.nan)
    good = planted(UP[1:], REDUNDANCY[1:], methods=METHODS[1:], noise=0.01)
    assert {one["n"] for one in found(good, bad).all("% kept")} == {11}


def test_figures_and_the_table():
    rows = pd.concat(
        [planted(UP, REDUNDANCY, noise=0.02), sweep_rows(np.linspace(0.3, 0.8, 7), np.linspace(0.2, 0, 7))]
    )
    figures = list(benchmark().figures(rows, CLAIMS))
    assert len(figures) == 4
    assert "The thin line is m00 as its lambda_tc goes from 0 to 1000." in figures[0][0]
    table = benchmark().table(rows, CLAIMS).set_index(["dataset", "method"])
    assert len(table) == 24
    assert table.loc[("d", "m11"), "corrupted images (% kept)"] == pytest.approx(80, abs=3)
    assert table.loc[("d", "m11"), "clean images (%)"] == pytest.approx(90)
    plain = list(benchmark().figures(planted(UP, REDUNDANCY), CLAIMS))
    assert len(plain) == 3
    assert "thin line" not in plain[0][0]
    nothing = planted([], [], methods=[])
    assert not list(benchmark().figures(nothing, CLAIMS))
    assert benchmark().table(nothing, CLAIMS) is None


# -- what is run ------------------------------------------------------------------------------------------------------
def suite(subject="s", settings=(("lambda_tc", 1.0),), **changes):
    values = {"subject_settings": dict(settings), "tuned": {"s on d, linear": (("lambda_tc", 3.0), ("rate", 0.1))}}
    return Suite("test", ("a", "s"), ("d",), {"d": 1}, 16, (16,), tuple(range(10)), 4, subject, **(values | changes))


def test_the_subject_is_swept_with_all_else_as_it_was():
    asked = list(benchmark().grid(suite()))
    swept = {cell for cell, _ in asked if cell.label}
    assert {dict(cell.settings)["lambda_tc"] for cell in swept} == {0, 0.01, 0.1, 1, 10, 100, 1000}
    assert {dict(cell.settings)["rate"] for cell in swept} == {0.1}, "what tuning chose beside it"
    assert {cell.method for cell in swept} == {"s"}
    assert {cell.n_seeds for cell in swept} == {5}
    assert {r.evaluation for cell, r in asked if cell.label} == {"probe", "redundancy", "robustness"}
    plain = [cell for cell, _ in asked if not cell.label]
    assert {cell.n_seeds for cell in plain} == {0}
    assert len({cell.label for cell in swept}) == 7, "each has a slot of its own"


@pytest.mark.parametrize("changes", [{"settings": ()}, {"subject": "other"}])
def test_a_subject_without_the_weight_or_that_is_not_run_is_not_swept(changes):
    assert not [cell for cell, _ in benchmark().grid(suite(**changes)) if cell.label]


def test_a_suite_knows_its_subjects_hyperparameters():
    quick = load_presets(home() / "benchmarks")["quick"]
    assert make_suite(registry(), quick).subject_settings["lambda_tc"] == 1.0
    assert "lambda_tc" not in make_suite(registry(), quick, subject="pca").subject_settings


@pytest.mark.slow
def test_a_small_run(own, tmp_path):
    done = go(own, tmp_path / "r", methods=["infomax_em", "pca"], benchmarks=["robustness"])
    table = done.results.table
    assert set(table["status"]) == {"ok"}
    assert table[table["label"] != ""]["method"].unique().tolist() == ["infomax_em"]
    assert table["label"].nunique() == 8
    assert not done.verdicts
    shot = go(own, tmp_path / "r", methods=["infomax_em", "pca"], benchmarks=["robustness"])
    assert shot.n_jobs == 0
    assert benchmark().answer(table, done.results.claims()) == "", "30 images are too few for the dependence of units"
