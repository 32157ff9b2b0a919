"""Findings: what is kept of a rule's outcome, how it is looked up, and what JSON has of it."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from infomax_bench.stats.compare import Comparison
from infomax_bench.stats.findings import (
    Estimate,
    Finding,
    Found,
    all_above,
    as_json,
    best,
    from_verdict,
    one_by_one,
)
from infomax_bench.stats.flips import Flip
from infomax_bench.stats.here import Here
from infomax_bench.stats.intervals import interval
from infomax_bench.stats.verdict import Verdict

FOUND = Found(
    [
        Finding("gap", "shown", None, {"dataset": "a", "x": 1}),
        Finding("gap", "none", None, {"dataset": "b", "x": 1}),
        Finding("other", "shown", None, {"dataset": "a"}),
        Finding("gap", "shown", None, {"dataset": "a", "x": 2}),
    ]
)


def verdict(**more):
    numbers = {"effect": 1.0, "ci_low": 0.5, "ci_high": 1.5, "n_seeds": 5, "n_datasets": 9}
    texts = {"claim": "P", "title": "Better", "subject": "s", "against": "all methods", "track": "controlled"}
    about = {"preset": "p", "verdict": "refuted", "indicative": False, "rule": "", "benchmark": "b"}
    return Verdict(**texts, **numbers, **about, **more)


def compared(rival, mean, half, p_holm):
    return Comparison(rival, mean, mean - half, mean + half, 5, p_holm)


def test_findings_are_found_by_name_and_values_in_their_order():
    assert [f.values["x"] for f in FOUND.all("gap", dataset="a")] == [1, 2]
    assert FOUND.one("gap", dataset="b").outcome == "none"
    assert FOUND.one("gap", dataset="c") is None
    assert FOUND.all("gap").count("shown") == 2
    assert [(key, len(own)) for key, own in FOUND.by("dataset")] == [(("a",), 3), (("b",), 1)]
    assert [key for key, _ in FOUND.all("gap").by("outcome")] == [("shown",), ("none",)]
    assert [key for key, _ in FOUND.by("dataset", "x")] == [("a", 1), ("b", 1), ("a", 2)]  # "other" has no x


def test_an_estimate_is_an_interval_in_the_readers_unit():
    found = interval(np.array([0.1, 0.2, 0.3]))
    made = Estimate.of(found, 100, "points")
    assert (made.mean, made.low, made.high, made.n) == (100 * found.mean, 100 * found.low, 100 * found.high, 3)


def test_rivals_one_by_one_are_told_apart_by_their_own_intervals():
    rivals = [compared("far", 3, 1, 1.0), compared("close", 0.5, 1, 0.8), compared("better", -3, 1, 0.9)]
    found = one_by_one([*rivals, Comparison("few", 9, 8, 10, 4, 1.0)], ["gone"])
    assert (found.ahead, found.level, found.behind) == (("far",), ("close", "few", "gone"), ("better",))


def test_a_joint_claim_is_decided_as_verdicts_are():
    """Supported if all intervals lie above zero, refuted by one rival surely ahead, told with the one that decides."""

    def at(mean, n=5):
        return interval(mean + np.linspace(-0.1, 0.1, n))

    one = all_above("joint", {"a": at(1), "b": at(0.5)}, "points", {"where": "d"})
    assert (one.outcome, one["rival"], one.estimate.unit, one["where"]) == ("supported", "b", "points", "d")
    assert [one[name] for name in ("rivals", "better", "worse")] == [2, 2, 0]
    assert all_above("joint", {"a": at(1), "b": at(0.05)}, "", {}).outcome == "inconclusive"
    lost = all_above("joint", {"a": at(1), "b": at(-1)}, "", {})
    assert (lost.outcome, lost["rival"], lost["worse"]) == ("refuted", "b", 1)
    few = all_above("joint", {"a": at(1, n=4), "b": interval([])}, "", {})
    assert (few.outcome, few["rival"], few["better"]) == ("inconclusive", "b", 0)
    nothing = all_above("joint", {}, "", {})
    assert (nothing.outcome, nothing.estimate, nothing["rivals"]) == ("inconclusive", None, 0)


def test_the_best_of_all_is_told_with_who_is_surely_better():
    values = pd.DataFrame({0.0: np.linspace(2, 2.1, 5), 1.0: np.linspace(1, 1.1, 5)})
    assert best("strongest", values, 0.0, (0.0, 1.0), "points", {"part": "p"}) == Finding(
        "strongest", "supported", None, {"part": "p"}
    )
    lost = best("strongest", values, 1.0, (0.0, 1.0), "points", {"part": "p"})
    assert (lost.outcome, lost["rival"], lost["part"], lost.estimate.unit) == ("refuted", 0.0, "p", "points")
    assert lost.estimate.mean == pytest.approx(1), "what the rival gains"
    assert best("strongest", values, 0.0, (0.0, 1.0, 2.0), "points", {}).outcome == "inconclusive", "one is missing"


def test_json_has_no_number_that_is_not_finite_and_no_type_of_numpy():
    nothing = Estimate(math.nan, -math.inf, math.inf, 1)
    one = Finding("f", "", nothing, {"n": np.int64(3), "methods": ("a",), "x": np.nan})
    made = json.loads(json.dumps(as_json("b", one), allow_nan=False))
    assert made["estimate"] == {"mean": None, "low": None, "high": None, "n": 1, "unit": ""}
    assert made["values"] == {"n": 3, "methods": ["a"], "x": None}
    assert made["benchmark"] == "b"


def test_a_verdict_is_a_finding_with_its_standing_and_what_would_flip_it():
    behind = Here((), ("better",), 3, 3, 5, (2, 3))
    more = {"here": behind, "flips": (Flip("without a", "supported", "a"),), "without_supervised": "supported"}
    found = from_verdict(verdict(**more, base_rates={"refuted": 2}))
    assert (found.name, found.outcome, found.estimate.mean, found.estimate.n) == ("Better", "refuted", 1.0, 9)
    assert found["here"].behind == ("better",)
    assert found["otherwise"] == ["supported without those that see labels or captions"]
    told = as_json("b", found)["values"]
    assert told["flips"] == [{"what": "without a", "verdict": "supported", "dataset": "a"}]
    assert told["here"] == {"ahead": [], "behind": ["better"], "n": 3, "rank": 3, "n_seeds": 5, "ranks": [2, 3]}
    assert told["base_rates"] == {"refuted": 2}
