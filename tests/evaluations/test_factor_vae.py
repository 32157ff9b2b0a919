"""The FactorVAE score against a plain reading of the paper."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from infomax_bench.evaluations import factor_vae
from infomax_bench.evaluations.factor_vae import factor_vae_score
from tests.evaluations.units import alike, generator, grid, halves


def test_the_votes_are_counted_on_training_images():
    factors = grid(4, 5, 6)[None]
    assert factor_vae_score(factors.float(), factors, factors.float().roll(1, -1), factors, [0]).item() < 0.01


def test_every_image_of_a_vote_has_the_value_of_the_fixed_factor():
    factors = grid(3, 4, 10)
    shares, fixed = factor_vae._votes(factors.float(), factors, generator(0))
    assert (shares.sum(-1) - 1).abs().max() < 1e-12
    assert torch.equal(shares.argmax(-1), fixed)  # only that unit is constant
    assert (fixed.bincount() / len(fixed) - 1 / 3).abs().max() < 0.05


def test_the_factor_vae_score_agrees_with_a_plain_reading_of_the_paper():
    rng = np.random.default_rng(0)
    factors = grid(4, 5, 6, repeats=8)
    mixing = torch.eye(3) + 0.45 * torch.randn(3, 3, generator=generator(3))
    features = factors.float() @ mixing + 0.8 * torch.randn(len(factors), 3, generator=generator(1))
    train, test = halves(features[None], factors[:, 0], factors)

    def votes(p, n):
        z, f = p.features[0].numpy(), p.factors[0].numpy()
        for _ in range(n):
            k = rng.integers(3)
            own = np.flatnonzero(f[:, k] == rng.choice(np.unique(f[:, k])))
            batch = z[rng.choice(own, 64)] / train.features[0].numpy().std(0)
            yield batch.var(0).argmin(), k

    table = np.zeros((3, 3))
    for unit, k in votes(train, 4000):
        table[unit, k] += 1
    expected = np.mean([table[unit].argmax() == k for unit, k in votes(test, 4000)])
    found = factor_vae_score(*(train.features, train.factors, test.features, test.factors), [0]).item()
    assert 0.4 < expected < 0.97
    assert found == pytest.approx(expected, abs=0.04)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 100))
def test_copies_and_dead_units_change_no_factor_vae_score_and_draws_belong_to_the_seed(seed):
    factors = grid(3, 4, 5, repeats=4)
    features = (factors.float() + torch.randn(2, len(factors), 3, generator=generator(seed))).relu()
    once = factor_vae_score(*alike(features, factors), [seed, seed + 1])
    wider = torch.cat([features, torch.full_like(features[..., :1], 0.3), features], -1)
    assert torch.equal(factor_vae_score(*alike(wider, factors), [seed, seed + 1]), once)
    assert torch.equal(factor_vae_score(*alike(features[1:], factors), [seed + 1]), once[1:])


def test_units_that_are_silent_together_share_their_vote_so_that_their_order_does_not_matter():
    factors = grid(3, 4, 5, repeats=4)
    a, b, c = factors.unbind(-1)
    silent = [(a == 0) & (b == 0), (a == 1) & (c == 2), (b == 3) & (c == 4), (a == 2) & (b == 1) & (c == 1)]
    features = torch.stack([*silent, b.float() + 0.1 * c], -1)[None].float()
    shares, _ = factor_vae._votes(features[0], factors, generator(0))
    assert ((shares > 0).sum(-1) > 1).double().mean() > 0.3
    scores = [
        factor_vae_score(*alike(features[..., order], factors), [3]).item()
        for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 3, 4, 1])
    ]
    assert scores == pytest.approx([scores[0]] * 3, abs=1e-9)
