"""Results folders that are partial, broken and empty, and plug-ins that fail: a report all the same."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest

from infomax_bench.cli.main import main
from infomax_bench.run.results import read_results
from infomax_bench.stats.findings import Finding
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.plugins import registry
from tests.report.made import ROLES, build, make_results

pytestmark = pytest.mark.slow
"""Documents are built."""


def test_a_partial_run_says_what_it_lacks(tmp_path):
    parts = ["redundancy", "width"]
    root = make_results(tmp_path / "results", benchmarks=parts, lost=["beta"], failed=["gamma"], never=["delta"])
    html, md, verdicts, results = build(root, tmp_path / "out")
    n = len(results.missing)
    assert n
    for text in (html, md):
        assert f"{n} evaluations not measured yet" in text
        assert "<script>alert" not in text
        assert "gamma on one, width 8" in text
    assert "delta on one, width 8" in html
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; a|pipe and a second line" in html
    assert "a\\|pipe and a second line" in md
    assert all(v.verdict == "inconclusive" for v in verdicts if v.against == "all methods")


def test_a_report_needs_benchmarks_alone(tmp_path):
    """No torch, which would take as long as a whole section; what else did not load is told by the run."""
    root = make_results(tmp_path / "results", benchmarks=["redundancy"])
    info = json.loads((root / "run.json").read_text())
    info["broken"] = {"epsilon": "SyntaxError: no method", "redundancy": "mended since"}
    (root / "run.json").write_text(json.dumps(info))
    code = (
        "import sys; from infomax_bench.cli.main import main; "
        f"print(main(['report', '--results', {str(root)!r}, '--out', {str(tmp_path / 'out')!r}])); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split()[-2:] == ["0", "False"], done.stderr
    md = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "Plug-ins that do not load: epsilon." in md
    html = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "SyntaxError: no method" in html
    assert "mended since" not in html


def test_the_subject_of_a_report_is_one_that_was_run(tmp_path, capsys):
    root = make_results(tmp_path / "results", benchmarks=["redundancy"])
    with pytest.raises(SystemExit) as stop:
        main(["report", "--results", str(root), "--subject", "alfa"])
    assert stop.value.code == 2
    assert "did you mean 'alpha'?" in capsys.readouterr().err


def test_rows_of_other_versions_wear_a_dagger(tmp_path):
    html, md, *_ = build(make_results(tmp_path / "results", benchmarks=["redundancy"], old=["beta"]), tmp_path / "out")
    assert "beta †" in html
    for text in (html, md):
        assert "alpha †" not in text
        assert "† beta: some rows come from other versions" in text


def test_one_benchmark_alone_and_no_results_at_all(tmp_path):
    html, _, verdicts, _ = build(make_results(tmp_path / "one", benchmarks=["redundancy"]), tmp_path / "out")
    assert {v.title for v in verdicts} == {"Least redundant"}
    assert not [*(tmp_path / "out" / "data").glob("units*")]
    root = make_results(tmp_path / "none", lost=list(ROLES))
    html, md, verdicts, _ = build(root, tmp_path / "out2")
    assert not verdicts
    assert "Nothing has been measured" in html
    assert "Nothing has been measured" in md


class Broken(Benchmark):
    """Asks <b>what</b>?

    Rule: none.
    """

    title = "A plug-in that fails"

    def views(self, rows, claims):
        raise RuntimeError("no <figure>")
        yield

    def table(self, rows, claims):
        raise KeyError("no table")

    def answer_of(self, found, claims):
        raise ValueError("no answer")


class Answering(Benchmark):
    """Is it so?

    Rule: none.
    """

    title = "A question without a claim"

    def findings(self, rows, claims):
        yield Finding("said", values={"n": rows["method"].nunique()})

    def answer_of(self, found, claims):
        return f"{found[0]['n']} methods say <yes>_.\none <of> them\nanother"


def test_the_answer_to_a_question_without_a_claim_is_told(tmp_path, monkeypatch):
    plugins = registry()
    monkeypatch.setattr(type(plugins), "names", lambda self, kind: ["cost"])
    monkeypatch.setattr(type(plugins), "benchmark", lambda self, name: _named(Answering(), name))
    html, md, *_ = build(make_results(tmp_path / "results", benchmarks=["cost"]), tmp_path / "out", plugins)
    looking = " This preset is for looking, not for deciding."
    assert f"<b>Answer.</b> 4 methods say &lt;yes&gt;_.{looking}</p><ul>" in html
    assert "<li>one &lt;of&gt; them</li><li>another</li></ul>" in html
    assert f"| [{Answering.title}](index.html#cost) |" in md


def test_a_benchmark_whose_figures_fail_costs_a_line(tmp_path, monkeypatch):
    plugins = registry()
    monkeypatch.setattr(type(plugins), "names", lambda self, kind: ["cost"])
    monkeypatch.setattr(type(plugins), "benchmark", lambda self, name: _named(Broken(), name))
    html, *_ = build(make_results(tmp_path / "results", benchmarks=["cost"]), tmp_path / "out", plugins)
    assert "a figure could not be drawn: RuntimeError: no &lt;figure&gt;" in html
    assert "the table could not be made" in html
    assert "the answer could not be given: ValueError: no answer" in html
    assert "Answer." not in html
    assert "Asks &lt;b&gt;what" in html


def _named(benchmark, name):
    benchmark.name = name
    return benchmark


def test_rows_are_the_same_read_by_one_process_and_by_several(tmp_path, monkeypatch):
    """A damaged job, jobs that failed and ones that cannot be are in pieces of their own."""
    root = make_results(tmp_path / "results", failed=["beta"], never=["gamma"], lost=["delta"])
    damaged = next(path for path in sorted((root / "jobs").glob("*.json")) if "accuracy" in path.read_text())
    damaged.write_text("{")
    whole = read_results(root)
    monkeypatch.setattr("infomax_bench.run.rows.AT_ONCE", 3)
    monkeypatch.setattr("infomax_bench.run.rows.available_cores", lambda: 2)
    parts = read_results(root)
    pd.testing.assert_frame_equal(parts.table, whole.table)
    assert parts.failures == whole.failures
    assert parts.missing == whole.missing
    assert parts.warnings == whole.warnings
    assert ["damaged" in warning or "not there" in warning for warning in parts.warnings] == [True, True]
