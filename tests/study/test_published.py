"""Published numbers and protocols, as data files have them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from infomax_bench.study.published import Published, read_numbers, read_protocols
from infomax_bench.study.suite import Suite

TOML = """
[a]
dataset = "d:small"
needs = "d"
cell = { width = 2, epochs = 3, hidden = [4] }
settings.m = { rate = 0.1, beta = 2 }
options.e = { l2 = [1] }

[b]
like = "a"
cell = { width = 5 }
settings.m = { rate = 0.2 }
"""
SUITE = Suite("test", ("m",), ("d",), {"d": 1}, 16, (16,), (0,), 8, "m")
HEAD = "method,protocol,evaluation,metric,kind,published,spread,n,source,note"


def test_a_protocol_that_is_like_another_has_its_values_but_for_its_own():
    found = read_protocols(TOML)
    assert (found["b"].dataset, found["b"].needs) == ("d:small", "d")
    assert found["b"].cell == {"width": 5, "epochs": 3, "hidden": (4,)}
    assert found["b"].settings == {"m": {"rate": 0.2, "beta": 2}}
    assert found["a"].cell["width"] == 2


def test_a_protocol_makes_encoders_under_its_name_and_asks_with_its_options():
    protocol = read_protocols(TOML)["b"]
    cell = protocol.encoder(SUITE, "m")
    assert (cell.label, cell.dataset, cell.width, cell.epochs, cell.hidden) == ("b", "d:small", 5, 3, (4,))
    assert cell.settings == (("beta", 2), ("rate", 0.2))
    assert protocol.encoder(SUITE, "other").settings == ()
    assert (protocol.request("e").options, protocol.request("f").options) == ((("l2", (1,)),), ())


def test_a_line_is_read_with_what_is_left_out(tmp_path):
    path = tmp_path / "numbers.csv"
    path.write_text(f"{HEAD}\nm,a,e,accuracy,range,0.8 to 0.9,,,A 2020,\nm,a,e,loss,equal,-30,3,9,A 2020,\n")
    one, two = read_numbers(path)
    assert (one.bounds, one.spread, one.n, one.scale) == ((0.8, 0.9), 0.0, 1, 100)
    assert (two.bounds, two.spread, two.n, two.scale) == ((-30, -30), 3, 9, 1)
    assert [s.metric for s in two.selects] == ["loss"]


def test_what_agrees_is_what_is_published_and_its_margin():
    one = Published("m", "a", "e", "accuracy", "range", "0.8 to 0.9", 0.0, 1, "", "")
    assert one.allowed == pytest.approx((0.795, 0.905))
    assert replace(one, metric="loss").allowed == pytest.approx((0.8 - 0.004, 0.9 + 0.0045))
    mean = replace(one, kind="equal", published="0.9", spread=0.03, n=9)
    assert mean.allowed == pytest.approx((0.885, 0.915)), "a standard error of 0.01, and half a point"
    assert (one.compared([0.9, 0.904])[0], one.compared([0.904])[0]) == ("too uncertain", "too uncertain")
    assert one.compared([0.9, 0.9001])[0] == "agrees"
    assert one.compared([0.9, 0.9001])[1].n == 2


def test_a_bar_of_our_own_is_passed_by_the_mean():
    bar = Published("m", "a", "e", "accuracy", "sanity check", "0.97", 0.0, 1, "", "")
    assert [bar.compared(ours)[0] for ours in ([0.97, 0.98], [0.96], [])] == ["passes", "fails", "not run"]


def test_a_difference_is_compared_with_zero_and_what_is_tested_reads_no_rows():
    one = Published("m", "a", "e", "accuracy", "above", "base", 0.0, 1, "", "")
    assert one.bounds == one.allowed == (0, math.inf)
    assert replace(one, kind="tested").selects == []
