"""DCI by hand, and what it does not depend on."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from infomax_bench.evaluations.dci import dci
from tests.evaluations.units import generator


def test_dci_of_importances_by_hand():
    importance = torch.tensor([[[1.0, 0.0], [1.0, 2.0]]], dtype=torch.float64)
    entropy = -(np.log2(1 / 3) / 3 + 2 * np.log2(2 / 3) / 3)
    disentanglement, completeness = dci(importance)
    assert disentanglement.item() == pytest.approx(1 / 4 + 3 / 4 * (1 - entropy))
    assert completeness.item() == pytest.approx(0 / 2 + 1 / 2)
    assert [v.item() for v in dci(torch.ones(1, 5, 3, dtype=torch.float64))] == pytest.approx([0, 0], abs=1e-12)
    assert [v.item() for v in dci(torch.eye(4, dtype=torch.float64)[None])] == pytest.approx([1, 1])
    assert all(v.isnan() for v in dci(torch.zeros(1, 3, 2, dtype=torch.float64)))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), units=st.integers(2, 9), factors=st.integers(2, 5))
def test_dci_knows_neither_order_nor_copies_but_for_completeness(seed, units, factors):
    importance = torch.rand(2, units, factors, generator=generator(seed), dtype=torch.float64)
    disentanglement, completeness = dci(importance)
    for value in (disentanglement, completeness):
        assert (value >= -1e-12).all()
        assert (value <= 1).all()
    order = torch.randperm(units, generator=generator(seed))
    for once, again in zip((disentanglement, completeness), dci(importance[:, order]), strict=True):
        assert torch.allclose(once, again)
    twice = dci(torch.cat([importance, importance], 1) / 2)
    assert torch.allclose(disentanglement, twice[0])
    # Entropies grow by log 2, their base from K to 2 K.
    expected = 1 - (np.log(2) + (1 - completeness) * np.log(units)) / np.log(2 * units)
    assert torch.allclose(twice[1], expected)
