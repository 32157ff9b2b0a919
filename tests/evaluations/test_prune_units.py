"""Pruning of units whose redundancy is known."""

from __future__ import annotations

import math
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from infomax_bench import pretrain
from infomax_bench.base.errors import NotApplicable
from infomax_bench.evaluations.context import context_for
from infomax_bench.evaluations.curves import (
    TOLERATED_LOSS,
    accuracies,
    prunable_fraction,
)
from infomax_bench.evaluations.orders import (
    ORDERS,
    redundancy_order,
)
from infomax_bench.evaluations.probe import shared_probe
from infomax_bench.evaluations.prune_units import SHARED_OUT_LEVELS, prune_units
from infomax_bench.evaluations.refits import (
    LEVELS,
    kept_numbers,
    refitted_curves,
)
from infomax_bench.study.plugins import registry
from tests.evaluations.removals import bits, by_question, context, informative, live_orders, mixed


@given(powers=st.lists(st.integers(-10, 10), min_size=6, max_size=6), seed=st.integers(0, 100))
@settings(max_examples=5, deadline=None)
def test_the_scale_of_units_changes_no_number(powers, seed):
    """Powers of two scale without rounding, so that every row is the same to the last bit."""
    ctx = mixed(seed)
    scaled = context(ctx.set.features * torch.tensor([2.0**p for p in powers]), ctx.set.labels)
    assert prune_units(scaled) == prune_units(ctx)


@given(draw=st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_test_labels_choose_nothing(draw):
    """Permuting them changes test answers, and neither an order nor where refits are made nor a validation answer."""
    plain = mixed(draw, k=12)
    labels = plain.set.labels.clone()
    test = plain.set.splits[0].test
    labels[test] = labels[test][torch.randperm(len(test), generator=torch.Generator().manual_seed(draw))]
    permuted = context(plain.set.features, labels)
    orders, other = live_orders(plain), live_orders(permuted)
    assert all(torch.equal(orders[name], other[name]) for name in ORDERS)
    curves, others = refitted_curves(plain, 0, orders), refitted_curves(permuted, 0, other)
    for name in ORDERS:
        assert torch.equal(curves[name].fraction, others[name].fraction)
        assert torch.equal(curves[name].validation, others[name].validation)
        assert not torch.equal(curves[name].test, others[name].test)


def test_the_best_order_is_validations():
    """The value reported is the test value of the order that validation prefers, not the best on test."""
    differs = 0
    for draw in range(6):
        ctx = mixed(draw, k=16, n=240)
        found = by_question(prune_units(ctx))
        curves = refitted_curves(ctx, 0, live_orders(ctx))
        on_validation = {n: prunable_fraction(accuracies(c.validation), c.fraction) for n, c in curves.items()}
        on_test = {n: prunable_fraction(accuracies(c.test), c.fraction) for n, c in curves.items()}
        furthest = [n for n, value in on_validation.items() if value == max(on_validation.values())]
        best = found["prunable_fraction", "best/refitted", None]
        assert best in {on_test[n] for n in furthest}
        assert all(found["prunable_fraction", f"{n}/refitted", None] == value for n, value in on_test.items())
        differs += best < max(on_test.values())
    assert differs, "test would sometimes have chosen another"


def test_rows_at_equal_numbers_of_units():
    """With u units left, dead ones not counted; where fewer live, all that do."""
    x, y = informative(k=3)
    dead = torch.cat([x, torch.zeros(1, 800, 9)], dim=2)
    plain, found = by_question(prune_units(context(x, y))), by_question(prune_units(context(dead, y)))
    whole = found["accuracy", "best/refitted", 0.0]
    assert [k[2] for k in found if k[0] == "accuracy_at_units"] == [1, 2, 4, 8]
    for n in (1, 2):
        where = "accuracy_at_units", "best/refitted", n
        assert found[where] == pytest.approx(plain[where], abs=0.006)
        assert found[where] < whole
    assert found["accuracy_at_units", "best/refitted", 4] == found["accuracy_at_units", "best/refitted", 8] == whole


def test_kept_is_accuracy_between_chance_and_full():
    found = by_question(prune_units(mixed(2)))
    full = found["accuracy", "best/refitted", 0.0]
    for level in LEVELS:
        expected = (found["accuracy", "best/refitted", level] - 0.25) / (full - 0.25)
        assert found["kept", "best/refitted", level] == pytest.approx(expected)
    assert found["kept", "best/refitted", 0.0] == 1


@given(seed=st.integers(0, 100), k=st.integers(2, 8))
@settings(max_examples=4, deadline=None)
def test_duplicating_every_unit_makes_half_of_them_prunable(seed, k):
    """And with one of each pair gone, the refitted probe is the whole one, at half of its L2."""
    x, y = informative(seed=seed, k=k, n=8000)
    ctx = context(torch.cat([x, x], dim=2), y)
    rows = by_question(prune_units(ctx))
    assert rows["prunable_fraction", "redundancy/refitted", None] >= 0.5
    assert rows["prunable_fraction", "best/refitted", None] >= 0.5
    curve = refitted_curves(ctx, 0, live_orders(ctx))["redundancy"]
    assert {int(u) % k for u in redundancy_order(ctx)[0, :k]} == set(range(k))
    differ = curve.test[curve.fraction.tolist().index(0.5)] != curve.test[0]
    assert differ.sum() <= 2, "but for images on the border of two classes"


@given(turn=st.integers(0, 100), k=st.integers(2, 4))
@settings(max_examples=5, deadline=None)
def test_units_of_which_each_is_needed_are_not_prunable(turn, k):
    """Orthogonal units of which each tells half of the classes from the other half, in any order of theirs."""
    x, y = bits(k=k)
    found = by_question(
        prune_units(context(x[:, :, torch.randperm(k, generator=torch.Generator().manual_seed(turn))], y))
    )
    fractions = [value for (metric, *_), value in found.items() if metric == "prunable_fraction"]
    assert len(fractions) == 2 * len(ORDERS) + 1
    assert set(fractions) == {0.0}
    for n in kept_numbers(k):
        assert found["accuracy_at_units", "best/refitted", n] == pytest.approx(2.0 ** (n - k), abs=0.06)


def test_noise_units_are_prunable_and_greedily_all_of_them():
    x, y = bits()
    noise = torch.randn(1, len(y), 9, generator=torch.Generator().manual_seed(1))
    found = by_question(prune_units(context(torch.cat([x, noise], dim=2), y)))
    for protocol in ("greedy/refitted", "importance/refitted", "best/refitted"):
        assert found["prunable_fraction", protocol, None] == 0.75, "to one unit"
    assert found["prunable_fraction", "redundancy/refitted", None] < 0.75
    assert found["accuracy_at_units", "best/refitted", 2] == pytest.approx(0.5, abs=0.06)


def test_dead_units_are_counted_apart_and_change_no_curve():
    x, y = informative()
    dead = torch.cat([x, torch.full((1, 800, 8), 3.0)], dim=2)
    plain, with_dead = (by_question(prune_units(context(f, y))) for f in (x, dead))
    for where, value in plain.items():
        if "importance" in where[1] or "greedy" in where[1]:
            assert with_dead[where] == pytest.approx(value, abs=0.006), where
    assert with_dead["dead_units", "", None] == 0.5


def test_features_that_are_all_dead_have_rows():
    _, y = informative()
    found = by_question(prune_units(context(torch.ones(1, 800, 4), y)))
    assert found["dead_units", "", None] == 1
    assert math.isnan(found["prunable_fraction", "best/refitted", None]), "there is nothing to remove"


def test_accuracy_at_full_width_is_the_probes():
    x, y = informative()
    ctx = context(x, y, seeds=(0, 1))
    rows = prune_units(ctx)
    for protocol in ("random/frozen", "greedy/refitted", "best/refitted"):
        full = [
            r["value"]
            for r in rows
            if r.get("protocol") == protocol and r.get("x") == 0.0 and r["metric"] == "accuracy"
        ]
        assert full == pytest.approx(shared_probe(ctx).test.tolist())


def test_where_units_compete_the_rest_shares_out_anew():
    """The second protocol of a competitive method: nothing removed is the whole probe, and fewer units keep less."""
    encoder = pretrain("kmeans", "digits", width=16, seeds=2)
    found = by_question(prune_units(context_for(encoder, registry().dataset("digits"))))
    shared = {x: v for (metric, protocol, x), v in found.items() if protocol == "random/renormalised"}
    assert set(shared) == set(SHARED_OUT_LEVELS)
    assert shared[0.0] == pytest.approx(found["accuracy", "random/refitted", 0.0], abs=0.01)
    assert shared[0.8] < shared[0.0] - 0.05


def test_encoders_of_other_widths_than_all_have_are_not_pruned():
    encoder = pretrain("pixels", "digits", width=16, seeds=1)
    with pytest.raises(NotApplicable, match="width of its own"):
        prune_units(context_for(encoder, registry().dataset("digits")))


def test_the_rule_says_what_the_code_does():
    """The one threshold that the harness holds, and the one that the benchmark does."""
    benchmark = registry().benchmark("pruning")
    bound = sys.modules[type(benchmark).__module__].MOST_PRUNABLE
    assert TOLERATED_LOSS == 0.01
    assert "costs at most one point" in benchmark.paragraph("Rule")
    assert f"surely below {bound:.0f} %" in benchmark.paragraph("Rule")
