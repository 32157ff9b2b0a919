"""The subject and its forms are measured a second time, under seeds of their own, for what claims are decided on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from infomax_bench.report.facts import facts
from infomax_bench.run import decisions
from infomax_bench.run.planned import plan_entries
from infomax_bench.run.runner import run
from infomax_bench.study.cell import DEFAULTS
from infomax_bench.study.claims import Claims
from infomax_bench.study.plan import Planner, make_suite
from infomax_bench.study.plugins import home, registry
from infomax_bench.study.presets import load_presets
from tests.small_runs import suite_of

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
    preset = load_presets(home() / "benchmarks")["standard"]
    few, many = (make_suite(registry(), preset, methods=METHODS, seeds=n) for n in (2, 10))
    assert (len(many.seeds), many.again) == (10, ())
    assert few.again == (5, 6), "a short look stays one"


def test_twins_are_named_by_the_preset():
    preset = load_presets(home() / "benchmarks")["standard"]
    names = {name.split(":")[0] for name in preset.datasets}
    assert preset.twins
    assert all(len(group) > 1 and set(group) <= names for group in preset.twins)


def test_what_is_measured_a_second_time_is_for_claims_alone(own, tmp_path):
    """Means and intervals of a subject over ten seeds would stand beside others' over five; and who asks for fewer
    seeds than there are decides on those that there are."""
    found, suite, asked = suite_of(own, benchmarks=("redundancy",), subject="echo", seeds=5)

    def go(seeds):
        own_suite = replace(suite, seeds=seeds, again=(5, 6))
        return run(found, own_suite, asked, tmp_path / "r", folders=[str(own)], quiet=True)

    done, first = go(tuple(range(5))), set(range(5))
    table, once = done.results.table, done.results.once
    seeds = table.groupby("method")["seed"].unique().map(set)
    assert dict(seeds) == {"echo": first | {5, 6}, "pca": first}
    assert set(once["seed"]) == first == set(done.results.claims().seeds)
    assert len(once) == len(table[table["seed"] < 5])
    assert dict(facts(done.results))["seeds"] == "0, 1, 2, 3, 4; for claims echo and its forms also 5, 6"
    assert set(go((0,)).results.claims().seeds) == first


def test_a_second_time_that_fails_costs_no_win(monkeypatch):
    """The claim is decided under the seeds of the run."""
    rows = pd.DataFrame({"method": "a", "track": "controlled", "status": "diverged", "label": "", "seed": [5, 6]})
    told = {}
    benchmark = SimpleNamespace(verdicts=lambda rows, claims, failed: told.update(failed=failed) or [])
    for seeds, failed in (((0, 1), 0), ((), 2)):
        decisions._verdicts(benchmark, rows, Claims("a", "test", {}, False, seeds=seeds))
        assert told == {"failed": failed}
