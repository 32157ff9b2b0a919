"""Random streams: every draw belongs to its seed and its purpose, whoever is trained beside it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from infomax_bench.base.streams import SMALL, Rng, generator


@settings(max_examples=20, deadline=None)
@given(seeds=st.lists(st.integers(0, 2**40), min_size=1, max_size=5, unique=True))
def test_a_seed_draws_the_same_in_any_company(seeds):
    together = Rng.of(seeds, "noise")
    alone = [Rng.of([seed], "noise", stacked=False) for seed in seeds]
    for draw in ("uniform", "normal", "uniform"):
        assert torch.equal(getattr(together, draw)(3, 2), torch.stack([getattr(rng, draw)(3, 2) for rng in alone]))


def test_the_order_of_seeds_orders_the_draws_and_changes_none():
    assert torch.equal(Rng.of([5, 9], "noise").normal(4), Rng.of([9, 5], "noise").normal(4).flip(0))


def test_seeds_and_purposes_have_streams_of_their_own():
    draws = [
        torch.rand(4, generator=generator(seed, purpose))
        for seed in range(3)
        for purpose in ("order", "views", "noise")
    ]
    assert len({tuple(draw.tolist()) for draw in draws}) == 9


def test_shapes_leave_the_seed_dimension_out_and_the_like_draws_take_it_from_the_tensor():
    together, alone = Rng.of([0, 1], "noise"), Rng.of([0], "noise", stacked=False)
    assert together.uniform(3, 4).shape == together.normal_like(torch.zeros(2, 3, 4)).shape == (2, 3, 4)
    assert alone.uniform(3, 4).shape == alone.uniform_like(torch.zeros(3, 4)).shape == (3, 4)


def test_uniform_stays_in_its_range():
    draws = Rng.of([0], "noise").uniform(10_000, low=-2.0, high=3.0)
    assert draws.min() >= -2
    assert draws.max() < 3
    assert draws.mean() == pytest.approx(0.5, abs=0.05)


def test_bernoulli_draws_each_entry_with_its_own_probability():
    probability = torch.tensor([0.0, 0.2, 0.7, 1.0]).expand(1, 20_000, 4)
    draws = Rng.of([0], "noise").bernoulli(probability)
    assert set(draws.unique().tolist()) == {0.0, 1.0}
    assert torch.allclose(draws.mean((0, 1)), probability[0, 0], atol=0.015)


@pytest.mark.parametrize("n", [7, SMALL // 2 + 3])
def test_bernoulli_draws_are_those_of_the_seed_alone(n):
    probability = torch.rand(3, n, generator=generator(0, "rates")).requires_grad_()
    together = Rng.of([4, 7, 9], "noise").bernoulli(probability)
    alone = [
        Rng.of([seed], "noise", stacked=False).bernoulli(p) for seed, p in zip([4, 7, 9], probability, strict=True)
    ]
    assert torch.equal(together, torch.stack(alone))
    assert not together.requires_grad


def test_bernoulli_draws_are_independent_of_their_neighbours():
    """Four draws come from one word: none may say anything about the next."""
    draws = Rng.of([0], "noise").bernoulli(torch.full((1, 200_001), 0.3))[0]
    spread = draws - draws.mean()
    for distance in (1, 2, 3, 4):
        assert abs((spread[distance:] * spread[:-distance]).mean() / spread.square().mean()) < 0.01


def test_many_seeds_without_a_seed_dimension_are_refused():
    with pytest.raises(ValueError, match="exactly one"):
        Rng.of([0, 1], "noise", stacked=False)
