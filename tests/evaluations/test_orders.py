"""The orders in which units go, against regressions made one by one."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from infomax_bench.data.dataset import split
from infomax_bench.evaluations.context import Context, FeatureSet
from infomax_bench.evaluations.orders import (
    RIDGE,
    dead_first,
    greedy_order,
    importance_order,
    kept_after,
    redundancy_order,
)
from tests.evaluations.removals import bits, context, informative, mixed


def test_redundancy_order_takes_duplicates_before_anything_unique():
    x, y = informative()
    copies = x[:, :, :3] + 0.01 * torch.randn(1, 800, 3, generator=torch.Generator().manual_seed(1))
    order = redundancy_order(context(torch.cat([x, copies], 2), y))[0]
    first = {int(u) % 8 for u in order[:3]}
    assert first == {0, 1, 2}, "one of each duplicated pair goes first"


def test_units_that_have_gone_are_left_out_without_changing_the_order(monkeypatch):
    """Two seeds, whose units go in different orders."""
    x, y = informative(k=24)
    x = torch.cat([x, x @ torch.randn(24, 24, generator=torch.Generator().manual_seed(2))])
    test = torch.arange(800) % 4 == 0
    data = FeatureSet(x, y, [split(test, s) for s in range(2)], 4)
    found = []
    for small in (2, 1000):
        monkeypatch.setattr("infomax_bench.evaluations.orders.SMALL", small)
        ctx = Context((0, 1), lambda _: data)
        found.append([redundancy_order(ctx), greedy_order(ctx)])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert not torch.equal(found[0][0][0], found[0][0][1])


@given(seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_redundancy_order_is_that_of_regressions(seed):
    """Each unit taken is the one that a linear regression on those left predicts best."""
    ctx = mixed(seed, k=5)
    train = ctx.set.x("train")[0].double()
    left = list(range(5))
    for unit in redundancy_order(ctx)[0].tolist()[:3]:  # the last two predict each other equally well
        explained = {}
        for u in left:
            others = train[:, [v for v in left if v != u]]
            residual = train[:, u] - others @ torch.linalg.lstsq(others, train[:, u]).solution
            explained[u] = 1 - float(residual.square().mean())
        assert explained[unit] >= max(explained.values()) - 1e-5
        left.remove(unit)


@given(seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_greedy_order_is_that_of_refitting_ridge_regressions(seed):
    """By scikit-learn: each unit taken is the one without which the refitted regression's objective is lowest."""
    ctx = mixed(seed)
    x, labels = ctx.set.x("train")[0].double().numpy(), ctx.set.y("train")[0].numpy()
    y = np.eye(ctx.set.n_classes)[labels]

    def objective(units: list[int]) -> float:
        if not units:
            return float(((y - y.mean(0)) ** 2).sum() / len(y))
        model = Ridge(alpha=RIDGE * len(x)).fit(x[:, units], y)
        error = y - model.predict(x[:, units])
        return float((error**2).sum() / len(y) + RIDGE * (model.coef_**2).sum())

    left = list(range(x.shape[1]))
    for unit in greedy_order(ctx)[0].tolist():
        without = {u: objective([v for v in left if v != u]) for u in left}
        assert without[unit] <= min(without.values()) + 1e-9
        left.remove(unit)


def test_greedy_order_keeps_what_the_classes_need():
    """Units of noise and copies go before the three of which each is needed; a redundancy order does not know that."""
    x, y = bits()
    rng = torch.Generator().manual_seed(1)
    noise = torch.randn(1, len(y), 4, generator=rng)
    order = greedy_order(context(torch.cat([noise, x, x + 0.01 * torch.randn(x.shape, generator=rng)], dim=2), y))[0]
    assert {(int(u) - 4) % 3 for u in order[-3:]} == {0, 1, 2}
    assert min(order[-3:]) >= 4


@given(scale=st.lists(st.floats(1e-3, 1e3), min_size=8, max_size=8))
@settings(max_examples=10, deadline=None)
def test_orders_do_not_depend_on_the_scale_of_units(scale):
    x, y = informative()
    plain, scaled = context(x, y), context(x * torch.tensor(scale), y)
    # the last two predict each other equally well: which of them goes first is rounding
    assert torch.equal(redundancy_order(plain)[:, :-2], redundancy_order(scaled)[:, :-2])
    assert torch.equal(importance_order(plain), importance_order(scaled))
    assert torch.equal(greedy_order(plain), greedy_order(scaled))


def test_dead_units_go_first():
    order = torch.tensor([[3, 1, 0, 2, 4]])
    live = torch.tensor([[True, True, False, True, True]])
    first = dead_first(order, live)[0]
    assert first.tolist() == [2, 3, 1, 0, 4]
    assert kept_after(first, torch.tensor([1, 2, 5])).tolist() == [[1, 1, 0, 1, 1], [1, 1, 0, 0, 1], [0, 0, 0, 0, 0]]
