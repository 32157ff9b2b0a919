"""The predictions as the page shows them: which verdict leads, who stands where, and the rows behind."""

from __future__ import annotations

import io
from dataclasses import replace
from html import unescape

import pandas as pd
import pytest

from infomax_bench.base.console import brief
from infomax_bench.report.downloads import downloads
from infomax_bench.report.pages import templates
from infomax_bench.report.predictions import predictions, standing
from infomax_bench.report.strips import axis, span
from infomax_bench.report.trust import neighbours
from infomax_bench.stats.compare import Comparison
from infomax_bench.stats.here import here
from infomax_bench.study.plugins import registry


@pytest.fixture(scope="module")
def found(decided):
    verdicts, results = decided
    plugins = registry()
    benchmarks = [plugins.benchmark(name) for name in plugins.names("benchmarks")]
    return predictions(verdicts, benchmarks, results.claims()), benchmarks


def test_an_axis_shows_all_means_and_cuts_what_would_leave_them_no_room():
    drawn = axis([0.0, 10.0], [-500.0, 12.0, float("inf")], relative=True)
    assert drawn.at(0.0) > 0
    assert drawn.at(10.0) < 100
    assert drawn.at(-500.0) == 0.0
    assert drawn.high < 20
    assert [text for _, text in drawn.ticks][:3] == ["−5", "0", "+5"]
    assert drawn.text(2.0) == "+2.0"
    for point in ([], [3.0], [float("nan")], [1e-9, 2e-9], [1e7, 2e7]):
        assert 1 <= len(axis(point).ticks) <= 6


def test_a_span_is_on_a_side_only_if_all_of_its_interval_is():
    assert [span("a", "", found, 1.0).side for found in ((2, 1.5, 3), (2, 0.5, 3), (0, -1, 0.9))] == [1, 0, -1]
    assert span("a", "", (5, float("-inf"), float("inf")), 0.0).side == 0


def test_numbers_for_reading_are_short():
    assert [brief(v) for v in (30.16, 9.64, -0.039, 120.4)] == ["30", "9.6", "−0.039", "120"]
    assert brief(2.09, True) == "+2.1"


def test_each_prediction_is_led_by_its_first_verdict_about_the_subject(found, decided):
    made, _ = found
    assert [p.claim for p in made] == ["P1", "P2", "P3", "P4"]
    for p in made:
        own = [v for v in decided[0] if v.claim == p.claim]
        assert p.lead is next(v for v in own if not v.aside)
        assert len(p.others) == len(own) - 1
        assert p.absolute == (p.compared is not p.lead)
        assert {s.name for s in p.strip.everyone} == {"beta", "gamma", "delta"}
        assert [s.mean for s in p.strip.spans] == sorted(s.mean for s in p.strip.spans)
        assert [s.name for s in p.strip.labelled] == ["delta"]  # which sees labels
        assert {place.dataset for place in p.places} == {"one", "two"}
    assert not made[0].better_above  # what is prunable is redundant


def test_what_is_shown_of_a_data_set_is_what_the_effect_is_the_mean_of(found):
    for p in found[0]:
        counted = [d.value for d in p.dots.dots if d.counted]
        if counted and p.lead.n_datasets == len(counted):
            assert sum(counted) / len(counted) == pytest.approx(p.lead.effect)


def test_the_rank_and_the_neighbours_are_by_the_same_means(decided):
    one = next(v for v in decided[0] if v.comparisons)

    def against(name, mean):
        return Comparison(name, mean, mean - 1, mean + 1, 5, 0.5, 0.5, mean, 0.5)

    own = [against("a", -3.0), against("b", -1.0), against("c", 0.5), against("d", 4.0)]
    verdict = replace(one, comparisons=tuple(own), here=here(own))
    place = standing(verdict)
    assert (place.rank, place.n, place.better, place.worse) == (3, 5, "b", "c")
    assert [(n.method, n.apart) for n in neighbours([verdict])] == [("b", 1), ("c", 1), ("a", 2), ("d", 2)]
    assert standing(replace(one, here=None)) is None


def test_the_rows_behind_a_prediction_are_those_that_were_measured(found, decided, monkeypatch):
    made, benchmarks = found
    results = decided[1]
    files = downloads(made, benchmarks, results, results.claims())
    assert set(files) == {"P1.csv", "P2.csv", "P3.csv", "P4.csv"}
    rows = pd.read_csv(io.BytesIO(files["P2.csv"]))
    assert {"method", "dataset", "target", "seed", "value"} <= set(rows)
    abroad = rows[(rows["dataset"] != rows["target"]) & (rows["protocol"] == "linear") & (rows["method"] == "alpha")]
    mean = {(c.dataset, c.target): c.values["alpha"] for c in made[1].lead.cases}
    for pair, own in abroad.groupby(["dataset", "target"]):
        assert 100 * own["value"].mean() == pytest.approx(mean[pair], rel=1e-4)
    monkeypatch.setattr("infomax_bench.report.downloads.LARGEST", 10)
    means = pd.read_csv(io.BytesIO(downloads(made, benchmarks, results, results.claims())["P2.csv"]))
    assert set(means["n_seeds"]) == {5}
    assert len(means) < len(rows)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Nothing has been measured yet that a prediction is about."),
        (["supported"], "The essay's prediction, tried on x, is supported."),
        (["refuted", "refuted"], "Both of the essay's predictions, tried on x, are refuted."),
        (["inconclusive"] * 3, "None of the essay's three predictions, tried on x, is decided by these data sets."),
        (
            ["supported", "refuted", "inconclusive", "inconclusive"],
            "Of the essay's four predictions, tried on x, one is supported, one is refuted; for two, the data sets do "
            "not decide.",
        ),
        (["supported", "refuted"], "Of the essay's two predictions, tried on x, one is supported and one is refuted."),
    ],
)
def test_the_headline_says_what_the_outcomes_come_to(words, said):
    source = '{% import "page/words.jinja" as say %}{{ say.headline(found, "x") }}'
    found = [{"lead": {"verdict": word}} for word in words]
    told = unescape(templates("html").from_string(source).render(found=found))
    assert " ".join(told.split()) == said
