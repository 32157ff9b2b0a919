"""One setting against another by seed, and the effects of a 2 x 2 design."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from infomax_bench.stats.cells import against, divergences, grown, grown_along, steadier, summed, together
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
    (ahead,), turned = against("a", VALUES, "one", "other"), VALUES.rename(columns={"one": "other", "other": "one"})
    (both,) = together("whole", {"a": VALUES, "b": VALUES + 0.1}, "one", "other")
    assert both.outcome == "for"
    assert both["parts"]["a"]["difference"] == both.estimate == ahead.estimate
    assert both["parts"]["b"]["with"] == pytest.approx(ahead["with"] + 0.1)
    for tables, least in (({"a": VALUES, "b": turned}, 0.0), ({"a": VALUES, "b": VALUES}, 0.2)):
        assert [f.outcome for f in together("whole", tables, "one", "other", least)] == ["undecided"]
    assert not list(together("whole", {"a": VALUES, "b": VALUES[["one"]]}, "one", "other")), "one has no pairs"
    assert not list(together("whole", {}, "one", "other"))


@pytest.mark.parametrize(
    ("outcomes", "word"),
    [
        (["for", "for"], "holds"),
        (["for", "undecided"], "holds in part"),
        (["for", "against", "undecided"], "is mixed"),
        (["against", "undecided"], "is contradicted"),
        (["undecided"], "is undecided"),
        ([], "is undecided"),
    ],
)
def test_a_claim_of_several_parts(outcomes, word):
    assert summed(outcomes) == word


def test_what_grows_from_one_table_to_another():
    later = VALUES.assign(one=VALUES["one"] + 0.05 + NOISE[::-1])
    (found,) = grown("scale", VALUES, later, "one", "other")
    assert (found.outcome, found["gained"]) == ("for", True)
    assert (found["few"], found["many"]) == pytest.approx((0.1, 0.15), abs=1e-3)
    (less,) = grown("scale", later, VALUES - [0.3, 0, 0], "one", "other")
    assert (less.outcome, less["gained"]) == ("against", False)


def test_what_grows_along_a_sweep_and_what_grows_beside_it():
    """Of three steps the ends count; a case with one step, or of one cell, is not told."""
    steps = [(1, VALUES), (5, VALUES + 9.0), (9, VALUES.assign(one=VALUES["one"] + 0.05 + NOISE[::-1]))]
    made = pd.concat(
        own.rename_axis("seed").reset_index().melt("seed", var_name="cell", value_name="a").assign(x=x)
        for x, own in steps
    ).assign(dataset="d", sweep="s")
    made["b"] = -made["a"]
    cases = [made, made.query("x == 1").assign(dataset="e"), made.query("cell == 'one'").assign(dataset="f")]
    of = {"columns": ["a", "b"], "of": "cell", "by": ["dataset", "sweep"], "one": "one", "other": "other"}
    (found,) = grown_along("scale", pd.concat(cases), **of)
    (expected,) = grown("scale", VALUES, steps[-1][1], "one", "other")
    assert (found.outcome, found.estimate.mean) == ("for", pytest.approx(expected.estimate.mean))
    assert {"dataset": "d", "sweep": "s", "least": 1, "most": 9, "gained": True}.items() <= found.values.items()
    assert (found["beside"]["b"]["few"], found["beside"]["b"]["grows"].mean) == pytest.approx((-0.1, -0.05), abs=1e-3)
    assert not list(grown_along("scale", made.iloc[:0], **of))


def test_how_often_training_diverged():
    made = pd.DataFrame({"cell": list("aaab"), "diverged": [1.0, 0, 1, 0]})
    found = divergences("diverged", made, "cell")
    assert (found["times"], found["trainings"]) == ({"a": (2, 3)}, 4)
    assert divergences("diverged", made.iloc[:0], "cell")["trainings"] == 0


def test_effects_of_a_two_by_two_by_hand():
    cells = ("both", "first", "second", "neither")
    values = pd.DataFrame([[9.0, 5.0, 3.0, 2.0], [9.0, 5.0, 3.0, None]], columns=cells, index=pd.Index([3, 4]))
    found = effects({"a": values, "none": values[["both"]]}, cells, ("one", "two", "more"), scale=10)
    assert found.set_index("line")["value"].to_dict() == {"one": 45, "two": 25, "more": 30}
    assert set(found["panel"]) == {"a"}
    assert set(found["seed"]) == {3}, "a seed that lacks a cell takes no part"
    assert effects({}, cells, ("one", "two", "more")).empty
