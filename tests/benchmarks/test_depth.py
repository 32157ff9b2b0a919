"""What another layer adds, on tables whose differences are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from infomax_bench.run.results import COLUMNS
from infomax_bench.stats.findings import Found
from infomax_bench.study.claims import Claims
from infomax_bench.study.plugins import registry
from infomax_bench.study.suite import Suite

CLAIMS = Claims("s", "standard", {"s": "this work", "a": "prior art", "b": "control"}, False)
GREEDY, JOINT = "layer by layer", "all layers together"


@pytest.fixture
def depth():
    return registry().benchmark("depth")


def rows(gains, seeds=5, noise=0.001, deepest=3):
    """Accuracies of 0.9 and each method's gain a layer, layer by layer; jointly always 0.95."""
    rng = np.random.default_rng(0)
    records = []
    for method, gain in gains.items():
        for d in range(1, deepest + 1):
            for seed in range(seeds):
                value = 0.9 + gain * (d - 1) + noise * rng.normal()
                own = {"method": method, "dataset": "d", "target": "d", "seed": seed, "depth": d}
                own |= {"metric": "accuracy", "protocol": "linear"}
                records.append({**own, "label": GREEDY, "stacking": GREEDY, "value": value})
                if d > 1:
                    records.append({**own, "label": JOINT, "stacking": JOINT, "value": 0.95})
    made = pd.DataFrame(records).assign(status="ok", current=True, benchmark="depth", track="controlled", width=64)
    return made.reindex(columns=[*COLUMNS, "stacking"]).astype({"value": float})


def found(depth, table):
    return Found(depth.findings(table, CLAIMS))


def test_the_gain_is_the_deepest_layers_over_the_single_ones(depth):
    s, a = (found(depth, rows({"s": 0.02, "a": -0.03})).one("gain", dataset="d", method=m) for m in "sa")
    assert (s["layers"], round(s.estimate.mean), s.estimate.unit) == (3, 4, "points")
    assert (a["layers"], round(a.estimate.mean)) == (3, -6)


@pytest.mark.parametrize(
    ("gain", "noise", "seeds", "word"),
    [
        (0.02, 0.001, 5, "gains"),
        (-0.002, 0.0005, 5, "composes"),
        (-0.03, 0.001, 5, "does not compose"),
        (0.0, 0.03, 5, "undecided"),
        (0.02, 0.001, 4, "undecided"),
    ],
)
def test_the_words_follow_the_rule(depth, gain, noise, seeds, word):
    table = rows({"s": gain, "a": 0.02, "b": -0.03}, seeds, noise)
    assert found(depth, table).one("gain", method="s").outcome == word
    said = depth.answer(table, CLAIMS)
    assert f"s on d: {word};" in said
    if seeds == 5 and noise < 0.01:
        assert "Of 2 other methods on d: 1 gains, 0 composes, 1 does not compose, 0 undecided." in said


def test_a_stack_that_diverges_counts_as_naming_nothing(depth):
    table = rows({"s": 0.02, "a": 0.02}, seeds=6)
    lost = (table["method"] == "s") & (table["depth"] == 3) & (table["seed"] == 0) & (table["label"] == GREEDY)
    failed = table[lost].assign(status="diverged", metric="linear_probe", protocol="", reason="diverged", value=np.nan)
    gains = found(depth, pd.concat([table[~lost], failed]))
    s = gains.one("gain", method="s")
    assert (s.estimate.n, s["lost"], s.outcome) == (6, 1, "undecided")
    assert gains.one("gain", method="a").outcome == "gains"


def test_what_always_diverges_does_not_compose_by_losing_nothing(depth):
    table = rows({"s": 0.02, "a": 0.02}, seeds=6)
    lost = (table["method"] == "s") & (table["label"] == GREEDY)
    failed = table[lost].assign(status="diverged", metric="linear_probe", protocol="", reason="diverged", value=np.nan)
    table = pd.concat([table[~lost], failed], ignore_index=True)
    s = found(depth, table).one("gain", method="s")
    assert (s["lost"], s.outcome, s.estimate.mean) == (6, "undecided", 0)
    assert "layer 3 has +0.0 points" in depth.answer(table, CLAIMS)
    assert "training diverged under 6 seeds." in depth.answer(table, CLAIMS)


def test_ways_with_other_depths_are_compared_where_both_are(depth):
    table = rows({"s": 0.02, "a": 0.02}, seeds=6)
    cut = found(depth, table[~((table["label"] == GREEDY) & (table["depth"] == 3))])
    assert cut.one("gain", method="s")["layers"] == 2
    assert cut.one("together", method="s").estimate.mean == pytest.approx(95 - 92, abs=0.5)


def test_both_ways_of_training_are_compared_at_the_deepest(depth):
    table = rows({"s": 0.01, "a": 0.04, "b": 0.025}, seeds=6)
    both = found(depth, table).all("together")
    assert {f["method"]: f.outcome for f in both} == {"s": "better", "a": "worse", "b": "undecided"}
    said = depth.answer(table, CLAIMS)
    assert "Of 3 methods trained both ways, all layers together are better for 1 and layer by layer for 1 (a)." in said
    assert "s, all layers together against layer by layer: better (+3.1" in said


def test_what_else_changes_with_depth_is_found(depth):
    table = rows({"s": 0.01, "a": 0.0}, seeds=6)
    greedy = table[table["label"] == GREEDY]
    dependence = greedy.assign(metric="nonlinear_dependence", protocol="", value=0.1 * greedy["depth"])
    away = greedy.assign(target="e", value=greedy["value"] - 0.2)
    table = pd.concat([table, dependence, away], ignore_index=True)
    first, second = found(depth, table).all("change")
    assert (first["what"], round(first["first"], 2), round(first["last"], 2)) == ("dependence", 0.1, 0.3)
    assert (second["what"], second["target"], round(second.estimate.mean, 1)) == ("away", "e", 1.9)
    said = depth.answer(table, CLAIMS)
    assert "From its first layer to its deepest: dependence between units 0.10 to 0.30 (+0.20" in said
    assert "accuracy on e 70.0 to 71.9 (+1.9" in said


def test_nothing_measured_is_no_answer(depth):
    nothing = rows({"s": 0.02}).iloc[:0]
    assert depth.answer(nothing, CLAIMS) == ""
    assert not list(depth.figures(nothing, CLAIMS))
    assert depth.table(nothing, CLAIMS).empty
    one_seed = rows({"a": 0.02}, seeds=1)
    assert [f.outcome for f in found(depth, one_seed)] == ["undecided"]
    said = "Of 1 other method on d: 0 gains, 0 composes, 0 does not compose, 1 undecided."
    assert depth.answer(one_seed, CLAIMS) == said


def test_there_are_figures_and_a_table(depth):
    table = rows({"s": 0.02, "a": 0.0})
    assert len(list(depth.figures(table, CLAIMS))) == 1
    shown = depth.table(table, CLAIMS)
    assert len(shown) == 10
    assert shown[shown["trained"] == JOINT]["accuracy (%)"].round(6).eq(95).all()


def test_layers_are_stacked_and_trained_together(depth):
    data, depths = ("d", "e", "f"), {"d": 3, "e": 2}
    suite = Suite(
        "p", ("s", "a"), data, {"d": 8, "e": 8}, 64, (64,), (0, 1), 128, "s", given={"depth": {"layers": depths}}
    )
    asked = [(c, r) for c, r in depth.grid(suite) if c.method == "s" and c.dataset == "d"]
    cells = {(c.backbone, c.depth, c.label) for c, _ in asked}
    assert cells == {
        ("linear", 1, GREEDY),
        ("stack", 2, GREEDY),
        ("stack", 3, GREEDY),
        ("mlp", 2, JOINT),
        ("mlp", 3, JOINT),
    }
    assert {r.target for _, r in asked} == {None, "e", "f"}
    assert {c.label for c, r in asked if r.target} == {GREEDY}
    assert {c.label for c, r in asked if r.evaluation == "prune_units"} == {GREEDY}
