"""Intervals and verdicts against scipy, hand-computed cases and their own nominal level."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from infomax_bench.stats.verdict import (
    MIN_SEEDS,
    Cases,
    Comparison,
    Verdict,
    by_case,
    cases_ahead,
    compare,
    decide,
    decide_bound,
    hardest,
    holm,
    interquartile_mean,
    interval,
    probability_of_improvement,
    rank_interval,
    seed_means,
    seeds_for_bound,
    seeds_needed,
    would_decide,
)
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.claims import Claims


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=20))
@settings(deadline=None)
def test_interval_is_scipys_t_interval(values):
    found = interval(values)
    if np.std(values) < 1e-6:
        return
    expected = stats.ttest_1samp(values, 0)
    ci = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((ci.low, ci.high))
    assert min(found.p_greater, found.p_less) * 2 == pytest.approx(expected.pvalue, abs=1e-9)


def test_one_value_says_nothing_and_equal_values_say_all():
    assert interval([0.3]).low == -np.inf
    sure = interval([0.3] * 5)
    assert (sure.low, sure.high, sure.p_greater) == (0.3, 0.3, 0.0)
    assert interval([0.0] * 5).p_greater == 1.0


def test_the_interval_of_a_rank_correlation_by_hand():
    """Bonett and Wright (2000): 0.5 over 28 pairs; z = 0.549, its error (1.125 / 25)^0.5 = 0.2121."""
    low, high = rank_interval(0.5, 28)
    assert (low, high) == pytest.approx((np.tanh(0.5493 - 1.96 * 0.21213), np.tanh(0.5493 + 1.96 * 0.21213)), abs=1e-4)
    assert rank_interval(-0.5, 28) == pytest.approx((-high, -low))
    assert rank_interval(0.9, 3) == (-1, 1)
    assert rank_interval(float("nan"), 30) == (-1, 1)
    assert rank_interval(1.0, 30) == (1, 1)


@pytest.mark.parametrize("r", [0.0, 0.6])
def test_the_interval_of_a_rank_correlation_covers_the_truth(r):
    """Of two normal variables with correlation r Spearman's is 6 / pi asin(r / 2)."""
    rng, n, studies = np.random.default_rng(0), 25, 800
    x = rng.standard_normal((studies, n))
    y = r * x + (1 - r**2) ** 0.5 * rng.standard_normal((studies, n))
    truth = 6 / np.pi * np.arcsin(r / 2)
    ranks = [stats.rankdata(v, axis=1) - (n + 1) / 2 for v in (x, y)]
    rho = (ranks[0] * ranks[1]).sum(1) / (ranks[0] ** 2).sum(1)
    bounds = np.array([rank_interval(v, n) for v in rho])
    covered = ((bounds[:, 0] < truth) & (truth < bounds[:, 1])).sum()
    low, high = stats.binom.ppf([0.001, 0.999], studies, 0.95)
    assert low <= covered <= high


def test_holm_on_a_worked_example():
    """Holm (1979): 0.01, 0.04, 0.03, 0.005 -> 0.03, 0.06, 0.06, 0.02."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def table(**methods: list[float]) -> pd.DataFrame:
    """Values by seed and method."""
    return pd.DataFrame(methods)


def outcome(values: pd.DataFrame, **options) -> str:
    comparisons, _ = compare(values, "s", [m for m in values if m != "s"], **options)
    return decide(comparisons)


NOISE = [0.010, -0.012, 0.004, -0.006, 0.003]


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


def test_a_refutation_names_the_rival_that_refutes():
    base = np.array([0.5, 0.6, 0.55, 0.52, 0.58])
    noisy = base + np.array([0.9, -0.8, 0.7, -0.6, 0.5])
    sure = base + 0.1 + 0.1 * np.array(NOISE)
    comparisons, _ = compare(table(s=base, sure=sure, noisy=noisy), "s", ["sure", "noisy"])
    worst = hardest(comparisons, decide(comparisons))
    assert worst is not None
    assert worst.rival == "sure"


def test_missing_rivals_are_named():
    comparisons, missing = compare(table(s=[1.0, 2.0]), "s", ["gone"])
    assert (comparisons, missing) == ([], ["gone"])


def rows(records: list[tuple[str, int, str, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(records, columns=["method", "seed", "dataset", "value"])
    return frame.assign(target=frame["dataset"], status="ok", current=True)


def test_means_are_over_cases_that_all_have():
    """A method that lacks a data set under a seed must not be compared on the rest of them."""
    records = [("a", s, d, 1.0 if d == "easy" else 0.0) for s in (0, 1) for d in ("easy", "hard")]
    records += [("b", 0, "easy", 1.0), ("b", 1, "easy", 1.0), ("b", 1, "hard", 0.0)]
    means = seed_means(rows(records), "a")
    assert means["a"].tolist() == [0.5, 0.5]
    assert np.isnan(means["b"][0])
    assert means["b"][1] == 0.5


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


# -- beside the comparison ------------------------------------------------------------------------------------------
arrays = st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(0, 10**6))


@given(arrays)
@settings(deadline=None)
def test_interquartile_mean_and_improvement_are_scipys(shape):
    """As rliable defines them: a trimmed mean of all runs; Mann and Whitney's U over the number of pairs, by task."""
    seeds, cases, seed = shape
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 6, (2, seeds, cases)).astype(float)
    assert interquartile_mean(x) == pytest.approx(stats.trim_mean(x, 0.25, axis=None))
    expected = [stats.mannwhitneyu(a, b).statistic / seeds**2 for a, b in zip(x.T, y.T, strict=True)]
    assert probability_of_improvement(x, y) == pytest.approx(np.mean(expected))
    assert probability_of_improvement(x, y) + probability_of_improvement(y, x) == pytest.approx(1)


def test_comparisons_carry_both_in_the_direction_of_the_claim():
    errors = [("s", s, d, 0.1) for s in range(5) for d in ("easy", "hard")]
    errors += [("r", s, d, v) for s in range(5) for d, v in (("easy", 0.2), ("hard", 0.05))]
    (found,), _ = compare(by_case(rows(errors), "s"), "s", ["r"], higher_is_better=False, margin=0.5)
    shown = found.shown(100, 0.5)
    assert (shown.mean, shown.iqm) == pytest.approx((2.5, 2.5))
    assert shown.improvement == 0.5, "better on one of two data sets, under every seed"
    assert shown.sd == pytest.approx(0)


def test_a_match_is_one_of_the_two_one_sided_tests():
    rng = np.random.default_rng(3)
    subject, rival, margin = rng.normal(0.80, 0.005, 8), rng.normal(0.805, 0.005, 8), 0.01
    (found,), _ = compare(table(s=list(subject), r=list(rival)), "s", ["r"], margin=margin)
    test = stats.ttest_rel(subject, rival - margin, alternative="greater")
    assert (found.low > 0) == (test.pvalue < 0.025)
    assert found.low == pytest.approx(stats.ttest_rel(subject, rival).confidence_interval(0.95).low + margin)
    assert found.p_holm == pytest.approx(stats.ttest_rel(subject, rival - margin, alternative="less").pvalue)


def comparison(mean: float, sd: float = 1.0, n: int = 5) -> Comparison:
    return Comparison("r", mean, mean - sd, mean + sd, n, 0.5, sd)


@pytest.mark.parametrize(("effect", "n"), [(0.5, "34"), (0.8, "15"), (1.0, "10"), (0.2, "more than 100")])
def test_seeds_needed_are_cohens(effect, n):
    """Cohen's and G*Power's numbers for a paired t test, two-sided at 5 %, power 80 %; 199 pairs for 0.2."""
    assert seeds_needed([comparison(effect)]) == n
    assert seeds_needed([comparison(-effect)]) == n
    assert seeds_for_bound(interval([effect - 1, effect + 1, effect]), 0.0) == n


def test_seeds_needed_for_many_and_for_none():
    both = [comparison(1.0), comparison(1.0)]
    assert int(seeds_needed(both)) > 10, "both must be shown at once"
    assert seeds_needed([comparison(1.0), comparison(50.0)]) == "10", "a rival far behind costs nothing"
    assert int(seeds_needed([comparison(-1.0), comparison(50.0)])) > 10, "refuting pays for the number of rivals"
    assert seeds_needed([comparison(1.0)], complete=False) == "", "seeds do not bring a missing rival"
    assert seeds_needed([comparison(-1.0)], complete=False) == "10", "but one better rival is enough"
    assert seeds_needed([comparison(50.0, n=3)]) == str(MIN_SEEDS)
    assert seeds_needed([comparison(0.1, sd=float("nan"), n=1)]) == "at least 5"
    assert seeds_needed([comparison(0.0, sd=0.0)]) == "more than 100", "ties stay ties"
    assert seeds_needed([]) == ""


def test_seeds_needed_are_enough():
    """With so many seeds, four fifths of studies decide: two rivals behind by as much as was seen."""
    rng = np.random.default_rng(0)
    n = int(seeds_needed([comparison(1.0), comparison(0.8)]))
    differences = rng.normal(np.array([1.0, 0.8]), 1.0, (4000, n, 2))
    decided = (stats.ttest_1samp(differences, 0, axis=1, alternative="greater").pvalue < 0.025).all(axis=1).mean()
    assert 0.8 - 0.02 < decided < 0.87


def test_words_on_seeds():
    assert would_decide("") == ""
    assert would_decide("14") == " About 14 seeds would be needed to decide it."
    assert would_decide("more than 100") == " More than 100 seeds would be needed to decide it."


# -- whom a claim is tested against ----------------------------------------------------------------------------------
ROLES = {"s": "this work", "p": "prior art", "c": "control", "random": "reference", "raw": "reference"}


class Asked(Benchmark):
    """A question.

    Rule: a rule.
    """

    name = "asked"


def ask(records, **options) -> dict[str, Verdict]:
    claims = Claims("s", "test", ROLES, False, own_width=frozenset({"raw"}))
    return {v.against: v for v in Asked().better_than_all(rows(records), claims, "P", "Better", "accuracy", **options)}


def test_in_how_many_cases_the_subject_is_ahead():
    nan = np.nan
    cases = Cases(
        {"s": np.array([[3.0, 3.0, 3.0], [3.0, 1.0, 3.0]]), "a": np.array([[2.0, 2.5, 2.0], [2.0, 2.5, 2.0]]),
         "b": np.array([[1.0, 1.0, nan], [5.5, 1.0, nan]])}, [0, 1], [("x", "x"), ("y", "y"), ("z", "z")],
    )  # fmt: skip
    assert cases_ahead(cases, "s", ["a", "b", "gone"]) == 1
    assert cases_ahead(cases, "s", ["a", "b"], margin=1.0) == 3
    assert cases_ahead(cases, "s", ["a"], higher_is_better=False) == 1


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
        found = next(Asked().better_than_all(table, claims, "P", "Better", "accuracy"))
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
    found = ask(records, cannot={("p", "large")})["prior art"]
    assert (found.verdict, found.missing) == ("supported", ())
    assert found.effect == pytest.approx(0.1 - 0.002)
