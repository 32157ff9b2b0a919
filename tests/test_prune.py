"""Pruning: orders, fractions and curves on features whose redundancy is known."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from infomax_bench import pretrain
from infomax_bench.data import split
from infomax_bench.evaluate.context import Context, FeatureSet, context_for
from infomax_bench.evaluate.probe import shared_probe
from infomax_bench.evaluate.prune import (
    LEVELS,
    SHARED_OUT_LEVELS,
    area,
    importance_order,
    kept_after,
    prunable_fraction,
    prune_units,
    redundancy_order,
    without_smallest,
)
from infomax_bench.plugins import registry


def context(features: torch.Tensor, labels: torch.Tensor, seeds: tuple[int, ...] = (0,)) -> Context:
    test = torch.arange(len(labels)) % 4 == 0
    splits = [split(test, s) for s in seeds]
    data = FeatureSet(features.expand(len(seeds), -1, -1), labels, splits, int(labels.max()) + 1)
    return Context(seeds, lambda _: data)


def by_question(ctx: Context) -> dict[tuple, float]:
    """The rows of one seed by metric, protocol and x."""
    return {(r["metric"], r.get("protocol", ""), r.get("x")): r["value"] for r in prune_units(ctx)}


def independent(n: int = 800, k: int = 8, classes: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(0, classes, (n,), generator=rng)
    centres = 1.5 * torch.randn(classes, k, generator=rng)
    return (centres[labels] + torch.randn(n, k, generator=rng)).unsqueeze(0), labels


def test_redundancy_order_takes_duplicates_before_anything_unique():
    x, y = independent()
    copies = x[:, :, :3] + 0.01 * torch.randn(1, 800, 3, generator=torch.Generator().manual_seed(1))
    order = redundancy_order(context(torch.cat([x, copies], 2), y))[0]
    first = {int(u) % 8 for u in order[:3]}
    assert first == {0, 1, 2}, "one of each duplicated pair goes first"


def test_redundancy_order_is_that_of_regressions():
    """Each unit taken is the one that a linear regression on those left predicts best."""
    x, y = independent(k=5)
    mix = x @ torch.randn(1, 5, 5, generator=torch.Generator().manual_seed(2))
    ctx = context(mix, y)
    train = ctx.set.x("train")[0].double()
    left = list(range(5))
    for unit in redundancy_order(ctx)[0].tolist()[:4]:
        explained = {}
        for u in left:
            others = train[:, [v for v in left if v != u]]
            residual = train[:, u] - others @ torch.linalg.lstsq(others, train[:, u]).solution
            explained[u] = 1 - float(residual.square().mean())
        assert unit == max(explained, key=explained.__getitem__)
        left.remove(unit)


@given(scale=st.lists(st.floats(1e-3, 1e3), min_size=8, max_size=8))
@settings(max_examples=10, deadline=None)
def test_orders_do_not_depend_on_the_scale_of_units(scale):
    x, y = independent()
    plain, scaled = context(x, y), context(x * torch.tensor(scale), y)
    # the last two predict each other equally well: which of them goes first is rounding
    assert torch.equal(redundancy_order(plain)[:, :-2], redundancy_order(scaled)[:, :-2])
    assert torch.equal(importance_order(plain), importance_order(scaled))


def test_duplicating_every_unit_makes_half_of_them_prunable():
    x, y = independent()
    rows = by_question(context(torch.cat([x, x], dim=2), y))
    assert rows["prunable_fraction", "redundancy/refitted", None] >= 0.5


def test_dead_units_are_counted_apart_and_change_no_curve():
    x, y = independent()
    dead = torch.cat([x, torch.full((1, 800, 8), 3.0)], dim=2)
    plain, with_dead = by_question(context(x, y)), by_question(context(dead, y))
    for where, value in plain.items():
        if "importance" in where[1]:
            assert with_dead[where] == pytest.approx(value, abs=0.006), where
    assert with_dead["dead_units", "", None] == 0.5


def test_masks_keep_the_right_number_of_live_units():
    order = torch.tensor([[3, 1, 0, 2, 4]])
    live = torch.tensor([[True, True, False, True, True]])
    keep = kept_after(order, live, (0.0, 0.25, 0.5, 1.0))
    assert keep[0].tolist() == [[1, 1, 0, 1, 1], [1, 1, 0, 0, 1], [1, 0, 0, 0, 1], [0, 0, 0, 0, 0]]


def test_prunable_fraction_stops_at_the_first_loss():
    curve = torch.tensor([[0.9, 0.895, 0.88, 0.9], [0.5, 0.5, 0.5, 0.5], [0.9, 0.5, 0.9, 0.9]], dtype=torch.float64)
    assert prunable_fraction(curve, (0.0, 0.2, 0.4, 0.6)).tolist() == [0.2, 0.6, 0.0]


def test_area_is_one_for_a_flat_curve_and_zero_at_chance():
    curves = torch.tensor([[0.9] * len(LEVELS), [0.9] + [0.1] * (len(LEVELS) - 1)], dtype=torch.float64)
    values = area(curves, LEVELS, chance=0.1)
    assert values[0].item() == pytest.approx(1.0)
    assert values[1].item() == pytest.approx(0.5 * LEVELS[1] / LEVELS[-1])


def test_smallest_weights_of_each_unit_go_first():
    weight = torch.tensor([[[1.0, -10.0], [-2.0, 40.0], [3.0, 20.0], [-4.0, -30.0]]])
    assert without_smallest(weight, 0.5)[0].T.tolist() == [[0, 0, 3, -4], [0, 40, 0, -30]]
    assert torch.equal(without_smallest(weight, 0.1), weight), "less than one weight is none"


def test_accuracy_at_full_width_is_the_probes():
    x, y = independent()
    ctx = context(x, y, seeds=(0, 1))
    full = [r["value"] for r in prune_units(ctx) if r.get("protocol") == "random/frozen" and r.get("x") == 0.0]
    assert full == pytest.approx(shared_probe(ctx).test.tolist())


def test_where_units_compete_the_rest_shares_out_anew():
    """The second protocol of a competitive method: nothing removed is the whole probe, and fewer units keep less."""
    encoder = pretrain("kmeans", "digits", width=16, seeds=2)
    found = by_question(context_for(encoder, registry().dataset("digits")))
    shared = {x: v for (metric, protocol, x), v in found.items() if protocol == "random/renormalised"}
    assert set(shared) == set(SHARED_OUT_LEVELS)
    assert shared[0.0] == pytest.approx(found["accuracy", "random/refitted", 0.0], abs=0.01)
    assert shared[0.8] < shared[0.0] - 0.05
