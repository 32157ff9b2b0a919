"""From a run to a benchmark's part of the page."""

from __future__ import annotations

import pytest

from infomax_bench.report.model import kept, section
from infomax_bench.run.results import read_results
from infomax_bench.study.benchmark import Benchmark
from tests.benchmarks.made import CLAIMS, benchmark, rows
from tests.small_runs import go

pytestmark = pytest.mark.slow
"""Documents are built."""


def test_a_run_measures_and_keeps_what_both_show(own, tmp_path):
    done = go(own, tmp_path / "results", benchmarks=("gaps", "universality"), subject="echo")
    table = done.results.table
    assert set(table["status"]) == {"ok"}
    results = read_results(tmp_path / "results")
    claims = results.claims()
    assert claims.labelled >= {"supervised"}
    assert "clip" in claims.supervised - claims.labelled
    arrays = kept(results, "decoding", claims)
    assert set(arrays) == {("echo", "tiny"), ("pca", "tiny")}
    assert arrays["pca", "tiny"]["decoded"].shape == (8, 1, 5, 5)
    assert kept(results, "gallery", claims) == {}
    for name in ("gaps", "universality"):
        one = benchmark(name)
        made = section(one, one.own_rows(results.table, claims), claims, [], {}, kept(results, one.keeps, claims))
        assert made.problems == []
        assert len(made.marks) >= 3
        assert made.answer or name == "gaps"  # there is no one who was trained on labels
    for path in (tmp_path / "results").rglob("*.npz"):
        path.write_bytes(b"damaged")
    assert kept(results, "decoding", claims) == {}


def test_an_answer_that_fails_costs_a_line_and_not_the_report():
    class Broken(Benchmark):
        """Asks. Claim: none."""

        name, title = "broken", "?"

        def answer_of(self, found, claims):
            raise RuntimeError("no")

    made = section(Broken(), rows("gaps", {("property_r2", "ink"): {"s": 0.5}}), CLAIMS, [], {}, {})
    assert made.problems == ["the answer could not be given: RuntimeError: no"]
    assert Benchmark().answer(rows("gaps", {("property_r2", "ink"): {"s": 0.5}}), CLAIMS) == ""
