"""Published numbers and protocols, as data files have them."""

from __future__ import annotations

from dataclasses import replace

from infomax_bench.stats.intervals import interval
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
HEAD = "method,protocol,evaluation,metric,kind,published,spread,n,marks,source,note"


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
    path.write_text(f"{HEAD}\nm,a,e,accuracy,range,0.8 to 0.9,,,no,A 2020,\nm,a,e,parameters,equal,30,,,,A 2020,\n")
    one, two = read_numbers(path)
    assert (one.bounds, one.spread, one.n, one.marks, one.scale) == ((0.8, 0.9), 0.0, 1, False, 100)
    assert (two.bounds, two.marks, two.scale) == ((30, 30), True, 1)
    assert [s.metric for s in two.selects] == ["parameters", "discarded_parameters"]
    assert (one.agreement(interval([0.9])), two.agreement(interval([31.0]))) == ("agrees", "differs")


def test_a_difference_is_compared_with_zero_and_what_is_tested_reads_no_rows():
    one = Published("m", "a", "e", "accuracy", "above", "base", 0.0, 1, True, "", "")
    assert one.bounds == (0, 0)
    assert replace(one, kind="tested").selects == []
