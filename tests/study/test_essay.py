"""The essay in its own words: what is quoted is quoted exactly, and every sentence is quoted or listed."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pytest

from infomax_bench.base.errors import UserError
from infomax_bench.study.essay import essay_in
from infomax_bench.study.plugins import home, registry
from infomax_bench.study.words import Words

BUNDLED = essay_in(home() / "benchmarks")
TEXT = Path(os.environ.get("INFOMAX_BENCH_ESSAY") or home().parent / "shared" / "essay.md")
beside_the_text = pytest.mark.skipif(not TEXT.is_file(), reason="no essay here: INFOMAX_BENCH_ESSAY names its file")
LABEL, ITEM = re.compile(r"^\*\*[^*]+:\*\*\s*"), re.compile(r"^(?:-|\d+\.)\s+")
END = re.compile(r"""(?<=[.!?])\s+(?=[A-Z"|])|(?<=[.!?]")\s+(?=[A-Z])""")


def sentences(text):
    """The heading and the words of each: of a line, an item of a list, or a row of a table; without what only marks."""
    heading = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("|"):
            row = " | ".join(cell.strip() for cell in line.strip("|").split("|"))
            yield from [(heading, row)] if row.strip("-| ") else []
        else:
            line = LABEL.sub("", ITEM.sub("", line.strip())).replace("*", "")
            yield from ((heading, one) for one in END.split(line) if one)


def begin(words):
    """The first five."""
    return " ".join(words.split()[:5])


@beside_the_text
def test_every_quotation_is_in_the_essay_and_every_sentence_is_quoted_or_listed():
    """Word for word, below its heading, in the essay's order, and once."""
    every = list(sentences(TEXT.read_text(encoding="utf-8")))
    quoted = [(one.heading, one.words) for one in BUNDLED.sentences]
    places = [every.index(one) for one in quoted]
    assert places == sorted(set(places))
    listed = Counter((group.heading, words) for group in BUNDLED.untested for words in group.begin)
    assert Counter((heading, begin(words)) for heading, words in every if (heading, words) not in quoted) == listed


def test_what_decides_a_sentence_is_a_benchmark_that_there_is():
    """Their verdicts, findings and data sets are held by `check`, as the promises of each."""
    assert {name for one in BUNDLED.sentences for name in one.by} <= set(registry().names("benchmarks"))
    assert [one.id for one in BUNDLED.sentences if one.id in ("P1", "P2", "P3", "P4")] == ["P1", "P2", "P3", "P4"]
    assert all(group.why for group in BUNDLED.untested)


@pytest.mark.parametrize("document", ["README.md", "docs/DESIGN.md"])
def test_documents_quote_the_essay_in_its_words(document):
    """What stands between typographic quotation marks there is a sentence of the file."""
    text = " ".join((home() / document).read_text(encoding="utf-8").split())
    words = {one.words for one in BUNDLED.sentences}
    assert {quoted for quoted in re.findall(r"“([^”]+)”", text) if len(quoted) > 1} <= words


def test_no_benchmark_repeats_what_the_file_quotes():
    """Benchmarks and their templates name a sentence by its id."""
    long = {one.words for one in BUNDLED.sentences if len(one.words.split()) > 3}
    for path in [*(home() / "benchmarks").glob("*.py"), *(home() / "benchmarks" / "words").glob("*.jinja")]:
        text = " ".join(path.read_text(encoding="utf-8").split())
        assert not [words for words in long if words in text], path


FILE = """
[[sentence]]
id = "later"
heading = "One"
words = "It is."
by.mine = ["Better"]

[[sentence]]
id = "P1"
heading = "Two"
words = "It can't be."
by.mine = ["Better", "mean"]
datasets = ["d"]
"""


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "claims.toml").write_text(FILE, encoding="utf-8")
    return essay_in(tmp_path)


def test_predictions_come_first_and_words_are_found_by_id(mine, tmp_path):
    assert [one.id for one in mine.of("mine")] == ["P1", "later"]
    assert mine.place("mine") == (False, 1)
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "mine.jinja").write_text('{% macro question() %}{{ essay("P1") }}{% endmacro %}')
    assert Words(tmp_path, "mine").say("question") == ["“It can't be.”"]
    with pytest.raises(UserError, match="unknown id of a sentence 'P2'; did you mean 'P1'"):
        mine.quoted("P2")
    assert essay_in(tmp_path / "words").sentences == ()


NAMES = {"names": {"Better", "mean"}, "benchmarks": {"mine"}, "datasets": {"d"}}
LACKS = {
    "a benchmark": ("benchmarks", "later: unknown benchmark 'mine'"),
    "a verdict": ("names", "later: unknown verdict or finding of mine 'Better'"),
    "a data set": ("datasets", "P1: unknown data set of mine 'd'"),
}


@pytest.mark.parametrize(("what", "said"), LACKS.values(), ids=LACKS)
def test_what_is_not_there_is_named(mine, what, said):
    mine.check("mine", **NAMES)
    with pytest.raises(UserError, match=said):
        mine.check("mine", **NAMES | {what: {"x"}})


WRONG = {
    "no TOML": ("words = ", "words ", "is no TOML"),
    "the same id": ('"later"', '"P1"', "two sentences have the id 'P1'"),
    "a table": ("[[sentence]]", "[[sentense]]", "unknown table 'sentense'; did you mean 'sentence'"),
    "a single table": (FILE, "[untested]", r"each begins with \[\[untested\]\]"),
    "a key": ("heading", "headin", "later: unknown key 'headin'; did you mean 'heading'"),
    "no words": ('words = "It is."', "", "later: words is missing"),
    "no list": (
        'by.mine = ["Better"]',
        'by.mine = "Better"',
        "later: by is to be a table by name, each a list of text",
    ),
}


@pytest.mark.parametrize(("old", "new", "said"), WRONG.values(), ids=WRONG)
def test_a_file_that_is_not_as_it_should_be_is_refused(tmp_path, old, new, said):
    (tmp_path / "claims.toml").write_text(FILE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError, match=said):
        essay_in(tmp_path)
