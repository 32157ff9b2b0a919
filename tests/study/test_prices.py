"""What work is expected to take: what it took before, or its kin."""

from __future__ import annotations

import math

import pytest

from infomax_bench.study.prices import COMPARED, Cost, Item, Prices, Spent

ROUGH = Cost(1.0, 100.0, 10.0)


def item(*kin: str, size: float = 1.0) -> Item:
    """Work that is a member of groups, the nearest first."""
    return Item(tuple((name,) for name in kin), Cost(*(size * rough for rough in ROUGH)))


def spent(of: Item, seconds: float, cpu: str = "", **about: object) -> Spent:
    return Spent(of, Cost(seconds, math.nan, 70.0), cpu, **about)


def test_work_that_nothing_is_known_of_costs_what_its_size_says():
    assert Prices().of(item("a", "sort", "all", size=3)) == (Cost(3.0, 300.0, 30.0), False)


def test_work_that_was_done_costs_what_it_took_the_last_time():
    work = item("a", "sort", "all")
    times = {"2026-02": 5.0, "2026-03": 4.0, "2026-01": 9.0}
    prices = Prices(spent(work, seconds, when=when) for when, seconds in times.items())
    cost, recorded = prices.of(work)
    assert (cost.seconds, cost.disk, recorded) == (4.0, 70.0, True)
    assert cost.memory == 100.0, "of its memory nothing is known"


def test_other_work_costs_as_its_nearest_kin_in_proportion_to_size():
    known = [spent(item("a", "near", "all", size=10), 30.0), spent(item("b", "far", "all"), 100.0)]
    cost, recorded = Prices(known).of(item("c", "near", "all", size=2))
    assert (cost.seconds, recorded) == (6.0, False)


def test_of_many_kin_those_of_a_like_size_count():
    known = [spent(item(f"small {i}", "sort", "all", size=1 + i / 100), 7.0) for i in range(5)]
    known += [spent(item(f"large {i}", "sort", "all", size=1000 + i), 1000.0 + i) for i in range(5)]
    prices = Prices(known)
    assert prices.of(item("c", "sort", "all", size=2000)).cost.seconds == pytest.approx(2000)
    assert prices.of(item("c", "sort", "all", size=900)).cost.seconds == pytest.approx(900, rel=0.05)
    assert prices.of(item("c", "sort", "all")).cost.seconds == pytest.approx(7, rel=0.05)
    between = prices.of(item("c", "sort", "all", size=30)).cost.seconds / 30
    assert 1 < between < 7, "what costs more for its size when small costs less so when larger"


def test_what_turned_out_to_be_nothing_is_free_itself_alone():
    known = [spent(item("a", "sort", "all"), 0.0, alone=True), spent(item("b", "sort", "all"), 3.0)]
    assert Prices(known).of(item("a", "sort", "all")) == (Cost(0.0, 100.0, 70.0), True)
    assert Prices(known).of(item("c", "sort", "all")).cost.seconds == 3.0


def test_times_of_another_make_of_cpu_are_told_in_those_of_this_one():
    """By what was done on both; with less of it they stay as they are."""
    works = [item(f"work {i}", "sort", "all") for i in range(COMPARED)]
    foreign = [spent(work, 8.0, "theirs") for work in (*works, item("only there", "sort", "all"))]
    both = [*foreign, *(spent(work, 2.0, "ours") for work in works)]
    assert Prices(both, "ours").of(item("only there", "sort", "all")).cost.seconds == 2.0
    assert Prices(both[:-1], "ours").of(item("only there", "sort", "all")).cost.seconds == 8.0
    assert Prices(both, "ours").of(works[0]).cost.seconds == 2.0
