"""A user's own evaluation is one file: found by its place, measured in runs, keyed by its version, held to its word."""

from __future__ import annotations

import json

import pytest

from infomax_bench.base.errors import UserError
from infomax_bench.cli.main import main
from infomax_bench.evaluations.declare import Evaluation, Metric, Undeclared
from infomax_bench.run.workers import Workers
from infomax_bench.study.plugins import registry, reread
from tests.promises import held
from tests.small_runs import go

SILENCE = '''
import torch
from infomax_bench import Context, Metric, evaluation

@evaluation(version={version}, metrics=[Metric("silence", "share of outputs that are 0", "neither", range=(0, 1))])
def silence(context: Context):
    """How many units are silent at a time. Edited: {edited}."""
    return {rows}
'''
ROWS = 'context.rows("silence", (context.set.raw("test") == 0).double().mean((1, 2)))'

QUESTION = '''
from infomax_bench import Benchmark

class Question(Benchmark):
    """Are units silent?

    Claim: they are.

    Rule: none."""
    title = "silence"
    evaluations = ("silence",)
'''


@pytest.fixture
def mine(own):
    """The tests' plug-ins, with an evaluation and a benchmark that asks for it."""
    for kind in ("evaluations", "benchmarks"):
        (own / kind).mkdir()
    (own / "benchmarks" / "question.py").write_text(QUESTION)
    write(own)
    return own


def write(own, version=1, edited="no", rows=ROWS) -> None:
    (own / "evaluations" / "silence.py").write_text(SILENCE.format(version=version, edited=edited, rows=rows))


@pytest.mark.slow
def test_it_is_found_listed_and_measured_by_workers_too(mine, tmp_path, capsys):
    done = go(mine, tmp_path / "r", ("echo", "pca"), ("question",), workers=Workers(2))
    rows = done.results.table.query("metric == 'silence'")
    assert (len(rows), set(rows["status"])) == (4, {"ok"})
    assert rows["value"].between(0, 1).all()
    assert main(["list", "evaluations", "--json", "--plugins", str(mine)]) == 0
    (listed,) = (one for one in json.loads(capsys.readouterr().out) if one["name"] == "silence")
    assert (listed["summary"], listed["version"]) == ("How many units are silent at a time", 1)
    (metric,) = listed["metrics"]
    assert (metric["name"], metric["range"], metric["better"]) == ("silence", [0, 1], "neither")


def test_a_new_version_is_measured_again_and_an_edited_source_is_not(mine, tmp_path):
    def n_jobs() -> int:
        return go(mine, tmp_path / "r", ("pca",), ("question",)).n_jobs

    assert n_jobs() == 1
    write(mine, edited="yes")
    assert n_jobs() == 0
    write(mine, version=2)
    assert n_jobs() == 1


@pytest.mark.parametrize(
    ("rows", "culprit"),
    [
        ("context.rows('noise', torch.zeros(2))", "metric 'noise', which"),
        ("context.rows('silence', torch.zeros(2), protocol='loud')", "under protocol 'loud'"),
        ("context.rows('silence', torch.zeros(2), x=1)", "with an x"),
    ],
)
def test_rows_that_are_not_declared_fail_the_job_with_the_culprits_name(mine, tmp_path, rows, culprit):
    write(mine, rows=rows)
    done = go(mine, tmp_path / "r", ("pca",), ("question",))
    (failure,) = done.failures
    assert "evaluation 'silence' gives" in failure
    assert culprit in failure
    assert set(done.results.table["status"]) == {"failed"}


def test_nobody_takes_the_name_of_one_that_comes_with_the_project(mine):
    write(mine)
    text = (mine / "evaluations" / "silence.py").read_text()
    (mine / "evaluations" / "silence.py").write_text(text.replace("def silence", "def probe"))
    reread()
    found = registry([str(mine)])
    assert found.get("evaluations", "probe").bundled
    assert any("silence.py does not load" in w and "comes with the project" in w for w in found.warnings)


def test_bundled_ones_are_those_whose_modules_declare_them():
    found = registry()
    assert {"probe", "linear_probe", "few_shot_knn", "similarity", "gallery"} <= set(found.names("evaluations"))
    assert found.comparison("similarity").of == "representation"
    with pytest.raises(UserError, match="compares no encoders"):
        found.comparison("probe")
    assert {name for name, _ in found.declared("accuracy", "linear")} == {"probe", "linear_probe"}
    assert found.declared("accuracy", "lineal") == []


def test_open_names_are_declared_by_what_they_stand_for():
    terms, by = Metric("loss_", "a term", each="term"), Metric("told", "how well", protocols=("class",), by="factor")
    one = Evaluation("one", lambda: None, (terms, by, Metric("a", "swept", x="share")))
    good = [("loss_any", ""), ("told", "colour"), ("told", "class")]
    one.check({"metric": m, "protocol": p, "value": 0.0} for m, p in good)
    one.check([{"metric": "a", "value": 0.0, "x": 0.5}])
    for bad in (
        {"metric": "los"},
        {"metric": "a"},
        {"metric": "a", "x": 1, "protocol": "b"},
        {"metric": "told", "x": 1},
    ):
        with pytest.raises(Undeclared, match="evaluation 'one' gives metric"):
            one.check([bad])


@pytest.mark.parametrize("name", registry().names("evaluations"))
def test_a_bundled_evaluation_keeps_its_promises(name):
    found = registry()
    held(found, "evaluations", name)


def test_check_tells_of_an_evaluation_that_draws_by_chance(mine, capsys):
    write(mine, rows="context.rows('silence', torch.rand(len(context.seeds)))")
    assert main(["check", str(mine / "evaluations" / "silence.py")]) == 1
    assert "draw by the seed alone" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("select", "culprit"),
    [
        ("'silense'", "reads metric 'silense': no evaluation declares it"),
        ("'silence', 'loud'", "reads metric 'silence' under protocol 'loud': no evaluation declares it"),
        ("'accuracy', 'knn'", "reads metric 'accuracy' under protocol 'knn': its grids do not ask for"),
        ("'silence'", ""),
    ],
)
def test_a_benchmark_that_reads_what_nobody_measures_is_told_by_its_name(mine, capsys, select, culprit):
    text = QUESTION.replace("import Benchmark", "import Benchmark, Select")
    (mine / "benchmarks" / "question.py").write_text(text + f"    columns = {{'silent': Select({select})}}\n")
    assert main(["check", "question", "--plugins", str(mine)]) == bool(culprit)
    assert culprit in capsys.readouterr().out
