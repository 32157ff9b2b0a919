"""The benchmark on gaps, on tables whose answers are known; what it and universality keep of a run, and draw with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from infomax_bench.plots import theme as look
from infomax_bench.plots.sheets import SHADES, _canvas, mosaic, stacked
from infomax_bench.plots.theme import png
from infomax_bench.report.model import kept, section
from infomax_bench.run.results import COLUMNS, read_results
from infomax_bench.stats.compare import by_case
from infomax_bench.stats.groups import between
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.claims import Claims
from infomax_bench.study.plugins import registry
from tests.small_runs import go

ROLES = {"s": "prior art", "sees": "prior art", "told": "prior art", "blind": "prior art", "other": "prior art",
         "k": "control", "raw": "reference"}  # fmt: skip
CLAIMS = Claims(
    "s", "test", ROLES, False, width=8, own_width=frozenset({"raw"}), supervised=frozenset({"sees", "told"}),
    labelled=frozenset({"sees"}),
)  # fmt: skip
SEEDS = range(5)


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(look, "DPI", 40)


def benchmark(name):
    return registry().benchmark(name)


def rows(name, values, datasets=("d",)):
    """values: (metric, protocol) -> by method; over seeds it varies by a ten-thousandth."""
    rng = np.random.default_rng(0)
    records = [
        {"method": m, "dataset": d, "target": d, "seed": s, "metric": metric, "protocol": protocol, "width": 8,
         "value": value + 1e-4 * rng.standard_normal()}
        for (metric, protocol), own in values.items() for m, value in own.items() for d in datasets for s in SEEDS
    ]  # fmt: skip
    made = pd.DataFrame(records).assign(benchmark=name, status="ok", current=True, track="controlled")
    return made.reindex(columns=list(COLUMNS)).astype({"value": float})


def gap_rows(sees=0.5, blind=(0.6, 0.8), s=0.9):
    level = {"s": s, "sees": sees, "told": 0.95, "blind": blind[0], "other": blind[1], "k": 0.7, "raw": 0.7}
    label = {m: 0.9 if m in ("sees", "told") else 0.6 for m in level}
    shares = {("variance_share", p): dict.fromkeys(level, v) for p, v in (("class", 0.5), ("x", 0.2), ("rest", 0.3))}
    return rows(
        "gaps",
        {("decodability", "class"): label, ("decodability", "x"): level, ("decodability", "y"): level,
         ("property_r2", "ink"): {m: 1 - v for m, v in level.items()}, **shares},
    )  # fmt: skip


# -- groups -----------------------------------------------------------------------------------------------------------
def test_groups_are_compared_by_their_means_paired_by_seed():
    table = rows("gaps", {("m", ""): {"s": 0, "a": 1, "b": 3, "c": 1.5}}, datasets=("d", "e"))
    cases = by_case(table, "s")
    found = between(cases, ["a", "b"], ["c"], scale=10)
    assert found.outcome == "supported"
    assert found.means == pytest.approx((20, 15), abs=0.1)
    assert found.found.mean == pytest.approx(5, abs=0.1)
    assert found.found.low < found.found.mean < found.found.high
    assert between(cases, ["c"], ["a", "b"]).outcome == "refuted"
    assert between(cases, ["a"], ["a"]).outcome == "inconclusive"
    lacking = between(cases, ["a", "b", "z"], ["c"])
    assert (lacking.outcome, lacking.missing, lacking.seeds_needed) == ("inconclusive", ("z",), "")
    assert between(cases, [], ["c"]) is None
    few = between(by_case(table[table["seed"] < 3], "s"), ["b"], ["a"])
    assert (few.outcome, few.seeds_needed) == ("inconclusive", "5")


# -- gaps -------------------------------------------------------------------------------------------------------------
def verdicts(name, table, claims=CLAIMS):
    return {(v.title, v.against): v for v in benchmark(name).verdicts(table, claims)}


def test_a_gap_is_what_those_trained_on_labels_lack_and_captions_do_not_count():
    found = verdicts("gaps", gap_rows())
    known = found["Labels leave gaps in known factors", "unsupervised"]
    assert known.verdict == "supported"
    assert known.effect == pytest.approx(100 * (0.7 - 0.5), abs=0.2)
    assert "score 50" in known.sentence
    measured = found["Labels leave gaps in measured properties", "unsupervised"]
    assert measured.verdict == "refuted"
    assert measured.effect == pytest.approx(-20, abs=0.2)
    assert verdicts("gaps", gap_rows(sees=0.9))["Labels leave gaps in known factors", "unsupervised"].verdict == (
        "refuted"
    )


def test_the_subject_is_compared_with_all_and_the_label_is_no_gap():
    found = verdicts("gaps", gap_rows())
    against = found["Tells more of the known factors", "prior art"]
    assert (against.verdict, round(against.effect)) == ("refuted", -5)  # captions tell of the factors
    assert found["Tells more of the known factors", "control"].verdict == "supported"
    without = gap_rows()
    without = without[without["method"] != "told"]
    alone = Claims(**{**vars(CLAIMS), "roles": {m: r for m, r in ROLES.items() if m != "told"}})
    assert verdicts("gaps", without, alone)["Tells more of the known factors", "prior art"].verdict == "supported"


def test_what_the_label_leaves_open_is_averaged_by_kind_and_data_set():
    table = gap_rows()
    table.loc[(table["protocol"] == "x") & (table["metric"] == "decodability"), "value"] = 0.0
    known = benchmark("gaps").left_open(table, "known factors").groupby("method")["value"].mean()
    assert known["told"] == pytest.approx(0.95 / 2, abs=0.01)
    measured = benchmark("gaps").left_open(table, "measured properties").groupby("method")["value"].mean()
    assert measured["told"] == pytest.approx(0.05, abs=0.01)


def test_the_gaps_are_told_in_words():
    answer = benchmark("gaps").answer(gap_rows(), CLAIMS)
    assert "the label itself +30.0 points on d" in answer
    less, more = answer.split("tell less of ")[1].split(", and more of ")
    assert set(less.split(", ")) == {"x on d (-20.0)", "y on d (-20.0)"}
    assert more.startswith("ink on d (+20.0) (points")
    table = gap_rows(blind=(0.5, 0.5))
    assert "No difference is shown in ink on d, x on d, y on d" in benchmark("gaps").answer(table, CLAIMS)
    missing = benchmark("gaps").answer(table[table["method"] != "other"], CLAIMS)
    assert "Without other, not measured everywhere." in missing
    assert benchmark("gaps").answer(table[table["method"] == "s"], CLAIMS) == ""


def test_whether_the_known_result_comes_out_is_said_first():
    answer = benchmark("gaps").answer(gap_rows(), CLAIMS)
    start = "The known result that labels leave gaps: in known factors it comes out (+20.0, interval +"
    assert answer.startswith(start)
    assert "; in measured properties it does not come out (-20.0" in answer
    assert "random features" not in answer
    raw = replace(CLAIMS, roles={**ROLES, "random_features": "reference"})
    table = gap_rows()
    untrained = table[table["method"] == "k"].assign(method="random_features")
    answer = benchmark("gaps").answer(pd.concat([table, untrained], ignore_index=True), raw)
    assert "; random features less those trained on labels +20.0" in answer
    apart = table[~((table["protocol"] == "x") & (table["method"] == "sees") & (table["seed"] < 5))]
    apart = pd.concat([apart, table[(table["protocol"] == "x") & (table["method"] == "sees")].assign(seed=7)])
    assert "Nothing can be said of x on d: no seed has all methods." in benchmark("gaps").answer(apart, CLAIMS)


def test_gaps_are_drawn_and_tabled():
    captions = [caption for caption, figure in benchmark("gaps").figures(gap_rows(), CLAIMS) if png(figure)]
    assert len(captions) == 5
    ahead = benchmark("gaps").ahead(gap_rows(), CLAIMS).groupby("method")["value"].mean()
    assert dict(ahead) == pytest.approx({"class": 0.3, "x": -0.2, "y": -0.2, "ink": 0.2}, abs=1e-3)
    table = benchmark("gaps").table(gap_rows(), CLAIMS).set_index("method")
    assert list(table)[1] == "class (%)"
    assert table.loc["sees", "class (%)"] == pytest.approx(90, abs=0.2)
    assert table.loc["sees", "mean of known factors (%)"] == pytest.approx(50, abs=0.2)
    without = gap_rows()
    without = without[(without["protocol"] == "class") | (without["metric"] == "property_r2")]  # no known factors
    assert len(list(benchmark("gaps").figures(without, CLAIMS))) == 4
    unsupervised = gap_rows().query("method != 'sees'")
    assert len(list(benchmark("gaps").figures(unsupervised, CLAIMS))) == 4
    assert ("Tells more of the known factors", "prior art") not in verdicts("gaps", without)


# -- from a run to the page -------------------------------------------------------------------------------------------
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
        assert len(made.pictures) >= 3
        assert made.answer or name == "gaps"  # there is no one who was trained on labels
    for path in (tmp_path / "results").rglob("*.npz"):
        path.write_bytes(b"damaged")
    assert kept(results, "decoding", claims) == {}


def test_an_answer_that_fails_costs_a_line_and_not_the_report():
    class Broken(Benchmark):
        """Asks. Claim: none."""

        name, title = "broken", "?"

        def answer(self, rows, claims):
            raise RuntimeError("no")

    made = section(Broken(), gap_rows(), CLAIMS, [], {}, {})
    assert made.problems == ["the answer could not be given: RuntimeError: no"]
    assert Benchmark().answer(gap_rows(), CLAIMS) == ""


# -- forms ------------------------------------------------------------------------------------------------------------
def test_a_stack_is_as_long_as_its_parts_and_what_is_below_zero_is_not_drawn():
    values = {"class": 0.5, "x": -0.1, "rest": 0.6}
    table = rows("gaps", {("variance_share", p): {"s": v, "k": v / 2} for p, v in values.items()})
    figure = stacked(table, CLAIMS, part="protocol", order=["class", "x"], rest="rest", label="%", scale=100)
    (axes,) = figure.axes
    bars = {(round(bar.get_y() + bar.get_height() / 2), i): bar.get_width() for i, part in enumerate(axes.containers)
            for bar in part}  # fmt: skip
    assert bars[1, 0] == pytest.approx(50, abs=0.2)  # the longest first part on top
    assert bars[0, 0] == pytest.approx(25, abs=0.2)
    assert bars[1, 1] == 0
    assert bars[1, 2] == pytest.approx(60, abs=0.2)
    assert png(figure)


def test_images_stand_in_the_line_of_their_method():
    grey = np.arange(2 * 1 * 3 * 3, dtype=np.uint8).reshape(2, 1, 3, 3) * 14
    colour = np.repeat(grey[:, :, None], 3, axis=2)[:, 0]
    sheet = _canvas([None, grey, colour], 2)
    assert sheet.shape == (3 * 4, 2 * 4, 3)
    assert (sheet[:4] == 255).all()
    assert np.abs(sheet[4:7, 4:7, 0].astype(int) - grey[1, 0]).max() <= 255 / SHADES / 2 + 1
    assert np.array_equal(sheet[4:8], sheet[8:])
    kept_ = {("k", "d"): {"a": grey, "t": grey[:, 0]}, ("s", "d"): {"a": grey}, ("s", "e"): {"b": grey}}
    figure = mosaic(kept_, CLAIMS, "d", blocks={"A": "a", "B": "b"}, truth={"A": "t"}, label="truth")
    (axes,) = figure.axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["s", "k"]
    assert png(figure)
    nothing = mosaic(kept_, CLAIMS, "d", blocks={"B": "b"}, truth={}, label="")
    assert nothing.texts[0].get_text() == "nothing measured yet"
