"""Replication: which of our numbers agree with published ones, who is marked, and that what is told as tested is so."""

from __future__ import annotations

import csv
import importlib
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from infomax_bench.stats.findings import Found
from infomax_bench.study.plan import make_suite
from infomax_bench.study.plugins import home, registry
from infomax_bench.study.presets import load_presets
from infomax_bench.study.published import Published

TESTS = Path(__file__).parents[1]


def benchmark():
    return registry().benchmark("replication")


def file() -> dict[str, Any]:
    """What the benchmark's file holds; another registry may have read it anew, under the same name of a module."""
    return type(benchmark()).findings.__globals__


def own(name: str) -> Any:
    """A function or a value of the benchmark's file."""
    return file()[name]


def line(kind: str, published: str, **changes: Any) -> Any:
    """A published number of the method "m"; the other one is that of "base"."""
    where = {"method": "m", "protocol": "p", "evaluation": "linear_probe", "metric": "accuracy"}
    plain = {"spread": 0.0, "n": 1, "source": "", "note": ""}
    return Published(**{**where, **plain, "kind": kind, "published": published, **changes})


def measured(values: dict[str, list[float]], current: bool = True) -> pd.DataFrame:
    """Rows of accuracies by method and seed, under the protocol "p"."""
    rows = [
        {"method": m, "label": "p", "metric": "accuracy", "protocol": "linear", "seed": s, "value": v}
        for m, of in values.items()
        for s, v in enumerate(of)
    ]
    columns = ["method", "label", "metric", "protocol", "seed", "value"]
    return pd.DataFrame(rows, columns=columns).assign(status="ok", current=current)


@pytest.fixture
def lines(monkeypatch):
    """Puts other lines in the place of the file's."""

    def put(*some: Any) -> None:
        monkeypatch.setitem(file(), "LINES", list(some))
        monkeypatch.setitem(file(), "NUMBERS", [one for one in some if one.kind != "tested"])

    return put


def test_a_comparison_is_seed_by_seed_and_needs_both(lines):
    above = line("above", "base")
    lines(line("range", "0.8 to 0.9", method="base"), above)
    ours = {"base": [0.80, 0.85, 0.90], "m": [0.81, 0.86, 0.912]}
    found = Found(benchmark().findings(measured(ours), None))
    assert [(f["line"].method, f.outcome) for f in found] == [("base", "too uncertain"), ("m", "agrees")]
    assert found[1].estimate.mean == pytest.approx(100 * (0.01 + 0.01 + 0.012) / 3), "in points"
    assert found[1].estimate.n == 3
    del ours["base"]
    assert [f.outcome for f in benchmark().findings(measured(ours), None)] == ["not run", "not run"]


def test_only_good_rows_of_the_method_and_its_protocol_are_read(lines):
    lines(line("equal", "0.9"))
    rows = measured({"m": [0.9, 0.9]})
    other = [measured({"m": [0.1]}).assign(**change) for change in ({"status": "failed"}, {"label": "another"})]
    (found,) = benchmark().findings(pd.concat([rows, *other, measured({"n": [0.1]})]), None)
    assert (found.outcome, found.estimate.n, found.estimate.mean) == ("agrees", 2, 90)


def test_who_is_calibrated_by_numbers_that_are_published(lines):
    lines(
        line("equal", "0.9"),
        line("equal", "0.8"),
        line("equal", "0.9", method="one"),
        line("sanity check", "0.99", method="none"),
        line("equal", "0.9", method="absent"),
        line("equal", "0.5", method="unsure"),
        line("tested", "", method="none"),
    )
    ours = {"m": [0.9, 0.9], "one": [0.7, 0.701], "none": [0.1, 0.1], "unsure": [0.7]}
    assert benchmark().calibration(measured(ours)) == {"m": "agrees", "one": "differs", "unsure": "too uncertain"}
    assert benchmark().calibration(measured({})) == {}


def test_the_table_tells_each_line(lines):
    lines(
        line("equal", "0.9", spread=0.01, n=4, source="A 2020", note="too few passes"),
        line("range", "0.8 to 0.9", method="base", note="never told, for it agrees"),
        line("above", "base"),
        line("equal", "12", metric="final_loss", method="absent"),
        line("sanity check", "0.97", method="absent"),
        line("tested", "", metric="loss: the formula", source="test_m.py::test_loss"),
    )
    rows = measured({"m": [0.95, 0.951], "base": [0.81, 0.811]})
    table = benchmark().table(rows, None)
    assert list(table["published"]) == ["90 ± 1", "80 to 90", "above base", "12", "none; our own bar: 97", "equal"]
    assert list(table["agree"]) == ["89 to 91", "79.5 to 90.5", "above 0", "11.94 to 12.06", "", ""]
    assert list(table["verdict"]) == ["differs", "agrees", "agrees", "not run", "not run", "tested"]
    assert list(table["measure"][2:]) == ["accuracy (%)", "final loss", "accuracy (%)", "loss: the formula"]
    assert table["source"][0] == "A 2020\nprobably why: too few passes"
    assert table["source"][1] == ""
    assert math.isnan(table["low"][5])
    told = (
        "Of 3 published numbers that were measured here 2 agree, 1 differs, and for 0 our interval is too wide to say"
    )
    assert benchmark().answer(rows, None) == f"{told}; 1 were not run."


def test_it_says_nothing_beside_its_table():
    rows = measured({})
    assert benchmark().answer(rows, None) == ""
    assert not list(benchmark().figures(rows, None))
    assert (benchmark().table(rows, None)["verdict"].isin(["not run", "tested"])).all()


# -- the data file ----------------------------------------------------------------------------------------------------
def test_every_line_is_of_a_method_a_protocol_and_an_evaluation_that_there_are():
    named = {one.protocol for one in own("NUMBERS")}
    assert named == set(own("PROTOCOLS")), "no protocol lacks a number, nor a number its protocol"
    for one in own("LINES"):
        assert one.method in registry().names("methods")
        assert one.source, one
    with (home() / "benchmarks" / "replication.csv").open(encoding="utf8", newline="") as file:
        assert {row["kind"] for row in csv.DictReader(file)} == {"equal", "range", "above", "sanity check", "tested"}


def test_the_grid_is_what_the_numbers_need_once_their_data_set_is_there():
    suite = make_suite(registry(), load_presets(home() / "benchmarks")["quick"])
    assert list(benchmark().grid(suite)) == []
    asked = list(benchmark().grid(replace(suite, datasets=("mnist",), methods=("kmeans", "pca"))))
    assert [cell.method for cell, _ in asked] == ["pca", "kmeans", "pca"], "above pca needs pca"
    assert {request.evaluation for _, request in asked} == {"linear_probe"}
    (cell,) = {cell for cell, _ in benchmark().grid(replace(suite, datasets=("mnist",), methods=("dbn",)))}
    assert cell.hidden == (500, 500)
    assert dict(cell.settings) == {"learning_rate": 0.1, "momentum": 0.5, "weight_decay": 2e-4}
    assert not cell.validation


# -- what is told as tested -------------------------------------------------------------------------------------------
def marked() -> Iterator[tuple[str, str]]:
    """(method, test) of every test that wears the mark `oracle`, in modules that pytest collects."""
    for path in sorted(TESTS.rglob("test_*.py")):
        if "@pytest.mark.oracle" in path.read_text("utf8"):
            module = importlib.import_module(".".join(path.relative_to(TESTS.parent).with_suffix("").parts))
            for name, test in vars(module).items():
                marks = [m for m in getattr(test, "pytestmark", ()) if m.name == "oracle" and name.startswith("test_")]
                yield from ((mark.args[0], f"{path.name}::{name}") for mark in marks)


def test_what_is_told_as_tested_is_tested_and_all_of_it_is_told():
    told = [(one.method, one.source) for one in own("LINES") if one.kind == "tested"]
    assert sorted(told) == sorted(marked())
