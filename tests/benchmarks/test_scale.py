"""Learning curves as power laws, on tables whose exponents are known."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from infomax_bench.run.results import COLUMNS
from infomax_bench.stats.findings import Found
from infomax_bench.study.claims import Claims
from infomax_bench.study.plugins import registry
from infomax_bench.study.suite import Suite

ROLES = {"s": "this work", "a": "prior art", "b": "control", "raw": "reference"}
CLAIMS = Claims("s", "standard", ROLES, False, own_width=frozenset({"raw"}))


@pytest.fixture
def scale():
    return registry().benchmark("scale")


def module(scale):
    return sys.modules[type(scale).__module__]


def found(scale, table, claims=CLAIMS):
    return Found(scale.findings(table, claims))


def rows(exponents, seeds=5, noise=0.0, resource="images"):
    """Accuracies whose error is 0.3 (n / 1000) to the power of minus each method's exponent."""
    rng = np.random.default_rng(0)
    drawn = [(m, seed, a + noise * rng.normal()) for m, a in exponents.items() for seed in range(seeds)]
    linear = {"dataset": "d", "metric": "accuracy", "protocol": "linear", "sweep": resource}
    records = [
        {**linear, "method": m, "seed": seed, "label": f"{resource}: {n}", "amount": float(n), "value": value}
        for m, seed, exponent in drawn
        for n in (1000, 4000, 16000)
        for value in [1 - 0.3 * (n / 1000) ** -exponent]
    ]
    made = pd.DataFrame(records).assign(status="ok", current=True, benchmark="scale", track="controlled", width=64)
    return made.reindex(columns=[*COLUMNS, "sweep", "amount"]).astype({"value": float})


def test_the_exponents_of_power_laws_are_found(scale):
    exponents = module(scale).power_law(rows({"s": 0.2, "a": 0.0, "b": 0.35}))
    means = exponents.groupby("method")["value"].mean()
    assert means.to_dict() == pytest.approx({"s": 0.2, "a": 0.0, "b": 0.35}, abs=1e-6)
    assert exponents.groupby("method")["seed"].nunique().eq(5).all()


def test_a_perfect_probe_has_a_finite_exponent(scale):
    perfect = rows({"s": 0.2})
    perfect["value"] = 1.0
    assert module(scale).power_law(perfect)["value"].eq(0).all()


def test_the_answer_follows_the_rule(scale):
    table = rows({"s": 0.2, "a": 0.05, "b": 0.5, "raw": 0.9}, noise=0.01)
    one = found(scale, table).one("exponent", dataset="d", sweep="images")
    assert (one.outcome, one["better"], one["worse"], one["others"]) == ("scales", ["a"], ["b"], 2)
    assert one.estimate.low > 0
    answer = scale.answer(table, CLAIMS)
    assert "given more images: scales, exponent 0.2" in answer
    assert "better than 1 and worse than 1 of 2 other methods (b)" in answer
    assert "undecided" in scale.answer(rows({"s": 0.0, "a": 0.05}, noise=0.1), CLAIMS)
    both = pd.concat([table, rows({"s": 0.0}, noise=0.1).assign(dataset="e", target="e")])
    assert scale.answer(both, CLAIMS).startswith(
        "s scales with more images (d); undecided with more images (e).\ns on "
    )
    assert found(scale, rows({"s": -0.2}, noise=0.01)).one("exponent").outcome == "does not scale"
    few = rows({"s": 0.2, "a": 0.0}, seeds=4)
    assert (found(scale, few).one("exponent").outcome, found(scale, few).one("exponent")["why"]) == ("undecided", "few")
    assert "undecided (fewer than five seeds), exponent 0.20" in scale.answer(few, CLAIMS)
    assert found(scale, rows({"s": 0.2}, seeds=1)).one("exponent").outcome == "undecided"
    assert scale.answer(rows({"a": 0.2}), CLAIMS) == ""


def test_what_makes_no_use_of_a_resource_is_not_compared(scale):
    table = rows({"s": 0.2, "a": 0.05, "b": 0.5}, noise=0.01)
    table.loc[table["method"] == "b", "value"] = 0.8
    one = found(scale, table).one("exponent")
    assert (one["better"], one["worse"], one["others"]) == (["a"], [], 1)


@pytest.mark.parametrize("amount", [1000, 16000])
def test_a_training_that_diverged_takes_the_favourable_words(scale, amount):
    """With the least amount it would make the steepest curve."""
    table = rows({"s": 0.2, "a": 0.05}, noise=0.01)
    lost = (table["method"] == "s") & (table["label"] == f"images: {amount}")
    failed = table[lost].assign(status="diverged", metric="linear_probe", protocol="", reason="diverged", value=np.nan)
    table = pd.concat([table[~lost], failed], ignore_index=True)
    one = found(scale, table).one("exponent")
    assert (one.outcome, one["why"], one["better"], one.estimate.n) == ("undecided", "diverged", [], 5)
    assert "undecided, as training diverged with some amounts" in scale.answer(table, CLAIMS)
    assert len(scale.table(table, CLAIMS)) == 6
    assert found(scale, table, replace(CLAIMS, subject="a")).one("exponent")["worse"] == []


def test_what_lacks_an_amount_has_no_exponent(scale):
    table = rows({"s": 0.2, "a": 0.05}, noise=0.01)
    table = table[~((table["method"] == "s") & (table["label"] == "images: 1000"))]
    assert set(module(scale).power_law(table)["method"]) == {"a"}
    assert scale.answer(table, CLAIMS) == ""


def test_the_errors_stand_beside_the_exponents(scale):
    table = rows({"s": 0.2, "a": 0.05, "b": 0.5})
    level = found(scale, table).one("level")
    assert [level[name] for name in ("least", "most", "fewer", "others")] == [1000, 16000, 1, 2]
    assert level["last"] == pytest.approx(30 * 16**-0.2)
    answer = scale.answer(table, CLAIMS)
    assert "its error is 30.0 % with 1000 and 17.2 % with 16000, where 1 of 2 others err less" in answer


def test_fewer_images_get_as_many_updates_and_each_encoder_a_label_of_its_own(scale):
    seeds, images = tuple(range(10)), {"scaled": {"d": 3}, "n_train": {"d": 50_000}}
    suite = Suite("p", ("s", "a"), ("d",), {"d": 8}, 64, (32, 64), seeds, 128, "s", **images)
    cells = {cell for cell, _ in scale.grid(suite) if cell.method == "s"}
    updates = {cell.label: (cell.n_train or 50_000) * cell.epochs for cell in cells if cell.label.startswith("images")}
    assert all(value == pytest.approx(8 * 50_000, rel=0.01) for value in updates.values())
    assert len(updates) == 3
    assert {c.epochs for c in cells if c.label.startswith("passes")} == {8, 4, 2}
    assert {c.label for c in cells if c.label.startswith("width")} == {"width: 32", "width: 64"}
    # what other benchmarks have too is asked for with all seeds, the rest with five
    assert {c.n_seeds for c in cells if c.width == 64 and not c.n_train and c.epochs == 8} == {0}
    assert {c.n_seeds for c in cells if c.width == 32 or c.n_train} == {5}


def test_what_has_a_width_of_its_own_is_measured_once(scale):
    seeds, images = tuple(range(10)), {"scaled": {"d": 3}, "n_train": {"d": 50_000}}
    suite = Suite("p", ("s", "raw"), ("d",), {"d": 8}, 64, (32, 64), seeds, 128, "s", own_width=("raw",), **images)
    cells = {cell for cell, _ in scale.grid(suite) if cell.method == "raw"}
    assert {(c.n_train, c.epochs, c.width) for c in cells} == {(0, 8, 64)}


def test_there_are_figures_and_a_table_even_of_nothing(scale):
    table = rows({"s": 0.2, "a": 0.05}, noise=0.01)
    assert len(list(scale.figures(table, CLAIMS))) == 2
    shown = scale.table(table, CLAIMS)
    assert shown["how much"].tolist()[:3] == [1000, 4000, 16000]
    assert shown["error (%)"].iloc[0] == pytest.approx(30)
    nothing = table.iloc[:0]
    assert not list(scale.figures(nothing, CLAIMS))
    assert scale.answer(nothing, CLAIMS) == ""
    assert len(scale.table(nothing, CLAIMS)) == 0
