"""One setting against another by seed, and the effects of a 2 x 2 design."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from infomax_bench.stats.cells import against, grown, steadier, together
from infomax_bench.stats.factorial import effects
from infomax_bench.stats.intervals import interval
from infomax_bench.stats.spread import deviation_ratio

BASE = np.array([0.5, 0.6, 0.55, 0.52, 0.58])  # seeds differ much more than the noise: pairing matters
NOISE = np.array([0.001, -0.002, 0.0005, 0.001, -0.0005])
VALUES = pd.DataFrame({"one": BASE + 0.1 + NOISE, "other": BASE, "same": BASE + NOISE})


@pytest.mark.parametrize(
    ("one", "other", "options", "outcome"),
    [
        ("one", "other", {}, "for"),
        ("other", "one", {}, "against"),
        ("one", "other", {"less": True}, "against"),
        ("other", "one", {"less": True}, "for"),
        ("same", "other", {}, "undecided"),
        ("one", "other", {"least": 0.2}, "undecided"),
    ],
)
def test_one_against_another(one, other, options, outcome):
    (found,) = against("name", VALUES, one, other, **options)
    assert (found.name, found.outcome, found["other"], found.estimate.n) == ("name", outcome, other, 5)
    assert (found["with"], found["without"]) == (VALUES[one].mean(), VALUES[other].mean())
    sign = -1 if options.get("less") else 1
    assert found.estimate.mean == pytest.approx(sign * interval((VALUES[one] - VALUES[other]).to_numpy()).mean)


def test_without_pairs_there_is_nothing_and_with_few_nothing_is_decided():
    assert not list(against("name", VALUES, "one", "absent"))
    assert not list(steadier("name", VALUES, "absent", "one"))
    assert not list(grown("name", VALUES, VALUES, "one", "absent"))
    lacking = VALUES.assign(other=VALUES["other"].mask(VALUES.index == 2))
    assert [f.outcome for f in against("name", lacking, "one", "other")] == ["undecided"]
    assert [f.outcome for f in steadier("name", VALUES.iloc[:4], "one", "other")] == ["undecided"]
    assert not list(steadier("name", VALUES.iloc[:1], "one", "other")), "one seed has no deviation"


def test_who_varies_less_over_seeds():
    values = pd.DataFrame({"calm": 0.5 + NOISE, "wild": 0.5 + 50 * NOISE[::-1]})
    (found,) = steadier("seeds", values, "calm", "wild")
    assert found.outcome == "for"
    assert found.estimate.mean == pytest.approx(deviation_ratio(values["wild"].to_numpy(), NOISE).value)
    assert found["with"] == pytest.approx(NOISE.std(ddof=1))
    assert [f.outcome for f in steadier("seeds", values, "wild", "calm")] == ["against"]


def test_several_are_on_a_side_if_all_are():
    (ahead,), (behind,) = against("a", VALUES, "one", "other"), against("b", VALUES, "other", "one")
    (both,) = together("whole", {"a": ahead, "b": ahead})
    assert both.outcome == "for"
    assert both["parts"]["a"]["difference"] == ahead.estimate
    assert [f.outcome for f in together("whole", {"a": ahead, "b": behind})] == ["undecided"]
    assert not list(together("whole", {}))


def test_what_grows_from_one_table_to_another():
    later = VALUES.assign(one=VALUES["one"] + 0.05 + NOISE[::-1])
    (found,) = grown("scale", VALUES, later, "one", "other")
    assert (found.outcome, found["gained"]) == ("for", True)
    assert (found["few"], found["many"]) == pytest.approx((0.1, 0.15), abs=1e-3)
    (less,) = grown("scale", later, VALUES - [0.3, 0, 0], "one", "other")
    assert (less.outcome, less["gained"]) == ("against", False)


def test_effects_of_a_two_by_two_by_hand():
    cells = ("both", "first", "second", "neither")
    values = pd.DataFrame([[9.0, 5.0, 3.0, 2.0], [9.0, 5.0, 3.0, None]], columns=cells, index=pd.Index([3, 4]))
    found = effects({"a": values, "none": values[["both"]]}, cells, ("one", "two", "more"), scale=10)
    assert found.set_index("line")["value"].to_dict() == {"one": 45, "two": 25, "more": 30}
    assert set(found["panel"]) == {"a"}
    assert set(found["seed"]) == {3}, "a seed that lacks a cell takes no part"
    assert effects({}, cells, ("one", "two", "more")).empty
