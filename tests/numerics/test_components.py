"""Principal components are scikit-learn's, whichever of its solvers is the faster one."""

from __future__ import annotations

import pytest
import torch
from sklearn.decomposition import PCA

from infomax_bench import principal_components


@pytest.mark.parametrize("n", [40, 300], ids=["fewer images than pixels", "more"])
@pytest.mark.parametrize("whiten", [False, True])
def test_both_ways_give_the_same(n, whiten):
    images = torch.rand(n, 3, 6, 5, generator=torch.Generator().manual_seed(0))
    mean, directions = principal_components(images, 12, whiten)
    expected = PCA(12, svd_solver="covariance_eigh").fit(images.flatten(1).double().numpy())
    scale = expected.explained_variance_**0.5 if whiten else 1.0
    assert mean.numpy() == pytest.approx(expected.mean_)
    assert directions.numpy() == pytest.approx(expected.components_.T / scale, abs=1e-10)


@pytest.mark.parametrize("n", [8, 200], ids=["fewer images than pixels", "more"])
def test_directions_in_which_images_do_not_vary_are_left_out(n):
    images = torch.rand(n, 3, generator=torch.Generator().manual_seed(0)).repeat(1, 12).reshape(n, 1, 6, 6)
    assert principal_components(images, 6, whiten=True)[1].shape == (36, 3)
    assert principal_components(torch.ones(n, 1, 6, 6), 6, whiten=True)[1].eq(0).all()
