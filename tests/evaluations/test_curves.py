"""What a curve of removals says, by hand and under chance."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from infomax_bench.evaluations.curves import (
    TOLERATED_LOSS,
    area,
    first_prunable,
    last_prunable,
    loss,
    prunable_fraction,
)


def test_the_fraction_is_a_share_between_the_first_loss_and_the_last():
    fractions = torch.tensor([0.0, 0.2, 0.4, 0.6])
    for curve, first, share, last in (
        ([0.9, 0.895, 0.88, 0.9], 0.2, 0.4, 0.6),
        ([0.5, 0.5, 0.5, 0.5], 0.6, 0.6, 0.6),
        ([0.9, 0.5, 0.9, 0.5], 0.0, 0.2, 0.4),
        ([0.9, 0.89, 0.889, 0.5], 0.2, 0.2, 0.2),
    ):
        values = torch.tensor(curve, dtype=torch.float64)
        assert first_prunable(values, fractions) == pytest.approx(first)
        assert prunable_fraction(values, fractions) == pytest.approx(share)
        assert last_prunable(values, fractions) == pytest.approx(last)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_no_curve_is_smoothed(values):
    """The fraction is one that was measured; up to it every level holds, the next does not, nor any after the last."""
    curve, fractions = torch.tensor(values, dtype=torch.float64), torch.linspace(0, 1, 12).double()[: len(values)]
    first, last = (f(curve, fractions) for f in (first_prunable, last_prunable))
    holds = [v >= values[0] - TOLERATED_LOSS - 1e-12 for v in values]
    assert first in fractions.tolist()
    assert last in fractions.tolist()
    stop, end = fractions.tolist().index(first), fractions.tolist().index(last)
    assert stop <= end
    assert all(holds[: stop + 1])
    assert not any(holds[end + 1 :])
    assert stop + 1 == len(values) or not holds[stop + 1]
    assert first - 1e-12 <= prunable_fraction(curve, fractions) <= last + 1e-12


def test_chance_hardly_moves_the_fraction_and_moves_the_other_readings_far():
    """A loss that grows by a tenth of a point a unit passes the limit after 10 of 64. Noise of 0.7 points on every
    level, as a few hundred test images have it, moves the first passage and the last by far, and the share little."""
    rng = torch.Generator().manual_seed(0)
    fractions = torch.linspace(0, 1, 65, dtype=torch.float64)
    found = []
    for _ in range(400):
        curve = 0.9 - 0.001 * torch.arange(65) + 0.007 * torch.randn(65, generator=rng, dtype=torch.float64)
        curve[0] = 0.8995  # ten are tolerated by half a step, and eleven are not
        found.append([f(curve, fractions) * 64 for f in (first_prunable, prunable_fraction, last_prunable)])
    first, share, last = torch.tensor(found).mean(0).tolist()
    assert first < 6
    assert share == pytest.approx(10, abs=0.6)
    assert last > 15


@given(b=st.integers(0, 40), c=st.integers(0, 40))
def test_the_noise_of_a_loss_is_that_of_paired_proportions(b, c):
    """b images lost and c won of n: variance (b + c - (b - c)^2 / n) / n^2, as in McNemar's test."""
    n = 100
    whole = torch.arange(n) < 50
    pruned = whole.clone()
    pruned[50 - b : 50], pruned[50 : 50 + c] = False, True
    value, noise = loss(torch.stack([whole, pruned]))
    assert float(value[1]) == pytest.approx((b - c) / n)
    assert float(noise[1]) * math.sqrt((n - 1) / n) == pytest.approx(math.sqrt(b + c - (b - c) ** 2 / n) / n)


def test_area_is_one_for_a_flat_curve_and_zero_at_chance():
    fractions = torch.tensor([0.0, 0.25, 0.5, 1.0], dtype=torch.float64)
    flat, fallen = torch.tensor([[0.9] * 4, [0.9, 0.1, 0.1, 0.1]], dtype=torch.float64)
    assert area(flat, fractions, chance=0.1) == pytest.approx(1.0)
    assert area(fallen, fractions, chance=0.1) == pytest.approx(0.125)
