"""While `standard` is run, nothing that enters a key may change, or its parts would be of two versions.

results/standard/planned.json has digests of all keys that are planned, from before the first job until the last part is
committed: python -m tests.run.test_planned_keys writes it anew. Without that file nothing is compared.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from infomax_bench.run.planned import plan_entries
from infomax_bench.study.cell import Cell, Request
from infomax_bench.study.plan import Entry, Planner, make_suite
from infomax_bench.study.plugins import home, registry
from infomax_bench.study.presets import load_presets
from infomax_bench.study.tuned import brought_path, read_studies, tuned_settings

FILE = home() / "results" / "standard" / "planned.json"


def entries() -> list[Entry]:
    """What `run --preset standard` asks for, without any data."""
    found = registry()
    tuned = tuned_settings(read_studies(brought_path("standard")), found)
    suite = make_suite(found, load_presets(home() / "benchmarks")["standard"], tuned=tuned)
    planner = Planner(found, "cpu")
    benchmarks = [found.benchmark(name) for name in found.names("benchmarks")]
    made = plan_entries(planner, suite, [benchmark for benchmark in benchmarks if not benchmark.on_request])
    assert planner.faults == {}
    return made


def digests(planned: Sequence[Entry]) -> dict[str, Any]:
    """Of all keys, and of those of each benchmark, method and data set, which tell where a change comes from."""
    found: dict[str, dict[str, list[str]]] = {of: defaultdict(list) for of in ("benchmarks", "methods", "data sets")}
    for entry in planned:
        names = entry.benchmark, entry.cell.method, entry.cell.dataset
        for of, name in zip(found.values(), names, strict=True):
            of[name].append(f"{entry.slot} {entry.key}")
    told = {
        of: {
            name: hashlib.sha256("\n".join(sorted(own)).encode()).hexdigest()[:12] for name, own in sorted(each.items())
        }
        for of, each in found.items()
    }
    return {"torch": torch.__version__.split("+")[0], "results": len(planned), **told}


def changed(then: dict[str, Any], now: dict[str, Any]) -> dict[str, list[str]]:
    """The benchmarks, methods and data sets of which some key is another, or which came or went."""
    of = ("benchmarks", "methods", "data sets")
    found = {one: {*then[one], *now[one]} for one in of}
    differ = {one: sorted(name for name in found[one] if then[one].get(name) != now[one].get(name)) for one in of}
    return {one: names for one, names in differ.items() if names}


@pytest.mark.skipif(not FILE.exists(), reason="no run of standard is under way")
def test_nothing_that_enters_a_key_changes_while_standard_is_run():
    then = json.loads(FILE.read_text())
    now = digests(entries())
    if then["torch"] != now["torch"]:
        pytest.skip(f"keys hold torch's version, which is {now['torch']} and not {then['torch']}")
    assert changed(then, now) == {}, "undo it, or begin the run again; what is to be so: see this file's first lines"
    assert then == now


def test_a_change_is_told_by_its_benchmark_method_and_data_set():
    cell = Cell("pca", "digits", 8, 1, 128)
    own = [
        Entry(name, replace(cell, method=method), Request("probe"), (0,), "", f"{name} {method}")
        for name in ("pruning", "width")
        for method in ("pca", "kmeans")
    ]
    other = [*own[:-1], replace(own[-1], key="another")]
    assert changed(digests(own), digests(own)) == {}
    assert changed(digests(own), digests(own[::-1])) == {}, "the order is none of a key"
    expected = {"benchmarks": ["width"], "methods": ["kmeans"], "data sets": ["digits"]}
    assert changed(digests(own), digests(other)) == changed(digests(own), digests(own[:-1])) == expected


if __name__ == "__main__":
    FILE.write_text(json.dumps(digests(entries()), indent=1) + "\n")
