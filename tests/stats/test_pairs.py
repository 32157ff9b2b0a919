"""Pairs of encoders: intervals of those that share some, and tables of all with all."""

from __future__ import annotations

import numpy as np
import pandas as pd

from infomax_bench.stats.intervals import interval
from infomax_bench.stats.pairs import BETWEEN, OWN, both_ways, chained, kinds, nearest, series, square, squares


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
    assert sorted(zip(found["method"], found["other"], strict=True)) == [("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]
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


def test_squares_are_of_the_methods_that_all_have():
    found = both_ways(pairs())
    lacking = found[(found["method"] != "b") | (found["other"] != "b")]
    made = squares(pd.concat([found.assign(panel="one"), lacking.assign(panel="two")]))
    assert {name: list(table) for name, table in made.items()} == {"one": ["a", "c"], "two": ["a", "c"]}
    assert squares(found.iloc[:0].assign(panel="")) == {}


def test_what_a_pair_is_of():
    found = kinds(both_ways(pairs()), ["a", "b"], ["c"])
    by = {what: set(zip(own["method"], own["other"], strict=True)) for what, own in found.groupby("what")}
    assert by[BETWEEN] == {("a", "b"), ("b", "a"), ("c", "a"), ("c", "b")}
    assert by[OWN] == {("a", "a"), ("b", "b"), ("c", "c")}
    assert by["with c"] == {("a", "c"), ("b", "c")}


def test_along_widths_all_images_are_seen_and_along_images_there_is_one_width():
    made = pairs("ab", "d")
    cells = [(8, np.nan, np.nan), (64, np.nan, np.nan), (64, 100, 900)]
    rows = pd.concat([made.assign(width=w, amount=few, available=of) for w, few, of in cells], ignore_index=True)
    found = {name: sorted(own["x"].unique()) for name, _, own in series(rows)}
    assert found == {"width": [8, 64], "images": [100, 900]}


def test_who_is_nearest():
    (found,) = nearest(both_ways(pairs()).assign(panel="p"), "a", list("abc"))
    assert (found["measure"], found["most"], found["least"]) == ("p", "c", "b")
    assert (found["at_most"], found["itself"]) == ((97 + 990) / 1000, (97 + 970) / 1000)
    assert not list(nearest(both_ways(pairs()).assign(panel="p"), "z", list("abc")))
