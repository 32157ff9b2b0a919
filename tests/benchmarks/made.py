"""Made-up rows of which tests of benchmarks know what they say."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from infomax_bench.run.results import COLUMNS
from infomax_bench.stats.verdict import Verdict
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.claims import Claims
from infomax_bench.study.plugins import registry


def benchmark(name: str) -> Benchmark:
    return registry().benchmark(name)


def module(name: str) -> ModuleType:
    """The benchmark's file, for what it has beside its class."""
    return sys.modules[type(benchmark(name)).__module__]


def frame(records: list[dict[str, Any]], **same: Any) -> pd.DataFrame:
    """Rows of COLUMNS from dicts."""
    made = pd.DataFrame(records).assign(status="ok", current=True, track="controlled", **same)
    made["target"] = made.get("target", made["dataset"])
    return made.reindex(columns=list(COLUMNS)).astype({"x": float, "value": float})


ROLES = dict.fromkeys(("s", "sees", "told", "blind", "other"), "prior art") | {"k": "control", "raw": "reference"}
SEEING = {"supervised": frozenset({"sees", "told"}), "labelled": frozenset({"sees"})}
CLAIMS = Claims("s", "test", ROLES, False, width=8, own_width=frozenset({"raw"}), **SEEING)
SEEDS = range(5)


def rows(
    name: str, values: dict[tuple[str, str], dict[str, float]], datasets: tuple[str, ...] = ("d",)
) -> pd.DataFrame:
    """values: (metric, protocol) -> by method; over seeds it varies by a ten-thousandth."""
    rng = np.random.default_rng(0)
    measured = [(*which, m, value) for which, own in values.items() for m, value in own.items()]
    records = [
        {"method": m, "dataset": d, "target": d, "seed": s, "metric": metric, "protocol": protocol, "value": value}
        for metric, protocol, m, value in measured
        for d in datasets
        for s in SEEDS
    ]
    for record in records:
        record["value"] += 1e-4 * rng.standard_normal()
    made = pd.DataFrame(records).assign(benchmark=name, width=8, status="ok", current=True, track="controlled")
    return made.reindex(columns=list(COLUMNS)).astype({"value": float})


def verdicts(name: str, table: pd.DataFrame, claims: Claims = CLAIMS) -> dict[tuple[str, str], Verdict]:
    """By title and whom it is against."""
    return {(v.title, v.against): v for v in benchmark(name).verdicts(table, claims)}
