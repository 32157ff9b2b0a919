"""A benchmark without rows tells nothing, shows nothing and decides nothing; it does not fail."""

from __future__ import annotations

import pandas as pd
import pytest

from infomax_bench.run.results import COLUMNS
from infomax_bench.study.claims import Claims
from infomax_bench.study.plugins import registry

ROLES = {"s": "this work", "a": "prior art", "b": "control", "raw": "reference"}
CLAIMS = Claims("s", "test", ROLES, False, width=8, supervised=frozenset("a"), labelled=frozenset("a"))


@pytest.mark.parametrize("name", registry().names("benchmarks"))
def test_without_rows_nothing_is_said(name):
    benchmark = registry().benchmark(name)
    empty = pd.DataFrame(columns=list(COLUMNS)).astype({"value": float, "x": float})
    rows = benchmark.own_rows(empty, CLAIMS)
    assert {verdict.verdict for verdict in benchmark.verdicts(rows, CLAIMS)} <= {"inconclusive"}
    assert list(benchmark.figures(rows, CLAIMS)) == []
    assert list(benchmark.drawings({}, CLAIMS)) == []
    assert benchmark.answer(rows, CLAIMS) == ""
    benchmark.table(rows, CLAIMS)  # what others published may stand there
