"""A run in parts: what a part is, how much is recorded, and that parts make the whole."""

from __future__ import annotations

import pytest

from infomax_bench.base.errors import UserError
from infomax_bench.base.store import Job
from infomax_bench.run.planned import plan_entries
from infomax_bench.run.recorded import cpu_seconds, recorded_hours
from infomax_bench.study.plan import Planner, make_suite
from infomax_bench.study.plugins import home, registry
from infomax_bench.study.presets import load_presets

REGISTRY, PRESETS = registry(), load_presets(home() / "benchmarks")
STANDARD = PRESETS["standard"]


def planned(part):
    suite = make_suite(REGISTRY, STANDARD, methods=["pca", "infomax_em"], part=part)
    benchmarks = [REGISTRY.benchmark(name) for name in ("transfer", "width", "depth")]
    return {
        entry.slot: (entry.key, entry.cell.dataset)
        for entry in plan_entries(Planner(REGISTRY, "cpu"), suite, benchmarks)
    }


def test_parts_are_the_whole_and_have_its_keys():
    """Unlike data sets that are named: on these everything is asked, and each is tried on all others."""
    whole = planned(None)
    parts = [planned([name]) for name in STANDARD.datasets]
    assert sum(len(part) for part in parts) == len(whole)
    assert {slot: found for part in parts for slot, found in part.items()} == whole
    assert {dataset for _, dataset in parts[0].values()} == {"digits"}
    assert planned(["digits", "mnist"]) == parts[0] | planned(["mnist"])
    with pytest.raises(UserError, match="unknown part 'mnit'; did you mean 'mnist'"):
        planned(["mnit"])


def test_recorded_is_what_jobs_and_each_training_took_of_a_cpu():
    def job(**stamp):
        return Job([], seconds=1e6, stamp=stamp)

    entries = [{"key": key, "encoder_key": encoder} for key, encoder in zip("aabcde", "xxxyyz", strict=True)]
    own = job(cpu_seconds=1.0, training_seconds=10.0)
    older = job(training_seconds=1000.0)  # of another clock
    jobs = [own, own, job(cpu_seconds=2.0, training_seconds=10.0), job(cpu_seconds=4.0), None, older]
    assert cpu_seconds(entries, jobs) == 1 + 2 + 4 + 10
    assert recorded_hours([3600.0, 3600.0]) == 1.0, "two cores for an hour"
