"""Verdicts on made-up studies: clear cases, their own nominal level, and whom a claim is tested against."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from infomax_bench.stats.compare import compare
from infomax_bench.stats.intervals import MIN_SEEDS
from infomax_bench.stats.verdict import Verdict, best_of_all, decide, decide_bound, hardest
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.claims import Claims
from infomax_bench.study.contrast import Contrast
from tests.stats.made import NOISE, rows, table


def outcome(values: pd.DataFrame, **options) -> str:
    comparisons, _ = compare(values, "s", [m for m in values if m != "s"], **options)
    return decide(comparisons)


def test_clear_cases():
    base = np.array([0.5, 0.6, 0.55, 0.52, 0.58])  # seeds differ much more than the noise: pairing matters
    near, far = base + 0.1 + NOISE, base + 0.3
    assert outcome(table(s=far, a=near, b=base)) == "supported"
    assert outcome(table(s=near, a=base, b=far)) == "refuted", "one better rival is enough"
    assert outcome(table(s=base + NOISE, a=base)) == "inconclusive"
    assert outcome(table(s=base, a=near), higher_is_better=False) == "supported"


def test_margin_lets_a_match_count():
    base = np.array([0.5, 0.6, 0.55, 0.52, 0.58])
    slightly_worse = base - 0.02 + 0.1 * np.array(NOISE)
    assert outcome(table(s=slightly_worse, a=base)) == "refuted"
    assert outcome(table(s=slightly_worse, a=base), margin=0.03) == "supported"


def test_too_few_seeds_never_decide():
    values = table(s=[0.9] * (MIN_SEEDS - 1), a=[0.1] * (MIN_SEEDS - 1))
    assert outcome(values) == "inconclusive"
    assert decide_bound([0.0] * (MIN_SEEDS - 1), 0.5)[0] == "inconclusive"


def test_bound():
    assert decide_bound([0.01, 0.02, 0.0, 0.01, 0.02], 0.05)[0] == "supported"
    assert decide_bound([0.31, 0.22, 0.4, 0.31, 0.32], 0.05)[0] == "refuted"
    assert decide_bound([0.0, 0.1, 0.02, 0.09, 0.04], 0.05)[0] == "inconclusive"


def test_the_best_of_all_needs_all():
    base = np.array([0.5, 0.6, 0.55, 0.52, 0.58])
    values = pd.DataFrame({0.0: base, 1.0: base + 0.1 + NOISE, 10.0: base + 0.3})
    assert best_of_all(values, 10.0, (0.0, 1.0, 10.0))[0] == "supported"
    assert best_of_all(values, 10.0, (0.0, 1.0, 10.0, 100.0))[0] == "inconclusive", "one is missing"
    outcome, worst = best_of_all(values, 1.0, (0.0, 1.0, 10.0))
    assert (outcome, worst.rival) == ("refuted", 10.0)
    assert best_of_all(values, 100.0, (0.0, 100.0)) == ("inconclusive", None)


def test_a_refutation_names_the_rival_that_refutes():
    base = np.array([0.5, 0.6, 0.55, 0.52, 0.58])
    noisy = base + np.array([0.9, -0.8, 0.7, -0.6, 0.5])
    sure = base + 0.1 + 0.1 * np.array(NOISE)
    comparisons, _ = compare(table(s=base, sure=sure, noisy=noisy), "s", ["sure", "noisy"])
    worst = hardest(comparisons, decide(comparisons))
    assert worst is not None
    assert worst.rival == "sure"


@pytest.mark.parametrize("n_rivals", [1, 8])
def test_false_verdicts_stay_within_the_level(n_rivals):
    """Where the subject equals its rivals, "supported" and "refuted" are each called in at most 5 % of studies."""
    rng = np.random.default_rng(0)
    studies, calls = 600, {"supported": 0, "refuted": 0, "inconclusive": 0}
    for _ in range(studies):
        seed_effect = rng.normal(0, 0.05, size=(MIN_SEEDS, 1))
        values = 0.7 + seed_effect + rng.normal(0, 0.01, size=(MIN_SEEDS, n_rivals + 1))
        calls[outcome(pd.DataFrame(values, columns=["s", *(f"r{i}" for i in range(n_rivals))]))] += 1
    bound = stats.binom.ppf(0.99, studies, 0.05)
    assert calls["supported"] <= bound
    assert calls["refuted"] <= bound


ROLES = {"s": "this work", "p": "prior art", "c": "control", "random": "reference", "raw": "reference"}


class Asked(Benchmark):
    """A question.

    Rule: a rule.
    """

    name = "asked"


def verdicts(table, claims, **options) -> list[Verdict]:
    asked = Asked()
    asked.contrasts = (Contrast("P", "Better", "accuracy", lambda rows, claims: rows, **options),)
    return asked.verdicts(table, claims)


def ask(records, **options) -> dict[str, Verdict]:
    claims = Claims("s", "test", ROLES, False, own_width=frozenset({"raw"}))
    return {v.against: v for v in verdicts(rows(records), claims, **options)}


def test_losing_to_a_reference_is_losing_to_the_controls():
    base = dict(zip(range(5), [0.5, 0.6, 0.55, 0.52, 0.58], strict=True))
    ahead = {"s": 0.1, "p": 0.0, "c": 0.0, "random": 0.2, "raw": 0.4}
    found = ask([(m, s, "d", base[s] + a + 0.1 * NOISE[s] * (m == "s")) for m, a in ahead.items() for s in base])
    assert found["prior art"].verdict == "supported"
    assert found["control"].verdict == "refuted"
    assert "s loses to 1 of 2 controls: random" in found["control"].sentence
    assert {c.rival for c in found["control"].comparisons} == {"c", "random"}, (
        "one with a width of its own takes no part"
    )


def test_rows_of_other_versions_are_told_of_and_the_subjects_make_it_indicative():
    records = [(m, s, "d", v + 0.01 * NOISE[s]) for m, v in (("s", 0.9), ("p", 0.1)) for s in range(5)]
    claims = Claims("s", "test", ROLES, False)
    for old, stale, indicative in (("p", ("p",), False), ("s", ("s",), True), ("c", (), False)):
        table = rows(records).assign(current=lambda t, old=old: t["method"] != old)
        found = verdicts(table, claims)[0]
        assert (found.stale, found.indicative, found.verdict) == (stale, indicative, "supported")


def test_an_undecided_verdict_says_how_many_seeds_would_do():
    records = [(m, s, "d", 0.5 + a * NOISE[s]) for m, a in (("s", 1.1), ("p", 1.0), ("c", -9)) for s in range(5)]
    records += [("random", s, "d", 0.5 + 0.04 * (s - 1.9)) for s in range(5)]
    found = ask(records)
    for verdict in found.values():
        assert verdict.verdict == "inconclusive"
        assert verdict.seeds_needed
        assert "seeds would be needed" in verdict.sentence
    json = found["control"].as_json()
    assert json["seeds_needed"] == found["control"].seeds_needed
    assert {"iqm", "improvement", "sd"} <= set(json["comparisons"][0])


def test_with_a_method_that_cannot_the_other_data_sets_are_compared():
    records = [("s", s, d, v + 0.01 * s) for s in range(5) for d, v in (("small", 0.5), ("large", 0.9))]
    records += [("p", s, "small", 0.4 + 0.011 * s) for s in range(5)]
    assert ask(records)["prior art"].missing == ("p",)
    found = ask(records, cannot=lambda rows, claims: {("p", "large")})["prior art"]
    assert (found.verdict, found.missing) == ("supported", ())
    assert found.effect == pytest.approx(0.1 - 0.002)
