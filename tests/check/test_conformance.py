"""What `check` finds in a benchmark that breaks a promise: the culprit, by name."""

from __future__ import annotations

import pytest

from infomax_bench.check.benchmarks import BENCHMARK_PROMISES, Asked
from infomax_bench.check.promise import Broken
from infomax_bench.check.synthetic import FULL, SCENARIOS
from infomax_bench.study.plugins import registry

GOOD = '''
"""A benchmark of what is kept."""

from infomax_bench import Benchmark, Contrast, Finding, Select, View
from infomax_bench.plots.figures import dots

ACCURACY = Select("accuracy", "linear")


class Mine(Benchmark):
    """What is asked?

    Claim: something.

    Rule: some rule.
    """

    title = "Mine"
    evaluations = ("linear_probe",)
    contrasts = (Contrast("mine", "Better", "accuracy", ACCURACY, unit="points", scale=100),)
    shows = (View("accuracies", dots, ACCURACY, label="accuracy (%)", scale=100),)
    columns = {"accuracy (%)": ACCURACY}

    def findings(self, rows, claims):
        found = ACCURACY(rows)
        if len(found):
            yield Finding("mean", values={"mean": found["value"].mean()})
'''
WORDS = """
{% macro answer(found, claims) %}
The mean is {{ found.one("mean").values.mean|num(".2f") }}.
{% endmacro %}
{% macro accuracies(v) %}Accuracies ({{ v.seeds }}).{% endmacro %}
"""


def broken(folder, source=GOOD, words=WORDS):
    """What is said of each promise that is not kept."""
    (folder / "words").mkdir()
    (folder / "mine.py").write_text(source, encoding="utf-8")
    (folder / "words" / "mine.jinja").write_text(words, encoding="utf-8")
    found = registry((str(folder),))
    asked, said = Asked(found.benchmark("mine"), found), []
    for promise in BENCHMARK_PROMISES:
        try:
            promise(asked)
        except Broken as error:
            said.append(str(error))
    return said


def test_a_good_one_keeps_all(tmp_path):
    assert broken(tmp_path) == []


LINEAR = 'Select("accuracy", "linear")'
WRONG = {
    "a metric that nothing measures": (LINEAR, 'Select("acuracy", "linear")', "reads metric 'acuracy'"),
    "a protocol that nothing has": (LINEAR, 'Select("accuracy", "liner")', "under protocol 'liner'"),
    "an evaluation that is none": ('evaluations = ("linear_probe",)', 'evaluations = ("probes",)', "'probes'"),
    "a tag that is not declared": (
        "    def findings",
        '    def grid(self, suite):\n        cell = suite.cell("pca", "digits", tags={"sweep": "a"})\n'
        "        return [(cell, Request(self.evaluations[0]))]\n\n    def findings",
        "the tag 'sweep', which is not declared",
    ),
    "a figure that is empty": (
        'View("accuracies", dots, ACCURACY,',
        'View("accuracies", dots, ACCURACY.then(lambda rows: rows.assign(status="failed")),',
        "figure 'accuracies' is empty",
    ),
    "a column that is empty": ('(%)": ACCURACY', '(%)": Select("accuracy", "linear", x=3)', "column"),
    "no finding": ("if len(found):", "if len(found) < 0:", "finds nothing"),
    "the wrong way round": ("scale=100),)\n    shows", "scale=-100),)\n    shows", "where the subject wins everything"),
}


@pytest.mark.parametrize(("old", "new", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(tmp_path, old, new, said):
    assert old in GOOD
    source = GOOD.replace(old, new).replace("import Benchmark,", "import Benchmark, Request,")
    assert any(said in line for line in broken(tmp_path, source)), said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{% macro accuracies(v) %}", "{% macro others(v) %}", "no words of its name"),
        ("{% macro answer(", "{% macro answers(", "no words named 'answer'"),
        ('|num(".2f") }}.', '|num(".2f") }} and', "ends in the middle"),
        ('{{ found.one("mean").values.mean|num(".2f") }}', "{{ none }}", "it says 'The mean is None.'"),
    ],
)
def test_what_is_wrong_with_words_is_named(tmp_path, old, new, said):
    assert old in WORDS
    assert any(said in line for line in broken(tmp_path, words=WORDS.replace(old, new))), said


def test_made_up_rows_are_as_the_scenario_says():
    found = registry()
    asked = Asked(found.benchmark("interpretability"), found)
    subject = asked.suite.subject
    for scenario in SCENARIOS:
        rows = asked.rows(scenario)
        own = rows[rows["method"] == subject]
        assert own.empty == scenario.missing
        assert rows["seed"].nunique() == scenario.seeds
        assert (rows["status"] != "ok").any() == scenario.failed
    full = asked.rows(FULL)
    assert not full.duplicated(["method", "dataset", "target", "seed", "metric", "protocol", "x", "evaluation"]).any()
    shares = full[full["metric"] == "accuracy"]["value"]
    assert shares.between(0, 1).all()
