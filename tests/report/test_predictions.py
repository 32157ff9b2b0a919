"""The predictions as the page shows them: which verdict leads, who stands where, and the rows behind."""

from __future__ import annotations

import io
from dataclasses import replace
from html import unescape

import pandas as pd
import pytest

from infomax_bench.base.console import brief
from infomax_bench.report.downloads import CASE, as_csv, downloads
from infomax_bench.report.pages import templates
from infomax_bench.report.predictions import dots, places, predictions, standing
from infomax_bench.report.strips import Strip, axis, span
from infomax_bench.report.trust import neighbours
from infomax_bench.stats.compare import Comparison
from infomax_bench.stats.here import here
from infomax_bench.stats.verdict import Case, Variant
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
    assert set(means["n_failed"]) == {0}
    assert len(means) < len(rows)
    again = replace(results.claims(), seeds=(0, 1, 2))  # 3 and 4 are for saying it again
    fewer = pd.read_csv(io.BytesIO(downloads(made, benchmarks, results, again)["P2.csv"]))
    assert set(fewer["n_seeds"]) == {3}
    mean = rows[rows["seed"] < 3].groupby(CASE, dropna=False)["value"].mean()
    assert fewer.groupby(CASE, dropna=False)["value"].mean().to_numpy() == pytest.approx(mean.to_numpy(), rel=1e-4)


def test_means_say_how_many_rows_were_lost(monkeypatch):
    monkeypatch.setattr("infomax_bench.report.downloads.LARGEST", 10)
    rows = pd.DataFrame(
        [{**dict.fromkeys(CASE, "a"), "seed": s, "value": float(s), "status": "ok"} for s in range(4)]
        + [{**dict.fromkeys(CASE, "b"), "seed": s, "value": 0.0, "status": "diverged"} for s in range(2)]
    )
    rows.loc[0, "status"] = "failed"
    means = pd.read_csv(io.BytesIO(as_csv(rows)))
    assert means["value"].fillna(-1).tolist() == [2, -1]
    assert means[["n_seeds", "n_failed"]].to_numpy().tolist() == [[3, 1], [0, 2]]


@pytest.mark.parametrize("above", [True, False])
def test_the_table_of_data_sets_says_what_the_dots_say(decided, above):
    """Of several cases a data set, the median of means is not the mean of medians."""
    one = next(v for v in decided[0] if len(v.rivals) == 3)
    of = [(1, 9, 2, 8), (5, 0, 9, 1), (3, 7, 7, 0)]
    names = (one.subject, *(r.method for r in one.rivals))
    cases = [Case("d", f"t{i}", dict(zip(names, map(float, v), strict=True))) for i, v in enumerate(of)]
    lost = Case("d", "t3", dict.fromkeys(names[1:], 50.0))  # without the subject
    verdict = replace(one, cases=(*cases, lost))
    place, dot = places(verdict, above)[0], dots(verdict, above).dots[0]
    assert dot.value == pytest.approx((place.own - place.median) * (1 if above else -1))
    assert (place.own, place.median) == (3, 16 / 3)


def said(source, **values):
    """A template's words."""
    head = '{% import "page/words.jinja" as say %}{% import "page/marks.jinja" as marks %}'
    return " ".join(unescape(templates("html").from_string(head + source).render(**values)).split())


def test_who_is_surely_ahead_is_told_against_zero_wherever_the_line_is(decided):
    found = {"a": (3, 2, 4), "b": (1, 0.5, 1.5), "c": (0, -1, 1), "d": (-2, -3, -1), "e": (9, 9, float("inf"))}
    for line in (-2.0, 0.0, 1.7):
        spans = [span(name, "", own, line) for name, own in found.items()]
        drawn = Strip(axis([-3, 4], relative=True), line, spans[2], spans, [])
        assert "surely ahead of 2, surely behind 1;" in said("{{ marks.strip(s, v) }}", s=drawn, v=decided[0][0])


def test_only_what_is_in_percent_is_said_to_be():
    units = ("%", "points", "points less prunable", "percentile", "passes", "x", "")
    told = [said("{{ say.in_percent(v) }}", v={"unit": unit}) for unit in units]
    assert told == ["(%)"] * 3 + [""] * 4


def test_each_other_reading_has_its_own_word(decided):
    variants = tuple(Variant(what, word, 0, 0, 0) for what, word in (("one", "supported"), ("b", "inconclusive")))
    verdict = replace(decided[0][0], verdict="refuted", flips=(), n_datasets=9, variants=variants)
    assert said("{{ say.change(v) }}", v=verdict).endswith("One: supported; b: undecided.")


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
