"""What decides a sentence, and what else is decided beside a verdict."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from infomax_bench.base.store import Store
from infomax_bench.report.model import outcomes
from infomax_bench.run.decisions import decide_all
from infomax_bench.run.results import read_results
from infomax_bench.stats.findings import Finding, Found
from infomax_bench.study.essay import Sentence
from infomax_bench.study.plugins import registry
from tests.report.made import build, make_results


@pytest.mark.slow
def test_a_method_that_is_not_calibrated_is_marked_and_verdicts_are_also_given_without_it(tmp_path, monkeypatch):
    root = make_results(tmp_path / "r")
    html, markdown, verdicts, _ = build(root, tmp_path / "plain")
    plain_pages = re.sub(r"<span data-worn=[^>]* hidden>[^<]*</span>", "", html + markdown)  # the explorer's, if worn
    assert "¶" not in plain_pages
    assert not any(v.without_uncalibrated for v in verdicts)
    plugins = registry()
    own = type(plugins.benchmark("redundancy"))
    monkeypatch.setattr(own, "calibration", lambda self, rows: {"beta": "differs", "delta": "agrees"})
    html, markdown, marked, _ = build(root, tmp_path / "marked", plugins)
    assert "beta ¶" in html
    assert '<th scope="row">beta ¶</th>' in html.split('id="all-methods"')[0]  # among the rivals
    assert "Did not reproduce what is published (¶): beta." in markdown
    assert "¶ did not reproduce what is published: beta" in html
    assert "‖ never compared with a published number: alpha, gamma" in html
    assert "Never compared with a published number (‖): alpha, gamma." in markdown
    assert "2 of 4 methods were held against published numbers; 1 of them differs." in html
    methods = html.split('id="all-methods"')[1]
    assert "gamma ‖" in methods
    assert "delta ‖" not in methods
    assert "‖" not in plain_pages
    assert [v.verdict for v in marked] == [v.verdict for v in verdicts], "the verdict itself is about all of them"
    for verdict in marked:
        assert verdict.without_uncalibrated in (("",) if verdict.aside else ("", verdict.verdict))


def test_verdicts_are_also_given_for_the_subjects_forms_and_without_labels(decided):
    """On four data sets, of which the made results have two."""
    results = decided[1]
    table, benchmark = results.table, registry().benchmark("universality")
    own = (table["benchmark"] == "redundancy") & (table["metric"] == "nonlinear_dependence")
    rows = table[own].assign(benchmark="universality", metric="reconstruction", protocol="")
    more = rows.assign(dataset=rows["dataset"] + "2", target=rows["target"] + "2")
    rows = pd.concat([rows, more]).assign(value=lambda t: t["value"] / 100 + 0.5 + 0.3 * (t["method"] == "alpha"))
    plain = replace(results, table=rows)
    named = "alpha (default settings)"
    worse = rows[rows["method"] == "alpha"].assign(method=named, value=lambda t: t["value"] - 0.7)
    cards = {name: {**card, "supervised": name == "beta"} for name, card in results.cards.items()}
    cards[named] = {**cards["alpha"], "shown_beside": "alpha", "file": "alpha"}
    both = replace(results, table=pd.concat([rows, worse]), info={**results.info, "methods": cards})
    for verdict in decide_all(plain, [benchmark]):
        assert (verdict.verdict, dict(verdict.forms), verdict.otherwise) == ("supported", {}, [])
    for verdict in decide_all(both, [benchmark]):
        assert (verdict.verdict, verdict.forms) == ("supported", {named: "refuted"})
        assert verdict.without_supervised == "supported"
        assert sum(verdict.base_rates.values()) == 3, "a form is no method of the roster"


def test_what_decides_a_sentence_says_of_whom_its_verdicts_are(decided):
    """A sentence about others may be decided by the subject's claim, beside one that is about them."""
    one = decided[0][0]
    verdicts = [replace(one, title="Better", verdict="refuted"), replace(one, title="Known", aside=True)]
    sentence = Sentence("P", "", "words", {"b": ("Known", "Better", "found", "nothing")}, ("digits",))
    found = [Finding("found", word) for word in ("inconclusive", "holds", "holds")] + [Finding("other", "no")]
    told = outcomes(sentence, "b", Found(found, verdicts))
    known = {"inconclusive": "undecided"}.get(one.verdict, one.verdict)
    counted = "holds in 2, undecided in 1 of 3 cases"
    assert told == f"of {one.subject}: better: refuted; known: {known}; {counted} (on digits)"
    assert outcomes(sentence, "b", Found([Finding("found", "holds")])) == "holds (on digits)"
    assert outcomes(sentence, "b", Found([Finding("found")])) == "", "what has no outcome decides nothing"


def test_no_win_can_do_without_a_seed(tmp_path):
    """A seed that diverged stands in the rows under its evaluation's name, whatever the metric of the claim."""
    root = make_results(tmp_path / "r", benchmarks=["redundancy"])
    plugins, store = registry(), Store(root)
    benchmarks = [plugins.benchmark("redundancy")]
    entry = next(e for e in store.manifest().values() if e["cell"]["method"] == "alpha")
    job = store.read_job(entry["key"])
    lost = {"seed": 1, "metric": "redundancy", "value": np.nan, "status": "diverged", "reason": "training diverged"}
    store.write_job(entry["key"], replace(job, rows=[lost, *(row for row in job.rows if row["seed"] != 1)]))
    verdicts = decide_all(read_results(root), benchmarks)
    assert verdicts
    for verdict in verdicts:
        assert verdict.failed == 1
        assert "alpha failed under 1 seed" in verdict.sentence
    won = replace(verdicts[0], verdict="supported", failed=0)
    assert won.after(0) is won
    assert (won.after(2).verdict, won.after(2).failed) == ("inconclusive", 2)
    assert replace(won, aside=True).after(2).verdict == "supported"
    assert replace(won, verdict="refuted").after(2).verdict == "refuted"
