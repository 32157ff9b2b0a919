"""What competition does: the rule's words, on tables in which it is known; the grid, and what of it is shared."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from infomax_bench.run.planned import plan_entries
from infomax_bench.run.results import COLUMNS
from infomax_bench.stats.findings import Found
from infomax_bench.study.claims import Claims
from infomax_bench.study.plan import Planner, make_suite
from infomax_bench.study.plugins import home, registry
from infomax_bench.study.presets import load_presets
from infomax_bench.study.suite import Suite
from tests.small_runs import go

OWN = "decorrelation only, own settings"
CELLS = ("competition + decorrelation", "competition only", "decorrelation only", "neither", OWN, "softmax form")
BOTH, ALONE, WITHOUT, NEITHER, _, SOFTMAX = CELLS
CLAIMS = Claims("s", "standard", {"s": "this work", "kmeans": "control"}, False, width=64)
WEIGHTS = {"lambda_lse": 1.0, "lambda_tc": 1.0, "learning_rate": 0.01}


def benchmark():
    return registry().benchmark("mechanism")


def row(label, seed, metric, value, protocol="", method="s", dataset="d", **more):
    cell, _, swept = label.partition("; ")
    sweep, _, amount = swept.partition(" ")
    tags = {"cell": cell, "sweep": sweep, "amount": float(amount or "nan")}
    return {"method": method, "label": label, **tags, "dataset": dataset, "seed": seed, "metric": metric,
            "protocol": protocol, "value": value, "status": "ok", "current": True, "width": 64,
            "evaluation": "", **more}  # fmt: skip


def planted(seeds=10, deviation=None, drop=None, agreement=None, rate_drop=None, settled=None, datasets=("d", "e")):
    """Rows in which cells differ as told. Each argument is cell -> value, 0.01, 0.02, 0.5, ... by default.

    deviation: of accuracy over seeds. drop: what each step of the initial scale costs. agreement: with clusters.
    """
    deviation, drop, agreement, rate_drop, settled = (given or {} for given in
                                                      (deviation, drop, agreement, rate_drop, settled))  # fmt: skip
    rng, rows = np.random.default_rng(0), []
    for cell in CELLS:
        z = rng.normal(size=seeds)
        z = (z - z.mean()) / z.std(ddof=1) if seeds > 1 else z
        for seed, dataset in ((s, d) for s in range(seeds) for d in datasets):
            base = 0.8 + deviation.get(cell, 0.01) * z[seed]
            noise = rng.normal(0, 0.001, 20)
            for sweep, xs, loss in (
                ("start", (0.1, 1, 10), drop.get(cell, 0.02)),
                ("rate", (0.1, 1, 10), rate_drop.get(cell, 0.02)),
            ):
                for i, x in enumerate(xs):
                    label = f"{cell}; {sweep} {x:g}"
                    rows.append(row(label, seed, "accuracy", base - loss * i + noise[i], "linear", dataset=dataset))
                    rows.append(row(label, seed, "validation_accuracy", base - loss * i, "linear", dataset=dataset))
            rows += [row(cell, seed, "accuracy", base, "linear", dataset=dataset),
                     row(cell, seed, "settled_after", settled.get(cell, 0.5) + noise[8], dataset=dataset)]  # fmt: skip
            for what in ("k-means", "mixture"):
                value = agreement.get(cell, 0.3) + noise[9]
                rows.append(row(cell, seed, "agreement", value, what, dataset=dataset))
    return table(rows)


def table(rows):
    columns = [*COLUMNS, "cell", "sweep", "amount"]
    return pd.DataFrame(rows).reindex(columns=columns).astype({"value": float})


def kmeans(value, seeds=10):
    return table([row("reference", s, "agreement", value, "k-means", "kmeans", d) for s in range(seeds) for d in "de"])


def of_file(name):
    """A function of the benchmark's file."""
    return getattr(importlib.import_module(type(benchmark()).__module__), name)


def encoders(rows):
    return of_file("encoders")(rows, CLAIMS)


def found(rows):
    return Found(benchmark().findings(rows, CLAIMS))


PARTS = ("seeds", "start", "rate", "settled", "structure")


def outcomes(rows, other=WITHOUT):
    """Part -> outcome of the comparison with a cell."""
    return {one.name: one.outcome for one in found(rows) if one.name in PARTS and one["other"] == other}


# -- the rule ---------------------------------------------------------------------------------------------------------

FAVOUR = {"deviation": {WITHOUT: 0.05}, "drop": {WITHOUT: 0.06}, "agreement": {BOTH: 0.5}}
AGAINST = {"deviation": {BOTH: 0.05}, "drop": {BOTH: 0.06}, "agreement": {WITHOUT: 0.5}}


def test_the_contrast_holds_where_all_three_are_in_favour():
    rows = planted(**FAVOUR, rate_drop={WITHOUT: 0.1}, settled={BOTH: 0.2})
    assert outcomes(rows) == dict.fromkeys(PARTS, "for")
    assert found(rows).one("contrast").outcome == "holds"
    said = benchmark().answer(rows, CLAIMS)
    assert said.startswith("The essay's contrast holds. Its parts are ")
    for word in (
        "more stable over seeds (standard deviation ",
        "; less dependent on the initialisation (",
        "; less dependent on the learning rate (",
        "; settles sooner (",
        "; more structured (agreement with k-means ",
    ):
        assert word in said


def test_the_other_words():
    rows = planted(**AGAINST, rate_drop={BOTH: 0.1}, settled={BOTH: 0.9})
    assert outcomes(rows) == dict.fromkeys(PARTS, "against")
    assert found(rows).one("contrast").outcome == "is contradicted"
    said = benchmark().answer(rows, CLAIMS)
    for word in ("less stable over seeds", "more dependent on the initialisation", "settles later", "less structured"):
        assert f"{word} (" in said


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"agreement": {BOTH: 0.5}}, "holds in part"),
        ({"agreement": {BOTH: 0.5}, "drop": {BOTH: 0.06}}, "is mixed"),
        ({"drop": {BOTH: 0.06}}, "is contradicted"),
        ({}, "is undecided"),
    ],
)
def test_what_is_between_the_two(changes, word):
    assert found(planted(**changes)).one("contrast").outcome == word


def test_a_subject_without_the_weights_is_told_nothing_of_one_that_had_them():
    said = benchmark().answer(planted(), replace(CLAIMS, subject="kmeans"))
    assert said.startswith("kmeans was not measured with and without lambda_lse and lambda_tc, or has no such weights")


@pytest.mark.parametrize("seeds", [1, 4])
def test_few_seeds_decide_nothing(seeds):
    rows = planted(seeds, **FAVOUR)
    assert outcomes(rows) == dict.fromkeys(PARTS if seeds > 1 else PARTS[1:], "undecided")
    assert found(rows).one("contrast").outcome == "is undecided"
    assert "With competition s is: undecided in " in benchmark().answer(rows, CLAIMS)
    assert "nan" not in benchmark().answer(rows, CLAIMS)


def test_structure_needs_both_kinds_of_clustering():
    rows = planted(**FAVOUR)
    turned = rows["value"].where((rows["protocol"] != "mixture") | (rows["label"] != BOTH), 0.1)
    assert outcomes(rows.assign(value=turned))["structure"] == "undecided"
    assert "structure" not in outcomes(rows[rows["protocol"] != "mixture"])


def test_numbers_of_the_findings_by_hand():
    """Ranges: two steps of 0.02 and 0.06; standard deviations of 1 and 5 points, of the same seeds."""
    told = found(planted(**FAVOUR))
    seeds, start = (told.one(name, other=WITHOUT) for name in ("seeds", "start"))
    assert (seeds["with"], seeds["without"]) == pytest.approx((0.01, 0.05), abs=1e-4)
    assert seeds.estimate.mean == pytest.approx(5, abs=0.01)
    assert (start["with"], start["without"]) == pytest.approx((0.04, 0.121), abs=1e-3)  # with noise of 0.001
    said = benchmark().answer(planted(**FAVOUR), CLAIMS)
    assert "standard deviation 1.00 points, without it 5.00, ratio 5.00, interval " in said
    assert "(4.0, without it 12.1 points, difference +8.1, interval " in said


def test_a_training_that_diverged_has_accuracy_zero_and_is_counted():
    rows = planted(drop={BOTH: 0.06})  # against it, but for what diverged
    gone = (rows["label"] == f"{WITHOUT}; start 10") & (rows["seed"] < 10)
    lost = rows[gone & (rows["metric"] == "accuracy")]
    lost = lost.assign(metric="linear_probe", status="diverged", reason="training diverged", value=np.nan, protocol="")
    rows = pd.concat([rows[~gone], lost])
    assert outcomes(rows)["start"] == "for"
    assert encoders(rows)["diverged"].sum() == 20
    assert found(rows).one("diverged")["times"] == {WITHOUT: (20, 100)}  # 5 encoders a seed and set
    assert "Diverged: decorrelation only 20 of 100." in benchmark().answer(rows, CLAIMS)
    # a fault of the run is no divergence, and its seeds are not paired
    fault = pd.concat([rows[rows["status"] == "ok"], lost.assign(status="failed", reason="OSError: disk full")])
    assert encoders(fault)["diverged"].sum() == 0
    assert "start" not in outcomes(fault)


@pytest.mark.parametrize(
    ("of_kmeans", "outcome", "said"),
    [
        (0.6, "for", "Its units own regions: "),
        (1.4, "against", "Its units do not own regions: "),
        (1.0, "undecided", "Whether its units own regions is undecided: "),
    ],
)
def test_units_own_regions_by_half_of_what_kmeans_has(of_kmeans, outcome, said):
    rows = pd.concat([planted(agreement={BOTH: 0.5}), kmeans(of_kmeans)])
    assert found(rows).one("regions").outcome == outcome
    told = f"{said}agreement with k-means' regions 0.50, that of k-means' own units {of_kmeans:.2f}."
    assert told in benchmark().answer(rows, CLAIMS)


def test_what_competition_is_worth_at_scale():
    rng, rows = np.random.default_rng(0), [planted()]
    for gain, sweep, xs in ((0.05, "width", (8, 64, 256)), (-0.05, "images", (1000, 50000))):
        for i, x in enumerate(xs):
            for seed in range(5):
                own = {"protocol": "linear"} | ({"width": x} if sweep == "width" else {})
                with_it = 0.7 + gain * i + rng.normal(0, 0.002)
                rows.append(table([row(f"{BOTH}; {sweep} {x}", seed, "accuracy", with_it, **own),
                                   row(f"{WITHOUT}; {sweep} {x}", seed, "accuracy", 0.7, **own)]))  # fmt: skip
    said = benchmark().answer(pd.concat(rows), CLAIMS)
    assert "Competition is worth more at scale (width, d): it adds +0.0 points at 8 and +9.8 at 256" in said
    assert "that is, it costs less" not in said
    costs = pd.concat(rows)
    costs.loc[costs["label"].str.startswith(f"{BOTH}; width"), "value"] -= 0.2
    assert "that is, it costs less: at 256 nothing is shown to be gained" in benchmark().answer(costs, CLAIMS)
    assert "Competition is worth less at scale (images, d): it adds -0.0 points at 1000 and -4.9 at 50000" in said
    assert "undecided (images, d)" in benchmark().answer(
        pd.concat([r[(r["seed"] < 4) | ~r["label"].str.contains("images")] for r in rows]), CLAIMS
    )


def test_the_best_learning_rate_is_chosen_on_validation_images():
    rows = planted()
    better = (rows["label"] == f"{BOTH}; rate 10") & (rows["metric"] == "validation_accuracy")
    moved = (rows["label"] == f"{BOTH}; rate 10") & (rows["metric"] == "accuracy")
    rows.loc[moved, "value"] += 0.5
    assert found(rows).one("best rate").estimate.mean == pytest.approx(0, abs=0.01)
    rows.loc[better, "value"] += 0.5
    assert found(rows).one("best rate").estimate.mean == pytest.approx(0.46, abs=0.01)


def test_cells_that_lack_a_seed_or_a_data_set_are_not_averaged_over_others():
    rows = planted(**FAVOUR)
    lacking = rows[~((rows["dataset"] == "e") & (rows["seed"] == 3) & (rows["label"] == BOTH))]
    values = of_file("measures")(encoders(lacking))["accuracy (%)"]
    assert values[BOTH].isna().tolist() == [s == 3 for s in range(10)]
    assert outcomes(lacking)["structure"] == "for"


def test_another_width_is_another_question():
    rows = planted(**FAVOUR)
    other = planted(**AGAINST).assign(width=16)
    assert outcomes(pd.concat([rows, other])) == outcomes(rows)


def test_figures_and_the_table():
    rows = pd.concat([planted(**FAVOUR), kmeans(0.6)])
    figures = list(benchmark().figures(rows, CLAIMS))
    assert len(figures) == 5  # effects, two sweeps, accuracy, regions
    shown = benchmark().table(rows, CLAIMS)
    line = shown[(shown["method"] == WITHOUT) & (shown["swept"] == "") & (shown["dataset"] == "d")].iloc[0]
    assert line["deviation over seeds"] == pytest.approx(5, abs=0.01)
    assert line["accuracy (%)"] == pytest.approx(80, abs=0.01)
    assert line["agreement with k-means"] == pytest.approx(0.3, abs=0.01)
    nothing = rows.iloc[:0]
    assert not list(benchmark().figures(nothing, CLAIMS))
    assert benchmark().answer(nothing, CLAIMS) == ""
    assert benchmark().table(nothing, CLAIMS) is None


# -- the grid ---------------------------------------------------------------------------------------------------------
def suite(**changes):
    given = {
        "methods": ("s", "infomax", "infomax_softmax", "kmeans", "other"), "datasets": ("d", "e", "f"),
        "seeds": tuple(range(10)),
        "epochs": {"d": 8, "e": 8, "f": 8}, "scaled": {"d": 3}, "n_train": {"d": 50_000},
        "subject_settings": WEIGHTS, "learning_rates": {"s": 0.01, "infomax_softmax": 0.001}, **changes,
    }  # fmt: skip
    rest = ("preset", "width", "widths", "batch_size", "subject")
    return Suite(**{"preset": "p", "width": 64, "widths": (8, 64, 256), "batch_size": 128, "subject": "s"} | given | {
        k: changes[k] for k in rest if k in changes})  # fmt: skip


def cells_of(asked):
    return {cell.label: cell for cell, _ in asked}


def test_the_grid():
    asked = list(benchmark().grid(suite(tuned={"s on d, linear": (("lambda_tc", 0.3), ("learning_rate", 0.02))})))
    found = cells_of([pair for pair in asked if pair[0].dataset == "d"])
    assert dict(found[BOTH].settings) == {"lambda_tc": 0.3, "learning_rate": 0.02}
    assert dict(found[WITHOUT].settings) == {"lambda_lse": 0.0, "lambda_tc": 0.3, "learning_rate": 0.02}
    assert dict(found[ALONE].settings) == {"lambda_tc": 0.0, "learning_rate": 0.02}
    assert dict(found[NEITHER].settings) == {"lambda_lse": 0.0, "lambda_tc": 0.0, "learning_rate": 0.02}
    assert (found[SOFTMAX].method, found[SOFTMAX].settings) == ("infomax_softmax", ())
    rates = {label: dict(cell.settings).get("learning_rate") for label, cell in found.items() if "rate" in label}
    assert [rates[f"{BOTH}; rate {x}"] for x in ("0.1", "1", "10")] == pytest.approx([0.002, 0.02, 0.2])
    assert [rates[f"{SOFTMAX}; rate {x}"] for x in ("0.1", "1", "10")] == [
        pytest.approx(1e-4),
        None,
        pytest.approx(0.01),
    ]
    scales = {label: dict(cell.settings).get("initial_scale") for label, cell in found.items() if "start" in label}
    assert [scales[f"{NEITHER}; start {x}"] for x in ("0.1", "1", "10")] == [0.1, None, 10.0]
    assert found[f"{BOTH}; images 1000"].n_train == 1000
    assert found[f"{BOTH}; images 1000"].epochs == 400
    assert {c.width for label, c in found.items() if "; width" in label} == {8, 64, 256}
    assert set(cells_of([p for p in asked if p[0].dataset == "f"])) == {*CELLS, "reference"}
    assert {c.method for c, _ in asked} == {"s", "infomax", "infomax_softmax", "kmeans"}
    assert [label for label, cell in found.items() if cell.method == "infomax"] == [OWN]
    slots = {(c.method, c.dataset, c.width, c.label, r.evaluation) for c, r in asked}
    assert len(slots) == len(asked), "each has a slot of its own"
    for cell, request in asked:
        if request.evaluation == "regions":
            assert bool(request.options) == (cell.method in ("s", "infomax")), (
                "only the subject's outputs are distances"
            )


@pytest.mark.parametrize("settings", [{}, {"lambda_tc": 1.0}, {**WEIGHTS, "lambda_lse": 0.0}])
def test_a_subject_without_both_weights_is_measured_as_it_is_and_the_answer_says_so(settings):
    asked = list(benchmark().grid(suite(subject_settings=settings)))
    assert set(cells_of(asked)) == {"as it is", "reference"}
    rows = table([row("as it is", s, "accuracy", 0.8, "linear", dataset=d) for s in range(5) for d in "de"])
    said = benchmark().answer(rows, CLAIMS)
    assert said.startswith("s was not measured with and without lambda_lse and lambda_tc, or has no such weights")
    assert not list(benchmark().grid(suite(subject="absent")))


def test_encoders_are_shared_with_other_benchmarks():
    """The subject and its softmax form as they are, at other widths and on fewer images; without decorrelation too."""
    found, preset = registry(), load_presets(home() / "benchmarks")["quick"]
    made = make_suite(found, preset)
    planner = Planner(found, "cpu")
    own, others = ({e.encoder_key: e for e in plan_entries(planner, made, [found.benchmark(n) for n in names])}
                   for names in (["mechanism"], ["scale", "robustness", "redundancy"]))  # fmt: skip
    shared = {own[key].cell.label.split(";")[0] + own[key].cell.label.partition(";")[2] for key in own if key in others}
    assert {f"{cell}{x}" for cell in (BOTH, SOFTMAX) for x in (" images 256", " width 32")} <= shared
    new = [e for key, e in own.items() if key not in others]
    # of 5 cells 2 starts and 2 rates; of 3 a width and a number of images, as of 2
    assert len(new) == 5 * 4 + 2 * 3 + 2
    same = {e.encoder_key for e in own.values() if e.cell.label.startswith(BOTH) and "digits" in e.cell.dataset}
    assert len(same) == 1 + 2 + 2 + 1 + 1


# -- all of it --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_small_run(own, tmp_path):
    methods = ["infomax", "infomax_em", "infomax_softmax", "kmeans", "random_features"]
    done = go(own, tmp_path / "r", methods=methods, benchmarks=["mechanism"])
    rows = done.results.table
    assert set(rows["status"]) == {"ok"}
    assert not done.failures
    claims = done.results.claims()
    made = of_file("encoders")(rows, claims)
    assert set(made["cell"]) == {*CELLS, "kmeans", "random_features"}
    assert set(made["sweep"]) == {"", "start", "rate"}
    for column in (
        "accuracy (%)",
        "% of training until settled",
        "entropy / log K",
        "agreement with k-means",
        "% dead units",
    ):
        assert made.loc[made["cell"] == BOTH, column].notna().all()
    said = benchmark().answer(rows, claims)
    assert said.startswith("The essay's contrast is undecided. Its parts are ")
    assert "\nWith competition infomax_em is: " in said
    assert len(list(benchmark().figures(rows, claims))) == 5
    again = go(own, tmp_path / "r", methods=methods, benchmarks=["mechanism"])
    assert again.n_jobs == 0
