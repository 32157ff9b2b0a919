"""What the page says is what was found, in words that are whose they are said to be."""

import json
import re
import tomllib

import pytest

from infomax_bench.study.plugins import home
from tests.browser.conftest import essay

pytestmark = pytest.mark.slow
"""A browser is started."""

NAMES = ("findings", "verdicts")
SAID = {"supported": "supported", "refuted": "refuted", "inconclusive": "undecided"}
SYMBOL = {"supported": "✓", "refuted": "✗", "inconclusive": "◐"}
ALL = ["plain", "foreign", "one_seed", "failed", "standard"]


def leads(folder):
    """Prediction -> its first verdict about the subject."""
    verdicts = json.loads((folder / "decided" / "verdicts.json").read_text(encoding="utf-8"))
    found = {}
    for one in verdicts:
        if re.fullmatch(r"P\d", one["claim"]) and one["against"] in ("all methods", "itself"):
            found.setdefault(one["claim"], one)
    return found


@pytest.mark.parametrize("kind", ALL)
def test_an_outcome_is_what_was_decided_wherever_it_stands(visit, folder, kind):
    """In the tile, over the prediction's screen, and in the table of reasons: with a symbol and a word."""
    page = visit(kind).page
    for claim, verdict in leads(folder(kind)).items():
        word = verdict["verdict"]
        places = [
            f'#top .tile:has(a[href="#{claim}"]) .verdict',
            f"#{claim} h2",
            f'#trust tr:has(a[href="#{claim}"]) th',
        ]
        for place in places:
            said = page.locator(place).locator(".outcome").first.inner_text()
            assert said.split() == [SYMBOL[word], SAID[word]], place


@pytest.mark.parametrize("kind", ALL)
def test_the_headline_counts_the_outcomes(visit, folder, kind):
    numbers = ["no", "one", "two", "three", "four"]
    words = [v["verdict"] for v in leads(folder(kind)).values()]
    headline = visit(kind).page.locator(".headline").inner_text()
    for word in ("supported", "refuted"):
        n = words.count(word)
        if n == len(words):
            assert re.search(rf"All {numbers[n]} .* {word}", headline)
        elif n:
            assert re.search(rf"\b{numbers[n]} (is|are) {word}", headline)
        else:
            assert word not in headline


@pytest.mark.parametrize("kind", ["plain", "foreign", "standard"])
def test_a_sentence_of_a_tile_is_short(visit, kind):
    for said in visit(kind).page.locator("#top .tile .said").all_inner_texts():
        for sentence in re.split(r"(?<=[.;?!])\s", said):
            assert len(sentence.split()) <= 25
            assert len(re.findall(r"\d+(?:\.\d+)?", sentence)) <= 3


@pytest.mark.parametrize("kind", ["plain", "foreign", "standard"])
def test_what_is_quoted_was_said(visit, kind):
    """Every quotation stands word for word among the claims, and in the essay where that is at hand."""
    sentences = tomllib.loads((home() / "benchmarks" / "claims.toml").read_text(encoding="utf-8"))["sentence"]
    known, text = {one["words"] for one in sentences}, re.sub(r"[*\s]+", " ", essay())
    quoted = visit(kind).page.evaluate("[...document.querySelectorAll('blockquote')].map(q => q.textContent)")
    quoted = [words for quote in quoted for words in re.findall("“([^”]*)”", quote)]
    assert len(quoted) >= 4
    for words in quoted:
        assert words in known
        assert not text or words in text


@pytest.mark.parametrize("kind", ALL)
def test_no_heading_contradicts_what_was_decided(visit, folder, kind):
    """A question's heading says yes where its claims hold, no where they do not, and has marks of its verdicts."""
    decided = folder(kind) / "decided"
    found, verdicts = (json.loads((decided / f"{name}.json").read_text(encoding="utf-8")) for name in NAMES)
    titles = {v["title"] for v in verdicts if v["against"] != "unsupervised"}
    page = visit(kind).page
    for section in page.locator("section.question").all():
        words = {f["outcome"] for f in found if f["benchmark"] == section.get_attribute("id") and f["name"] in titles}
        heading = section.locator("h2")
        for outcome in heading.locator(".outcome").all():
            assert not words or outcome.get_attribute("class").split()[1] in words
        answer = heading.locator(".answered").inner_text()
        if words and answer.startswith("Yes"):
            assert words == {"supported"}, answer
        if words and answer.startswith("No "):
            assert "supported" not in words, answer


def test_the_page_of_somebodys_method_is_about_it(visit):
    """What the essay says stands as its words; no other sentence speaks of its method."""
    page = visit("foreign").page
    assert "my_idea" in page.title()
    for place in (".headline", "#top .tile .said", "section.prediction .takeaway"):
        for said in page.locator(place).all_inner_texts():
            assert "infomax" not in said.lower().replace("between infomax_em", "").replace("and infomax_em", "")
    told = page.evaluate("""() => {
        for (const one of document.querySelectorAll("blockquote, details, nav, footer, code, #explorer")) one.remove();
        return document.querySelector("main").innerText;
    }""")
    assert "InfoMax" not in told
    assert "not tuned" in told or "untuned" in told
