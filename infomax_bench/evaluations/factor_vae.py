"""The FactorVAE score: which unit varies least where one factor is fixed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from infomax_bench.base.streams import generator
from infomax_bench.numerics._ranks import live_units
from infomax_bench.numerics._scale import mean_and_std, standardised

VOTES = 2000

BATCH = 64
"""FactorVAE score: votes to train on and as many to test, and images for each (64, as in Locatello et al. 2019)."""

AT_ONCE = 32
"""Votes whose outputs stay in the cache together."""


def factor_vae_score(
    train: Tensor, train_factors: Tensor, test: Tensor, test_factors: Tensor, seeds: Sequence[int]
) -> Tensor:
    """The FactorVAE score (Kim and Mnih 2018, section 3), float64 `[S]`.

    train, test: features `[S, N, K]`; factors: int64 `[S, N, F]`. A vote fixes one factor's value, draws 64 images that
    have it, and goes to the unit that varies least, in units of its variance over training images; a unit stands for
    the factor that most of its votes come from. 2,000 votes among training images fit that; as many among test images
    give the share of votes whose factor is right. The draws belong to the seed and are the same for all methods. Units
    that vary equally little, such as ReLUs that are silent in a batch, share the vote. Dead units take no part, and
    neither does a factor with one value; NaN if none is left.
    """
    scores = []
    for features, factors, other, other_factors, seed in zip(
        train, train_factors, test, test_factors, seeds, strict=True
    ):
        live = live_units(features)
        varying = [f for f in range(factors.shape[1]) if (factors[:, f] != factors[0, f]).any()]
        if not live.any() or not varying:
            scores.append(torch.tensor(torch.nan, dtype=torch.float64))
            continue
        moments = mean_and_std(features[:, live])
        units, other_units = (standardised(each[:, live], *moments) for each in (features, other))
        cast, fixed = _votes(units, factors[:, varying], generator(seed, "votes.train"))
        tally = cast.mT @ torch.nn.functional.one_hot(fixed, len(varying)).double()
        cast, fixed = _votes(other_units, other_factors[:, varying], generator(seed, "votes.test"))
        scores.append(((cast @ tally).argmax(-1) == fixed).double().mean())
    return torch.stack(scores)


def _votes(features: Tensor, factors: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Shares of units in each vote, float64 `[VOTES, K]`, and the factor that was fixed, int64 `[VOTES]`."""
    fixed = torch.randint(factors.shape[1], (VOTES,), generator=rng)
    which, place = torch.rand(VOTES, generator=rng), torch.rand(VOTES, BATCH, generator=rng)
    images = torch.zeros(VOTES, BATCH, dtype=torch.long)
    for f, factor in enumerate(factors.unbind(-1)):
        order, size = factor.argsort(stable=True), factor.unique(return_counts=True)[1]
        own = fixed == f
        value = (which[own] * len(size)).long()
        first = size.cumsum(0) - size
        images[own] = order[first[value, None] + (place[own] * size[value, None]).long()]
    least = []
    for batch in images.split(AT_ONCE):
        outputs = torch.nn.functional.embedding(batch, features)  # a copy of whole rows: faster than features[batch]
        outputs -= outputs[:, :1].clone()  # from the first, so that constant is exactly 0
        outputs -= outputs.mean(1, keepdim=True)
        spread = outputs.square_().sum(1)
        least.append(spread == spread.amin(-1, keepdim=True))
    shares = torch.cat(least).double()
    return shares / shares.sum(-1, keepdim=True), fixed
