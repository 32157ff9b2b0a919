"""Who is surely ahead on these data sets, and what an outcome rests on."""

from __future__ import annotations

import numpy as np

from infomax_bench.stats.compare import comparisons
from infomax_bench.stats.flips import flips, rests_on, variations
from infomax_bench.stats.here import here
from infomax_bench.stats.intervals import interval

NOISE = np.array([0.010, -0.012, 0.004, -0.006, 0.003])


def test_methods_are_surely_ahead_or_behind_and_the_rest_is_the_rank_interval():
    means = {"far": 1.0, "near": 0.002, "same": 0.0, "better": -1.0}
    found = here(comparisons({m: interval(mean + (1 + i) * NOISE) for i, (m, mean) in enumerate(means.items())}))
    assert (found.ahead, found.behind) == (("far",), ("better",))
    assert (found.n, found.ranks, found.n_seeds) == (5, (2, 4), 5)
    assert found.rank == 3, "by the means, of which two are below"


def test_holm_is_over_the_roster_in_each_direction():
    """One difference with p = 0.01 one-sided is sure alone, and not among ten."""
    one = interval(NOISE + 0.0115)
    assert 0.0025 < one.p_greater < 0.025
    assert here(comparisons({"one": one})).ahead == ("one",)
    assert here(comparisons({f"m{i}": one for i in range(10)})).ahead == ()


def test_with_few_seeds_nobody_is_sure_and_without_any_there_is_nothing():
    found = here(comparisons({"far": interval([1.0, 1.1, 1.2, 1.1])}))
    assert (found.ahead, found.ranks, found.rank) == ((), (1, 2), 1)
    assert here([]) is None


CASES = [("a", "b"), ("b", "a"), ("cifar:x", "a")]


def test_variations_leave_out_each_data_set_and_pair_and_average_twins():
    alone = list(variations([(name, name) for name, _ in CASES]))
    assert [(one.what, one.kept.tolist()) for one in alone] == [
        ("without a", [False, True, True]),
        ("without b", [True, False, True]),
        ("without cifar:x", [True, True, False]),
    ]
    pairs = list(variations(CASES, crossed=True, twins=[("a", "cifar"), ("b", "d")]))
    assert [one.what for one in pairs][3:] == [
        "without a -> b",
        "without b -> a",
        "without cifar:x -> a",
        "with a and cifar:x as one",
    ]
    assert pairs[0].kept.tolist() == [False, False, False]
    assert pairs[-1].as_one == {"a": "a", "cifar:x": "a"}


def test_an_outcome_rests_on_what_flips_it():
    varied = list(variations([(name, name) for name in "abcd"]))
    found = flips("supported", varied, lambda one: "refuted" if one.dataset in "ab" else "supported")
    assert [(flip.what, flip.verdict) for flip in found] == [("without a", "refuted"), ("without b", "refuted")]
    assert rests_on(found, 4) == "2 of 4 data sets"
    assert rests_on(found[:1], 4) == "a alone"
    assert rests_on([], 4) == ""
