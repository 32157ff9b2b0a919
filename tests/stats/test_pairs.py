"""Pairs of encoders: intervals of those that share some, and tables of all with all."""

from __future__ import annotations

import numpy as np
import pandas as pd

from infomax_bench.stats.intervals import interval
from infomax_bench.stats.pairs import both_ways, chained, square


def test_intervals_of_pairs_that_share_encoders_hold_what_they_promise():
    """Each value is the sum of what two neighbours in a ring of five bring, which is the most that they can share."""
    rng, held, naive = np.random.default_rng(0), 0, 0
    for own in rng.normal(size=(1000, 5)):
        values = pd.Series(own + np.roll(own, -1))
        found, plain = chained(values), interval(values.to_numpy())
        held += found.low <= 0 <= found.high
        naive += plain.low <= 0 <= plain.high
    assert held > 940
    assert naive < 900
    assert found.mean == plain.mean


def test_two_pairs_have_no_interval():
    found = chained(pd.Series([0.1, 0.2]))
    assert (found.low, found.high) == (-np.inf, np.inf)


def pairs(names="abc", datasets="de"):
    """The value of a pair is told by its names, in order."""
    records = [(d, x, y, (ord(x) + 10 * ord(y)) / 1000) for d in datasets for x in names for y in names if x <= y]
    return pd.DataFrame(records, columns=["dataset", "method", "other", "value"])


def test_a_pair_is_one_of_either_and_of_itself_once():
    found = both_ways(pairs("ab", "d"))
    assert sorted(zip(found["method"], found["other"], strict=True)) == [
        ("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")
    ]  # fmt: skip
    assert (
        found.set_index(["method", "other"])["value"].xs("a").tolist() == found.query("other == 'a'")["value"].tolist()
    )


def test_a_method_that_lacks_a_pair_or_itself_is_in_no_square():
    found = both_ways(pairs("abcd"))
    whole = square(found)
    assert list(whole) == list(whole.index) == list("abcd")
    assert np.allclose(whole, whole.T)
    gone = found[["method", "other"]].apply(frozenset, axis=1) == frozenset("bd")
    lacking = square(found[~(gone & (found["dataset"] == "d"))])
    assert len(lacking) == 3
    assert {"a", "c"} < set(lacking)
    assert lacking.notna().all(axis=None)
    unmet = square(found[(found["method"] != "a") | (found["other"] != "a")])
    assert list(unmet) == list("bcd"), "its own seeds are not compared"
    assert list(square(found[(found["method"] != "c") | (found["dataset"] != "d")])) == list("abd"), "a data set"
