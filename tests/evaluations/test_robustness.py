"""Robustness: the evaluation against a slow one of its own definition, and the benchmark's words on planted truths."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr

from infomax_bench.data.corruptions import SEVERITIES, corrupt
from infomax_bench.data.dataset import load, to_unit
from infomax_bench.evaluations import robustness as evaluation
from infomax_bench.evaluations.context import Context, FeatureSet, context_for
from infomax_bench.evaluations.probe import shared_probe
from infomax_bench.evaluations.thresholds import CORRUPTIONS, DROPOUT
from infomax_bench.run import api
from infomax_bench.run.results import COLUMNS
from infomax_bench.study.claims import Claims
from infomax_bench.study.plan import make_suite
from infomax_bench.study.plugins import home, registry
from infomax_bench.study.presets import load_presets
from infomax_bench.study.suite import Suite
from tests.small_runs import go

WIDTH = 16


@functools.lru_cache
def context(method="random_features", seeds=(0, 1)) -> Context:
    encoder = api.pretrain(method, "digits", width=WIDTH, seeds=seeds, epochs=3)
    return context_for(encoder, registry().dataset("digits"))


@functools.lru_cache
def measured(method="random_features", seeds=(0, 1)) -> pd.DataFrame:
    return pd.DataFrame(evaluation.robustness(context(method, seeds)))


# -- the evaluation ---------------------------------------------------------------------------------------------------
def test_rows_are_every_severity_of_every_corruption_and_every_share():
    rows = measured()
    accuracy = rows[rows["metric"] == "accuracy"]
    for protocol in CORRUPTIONS:
        own = accuracy[accuracy["protocol"] == protocol]
        assert sorted(zip(own["seed"], own["x"], strict=True)) == [(s, x) for s in (0, 1) for x in (0, *SEVERITIES)]
    assert set(accuracy[accuracy["protocol"] == DROPOUT]["x"]) == {0, *evaluation.DROPPED}
    assert (rows[rows["metric"] == "chance_accuracy"]["value"] == 0.1).all()
    assert rows["value"].between(0, 1).all()


def test_undisturbed_it_is_the_linear_probes_accuracy():
    rows, probe = measured(), shared_probe(context())
    zero = rows[(rows["metric"] == "accuracy") & (rows["x"] == 0)]
    for seed in (0, 1):
        assert (zero[zero["seed"] == seed]["value"] == float(probe.test[seed])).all()
        for name in CORRUPTIONS:  # by the way that corrupted images go
            (found,) = evaluation.corrupted_accuracy(context(), probe, seed, name, (0,))
            assert found.item() == pytest.approx(float(probe.test[seed]), abs=1 / 449)


def test_corrupted_images_are_encoded_standardised_and_classified():
    """One severity of one seed, in numpy from the weights."""
    own = context()
    probe, encoder, data = shared_probe(own), own.need_encoder(), own.set
    split = data.splits[1]
    images = load(registry().dataset("digits")).images
    weight, bias = (encoder.params[f"encoder.{p}"][1].double().numpy() for p in ("weight", "bias"))

    def features(x):
        return np.maximum(to_unit(x).flatten(1).double().numpy() @ weight + bias, 0)

    train = features(images[split.train])
    deviation = train.std(0)
    deviation[deviation == 0] = np.inf
    x = (features(corrupt(images[split.test], "noise", 1, (3,))[0]) - train.mean(0)) / deviation
    logits = x @ probe.weight[1].double().numpy() + probe.bias[1].double().numpy()
    expected = (logits.argmax(1) == data.labels[split.test].numpy()).mean()
    rows = measured()
    found = rows[(rows["seed"] == 1) & (rows["protocol"] == "noise") & (rows["x"] == 3)]["value"].item()
    assert found == pytest.approx(expected, abs=1 / 449)


@pytest.mark.parametrize("dead", [0, 5])
def test_silenced_units_are_columns_without_what_they_say(dead):
    whole = context().set
    features = whole.features.clone()
    features[..., :dead] = 2.0
    own = Context((0, 1), lambda _: replace(whole, features=features, cache={}))
    probe, data = shared_probe(own), own.once("features", lambda: own.make(None))
    found = evaluation.silenced_accuracy(own, probe)
    mean, scale = data.moments()
    for i, seed in enumerate(own.seeds):
        ranks = evaluation.silencing_ranks(data.live()[i], seed)
        for share, value in zip(evaluation.DROPPED, found[i], strict=True):
            right = []
            for rank in ranks:
                raw = data.raw("test")[i].clone()
                silent = rank < round(share * (WIDTH - dead))
                assert silent.sum() == round(share * (WIDTH - dead))
                raw[:, silent] = data.raw("train")[i].mean(0)[silent]  # held at their training mean
                logits = ((raw - mean[i]) / scale[i]).float() @ probe.weight[i] + probe.bias[i]
                right.append(float((logits.argmax(1) == data.y("test")[i]).double().mean()))
            assert value.item() == pytest.approx(np.mean(right), abs=1e-3)


def test_units_fall_silent_in_an_order_that_the_seed_alone_decides():
    live = torch.ones(8, dtype=torch.bool)
    ranks = evaluation.silencing_ranks(live, 3)
    assert torch.equal(ranks, evaluation.silencing_ranks(live, 3))
    assert not torch.equal(ranks, evaluation.silencing_ranks(live, 4))
    assert torch.equal(ranks.sort(1).values, torch.arange(8).expand(evaluation.DRAWS, -1))
    assert len({tuple(r) for r in ranks.tolist()}) > 1
    many = evaluation.silencing_ranks(live, 0, 4000).double().mean(0)
    assert many == pytest.approx(3.5, abs=0.2), "every unit is as likely to go at every place"
    live[[1, 5]] = False
    some = evaluation.silencing_ranks(live, 3)
    assert some[:, [1, 5]].min() == 6, "dead ones come after all"
    kept = ranks[:, live].argsort(1)
    assert torch.equal(some[:, live].argsort(1), kept), "and change nothing for the others"


def test_all_methods_meet_the_same_images(monkeypatch):
    """Whatever the method, and whichever seeds are measured beside one."""
    seen: dict[tuple[str, int], list[torch.Tensor]] = {}

    def noted(images, name, seed, severities=SEVERITIES):
        out = corrupt(images, name, seed, severities)
        seen.setdefault((name, seed), []).append(out)
        return out

    monkeypatch.setattr(evaluation, "corrupt", noted)
    for method, seeds in (("random_features", (0, 1)), ("pca", (0, 1)), ("random_features", (1,))):
        evaluation.robustness(context(method, seeds))
    assert set(seen) == {(name, seed) for name in CORRUPTIONS for seed in (0, 1)}
    for (_, seed), images in seen.items():
        assert len(images) == (3 if seed else 2)
        assert all(torch.equal(images[0], other) for other in images[1:])


def test_a_seed_is_measured_alike_in_any_company():
    both, alone = measured(), measured(seeds=(1,))
    together = both[both["seed"] == 1]["value"].to_numpy()
    assert alone["value"].to_numpy() == pytest.approx(together, abs=3 / 450)


def test_damage_grows_with_severity_on_average():
    rows = measured("infomax_em")
    means = rows[rows["metric"] == "accuracy"].groupby(["protocol", "x"])["value"].mean()
    for protocol in (*CORRUPTIONS, DROPOUT):
        assert (means[protocol].diff().dropna() < 0.02).all(), protocol
        assert means[protocol].iloc[-1] < means[protocol].iloc[0] - 0.1


def test_copies_of_units_are_a_reserve_when_units_fall_silent():
    """What redundancy is known to be good for: four copies of each unit keep more than the units alone."""
    own = context("pca").set
    values = {}
    for copies in (1, 4):
        data = replace(own, features=own.features.repeat(1, 1, copies), cache={})
        rows = pd.DataFrame(evaluation.robustness(Context((0, 1), lambda _, d=data: d)))
        assert set(rows["protocol"].dropna()) == {DROPOUT}, "features alone have no images to corrupt"
        values[copies] = rows[rows["metric"] == "accuracy"].groupby("x")["value"].mean()
    assert values[4][0] == pytest.approx(values[1][0], abs=0.02)
    for share in (0.3, 0.5, 0.7):
        assert values[4][share] > values[1][share] + 0.05


def test_a_collapsed_encoder_is_measured_at_chance():
    labels = torch.arange(60) % 3
    test = torch.arange(60) >= 40
    from infomax_bench.data.dataset import split

    data = FeatureSet(torch.ones(1, 60, 4), labels, [split(test, 0)], 3)
    rows = pd.DataFrame(evaluation.robustness(Context((0,), lambda _: data)))
    accuracy = rows[rows["metric"] == "accuracy"]["value"]
    assert accuracy.nunique() == 1
    assert accuracy.iloc[0] == pytest.approx(1 / 3, abs=0.1)


# -- the benchmark ----------------------------------------------------------------------------------------------------
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
                    for protocol, levels in LEVELS.items() for x in levels
                ]  # fmt: skip
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
WORDS = {"more": "more redundant features are more robust", "less": "more redundant features are less robust"}


@pytest.mark.parametrize(("kept", "word"), [(UP, WORDS["more"]), (UP[::-1], WORDS["less"])])
def test_the_answer_across_methods(kept, word):
    said = benchmark().answer(planted(kept, REDUNDANCY, noise=0.01), CLAIMS)
    for part in ("corrupted images", "silent units", "few labels"):
        assert f"{word} with {part}" in said
    assert said.startswith("Across 12 methods: ")
    assert "Within m00 nothing was swept: it has no lambda_tc, or was not measured." in said


def test_undecided_where_there_is_nothing_or_too_little():
    nothing = benchmark().answer(planted(np.full(12, 0.5), REDUNDANCY, noise=0.05), CLAIMS)
    four_seeds = benchmark().answer(planted(UP, REDUNDANCY, seeds=4, noise=0.01), CLAIMS)
    nine = benchmark().answer(planted(UP[:9], REDUNDANCY[:9], methods=METHODS[:9], noise=0.01), CLAIMS)
    # over seeds alone this is sure: twelve methods are too few for a correlation of 0.42
    order = [5, 0, 8, 1, 2, 10, 4, 11, 3, 6, 9, 7]
    assert spearmanr(UP[order], REDUNDANCY).statistic == pytest.approx(0.42, abs=0.01)
    weak = benchmark().answer(planted(UP[order], REDUNDANCY), CLAIMS)
    for said in (nothing, four_seeds, nine, weak):
        assert said.count("undecided with") == 3
        assert not any(word in said for word in WORDS.values())
    assert benchmark().answer(planted([], [], methods=[]), CLAIMS) == ""


def test_the_answer_within_the_subject():
    rows = planted(np.full(12, 0.5), REDUNDANCY, noise=0.05)
    kept, dependence = np.array([0.5, 0.6, 0.7, 0.6, 0.5, 0.4, 0.3]), np.linspace(0.2, 0.0, 7)
    said = benchmark().answer(pd.concat([rows, sweep_rows(kept, dependence, noise=0.01)]), CLAIMS)
    assert "Within m00, over 7 weights: more redundant features are more robust with corrupted images" in said
    assert "Weaker independence than lambda_tc = 1000 is better with corrupted images (most surely " in said
    assert "Whether the strongest, lambda_tc = 1000, is best is undecided with clean images." in said
    said = benchmark().answer(pd.concat([rows, sweep_rows(np.linspace(0.3, 0.8, 7), dependence, noise=0.01)]), CLAIMS)
    assert "Within m00, over 7 weights: more redundant features are less robust with corrupted images" in said
    assert "The strongest is best: lambda_tc = 1000, with corrupted images, silent units, few labels." in said
    lost = sweep_rows(np.linspace(0.3, 0.8, 7), dependence, noise=0.01).query("label != 'lambda_tc = 1'")
    assert "The strongest is best" not in benchmark().answer(pd.concat([rows, lost]), CLAIMS), "a weight is missing"


def test_within_the_subject_it_is_also_told_up_to_the_weight_that_is_best_with_clean_images():
    """Here dependence falls with the weight throughout; what is kept rises, and then accuracy is lost."""
    kept, dependence = np.array([0.3, 0.4, 0.5, 0.6, 0.3, 0.2, 0.1]), np.linspace(0.2, 0.0, 7)
    rows = sweep_rows(kept, dependence, noise=0.001)
    for best, label in ((False, ""), (True, "lambda_tc = 1"), (True, "lambda_tc = 1000"), (True, "lambda_tc = 0.01")):
        one = rows.copy()
        clean = (one["protocol"] == "linear") & (one["label"] == label) & best
        one.loc[clean, "value"] += 0.05
        said = benchmark().answer(one, CLAIMS)
        assert "Within m00, over 7 weights: more redundant features are more robust with corrupted images" in said
        told = f"Up to {label}, the highest mean accuracy with clean images (4 weights): {WORDS['less']} with corrupted"
        assert (told in said) == (label == "lambda_tc = 1")
        assert ("Up to " in said) == (label == "lambda_tc = 1"), "all weights say it already, or two weights nothing"
    rows.loc[(rows["protocol"] == "linear") & (rows["label"] == "lambda_tc = 1"), "value"] += 0.05
    rows = rows[(rows["label"] != "lambda_tc = 0.1") | (rows["seed"] != 2)]
    assert "Up to lambda_tc = 1, the highest mean accuracy with clean images (3 weights): " in benchmark().answer(
        rows, CLAIMS
    )


@pytest.mark.parametrize("weight", ["1", "1000"])
def test_a_weight_that_diverges_is_named_and_takes_the_win(weight):
    rows = planted(np.full(12, 0.5), REDUNDANCY, noise=0.05)
    rising = sweep_rows(np.linspace(0.3, 0.8, 7), np.linspace(0.2, 0.0, 7), noise=0.01)
    lost = (rising["label"] == f"lambda_tc = {weight}") & (rising["seed"] == 3) & (rising["dataset"] == "d")
    failed = rising[lost].iloc[:1].assign(status="diverged", metric="robustness", reason="diverged", value=np.nan)
    said = benchmark().answer(pd.concat([rows, rising[~lost], failed]), CLAIMS)
    assert f"Training diverged with lambda_tc = {weight} (1 of them)." in said
    assert "Whether the strongest, lambda_tc = 1000, is best is undecided with clean images, corrupted images" in said
    assert "Within m00, over 6 weights: undecided with corrupted images" in said


def test_the_sweep_takes_no_part_across_methods():
    rows = planted(UP, REDUNDANCY, noise=0.01)
    odd = sweep_rows(np.full(7, 0.99), np.zeros(7))
    alone, with_sweep = (
        benchmark().correlations(benchmark().scores(r), CLAIMS) for r in (rows, pd.concat([rows, odd]))
    )
    across = with_sweep[with_sweep["comparison"] == "across methods"]
    pd.testing.assert_frame_equal(across.reset_index(drop=True), alone.reset_index(drop=True))


def test_variants_and_methods_of_other_widths_take_no_part_across_methods():
    claims = replace(CLAIMS, roles=dict.fromkeys(METHODS[:11], "prior art"), own_width=frozenset({"m10"}))
    found = benchmark().correlations(benchmark().scores(planted(UP, REDUNDANCY)), claims)
    assert set(found["n"]) == {10}


def test_what_is_kept_is_a_share_of_what_is_above_chance():
    rows = planted([0.25], [0.1], methods=["m00"], seeds=1, datasets=("d",))
    scores = benchmark().scores(rows).set_index("part")
    assert scores.loc["corrupted images", "kept"] == pytest.approx(0.25)
    assert scores.loc["corrupted images", "value"] == pytest.approx(0.3)
    assert scores.loc["clean images", "value"] == pytest.approx(0.9)
    assert set(scores.index) == {"clean images", "corrupted images", "silent units", "few labels", *CORRUPTIONS}
    noise = (rows["protocol"] == "noise") & (rows["x"] == 5)
    rows.loc[noise, "value"] = 0.1  # all is lost at one of 25 levels
    scores = benchmark().scores(rows).set_index("part")
    assert scores.loc["corrupted images", "kept"] == pytest.approx(0.24)
    assert scores.loc["noise", "kept"] == pytest.approx(0.2)
    zero = planted([0.25], [0.1], methods=["m00"], seeds=1, clean=0.105)
    assert benchmark().scores(zero).query("part == 'noise'")["kept"].isna().all(), "nothing to keep"


def test_rank_correlations_are_scipys_mean_over_data_sets():
    rng = np.random.default_rng(1)
    rows = planted(UP, REDUNDANCY, seeds=2)
    moved = rows["metric"].isin(["nonlinear_dependence", "accuracy"]) & (rows["protocol"] != "linear")
    rows.loc[moved, "value"] += 0.05 * rng.random(moved.sum())
    scores = benchmark().scores(rows)
    found = benchmark().correlations(scores, CLAIMS).query("part == 'blur' and what == 'kept'")
    for _, line in found.iterrows():
        own = scores.query("part == 'blur' and dataset == @line['dataset'] and seed == @line['seed']")
        assert line["value"] == pytest.approx(spearmanr(own["dependence"], own["kept"]).statistic)
    assert len(found) == 4


def test_incomplete_methods_and_seeds_are_left_out_and_not_the_rest():
    rows = planted(UP, REDUNDANCY, noise=0.01)
    # one method lacks a seed, and ten seeds more were run of another alone
    lacking = rows[~((rows["method"] == "m03") & (rows["seed"] == 2) & (rows["dataset"] == "d"))]
    more = planted([0.5], [0.1], methods=["m00"], seeds=15)
    found = benchmark().correlations(
        benchmark().scores(
            pd.concat([lacking, more]).drop_duplicates(["method", "dataset", "seed", "metric", "protocol", "x"])
        ),
        CLAIMS,
    )
    assert set(found["n"]) == {11}
    assert sorted(found["seed"].unique()) == list(range(5))


def test_failed_and_not_applicable_rows_are_not_read():
    bad = planted([0.9], [0.9], methods=["m00"]).assign(status="failed", value=np.nan)
    good = planted(UP[1:], REDUNDANCY[1:], methods=METHODS[1:], noise=0.01)
    assert benchmark().answer(pd.concat([good, bad]), CLAIMS).startswith("Across 11 methods: ")


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
