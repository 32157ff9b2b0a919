"""Frozen and refitted probes as units go, against scikit-learn and brute force."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from infomax_bench.evaluations.curves import (
    accuracies,
    first_prunable,
)
from infomax_bench.evaluations.probe import shared_probe
from infomax_bench.evaluations.refits import (
    coarse_counts,
    frozen_curve,
    kept_numbers,
    refitted_curves,
    undecided,
)
from tests.evaluations.removals import live_orders, mixed


def test_wide_features_are_looked_at_in_coarser_steps():
    right = torch.zeros(3, 100, dtype=torch.bool)
    right[0] = True
    right[1, :98] = True
    assert undecided(torch.tensor([0, 128, 256]), right, 256)[:3] == [4, 8, 12]
    assert undecided(torch.tensor([0, 256, 512]), right, 512)[:3] == [32, 64, 96]


def test_counts_that_are_looked_at():
    assert kept_numbers(64) == [1, 2, 4, 8, 16, 32]
    assert kept_numbers(5) == [1, 2, 4]
    assert kept_numbers(1) == []
    assert coarse_counts(10, 12) == list(range(11))
    assert coarse_counts(64, 64) == [0, 3, 6, 12, 19, 25, 32, 38, 44, 48, 51, 56, 57, 60, 62, 63, 64]
    assert coarse_counts(0, 8) == [0], "nothing lives"


def test_the_frozen_curve_is_that_of_features_at_their_mean():
    """After every single removal: raw features, those removed set to their mean over training, then the whole probe."""
    ctx = mixed(3)
    data, whole = ctx.set, shared_probe(ctx)
    order = live_orders(ctx)["importance"]
    curve = frozen_curve(data, whole, 0, order)
    mean, scale = data.moments()
    assert curve.fraction.tolist() == [n / 6 for n in range(7)]
    for n, right in enumerate(curve.test):
        raw = data.raw("test")[0].clone()
        raw[:, order[:n]] = mean[0, :, order[:n]].float()
        scores = ((raw - mean[0]) / scale[0]).float() @ whole.weight[0] + whole.bias[0]
        assert torch.equal(right, scores.argmax(1) == data.y("test")[0])


def test_the_refitted_curve_is_that_of_scikit_learn():
    """At every number of units that was looked at, the refitted probe answers as scikit-learn's on the units left."""
    ctx = mixed(5, k=12)
    data, l2 = ctx.set, float(shared_probe(ctx).l2[0])
    orders = live_orders(ctx)
    (x, y), (xt, yt) = ((data.x(part)[0].numpy(), data.y(part)[0].numpy()) for part in ("train", "test"))
    for name, curve in refitted_curves(ctx, 0, orders).items():
        assert len(curve.fraction) > 8
        for fraction, right in zip(curve.fraction.tolist(), curve.test, strict=True):
            units = orders[name][round(12 * fraction) :].tolist()
            if units:
                share = len(units) / 12
                model = LogisticRegression(C=1 / (l2 * share * len(x)), solver="newton-cholesky", tol=1e-6)
                differ = (model.fit(x[:, units], y).predict(xt[:, units]) == yt) != right.numpy()
                assert differ.sum() <= 2, "but for images on the border of two classes"
            else:
                assert torch.equal(right, torch.from_numpy(yt == np.bincount(y).argmax()))


def test_single_units_are_looked_at_where_the_decision_falls():
    """Losses of 0, 0, 3 and 3 points in 10,000 images: the limit of one is surely passed between the second and third
    of the coarse numbers, and within the noise of the second if it costs 0.95 points."""
    n, removed = 10_000, torch.tensor([0, 5, 11, 20])

    def answers(lost: list[int]) -> torch.Tensor:
        return torch.stack([torch.arange(n) >= wrong for wrong in lost])

    assert undecided(removed, answers([0, 0, 300, 300]), 64) == [6, 7, 8, 9, 10]
    assert undecided(removed, answers([0, 95, 300, 300]), 64) == [1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert undecided(removed, answers([0, 0, 105, 300]), 64) == [*range(6, 11), *range(12, 20)]
    assert undecided(removed, answers([0, 0, 0, 0]), 64) == []
    assert undecided(removed, answers([0, 300, 0, 300]), 64) == [1, 2, 3, 4], "what is surely lost does not come back"
    assert undecided(removed, answers([0, 0, 300, 300]), 150) == [7, 9], "wide encoders in steps"


@given(seed=st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_every_unit_beside_the_limit_was_looked_at(seed):
    """Where validation passes the limit there is no gap: the last number that holds and the next one are both known."""
    ctx = mixed(seed, k=40)
    for curve in refitted_curves(ctx, 0, live_orders(ctx)).values():
        counts = (40 * curve.fraction).round().long()
        assert set(coarse_counts(40, 40)) <= set(counts.tolist())
        holds = round(40 * first_prunable(accuracies(curve.validation), curve.fraction))
        assert holds == 40 or holds + 1 in counts.tolist()
