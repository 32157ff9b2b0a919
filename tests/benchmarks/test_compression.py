"""The benchmark on compression, on tables whose fractions are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from infomax_bench.stats.findings import Found
from infomax_bench.study.claims import Claims
from infomax_bench.study.suite import Suite
from tests.benchmarks.made import benchmark, frame

ROLES = {"s": "this work", "e": "prior art", "a": "prior art", "r": "reference"}
CLAIMS = Claims("s", "standard", ROLES, False, labelled=frozenset({"e", "v"}))
COMPRESSION = benchmark("compression")


def rows(fractions, seeds=5, noise=0.01):
    """method -> its prunable fraction of weights, fine-tuned; not fine-tuned, a half of it."""
    rng = np.random.default_rng(0)
    records = []
    for method, fraction in fractions.items():
        for seed in range(seeds):
            for after, value in (("fine-tuned", fraction), ("pruned", fraction / 2)):
                own = {"method": method, "seed": seed, "protocol": f"weights/{after}"}
                records.append({**own, "metric": "prunable_fraction", "value": value + noise * rng.normal()})
                for x in (0.0, 0.5, 0.9):
                    records.append({**own, "metric": "accuracy", "x": x, "value": 0.9 - 0.1 * x})
    return frame(records, benchmark="compression", width=64, dataset="d", target="d", backbone="mlp")


def found_in(table):
    return Found(COMPRESSION.findings(table, CLAIMS))


@pytest.mark.parametrize(
    ("fraction", "noise", "seeds", "word"),
    [
        (0.7, 0.01, 5, "borne out"),
        (0.5, 0.0, 5, "borne out"),
        (0.3, 0.01, 5, "not borne out"),
        (0.5, 0.1, 5, "undecided"),
        (0.7, 0.01, 4, "undecided"),
    ],
)
def test_the_claims_words_follow_the_rule(fraction, noise, seeds, word):
    found = found_in(rows({"e": fraction}, seeds, noise)).one("prunable", method="e")
    assert (found.outcome, found["claimed"], found.estimate.n) == (word, True, seeds)
    assert found.estimate.mean == pytest.approx(100 * fraction, abs=100 * noise)


@pytest.mark.parametrize(
    ("subject", "seeds", "word"),
    [(0.4, 5, "less prunable"), (0.8, 5, "more prunable"), (0.7, 5, "undecided"), (0.4, 4, "undecided")],
)
def test_the_subject_is_compared_with_the_end_to_end_model(subject, seeds, word):
    found = found_in(rows({"e": 0.7, "s": subject, "v": 0.1}, seeds))
    assert found.one("against", reference="e").outcome == word
    assert found.one("against", reference="v") is None  # a model of another architecture
    assert found.one("prunable", method="v")["claimed"] is False


def test_the_subject_is_compared_with_as_little_labelled_training_too():
    found = found_in(rows({"e": 0.7, "s": 0.4, "random_features": 0.2}))
    assert found.one("against", reference="e").outcome == "less prunable"
    assert found.one("against", reference="random_features").outcome == "more prunable"


def test_a_model_that_diverged_is_undecided():
    table = rows({"e": 0.7, "s": 0.9}, seeds=6)
    lost = (table["method"] == "e") & (table["seed"] == 0)
    failed = table[lost].iloc[:1].assign(status="diverged", metric="compress", reason="diverged", value=np.nan)
    table = pd.concat([table[~lost], failed], ignore_index=True)
    found = found_in(table)
    own = found.one("prunable", method="e")
    assert (own.outcome, own["lost"]) == ("undecided", 1)
    assert found.one("diverged")["methods"] == ["e"]
    assert not found.all("against")
    assert not found.all("differ")
    answer = COMPRESSION.answer(table, CLAIMS)
    assert "): undecided, as it diverged under 1 seed; of s " in answer
    assert "Diverged under some seeds, and not compared: e." in answer


def test_differences_survive_or_do_not():
    table = rows({"e": 0.7, "s": 0.4, "a": 0.9, "r": 0.7})
    found = found_in(table).one("differ", reference="e")
    counts = {"n": 3, "less": 1, "more": 1, "fewer": 1, "further": 1}
    assert found.outcome == "survive"
    assert {name: found[name] for name in counts} == counts
    at_first = (table["protocol"] == "weights/pruned") & (table["metric"] == "prunable_fraction")
    equal = table["seed"].map(table[at_first & (table["method"] == "e")].groupby("seed")["value"].mean())
    assert found_in(table.assign(value=table["value"].where(~at_first, equal))).one("differ").outcome == "only after"
    assert found_in(rows({"e": 0.7, "s": 0.7}, noise=0.05)).one("differ").outcome == "none"


def test_the_answer_begins_with_the_claim():
    answer = COMPRESSION.answer(rows({"e": 0.7, "s": 0.4, "a": 0.9, "r": 0.7}), CLAIMS)
    assert answer.startswith("Half of a model or more can go, by network and by what is removed: e's borne out in ")
    assert "; s's not borne out in " in answer.partition("\n")[0]
    assert "Of 3 other models 1 are less and 1 more prunable than that of e" in answer
    assert "(1 and 1 as pruning left them): differences survive fine-tuning." in answer
    assert "s's model against that of e: less prunable (" in answer


def test_nothing_measured_is_no_answer():
    nothing = rows({"e": 0.7}).iloc[:0]
    assert COMPRESSION.answer(nothing, CLAIMS) == ""
    assert not list(COMPRESSION.figures(nothing, CLAIMS))
    assert COMPRESSION.table(nothing, CLAIMS).empty


def test_there_are_figures_and_a_table():
    table = rows({"e": 0.7, "s": 0.4})
    assert len(list(COMPRESSION.figures(table, CLAIMS))) == 4
    shown = COMPRESSION.table(table, CLAIMS).set_index("method")
    assert shown.loc["e", "accuracy (%)"] == pytest.approx(90)
    assert shown.loc["s", "% of weights prunable, fine-tuned"] == pytest.approx(40, abs=2)


def test_its_encoders_are_those_that_other_benchmarks_train():
    suite = Suite(
        "p",
        ("s", "a"),
        ("d",),
        {"d": 8},
        64,
        (64,),
        (0, 1),
        128,
        "s",
        deeper={"d": ("mlp", "convnet")},
        given={
            "compression": {"backbones": {"d": ("mlp", "convnet")}, "fractions": (0.5,)},
            "depth": {"layers": {"d": 2}},
        },
    )
    asked = list(COMPRESSION.grid(suite))
    assert {c for c, _ in asked} <= {c for c, _ in benchmark("backbones").grid(suite)}
    assert {c.hidden for c, _ in asked if c.backbone == "mlp"} == {(256,)}
    assert {r.options for _, r in asked} == {(("again", 2), ("epochs", 8), ("levels", (0.5,)))}
    small = replace(
        suite, deeper={}, given=suite.given | {"compression": {"backbones": {"d": ("mlp",)}, "fractions": (0.5,)}}
    )
    trained = {replace(c, label="", tags=()) for c, _ in benchmark("depth").grid(small)}
    assert {c for c, _ in COMPRESSION.grid(small)} <= trained
    assert len(list(COMPRESSION.grid(small))) == 2
