"""Batches and augmentation: what is trained, and what is said of made-up rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from infomax_bench.run.engine import trained_encoder
from infomax_bench.run.results import COLUMNS
from infomax_bench.stats.findings import Found
from infomax_bench.study.cell import Cell
from infomax_bench.study.claims import Claims
from infomax_bench.study.plugins import registry
from infomax_bench.study.suite import Suite
from infomax_bench.study.tasks import Task

RECIPE = registry().benchmark("recipe")
FAMILIES = {"s": "independence", "c": "contrastive", "d": "contrastive", "n": "non-redundancy", "a": "reconstruction"}
ROLES = dict.fromkeys("scdna", "prior art")
CLAIMS = Claims("s", "standard", ROLES, False, width=64)
GIVEN = {"batch_sizes": (32, 512), "left_out": ("shift", "flip", "all"), "methods": ()}


def suite(methods=("s", "c", "n", "a", "x", "f"), **given):
    return Suite(
        preset="p",
        methods=methods,
        datasets=("d",),
        epochs={"d": 8},
        width=64,
        widths=(64,),
        seeds=tuple(range(10)),
        batch_size=128,
        subject="s",
        n_train={"d": 300},
        families={m: family for m, family in {**FAMILIES, "x": "density"}.items() if m in methods},
        seeing_views=("c",),
        augmentations={"d": ("shift", "rotate")},
        learning_rates=dict.fromkeys(methods, 0.01),
        given={"recipe": {**GIVEN, **given}},
    )


def asked(**changes):
    """(method, batch size, what is left out, evaluation)."""
    return [(c.method, c.batch_size, c.without, r.evaluation) for c, r in RECIPE.grid(suite(**changes))]


def test_the_families_of_which_it_is_said_and_the_subject_are_varied_one_thing_at_a_time():
    """In batches that the data set fills; without parts that its augmentation has, where views are seen."""
    found = asked()
    sizes = [(128, "", "probe"), (32, "", "linear_probe")]
    assert {m for m, *_ in found} == {"s", "c", "n", "a"}, "no other family, and nothing that is fitted"
    assert [rest for m, *rest in found if m == "a"] == [list(one) for one in sizes]
    parts = [(128, "shift", "linear_probe"), (128, "all", "linear_probe")]
    assert [rest for m, *rest in found if m == "c"] == [list(one) for one in (*sizes, *parts)]
    assert {m for m, *_ in asked(methods=("a",))} == {"a"}, "the subject only where it is run"


def test_what_is_varied_is_a_cell_of_its_own_and_what_is_not_is_every_bodys():
    cells = {(c.batch_size, c.without): c for c, _ in RECIPE.grid(suite(methods=("c",)))}
    assert cells[128, ""] == suite().cell("c", "d", n_seeds=5, tags={"batch": 128, "without": ""})
    assert {c.label for c in cells.values()} == {"", "batches of 32", "without shift", "without all"}
    assert dict(cells[32, ""].settings) == {"learning_rate": 0.005}
    assert cells[128, "all"].settings == ()


def test_a_preset_may_name_few_methods():
    given = {"recipe": {**GIVEN, "methods": ("c", "absent")}}
    assert {c.method for c, _ in RECIPE.grid(replace(suite(), given=given))} == {"c", "s"}


def rows(gains, seeds=5, noise=0.1):
    """gains: (method, batch, without) -> points above the 90 % of batches of 128 and the whole augmentation."""
    rng = np.random.default_rng(0)
    bases = {(m, 128.0, ""): 0.0 for m, *_ in gains}
    records = [
        {
            "method": m,
            "family": FAMILIES[m],
            "dataset": "d",
            "target": "d",
            "seed": seed,
            "batch": batch,
            "without": without,
            "label": f"{batch:g} {without}" if gain else "",
            "value": (90 + gain + noise * rng.standard_normal()) / 100,
        }
        for (m, batch, without), gain in {**bases, **gains}.items()
        for seed in range(seeds)
    ]
    linear = {"metric": "accuracy", "protocol": "linear", "status": "ok", "current": True, "benchmark": "recipe"}
    return pd.DataFrame(records).assign(**linear).reindex(columns=[*COLUMNS, "batch", "without"])


SMALL = {("s", 32.0, ""): 0.2, ("c", 32.0, ""): -5.0, ("d", 32.0, ""): -3.0, ("n", 32.0, ""): 3.0, ("a", 32.0, ""): 0.1}
VIEWS = {("c", 128.0, "all"): -8.0, ("d", 128.0, "all"): -0.3, ("c", 128.0, "shift"): 0.2, ("d", 128.0, "shift"): 0.1}


def test_a_family_is_told_by_its_mean_and_each_of_its_methods_beside():
    found = Found(RECIPE.findings(rows({**SMALL, **VIEWS}), CLAIMS))
    said = {f["group"]: f.outcome for f in found.all("batches", batch=32.0)}
    assert said == {"contrastive": "worse", "non-redundancy": "better", "reconstruction": "as good", "s": "as good"}
    one = found.one("batches", group="contrastive")
    assert (one.estimate.mean, one["methods"]) == (pytest.approx(-4, abs=0.2), {"c": "worse", "d": "worse"})
    without = {f["without"]: (f.outcome, f["methods"]) for f in found.all("augmentation", group="contrastive")}
    assert without["all"] == ("worse", {"c": "worse", "d": "as good"})
    assert without["shift"] == ("as good", {"c": "as good", "d": "as good"})
    costs = {f["group"]: (f.outcome, round(f.estimate.mean)) for f in found.all("cost")}
    assert costs == {"contrastive": ("more", -4), "non-redundancy": ("less", 3), "s": ("undecided", 0)}


def test_the_answer_says_so():
    said = RECIPE.answer(rows({**SMALL, **VIEWS}), CLAIMS)
    assert said.startswith("Batches of 32 cost contrastive methods more than autoencoders (-4.")
    assert "Whether batches of 32 cost s more than autoencoders is undecided" in said
    assert "Without any augmentation: contrastive methods worse; without shifts: contrastive methods as good." in said
    assert "contrastive methods in batches of 32: worse (-4." in said
    assert "points); worse: c, d." in said


def test_few_seeds_decide_nothing_and_a_training_that_diverged_has_accuracy_0():
    assert {f.outcome for f in RECIPE.findings(rows(SMALL, seeds=4), CLAIMS)} == {"undecided"}
    table = rows({("c", 32.0, ""): 0.1})
    lost = (table["batch"] == 32) & (table["seed"] == 0)
    gone = table[lost].assign(status="diverged", metric="linear_probe", protocol="", value=np.nan)
    one = Found(RECIPE.findings(pd.concat([table[~lost], gone]), CLAIMS)).one("batches")
    assert one.estimate.mean == pytest.approx(-90 / 5, abs=0.5)


def test_what_is_left_out_is_left_out_of_training():
    made = {}
    for part in ("", "all"):
        cell = Cell("simclr", "digits", 8, 1, 128, without=part)
        made[part] = trained_encoder(Task(cell, (0,), ""), registry(), "cpu").params["encoder.weight"]
    assert not torch.equal(made[""], made["all"])
