"""What a network owes to its start, on tables whose differences are known."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

from infomax_bench.plots.theme import png
from infomax_bench.run.results import COLUMNS
from infomax_bench.stats.findings import Found
from infomax_bench.study.claims import Claims
from infomax_bench.study.plugins import home, registry
from infomax_bench.study.presets import load_presets
from infomax_bench.study.suite import Suite

SIGMOID, RELU, NOTHING = "sigmoid", "ReLU + batch norm", "from nothing"
ROLES = {
    "s": "this work",
    "rbm": "prior art",
    "denoising_autoencoder": "prior art",
    "pca": "reference",
    "random_features": "reference",
}
CLAIMS = Claims("s", "standard", ROLES, False)
KNOWN = {
    SIGMOID: {NOTHING: 0.3, "random_features": 0.12, "rbm": 0.1, "denoising_autoencoder": 0.1, "s": 0.06},
    RELU: {NOTHING: 0.05, "random_features": 0.05, "rbm": 0.05, "denoising_autoencoder": 0.05, "s": 0.03},
}
AS_KNOWN = {(network, start): error for network, own in KNOWN.items() for start, error in own.items()}


@pytest.fixture
def history():
    return registry().benchmark("history")


def module(history):
    return sys.modules[type(history).__module__]


def found(history, table, claims=CLAIMS):
    return Found(history.findings(table, claims))


def rows(errors=AS_KNOWN, seeds=5, noise=0.001, labels=(100, 1000)):
    """Test errors by network and start, the same for all numbers of labels; validation errors are test errors. Stacks
    as trained are five points worse. Validation errors halve with every doubling of the passes, to the end at 8."""
    rng = np.random.default_rng(0)
    records = []
    for (network, start), error in errors.items():
        for n in labels:
            for seed in range(seeds):
                drawn = noise * rng.normal()
                for how in ("nothing",) if start == NOTHING else ("as trained", "rescaled"):
                    e = error + drawn + 0.05 * (how == "as trained")
                    method = "random_features" if start == NOTHING else start
                    own = {"method": method, "dataset": "d", "seed": seed, "protocol": network}
                    own |= {"start": how, "network": network, "labels": float(n)}
                    own["label"] = f"{how}; {network}; {n} labels"
                    measured = [
                        ("finetuned_accuracy", 1 - e, None),
                        ("finetuned_validation_accuracy", 1 - e, None),
                        ("learning_rate", 0.1, None),
                        *(("finetuning_error", e * 8 / x, x) for x in (1, 2, 4, 8)),
                        *(("gradient_norm", 10.0 ** (layer - 3), layer) for layer in (1, 2, 3)),
                    ]
                    records += [{**own, "metric": m, "value": v, "x": x} for m, v, x in measured]
    made = pd.DataFrame(records).assign(status="ok", current=True, benchmark="history", track="controlled", width=64)
    return made.reindex(columns=[*COLUMNS, "start", "network", "labels"]).astype({"value": float, "x": float})


def changed(**errors):
    """The same with other errors, by network_start."""
    networks = {"sigmoid": SIGMOID, "relu": RELU}
    named = {
        (networks[k.split("_", 1)[0]], k.split("_", 1)[1].replace("nothing", NOTHING)): e for k, e in errors.items()
    }
    return rows({**AS_KNOWN, **named})


def test_each_seed_takes_the_way_that_is_better_on_validation_images(history):
    table = rows()
    assert set(module(history).ERRORS(table).query("method == 'rbm'")["start"]) == {"rescaled"}
    lucky = (table["seed"] == 2) & table["label"].str.startswith("as trained") & (table["method"] == "rbm")
    table.loc[lucky & (table["metric"] == "finetuned_validation_accuracy"), "value"] = 1.0
    errors = module(history).ERRORS(table).query("method == 'rbm' and network == 'sigmoid' and labels == 100")
    assert errors.set_index("seed")["start"].to_dict() == {2: "as trained", **dict.fromkeys((0, 1, 3, 4), "rescaled")}
    assert errors.set_index("seed")["value"][2] == pytest.approx(15, abs=1)  # what is worse on test images
    equal = rows()
    equal.loc[equal["metric"] == "finetuned_validation_accuracy", "value"] = 0.5
    assert set(module(history).ERRORS(equal).query("method == 'rbm'")["start"]) == {"as trained"}


def test_known_results_that_come_out_begin_the_answer(history):
    assert {f.outcome for f in found(history, rows()).all("known")} == {"comes out"}
    answer = history.answer(rows(), CLAIMS)
    assert answer.startswith(
        "The known results come out: sigmoid networks gain from RBMs as trained (d, 100 labels), +14.97"
    )
    assert answer.count("ReLU networks gain little") == 2


@pytest.mark.parametrize(
    ("errors", "network", "word"),
    [
        ({"sigmoid_rbm": 0.32}, SIGMOID, "does not come out"),
        # as trained, which is five points worse
        ({"relu_nothing": 0.12}, RELU, "does not come out"),
        ({"relu_nothing": 0.1099}, RELU, "undecided"),
    ],
)
def test_known_results_that_do_not_come_out_are_said_first(history, errors, network, word):
    table = changed(**errors)
    for known in found(history, table).all("known"):
        assert known.outcome == (word if known["network"] == network else "comes out")
    answer = history.answer(table, CLAIMS)
    what = {SIGMOID: "sigmoid networks gain", RELU: "ReLU networks gain little"}[network] + " from RBMs as trained"
    assert answer.startswith(f"Of what is known, this does not come out, or not surely: {what} (d, 100 labels): {word}")
    assert "What else is known comes out" in answer


def test_a_stack_that_diverged_is_an_error_of_all(history):
    table = rows()
    lost = (table["method"] == "s") & (table["seed"] == 0)
    first = table[lost].drop_duplicates("label")
    failed = first.assign(status="diverged", metric="deep_finetune", reason="diverged", value=np.nan)
    table = pd.concat([table[~lost], failed], ignore_index=True)
    errors = (
        module(history).ERRORS(table).query("method == 's' and labels == 100").set_index(["network", "seed"])["value"]
    )
    assert errors[SIGMOID, 0] == errors[RELU, 0] == 100
    readings = found(history, table).all("reading", of="objective")
    assert {f.outcome for f in readings} == {"inconclusive"}
    assert len(list(history.figures(table, CLAIMS))) == 3


def test_four_seeds_decide_nothing(history):
    few = found(history, rows(seeds=4))
    assert few.all("known").count("undecided") == 4
    assert few.all("reading", of="tools").count("undecided") == 2
    assert few.all("reading", of="objective").count("inconclusive") == 2
    answer = history.answer(rows(seeds=4), CLAIMS)
    assert answer.count("undecided") == 4 + 2 * 2 + 2  # of each of both labels, and both readings in the paragraph
    assert "come out:" not in answer
    assert "+14.95 points from one seed" in history.answer(rows(seeds=1), CLAIMS)


def test_a_result_that_was_not_measured_is_not_one_that_came_out(history):
    without = {k: e for k, e in AS_KNOWN.items() if k[1] != "rbm"}
    some = found(history, rows(without))
    assert {(f.outcome, f.estimate.n) for f in some.all("known")} == {("undecided", 0)}
    assert {f.outcome for f in some.all("reading")} == {"inconclusive"}
    answer = history.answer(rows(without), CLAIMS)
    assert answer.count("undecided, not measured") == 4
    assert "whether the objective was wrong is undecided" in answer


@pytest.mark.parametrize(
    ("errors", "outcome", "words"),
    [
        ({}, "supported", "better tools made RBMs unnecessary"),
        ({"relu_nothing": 0.2}, "refuted", "better tools did not make RBMs unnecessary"),
        ({"relu_nothing": 0.1099}, "undecided", "whether better tools made RBMs unnecessary is undecided"),
    ],
)
def test_better_tools(history, errors, outcome, words):
    table = changed(**errors)
    assert found(history, table).one("reading", of="tools", labels=1000).outcome == outcome
    assert f"On d, 1000 labels: {words} (the ReLU" in history.answer(table, CLAIMS)


@pytest.mark.parametrize(
    ("errors", "outcome", "better", "words"),
    [
        ({}, "supported", 6, "the objective was wrong"),
        # scaling alone would do as well
        ({"sigmoid_random_features": 0.06}, "inconclusive", 5, "whether the objective was wrong is undecided"),
        ({"sigmoid_random_features": 0.02}, "refuted", 5, "the objective was not wrong"),
    ],
)
def test_the_objective(history, errors, outcome, better, words):
    table = changed(**errors)
    one = found(history, table).one("reading", of="objective", labels=100)
    assert (one.outcome, one["better"], one["rivals"]) == (outcome, better, 6)
    assert one["worse"] == (outcome == "refuted")
    if outcome == "refuted":
        assert (one["rival"], round(one.estimate.mean)) == ("random_features in the sigmoid network", -4)
    paragraph, *points = history.answer(table, CLAIMS).split("\n")
    (few,) = (point for point in points if point.startswith("On d, 100 labels: "))
    assert f"There, {words}; s is the better start in {better} of 6 comparisons, surely the worse" in few
    assert f"{words} (d, 100 labels" in paragraph


def test_another_subject_takes_its_place_and_is_no_rival_of_its_own(history):
    one = found(history, rows(), Claims("rbm", "standard", ROLES, False)).one("reading", of="objective")
    assert one["rivals"] == 4
    assert "rbm" not in one["rival"]


def test_passes_are_counted_to_a_point_above_the_error_of_the_relu_network_from_nothing(history):
    needed = module(history).passes_needed(module(history).CURVES(rows(noise=0.0))).query("labels == 100 and seed == 0")
    needed = needed.set_index(["network", "method"])["value"]
    assert needed[RELU, NOTHING] == 8  # at 4 its error is 0.1, at 8 0.05
    assert needed[RELU, "s"] == 4  # 0.06 at 4
    assert needed[SIGMOID, "s"] == 8
    assert needed[SIGMOID, "rbm"] == np.inf


def test_gradients_are_relative_to_the_classifiers(history):
    ratios = module(history).GRADIENTS(rows())
    assert ratios.groupby("x")["value"].mean().to_dict() == pytest.approx({1: -2, 2: -1, 3: 0})
    sentence = "on d: 0.01 in the sigmoid network from nothing, 0.01 in the sigmoid network from RBMs, 0.01 in the ReLU"
    assert sentence in history.answer(rows(), CLAIMS)


def test_there_are_figures_and_a_table_even_of_nothing(history):
    table = rows(noise=0.0)
    made = list(history.figures(table, CLAIMS))
    assert len(made) == 3
    assert all(png(figure) for _, figure in made)
    shown = history.table(table, CLAIMS).set_index(["labels", "network", "method"])
    line = shown.loc[100, SIGMOID, "s"]
    assert line["test error (%)"] == pytest.approx(6, abs=0.1)
    assert float(line["points gained on nothing"]) == pytest.approx(24, abs=0.1)
    assert (line["passes to the error"], line["% of seeds that scale"]) == ("8", 100)
    assert line["gradient of layer 1"] == pytest.approx(0.01)
    assert shown.loc[100, SIGMOID, "rbm"]["passes to the error"] == "never"
    assert shown.loc[100, SIGMOID, NOTHING]["95 % interval"] == ""
    nothing = table.iloc[:0]
    assert not list(history.figures(nothing, CLAIMS))
    assert history.answer(nothing, CLAIMS) == ""
    assert history.table(nothing, CLAIMS) is None


def test_every_start_trains_every_network_with_about_as_many_updates(history):
    methods = ("s", "rbm", "denoising_autoencoder", "pca", "random_features", "other")
    asked = {"sweep_seeds": 5, "given": {"history": {"updates": {"d": 1000, "e": 1250}}}}
    images = {"d": 1123, "e": 50_000}
    suite = Suite(
        "p", methods, ("d", "e"), {"d": 8, "e": 8}, 64, (64,), tuple(range(10)), 128, "s", n_train=images, **asked
    )
    asked = list(history.grid(suite))
    assert {(c.backbone, c.depth) for c, _ in asked} == {("stack", 4)}
    assert {c.method for c, _ in asked} == set(methods) - {"other"}
    assert {c.n_seeds for c, _ in asked if c.dataset == "e"} == {5}
    assert {c.n_seeds for c, _ in asked if c.dataset == "d"} == {0}
    for dataset, labels in (("d", {100, 1123}), ("e", {100, 1000, 50_000})):
        own = [(c, dict(r.options)) for c, r in asked if c.dataset == dataset]
        assert {o["labels"] for _, o in own} == labels
        assert len({(c.method, c.label) for c, _ in own}) == len(own) == len(labels) * (5 * 4 + 2)
        for cell, o in own:
            updates = o["passes"] * (o["labels"] // min(128, o["labels"]))
            assert 0.8 < updates / suite.given["history"]["updates"][dataset] < 1.25
            assert cell.label == f"{o['start']}; {o['network']}; {o['labels']} labels"
    assert not [c for c, _ in history.grid(Suite(**{**vars(suite), "given": {"history": {"updates": {}}}}))]


def test_only_the_chosen_methods_are_run(history):
    given = {"history": {"updates": {"d": 10}}}
    suite = Suite("p", ("pca",), ("d",), {"d": 8}, 64, (64,), (0,), 128, "s", given=given, n_train={"d": 300})
    assert {c.method for c, _ in history.grid(suite)} == {"pca"}


def test_the_rule_is_in_the_docstring_with_the_essays_words(history):
    assert "“A deeper story: the objective was wrong.”" in history.claim()
    assert module(history).LITTLE == 1
    assert "one point" in history.paragraph("Rule")
    assert module(history).DEPTH == 4


def test_presets_fine_tune_data_sets_that_they_have():
    for preset in load_presets(home() / "benchmarks").values():
        updates = preset.given["history"]["updates"]
        assert set(updates) <= set(preset.datasets)
        assert updates
