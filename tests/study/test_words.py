"""Words: macros beside a benchmark's file tell findings; whitespace of a template never shows."""

import math

import pytest

from infomax_bench.base.errors import UserError
from infomax_bench.stats.findings import Estimate, Finding, Found
from infomax_bench.study.words import Words

TEMPLATE = """
{% from "common.jinja" import missing %}
{% macro answer(found, claims) %}
What was
found{{ missing(["a", "b"]) }}
{% for f in found.all("gap") %}
---
On {{ f.values.dataset }} ( {{ f.outcome }} ), {{ f.estimate|signed("+.1f") }}
;
{% endfor %}
{% endmacro %}
"""


@pytest.fixture
def words(tmp_path):
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "mine.jinja").write_text(TEMPLATE, encoding="utf-8")
    return Words(tmp_path, "mine")


def test_a_point_is_a_line_however_its_template_breaks(words):
    found = Found(Finding("gap", "shown", Estimate(1, 0, 2, 5), {"dataset": d}) for d in "xy")
    said = words.say("answer", found, None)
    assert said == [
        "What was found Not measured or failed: a, b.",
        "On x (shown), +1.0, interval +0.0 to +2.0;",
        "On y (shown), +1.0, interval +0.0 to +2.0;",
    ]


def test_an_interval_in_brackets_is_none_of_a_single_seed(tmp_path):
    (tmp_path / "words").mkdir()
    macro = "{% macro gap(e) %}{{ e.mean }} {{ e|brackets }}{% endmacro %}"
    (tmp_path / "words" / "mine.jinja").write_text(macro, encoding="utf-8")
    mine = Words(tmp_path, "mine")
    assert mine.say("gap", Estimate(1, -0.25, 2, 5)) == ["1 [-0.2, +2.0]"]
    assert mine.say("gap", Estimate(1, -math.inf, math.inf, 1)) == ["1 (no interval from one seed)"]


def test_words_that_are_missing_are_named_with_their_file(words):
    with pytest.raises(UserError, match=r"mine\.jinja has no words named 'caption'"):
        words.say("caption", {})


def test_a_benchmark_without_words_of_its_own_has_the_common_ones(tmp_path):
    assert Words(tmp_path, "none").has("comparative")
    assert not Words(tmp_path, "none").has("answer")


def test_what_a_template_does_not_know_is_an_error_and_no_gap(words, tmp_path):
    (tmp_path / "words" / "mine.jinja").write_text("{% macro m(v) %}{{ v.absent }}{% endmacro %}")
    with pytest.raises(UserError, match=r"mine\.jinja: 'm' cannot be told .*absent"):
        Words(tmp_path, "mine").say("m", {})


def test_a_template_that_is_none_is_named(words, tmp_path):
    (tmp_path / "words" / "mine.jinja").write_text("{% macro m(v) %}{{ v. }}{% endmacro %}")
    with pytest.raises(UserError, match=r"mine\.jinja is no template"):
        Words(tmp_path, "mine").has("m")
