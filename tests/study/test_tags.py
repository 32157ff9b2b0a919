"""What a benchmark varies are tags: declared, checked, and in its rows; labels are for people."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from infomax_bench import Benchmark, Request, Select
from infomax_bench.base.older import mapping, tags_of
from infomax_bench.check.benchmarks import Asked, columns_that_are_read_exist, grid_is_made_of_known_evaluations
from infomax_bench.check.promise import Broken
from infomax_bench.run.planned import plan_entries
from infomax_bench.run.results import COLUMNS
from infomax_bench.study.claims import Claims
from infomax_bench.study.plan import LATER, Planner, make_suite
from infomax_bench.study.plugins import home, registry
from infomax_bench.study.presets import load_presets

PLUGINS = registry()
SUITE = make_suite(PLUGINS, load_presets(home() / "benchmarks")["standard"])


class Varied(Benchmark):
    """Claim: none. Rule: none."""

    name = "varied"
    tags = {"kind": str, "amount": float}

    def __init__(self, **tags):
        self.used = tags

    def grid(self, suite):
        yield suite.cell("pca", suite.datasets[0], tags=self.used, epochs=1), Request("linear_probe")


@pytest.mark.parametrize(
    ("tags", "culprit"), [({"speed": 1.0}, "the tag 'speed'"), ({"amount": "much"}, "tag 'amount' is 'much'")]
)
def test_a_tag_that_is_not_as_declared_is_named(tags, culprit):
    """In `check`, and by a run, which leaves that benchmark out."""
    with pytest.raises(Broken, match=culprit):
        grid_is_made_of_known_evaluations(Asked(Varied(**tags), PLUGINS))
    planner = Planner(PLUGINS, "cpu")
    assert plan_entries(planner, SUITE, [Varied(**tags)]) == []
    assert culprit in planner.faults["varied"]


def test_a_tag_takes_no_name_of_a_column():
    class Wide(Varied):
        tags = {"width": float}

    with pytest.raises(Broken, match="'width' has the name of a column"):
        grid_is_made_of_known_evaluations(Asked(Wide(), PLUGINS))


def test_a_selection_by_what_is_no_column_is_named():
    class Reads(Varied):
        columns = {"loud": Select("accuracy", "linear", sweep="width"), "fine": Select("accuracy", x=1, kind="a")}

    with pytest.raises(Broken, match=r"sweep='width'\): 'sweep' is no column"):
        columns_that_are_read_exist(Asked(Reads(), PLUGINS))


def test_tags_are_no_part_of_keys_and_slots():
    """What was measured before there were tags is found, and stands in its place."""
    with_tags, without = (
        plan_entries(Planner(PLUGINS, "cpu"), SUITE, [Varied(**tags)]) for tags in ({"kind": "a", "amount": 1}, {})
    )
    assert [(e.key, e.encoder_key, e.slot) for e in with_tags] == [(e.key, e.encoder_key, e.slot) for e in without]
    assert with_tags[0].as_json()["cell"]["tags"] == (("amount", 1), ("kind", "a"))


def test_what_views_lack_is_part_of_the_encoders_key():
    """And the key of an encoder whose views lack nothing is what it was before anything could be left out."""
    planner, cell = Planner(PLUGINS, "cpu"), SUITE.cell("simclr", "digits")
    keys = {part: planner.encoder_key(replace(cell, without=part), (0,)) for part in ("", "shift", "all")}
    assert len(set(keys.values())) == 3
    assert "without" in LATER


def test_rows_have_every_declared_tag():
    rows = Varied().tagged(pd.DataFrame(columns=list(COLUMNS)))
    assert list(rows.columns) == [*COLUMNS, "kind", "amount"]
    some = Varied().tagged(pd.DataFrame({"method": ["a", "b"], "amount": [1, None]}))
    assert some["kind"].tolist() == ["", ""]
    assert some["amount"].isna().tolist() == [False, True]


@pytest.mark.parametrize("name", mapping()["tags"])
def test_old_labels_are_read_as_today_s_tags(name):
    cells = {cell for cell, _ in PLUGINS.benchmark(name).grid(SUITE)}
    assert any(cell.tags for cell in cells)
    for cell in cells:
        assert dict(tags_of(name, cell.label)) == dict(cell.tags)


def test_tags_of_others_are_left_out_of_a_benchmark_s_rows():
    """A benchmark reads what it declares, and a table with all tags of all benchmarks would be cut slowly."""
    own = dict(dict.fromkeys(COLUMNS, ""), method="a", width=8, kind="x", amount=1.0, elsewhere="y")
    table = pd.DataFrame([{**own, "benchmark": name} for name in ("varied", "other", "varied")])
    rows = Varied().own_rows(table, Claims("a", "standard", {}, False, width=8))
    assert list(rows.columns) == [*COLUMNS, "kind", "amount"]
    assert list(rows.index) == [0, 2]
