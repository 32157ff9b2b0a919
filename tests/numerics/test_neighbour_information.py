"""Mutual information by nearest neighbours: against scikit-learn, and where it is known."""

import numpy as np
import pytest
import torch
from sklearn.feature_selection import mutual_info_regression

from infomax_bench.numerics.neighbour_information import neighbour_information, spread_ranks


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian_pairs(correlation: float, pairs: int = 40, n: int = 1000) -> torch.Tensor:
    """Units `[n, 2 * pairs]`, of which every two neighbours have this correlation."""
    x = torch.randn(n, pairs, 2, generator=rng(1))
    x[..., 1] = correlation * x[..., 0] + (1 - correlation**2) ** 0.5 * x[..., 1]
    return x.flatten(1)


def neighbours(units: torch.Tensor) -> torch.Tensor:
    return torch.arange(units.shape[1]).view(-1, 2)


def test_it_is_scikit_learns_estimate_of_spread_ranks():
    units = gaussian_pairs(0.8, 6, 300)
    units[:, 4:8] = units[:, 4:8].relu()
    units[:, 11] = units[:, 10] ** 2
    spread = spread_ranks(units, rng())[0].double().numpy()
    found = neighbour_information(units, neighbours(units), rng())
    for (a, b), value in zip(neighbours(units).tolist(), found.tolist(), strict=True):
        expected = mutual_info_regression(spread[a][:, None], spread[b], n_neighbors=3)[0]
        assert value == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9, 0.99])
def test_of_gaussian_units_it_is_their_information(correlation):
    """With 1,000 images: off by at most 0.03 nats, with a standard deviation of 0.02 to 0.05."""
    units = gaussian_pairs(correlation)
    found = neighbour_information(units, neighbours(units), rng())
    assert found.mean().item() == pytest.approx(-0.5 * np.log(1 - correlation**2), abs=0.03)
    assert found.std() < 0.06


def test_ties_and_increasing_functions_add_nothing_and_take_nothing():
    """Independent units that are nine tenths zeros know nothing of each other; a bit that is flipped one time in ten
    tells log 2 less its entropy."""
    units = gaussian_pairs(0.0)
    sparse = neighbour_information((units - 1.28).relu(), neighbours(units), rng())
    assert sparse.mean().abs() < 0.015
    for threshold, truth in ((0.0, 0.554), (1.28, 0.164)):  # by quadrature
        sparse = (gaussian_pairs(0.9) - threshold).relu()
        assert neighbour_information(sparse, neighbours(sparse), rng()).mean().item() == pytest.approx(truth, abs=0.02)
    bent = neighbour_information(units.exp(), neighbours(units), rng())
    assert torch.equal(bent, neighbour_information(units, neighbours(units), rng()))
    bits = torch.randint(2, (1000, 40, 2), generator=rng())
    bits[..., 1] = bits[..., 0] ^ (torch.rand(1000, 40, generator=rng(2)) < 0.1)
    told = np.log(2) + 0.1 * np.log(0.1) + 0.9 * np.log(0.9)
    found = neighbour_information(bits.flatten(1).float(), neighbours(bits.flatten(1)), rng())
    assert found.mean().item() == pytest.approx(told, abs=0.03)


def test_its_range():
    """Copies read log N - 1.5, a function that is not monotone less, too few images nothing."""
    x = torch.randn(1000, 1, generator=rng())
    copies = neighbour_information(torch.cat([x, x, x**2], 1), torch.tensor([[0, 1], [0, 2]]), rng())
    assert copies[0].item() == pytest.approx(np.log(1000) - 1.5, abs=0.1)
    assert 4 < copies[1] < copies[0]
    assert neighbour_information(x[:4].repeat(1, 2), torch.tensor([[0, 1]]), rng()).isnan().all()
    assert neighbour_information(x[:5].repeat(1, 2), torch.tensor([[0, 1]]), rng()).isfinite().all()
