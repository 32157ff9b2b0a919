"""The benchmark on gaps, on tables whose answers are known."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from infomax_bench.plots import theme as look
from infomax_bench.plots.theme import png
from infomax_bench.stats.findings import Found
from infomax_bench.study.claims import Claims
from tests.benchmarks.made import CLAIMS, ROLES, benchmark, module, rows, verdicts


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(look, "DPI", 40)


def gap_rows(sees=0.5, blind=(0.6, 0.8), s=0.9, datasets=("d",)):
    level = {"s": s, "sees": sees, "told": 0.95, "blind": blind[0], "other": blind[1], "k": 0.7, "raw": 0.7}
    label = {m: 0.9 if m in ("sees", "told") else 0.6 for m in level}
    shares = {("variance_share", p): dict.fromkeys(level, v) for p, v in (("class", 0.5), ("x", 0.2), ("rest", 0.3))}
    return rows(
        "gaps",
        {
            ("decodability", "class"): label,
            ("decodability", "x"): level,
            ("decodability", "y"): level,
            ("property_r2", "ink"): {m: 1 - v for m, v in level.items()},
            **shares,
        },
        datasets,
    )


FOUR = tuple("defg")


def test_a_gap_is_what_those_trained_on_labels_lack_and_captions_do_not_count():
    found = verdicts("gaps", gap_rows(datasets=FOUR))
    known = found["Labels leave gaps in known factors", "unsupervised"]
    assert known.verdict == "supported"
    assert known.effect == pytest.approx(100 * (0.7 - 0.5), abs=0.2)
    assert "score 50" in known.sentence
    measured = found["Labels leave gaps in measured properties", "unsupervised"]
    assert measured.verdict == "refuted"
    assert measured.effect == pytest.approx(-20, abs=0.2)
    more = verdicts("gaps", gap_rows(sees=0.9, datasets=FOUR))
    assert more["Labels leave gaps in known factors", "unsupervised"].verdict == "refuted"


def test_the_subject_is_compared_with_all_and_the_label_is_no_gap():
    found = verdicts("gaps", gap_rows(datasets=FOUR))
    behind = found["Tells more of the known factors", "all methods"]
    assert (behind.verdict, round(behind.effect)) == ("inconclusive", 20), "ahead of the median of five"
    assert behind.reason == "above the median, behind told", "captions tell of the factors"
    alone = Claims("s", "test", {m: r for m, r in ROLES.items() if m != "told"}, False, width=8)
    alone = replace(
        alone, supervised=CLAIMS.supervised, roster={m: r for m, r in ROLES.items() if m not in ("told", "raw")}
    )
    assert verdicts("gaps", gap_rows(datasets=FOUR), alone)[behind.title, behind.against].verdict == "supported"


def test_what_the_label_leaves_open_is_averaged_by_kind_and_data_set():
    table, opened = gap_rows(), module("gaps").OPEN
    table.loc[(table["protocol"] == "x") & (table["metric"] == "decodability"), "value"] = 0.0
    known = opened["known factors"](table, CLAIMS).groupby("method")["value"].mean()
    assert known["told"] == pytest.approx(95 / 2, abs=1)
    measured = opened["measured properties"](table, CLAIMS).groupby("method")["value"].mean()
    assert measured["told"] == pytest.approx(5, abs=1)


def found_in(table, claims=CLAIMS):
    return Found(benchmark("gaps").findings(table, claims))


def items(found, name="left_open", outcome=None):
    return [(f["item"], f["dataset"]) for f in found.all(name, outcome)]


def test_what_the_label_leaves_open_is_found_item_by_item():
    found = found_in(gap_rows())
    assert found.one("label", dataset="d").estimate.mean == pytest.approx(30, abs=0.1)
    assert items(found, outcome="less") == [("x", "d"), ("y", "d")]
    assert items(found, outcome="more") == [("ink", "d")]
    assert found.one("left_open", item="ink").estimate.mean == pytest.approx(20, abs=0.1)
    table = gap_rows(blind=(0.5, 0.5))
    assert items(found_in(table), outcome="undecided") == [("ink", "d"), ("x", "d"), ("y", "d")]
    assert {f["missing"] for f in found_in(table[table["method"] != "other"]).all("left_open")} == {("other",)}
    assert not found_in(table[table["method"] == "s"])
    assert {f.outcome for f in found_in(gap_rows().query("seed < 3"))} <= {"undecided", "inconclusive"}


def test_whether_the_known_result_comes_out_and_how_random_features_stand():
    found = found_in(gap_rows())
    known, measured = found.all("known")
    assert (known["kind"], known.outcome, known["random"]) == ("known factors", "supported", None)
    assert known["scope"] == "these data sets alone"
    assert known.estimate.mean == pytest.approx(20, abs=0.1)
    assert (measured["kind"], measured.outcome) == ("measured properties", "refuted")
    raw = replace(CLAIMS, roles={**ROLES, "random_features": "reference"})
    untrained = gap_rows().query("method == 'k'").assign(method="random_features")
    beside = found_in(pd.concat([gap_rows(), untrained], ignore_index=True), raw).one("known", kind="known factors")
    assert beside["random"].mean == pytest.approx(20, abs=0.1)


def test_where_no_seed_has_all_methods_nothing_can_be_said():
    table = gap_rows()
    own = (table["protocol"] == "x") & (table["method"] == "sees")
    apart = pd.concat([table[~own], table[own].assign(seed=7)])
    assert items(found_in(apart), "unknown") == [("x", "d")]
    assert "Nothing can be said of x on d: no seed has all methods." in benchmark("gaps").answer(apart, CLAIMS)


def test_the_answer_begins_with_the_known_result_and_tells_every_item():
    answer = benchmark("gaps").answer(gap_rows(), CLAIMS)
    assert answer.startswith(
        "The known result that labels leave gaps, over seeds, so on these data sets alone: in known factors it comes"
    )
    assert "points); in measured properties it does not come out (-20.0" in answer
    assert "the label itself +30.0 points on d. Of what" in answer
    assert "more of ink on d (+20.0) (points;" in answer
    table = gap_rows(blind=(0.5, 0.5))
    assert "No difference is shown in ink on d, x on d, y on d." in benchmark("gaps").answer(table, CLAIMS)
    missing = benchmark("gaps").answer(table[table["method"] != "other"], CLAIMS)
    assert missing.endswith("Without other, not measured everywhere.")
    assert benchmark("gaps").answer(table[table["method"] == "s"], CLAIMS) == ""


def test_gaps_are_drawn_and_tabled():
    captions = [caption for caption, figure in benchmark("gaps").figures(gap_rows(), CLAIMS) if png(figure)]
    assert len(captions) == 5
    ahead = module("gaps").ahead(gap_rows(), CLAIMS).groupby("method")["value"].mean()
    assert dict(ahead) == pytest.approx({"class": 30, "x": -20, "y": -20, "ink": 20}, abs=0.1)
    table = benchmark("gaps").table(gap_rows(), CLAIMS).set_index("method")
    assert list(table)[1] == "class (%)"
    assert table.loc["sees", "class (%)"] == pytest.approx(90, abs=0.2)
    assert table.loc["sees", "mean of known factors (%)"] == pytest.approx(50, abs=0.2)
    without = gap_rows()
    without = without[(without["protocol"] == "class") | (without["metric"] == "property_r2")]  # no known factors
    assert len(list(benchmark("gaps").figures(without, CLAIMS))) == 4
    unsupervised = gap_rows().query("method != 'sees'")
    assert len(list(benchmark("gaps").figures(unsupervised, CLAIMS))) == 4
    assert ("Tells more of the known factors", "all methods") not in verdicts("gaps", without)
