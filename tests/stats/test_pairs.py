"""Pairs of encoders: intervals of those that share some, and tables of all with all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from infomax_bench.stats.intervals import interval
from infomax_bench.stats.pairs import (
    BETWEEN,
    OWN,
    along,
    at_ends,
    both_ways,
    chained,
    kinds,
    nearest,
    nearest_of_each,
    series,
    square,
    squares,
)


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


def test_whom_each_is_nearest_to():
    found = both_ways(pairs(datasets="d"))
    assert nearest_of_each(found[found["method"] != found["other"]]).to_dict() == {
        ("d", "a"): "c",
        ("d", "b"): "c",
        ("d", "c"): "b",
    }


def swept(rise=0.2):
    """Pairs of a, b and the reference r, by one measure under three seeds, at widths 8 and 64. With the least of it two
    methods are 0.3 alike and with the most 0.3 + rise, two seeds of one 0.8, and a method and the reference 0.1."""
    records = []
    for width, seed, pair in (
        (w, s, p) for w in (8, 64) for s in (0, 1, 2) for p in ("aa", "bb", "rr", "ab", "ar", "br")
    ):
        like = 0.8 if pair[0] == pair[1] else 0.1 if pair[1] == "r" else 0.3 + rise * (width == 64)
        records.append(("d", *pair, width, np.nan, np.nan, seed, "p", like + seed / 1000))
    columns = ["dataset", "method", "other", "width", "amount", "available", "seed", "panel", "value"]
    return pd.DataFrame(records, columns=columns)


def test_how_alike_methods_are_along_a_resource():
    found = along(swept(), ["p"], ["a", "b"], ["r"])
    means = found.groupby(["what", "x"])["value"].mean().round(3).to_dict()
    assert (means[BETWEEN, 8], means[BETWEEN, 64]) == (0.301, 0.501)
    assert (means[OWN, 64], means["with r", 64]) == (0.801, 0.101)
    assert set(found["resource"]) == {"width"}
    assert (set(found["n"]), set(found["absent"])) == ({2}, {""})


def test_a_method_that_lacks_a_seed_of_its_own_is_left_out_of_all():
    rows = swept()
    other = rows[rows["method"].eq("b") & rows["other"].eq("b")].assign(method="c", other="c")
    found = along(pd.concat([rows, other.query("width == 8 or seed != 1")]), ["p"], ["a", "b", "c"], ["r"])
    assert (set(found["n"]), set(found["absent"])) == ({2}, {"c"})
    for nothing in (rows.iloc[:0], rows.query("width == 8"), rows.query("method != 'b' and other != 'b'")):
        assert along(nothing, ["p"], ["a", "b"], ["r"]).empty
    assert along(rows, ["p", "another"], ["a", "b"], ["r"]).empty, "a measure that nobody has"


def test_the_ends_of_a_resource():
    found = at_ends(along(swept(), ["p"], ["a", "b"], ["r"]), ["r", "absent"])
    assert (found.least, found.most) == pytest.approx((0.301, 0.501))
    assert (found.rise.mean, found.own.mean, found.above["r"].mean) == pytest.approx((0.2, 0.801, 0.4))
    assert found.part.mean == pytest.approx(0.501 / 0.801, abs=1e-4)
    assert (set(found.above), found.rise.n) == ({"r"}, 3)
    rows = swept()
    gone = rows[(rows["other"] != "r") | (rows["width"] == 8) | (rows["seed"] > 0)]
    assert at_ends(along(gone, ["p"], ["a", "b"], ["r"]), ["r"]).above == {}, "a reference that lacks a seed"
