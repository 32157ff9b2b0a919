"""Headings and takeaways: short, of the subject alone, and of the outcome that the rule gave, whatever was found."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from infomax_bench.stats.findings import Estimate, Finding, Found
from infomax_bench.stats.here import Here
from infomax_bench.stats.intervals import Interval
from infomax_bench.stats.ordering import Ordering
from infomax_bench.stats.verdict import Verdict
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.claims import Claims
from infomax_bench.study.contrast import BoundContrast, Contrast, GroupContrast
from infomax_bench.study.ordering import OrderContrast
from infomax_bench.study.plugins import registry

NAMES = registry().names("benchmarks")
CLAIMS = Claims("my_idea", "test", {"my_idea": "this work", "sees": "prior art"}, False)
WORDS = ("supported", "refuted", "inconclusive")
ANSWERS = {"supported": "Yes", "refuted": "No", "inconclusive": "Undecided"}
TURNED = ("pruning",)
"""Whose title asks for the opposite of what is claimed."""

SOME = Estimate(-1.2345, -2.5, 0.125, 5, "points")
ONE_SEED = Estimate(1.0, float("-inf"), float("inf"), 1)
HERE = Here(("a",) * 19, ("b",) * 5, 28, 7, 10, (6, 9))


def verdict(name: str, contrast: Any, word: str, n: int, **more: Any) -> Verdict:
    """A made-up verdict of a contrast, on n data sets."""
    side = {"supported": 1, "refuted": -1, "inconclusive": 0}[word] * 12.3456
    order = Ordering(0.3, 0.31, "all 120 orders", (("B", "A"),) * 7)
    values = {"ordering": order, "groups": ["InfoMax + EM", "B"], "alone": True, "waited": 0.0, "datasets": ["d"]}
    values |= {"means": (52.25, 48.75), "frozen": 3.0, "dead": 1.0, "n": 3, "n_ahead": 2, "by_dataset": {}}
    aside = isinstance(contrast, GroupContrast | OrderContrast)
    made = {
        "reason": "" if word != "inconclusive" else f"{n} data sets: no word on others" if n < 4 else "undecided",
        "n_datasets": n,
        "unit": getattr(contrast, "unit", ""),
        "metric": contrast.metric,
        "line": getattr(contrast, "line", getattr(contrast, "least", 0.0)),
        "base_rates": {"supported": 1, "refuted": 20, "inconclusive": 6},
        "missing": ("x", "y"),
        "here": HERE if isinstance(contrast, Contrast) else None,
        "aside": aside,
        "values": values,
    }
    against = "itself" if isinstance(contrast, BoundContrast) else "others" if aside else "all methods"
    about = (contrast.claim, contrast.title, "my_idea", against, "controlled", "test", word, False)
    return Verdict(*about, side, side - 1, side + 1, 10, "", name, **{**made, **more})


def numbers(sentence: str) -> list[str]:
    return re.findall(r"(?<![\w.])[-+−]?\d[\d.,]*", sentence)


def told(benchmark: Benchmark, found: Found) -> tuple[str, str]:
    """The heading and the takeaway, of which everything holds that always does."""
    heading, takeaway = benchmark.headline(found, CLAIMS), benchmark.takeaway(found, CLAIMS)
    assert heading
    assert len(heading.split()) <= 17
    assert len(takeaway.split()) <= 120
    for sentence in re.split(r"(?<=[.!?])\s", takeaway):
        assert len(numbers(sentence)) <= 3, sentence
    for text in filter(None, (heading, takeaway)):
        assert text[-1] == "."
        assert not re.search(r"\bnan\b|\bNone\b|\binf\b|\{|\}|\(\)|  |\s[,;.:]\s|[a-z][.!?][A-Z]", text), text
        assert not re.search("infomax|lambda_", text, re.IGNORECASE), "nothing is said of whom nobody asked about"
    return heading, takeaway


@pytest.mark.parametrize("name", [name for name in NAMES if registry().benchmark(name).contrasts])
def test_a_heading_says_what_its_verdicts_say(name):
    """For every outcome of each, on many data sets, on three and on one."""
    benchmark = registry().benchmark(name)
    contrasts = benchmark.contrasts
    for words in itertools.product(WORDS, repeat=min(len(contrasts), 3)):
        every = [*words, *words][: len(contrasts)]
        heading, _ = told(benchmark, Found([], [verdict(name, c, w, 9) for c, w in zip(contrasts, every, strict=True)]))
        opening = re.match(r"(Yes|No|Undecided)\b", heading)
        if opening:
            lead = words[0] if name not in TURNED else {"supported": "refuted", "refuted": "supported"}.get(words[0])
            assert opening[0] == ANSWERS[lead or "inconclusive"], (heading, words)
    for n in (1, 3):
        told(benchmark, Found([], [verdict(name, c, "inconclusive", n) for c in contrasts]))
    lost = [replace(verdict(name, c, "inconclusive", 9), failed=2, before_failures="supported") for c in contrasts]
    told(benchmark, Found([], lost))


@pytest.mark.parametrize("name", NAMES)
def test_a_heading_is_there_where_nothing_was_found(name):
    told(registry().benchmark(name), Found([]))


def prunable(outcome: str) -> Iterator[Finding]:
    for network in ("n", "m"):
        for lost, method in enumerate(("sees", "my_idea")):
            about = {"network": network, "kind": "units", "method": method, "lost": lost, "claimed": True}
            yield Finding("prunable", outcome, SOME, about)
        yield Finding("against", "less prunable", SOME, {"network": network, "kind": "units", "reference": "sees"})


def converging(outcome: str) -> Iterator[Finding]:
    for resource in ("width", "images"):
        yield Finding("resource", outcome, None, {"resource": resource, "agree": outcome != "undecided"})
        for measure in ("CKA", "matched units", "mutual neighbours"):
            yield Finding("measure", outcome, SOME, {"resource": resource, "measure": measure})
    yield Finding("nearest", values={"measure": "CKA", "most": "a", "least": "b"})


def deeper(outcome: str) -> Iterator[Finding]:
    for estimate, dataset in ((SOME, "d"), (ONE_SEED, "e"), (SOME, "f"), (SOME, "g")):
        about = {"dataset": dataset, "target": dataset, "method": "my_idea", "layers": 4, "lost": 1}
        yield Finding("gain", outcome, estimate, {**about, "own": True})
        yield Finding("gain", "gains", estimate, {**about, "own": False})
        yield Finding("together", "worse", estimate, {**about, "own": True})


def of_history(outcome: str) -> Iterator[Finding]:
    about = {"dataset": "d", "labels": 100.0}
    yield Finding("known", "comes out", SOME, {**about, "network": "sigmoid"})
    yield Finding("reading", outcome.replace("inconclusive", "undecided"), SOME, {**about, "of": "tools"})
    counts = {"rivals": 6, "better": 1, "worse": 2, "rival": "a", "tools": 5}
    yield Finding("reading", outcome, SOME, {**about, "of": "objective", **counts})
    yield Finding("instead", "", SOME, {**about, "network": "sigmoid", "of": "rbm", "instead": "random_features"})


def of_competition(outcome: str) -> Iterator[Finding]:
    yield Finding("contrast", outcome)
    both = {"other": "decorrelation only", "with": 0.0123, "without": 0.0456}
    for name in ("seeds", "start", "rate", "settled", "accuracy"):
        yield Finding(name, "for", SOME, both)
    parts = {"agreement with k-means": {**both, "difference": SOME}}
    yield Finding("structure", "against", SOME, {**both, "parts": parts})
    yield Finding("regions", "undecided", SOME, both)
    yield Finding("scale", "for", SOME, {"few": 1.0})


def of_recipe(outcome: str) -> Iterator[Finding]:
    changed = {"more": "worse", "less": "as good", "undecided": "undecided"}[outcome]
    for group in ("contrastive", "reconstruction", "my_idea"):
        about = {"group": group, "batch": 32.0, "without": "", "methods": {}}
        yield Finding("batches", changed, SOME, about)
        yield Finding("augmentation", changed, SOME, {**about, "without": "all"})
    yield Finding("cost", outcome, SOME, {"group": "contrastive", "batch": 32.0})


def of_numbers(outcome: str) -> Iterator[Finding]:
    for method in ("a", "b"):
        yield Finding("number", outcome, SOME, {"line": SimpleNamespace(method=method)})


def of_weights(outcome: str) -> Iterator[Finding]:
    over = Interval(0.1, -0.2, 0.4, 20, 0.2, 0.8)
    for part in ("corrupted images", "silent units", "few labels"):
        about = {"comparison": "across methods", "part": part, "n": 20, "methods": over, "datasets": {}}
        yield Finding("% kept", "more robust", SOME, about)
        swept = {"part": part, "weight": "lambda_tc", "top": 1000.0, "best": 1.0, "accuracy": 79.0, "rival": 1.0}
        yield Finding("strongest", outcome, SOME if outcome == "refuted" else None, swept)


def of_scale(outcome: str) -> Iterator[Finding]:
    for sweep in ("images", "width", "passes"):
        about = {"dataset": "d", "sweep": sweep, "why": ""}
        yield Finding("exponent", outcome, SOME, {**about, "others": 27, "better": ["a"], "worse": ["b"] * 3})
        level = {"least": 8.0, "most": 256.0, "first": 36.6, "last": 3.9, "fewer": 3, "others": 27}
        yield Finding("level", values={**about, **level})


CASES = {
    "compression": (prunable, {"borne out": "Yes", "not borne out": "No", "undecided": "Undecided"}),
    "convergence": (
        converging,
        {
            "they converge": "Yes",
            "they come closer but stay apart": "No",
            "they stay apart": "No",
            "they are alike, and no closer than with less": "",
            "they are alike, but not shown to be more so than they are like what learned nothing": "",
            "undecided": "Undecided",
        },
    ),
    "depth": (deeper, {"gains": "", "composes": "", "does not compose": "", "undecided": "Undecided"}),
    "history": (of_history, {"supported": "", "refuted": "", "inconclusive": ""}),
    "mechanism": (
        of_competition,
        {"holds": "", "holds in part": "", "is contradicted": "", "is mixed": "", "is undecided": "Undecided"},
    ),
    "recipe": (of_recipe, {"more": "Yes", "less": "No", "undecided": "Undecided"}),
    "replication": (of_numbers, {"agrees": "Yes", "differs": "No", "too uncertain": "Undecided", "not run": ""}),
    "robustness": (of_weights, {"supported": "", "refuted": "", "inconclusive": "Undecided"}),
    "scale": (of_scale, {"scales": "Yes", "does not scale": "No", "undecided": "Undecided"}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_heading_says_what_its_findings_say(name):
    """For every outcome of a rule without a claim, and for mixtures of two, which are no plain yes or no."""
    make, openings = CASES[name]
    benchmark, headings = registry().benchmark(name), set()
    for outcome, opening in openings.items():
        heading, _ = told(benchmark, Found(make(outcome)))
        found = re.match(r"(Yes|No|Undecided)\b", heading)
        assert (found[0] if found else "") == opening, heading
        headings.add(heading)
    assert len(headings) >= len(openings) - 1
    for one, other in itertools.combinations(openings, 2):
        first, second = [*make(one)], [*make(other)]
        mixed = [*first[: len(first) // 2], *second[len(first) // 2 :]]
        heading, _ = told(benchmark, Found(mixed))
        if "Yes" in (openings[one], openings[other]) and "No" in (openings[one], openings[other]):
            assert not re.match(r"(Yes|No)\b", heading), heading


def test_every_benchmark_with_findings_is_tried():
    own = {name for name in NAMES if type(registry().benchmark(name)).findings is not Benchmark.findings}
    assert own - set(CASES) == {"gaps", "universality"}, "what their verdicts say"


def test_a_benchmark_without_words_of_its_own_is_told_by_its_verdicts(tmp_path):
    """A user's own needs neither."""

    class Mine(Benchmark):
        """Mine."""

        name, title = "mine", "Is it?"

    one = replace(verdict("mine", SimpleNamespace(claim="m", title="Is", metric="m"), "refuted", 9), sentence="By 3.")
    assert Mine().headline(Found([], [one]), CLAIMS) == "Is: refuted."
    assert Mine().takeaway(Found([], [one]), CLAIMS) == "Is: refuted. By 3."
    assert Mine().headline(Found([]), CLAIMS) == Mine().takeaway(Found([]), CLAIMS) == ""
