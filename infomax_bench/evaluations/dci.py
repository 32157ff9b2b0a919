"""Disentanglement, completeness and informativeness (DCI), from forests that predict each factor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from sklearn.ensemble import ExtraTreesClassifier
from torch import Tensor

from infomax_bench.base.streams import generator
from infomax_bench.evaluations.parts import FIT_IMAGES
from infomax_bench.numerics._ranks import average_ranks, ranks_among

TREES = 10

LEAF = 10
"""A forest for DCI: trees, and the fewest images in a leaf."""


def importances(
    train: Tensor, train_factors: Tensor, test: Tensor, test_factors: Tensor, seeds: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """How much a forest that predicts a factor leans on each unit, and how often it is right.

    train, test: features `[S, N, K]`; factors: int64 `[S, N, F]`. Returns float64 importances `[S, K, F]` (of each
    factor at most 1 in sum) and accuracies on test images `[S, F]`. Extremely randomised trees (Geurts et al. 2006), in
    place of the far slower boosted trees of Locatello et al. 2019; like those, each split may use every unit, or a
    factor with a unit of its own would lean on others too. They see ranks among training images.
    """
    importance = torch.zeros(train.shape[0], train.shape[2], train_factors.shape[2], dtype=torch.float64)
    accuracy = torch.zeros(train.shape[0], train_factors.shape[2], dtype=torch.float64)
    train, train_factors = train[:, :FIT_IMAGES], train_factors[:, :FIT_IMAGES]
    inputs, test_inputs = average_ranks(train).float(), ranks_among(train, test).float()
    for s, seed in enumerate(seeds):
        for f in range(train_factors.shape[2]):
            draw = int(torch.randint(2**31 - 1, (), generator=generator(seed, f"dci.{f}")))
            trees = ExtraTreesClassifier(TREES, max_features=None, min_samples_leaf=LEAF, random_state=draw)
            trees.fit(inputs[s].numpy(), train_factors[s, :, f].numpy())
            importance[s, :, f] = torch.from_numpy(trees.feature_importances_)
            accuracy[s, f] = trees.score(test_inputs[s].numpy(), test_factors[s, :, f].numpy())
    return importance, accuracy


def dci(importance: Tensor) -> tuple[Tensor, Tensor]:
    """Disentanglement and completeness, float64 `[S]`, of importances `[S, K, F]` (Eastwood and Williams 2018, section
    2).

    Disentanglement is one less the entropy, in base F, of a unit's importances over factors, the mean over units
    weighted by their importance; completeness is one less the entropy, in base K, of a factor's over units, weighted
    alike. NaN if no unit has any importance.
    """
    weight = importance / importance.sum((-2, -1), keepdim=True)

    def one_less_entropy(dim: int) -> Tensor:
        shares = importance / importance.sum(dim, keepdim=True).clamp(min=1e-12)
        entropy: Tensor = torch.special.entr(shares).sum(dim)
        return 1 - entropy / max(math.log(importance.shape[dim]), 1e-12)

    return (weight.sum(-1) * one_less_entropy(-1)).sum(-1), (weight.sum(-2) * one_less_entropy(-2)).sum(-1)
