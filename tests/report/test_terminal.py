"""What is told in a terminal at the end: in a few lines, and with --verbose everything."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace

import pytest

from infomax_bench.report.terminal import print_end
from infomax_bench.run.results import read_results
from infomax_bench.stats.here import Here
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.plugins import registry
from tests.report.made import DATASETS, decide, make_results

HERE = Here(tuple("abcdefgh"), ("i", "j"), 29, 4, 5, (3, 21))


def tiles(verdicts):
    """One for each prediction, with what is said of P2, P3 and P4 by the first of each, and of P1 by its number."""
    one = next(v for v in verdicts if not v.aside)
    about = {"n_datasets": 9, "reason": "undecided", "against": "all methods", "here": HERE, "indicative": False}
    number = {**about, "against": "itself", "effect": 31.4159, "unit": "%", "line": 5.0, "here": None}
    return [
        replace(one, claim="P2", title="Transfers better", verdict="supported", **about),
        replace(one, claim="P2", title="Loses less", verdict="refuted", **about),
        replace(one, claim="P4", title="Can be named", **{**about, "reason": "the features may be empty"}),
        replace(one, claim="P1", title="Cannot be pruned", verdict="refuted", **number),
        replace(one, claim="P1", title="Less prunable", **about),
        replace(one, claim="P3", title="Matches at half the width", **{**about, "here": replace(HERE, n_seeds=3)}),
        replace(one, claim="table", title="Least redundant", **about),
    ]


def test_four_outcomes_with_their_standing_where_the_page_is_and_what_to_do_next(decided, tmp_path, capsys):
    verdicts, results = decided
    lost = [(f"m{i} on d, width 8", "a reason " * 20) for i in range(3)]
    several = replace(results, warnings=["one", "two"], failures=lost)
    print_end(tiles(verdicts), several, [], tmp_path / "index.html", then="open it")
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0] == "alpha on quick; how it stands among 28 others on these data sets:"
    assert lines[1:5] == [
        "P1 Cannot be pruned           ✗ refuted    31.4 %, where the line is 5 %",
        "P2 Transfers better           ✓ supported  ahead of 8, level with 18, behind 2",
        "P3 Matches at half the width  ◐ undecided  rank 4 of 29; too few seeds for more",
        "P4 Can be named               ◐ undecided  ahead of 8, level with 18, behind 2",
    ]
    assert lines[5] == "  P4: the features may be empty"
    assert lines[-2:] == [f"page: {tmp_path / 'index.html'}", "next: open it"]
    assert err.splitlines()[0] == "warning: one (and 1 more: --verbose)"
    assert err.splitlines()[1].startswith("failed: m0 on d, width 8: a reason a reason")
    assert err.splitlines()[1].endswith("... (and 2 more: --verbose)")
    assert len(lines) + len(err.splitlines()) <= 11, "one more is what the run spent"
    assert max(map(len, [*lines[:-2], *err.splitlines()])) <= 80


def test_with_verbose_everything_is_told(decided, capsys):
    verdicts, results = decided
    several = replace(results, warnings=["one", "two"], failures=[("a", "why"), ("b", "why")])
    print_end(verdicts, several, verbose=True)
    out, err = capsys.readouterr()
    assert err == "warning: one\nwarning: two\nfailed: a: why\nfailed: b: why\n"
    assert "\033" not in out
    for verdict in verdicts:
        (line,) = [one for one in out.splitlines() if verdict.sentence in one and f"  {verdict.title}: " in one]
        assert f"  {verdict.verdict}" in line
    print_end([], results)
    assert capsys.readouterr().out == "no verdicts: nothing has been measured that a claim is about\n"


@pytest.mark.parametrize(("encoding", "plain"), [("utf-8", ""), ("ascii", ""), ("utf-8", "1")])
def test_outcomes_are_coloured_on_a_terminal_and_have_no_sign_that_it_lacks(decided, monkeypatch, encoding, plain):
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if plain:
        monkeypatch.setenv("NO_COLOR", plain)
    print_end(tiles(decided[0]), decided[1])
    stream.flush()
    word = "✗ refuted" if encoding == "utf-8" else "refuted"
    told = word if plain else f"\033[1;31m{word}\033[0m"
    (line,) = [one for one in stream.buffer.getvalue().decode(encoding).splitlines() if one.startswith("P1")]
    assert f"pruned           {told}" in line


def test_without_predictions_the_first_of_each_claim_is_told(decided, capsys):
    verdicts, results = decided
    print_end([v for v in verdicts if v.claim == "table"], results)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("table Least redundant  ◐ undecided")
    assert "no method was tuned" in lines[-1]


def test_verbose_says_who_is_not_calibrated(decided, capsys):
    """Rows of other versions condemn nobody, but what they were compared with was compared; where nothing was, no
    method is marked."""
    verdicts, results = decided

    class Tried(Benchmark):
        name = "redundancy"

        def calibration(self, rows):
            return {m: "differs" if m in "beta gamma" else "agrees" for m in rows["method"].unique() if m != "delta"}

    stale = results.table.assign(current=results.table["method"] != "gamma")
    print_end(verdicts, replace(results, table=stale), [Tried()], verbose=True)
    out = capsys.readouterr().out
    assert "¶ did not reproduce what is published: beta.\n" in out
    assert "‖ never compared with a published number: delta.\n" in out
    print_end(verdicts, results, [Benchmark()], verbose=True)
    assert not {"¶", "‖"} & set(capsys.readouterr().out)


def test_verbose_marks_what_the_report_marks(tmp_path, capsys):
    """Rivals' rows of another budget, a method that was not tuned where others were, and a preset that decides nothing
    stand behind each verdict that they concern, and behind no other."""
    root = make_results(tmp_path / "r", old=("beta",))
    info = json.loads((root / "run.json").read_text())
    study = {"method": "alpha", "dataset": "one", "backbone": "linear", "settings": {}, "current": True}
    tuning = {f"{m} on {d}, linear": study for m in ("alpha", "beta", "delta") for d in DATASETS}
    (root / "run.json").write_text(json.dumps(info | {"tuning": tuning}))
    verdicts, results = decide(root, registry())
    print_end(verdicts, results, verbose=True)
    out = capsys.readouterr().out
    for verdict in verdicts:
        (line,) = [one for one in out.splitlines() if verdict.sentence in one]
        rivals = {c.rival for c in verdict.comparisons}
        assert "indicative" in line
        assert ("† rows of other versions, settings or budgets: beta" in line) == ("beta" in verdict.stale)
        assert ("§ untuned: gamma" in line) == ("gamma" in rivals)
        assert ("beta" in rivals) <= ("beta" in verdict.stale)
    assert "†" in out
    assert "§" in out
    assert "No method was tuned" not in out
    print_end(verdicts, read_results(make_results(tmp_path / "plain")), verbose=True)
    assert "No method was tuned" in capsys.readouterr().out
