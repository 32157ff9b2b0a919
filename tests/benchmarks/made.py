"""Made-up rows of which tests of benchmarks know what they say."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pandas as pd

from infomax_bench.run.results import COLUMNS
from infomax_bench.study.benchmark import Benchmark
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
