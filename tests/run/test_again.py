"""The subject and its forms are measured a second time, under seeds of their own, for what claims are decided on."""

from __future__ import annotations

from collections import defaultdict

import pytest

from infomax_bench.run.planned import plan_entries
from infomax_bench.study.cell import DEFAULTS
from infomax_bench.study.plan import Planner, make_suite
from infomax_bench.study.plugins import home, registry
from infomax_bench.study.presets import load_presets

METHODS = ("infomax_em", "infomax", "infomax_softmax", "pca", "simclr")


@pytest.fixture(scope="module")
def planned():
    """(benchmark, method, label) -> the seeds of its entries."""
    found = registry()
    preset = load_presets(home() / "benchmarks")["standard"]
    tuned = {f"infomax_em on {name}, linear": (("learning_rate", 0.01),) for name in preset.datasets}
    suite = make_suite(found, preset, methods=METHODS, tuned=tuned)
    assert (suite.seeds, suite.again) == (tuple(range(5)), tuple(range(5, 10)))
    asked = [found.benchmark(name) for name in ("pruning", "width", "scale", "cost", "backbones")]
    seeds = defaultdict(set)
    for entry in plan_entries(Planner(found, "cpu"), suite, asked):
        seeds[entry.benchmark, entry.cell.method, entry.cell.label].update(entry.seeds)
    return seeds


def test_forms_alone_are_measured_twice_and_for_claims_alone(planned):
    twice = {where for where, seeds in planned.items() if max(seeds) > 4}
    forms = [("infomax_em", ""), ("infomax_em", DEFAULTS), ("infomax", ""), ("infomax_softmax", "")]
    assert twice == {(name, *form) for name in ("pruning", "width") for form in forms}
    assert planned["pruning", "infomax", ""] == set(range(10))
    assert planned["width", "infomax_em", DEFAULTS] == set(range(10)), "at its own width; elsewhere fewer"


def test_who_asks_for_more_seeds_has_them_once():
    suite = make_suite(registry(), load_presets(home() / "benchmarks")["standard"], methods=METHODS, seeds=10)
    assert (len(suite.seeds), suite.again) == (10, ())


def test_twins_are_named_by_the_preset():
    preset = load_presets(home() / "benchmarks")["standard"]
    names = {name.split(":")[0] for name in preset.datasets}
    assert preset.twins
    assert all(len(group) > 1 and set(group) <= names for group in preset.twins)
