"""Disentanglement, completeness and informativeness (DCI), from forests that predict each factor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from sklearn.ensemble import ExtraTreesClassifier
from torch import Tensor

from infomax_bench.base.streams import generator
from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.declare import Metric, Row, evaluation
from infomax_bench.evaluations.parts import of_factors, parts
from infomax_bench.numerics._ranks import average_ranks, ranks_among

TREES, LEAF, IMAGES = 100, 10, 1000
"""A forest: trees, the fewest images in a leaf, and the training images that it is fitted to, at most."""


def importances(
    train: Tensor,
    train_factors: Tensor,
    test: Tensor,
    test_factors: Tensor,
    seeds: Sequence[int],
    trees: int = TREES,
) -> tuple[Tensor, Tensor]:
    """How much a forest that predicts a factor leans on each unit, and how often it is right.

    train, test: features `[S, N, K]`; factors: int64 `[S, N, F]`. Returns float64 importances `[S, K, F]` (of each
    factor at most 1 in sum) and accuracies on test images `[S, F]`. The trees see ranks among training images.

    Extremely randomised trees (Geurts et al. 2006), each split of which may use every unit. So may those of the boosted
    trees of Locatello et al. 2019, whose scores these nearly have at a twentieth of their price. A random forest
    of scikit-learn's defaults, in which each split sees a few units, spreads importance over units that say little:
    its disentanglement is a quarter of the boosted trees'.
    """
    importance = torch.zeros(train.shape[0], train.shape[2], train_factors.shape[2], dtype=torch.float64)
    accuracy = torch.zeros(train.shape[0], train_factors.shape[2], dtype=torch.float64)
    train, train_factors = train[:, :IMAGES], train_factors[:, :IMAGES]
    inputs, test_inputs = average_ranks(train).float(), ranks_among(train, test).float()
    for s, seed in enumerate(seeds):
        for f in range(train_factors.shape[2]):
            draw = int(torch.randint(2**31 - 1, (), generator=generator(seed, f"dci.{f}")))
            forest = ExtraTreesClassifier(trees, max_features=None, min_samples_leaf=LEAF, random_state=draw)
            forest.fit(inputs[s].numpy(), train_factors[s, :, f].numpy())
            importance[s, :, f] = torch.from_numpy(forest.feature_importances_)
            accuracy[s, f] = forest.score(test_inputs[s].numpy(), test_factors[s, :, f].numpy())
    return importance, accuracy


def dci_by_factor(importance: Tensor) -> tuple[Tensor, Tensor]:
    """Disentanglement and completeness of each factor, float64 `[S, F]`, of importances `[S, K, F]` (Eastwood and
    Williams 2018, section 2).

    A unit's disentanglement is one less the entropy, in base F, of its importances over factors; a factor's is the mean
    over units weighted by their importance for it. Completeness is one less the entropy, in base K, of a factor's
    importances over units. NaN for a factor that no unit is important for.
    """

    def one_less_entropy(dim: int) -> Tensor:
        shares = importance / importance.sum(dim, keepdim=True).clamp(min=1e-12)
        entropy: Tensor = torch.special.entr(shares).sum(dim)
        return 1 - entropy / max(math.log(importance.shape[dim]), 1e-12)

    total = importance.sum(-2)
    disentanglement = (importance * one_less_entropy(-1).unsqueeze(-1)).sum(-2) / total
    return disentanglement, one_less_entropy(-2).where(total > 0, torch.nan)


def dci(importance: Tensor) -> tuple[Tensor, Tensor]:
    """Their means over factors, weighted by the importance that units have for them, float64 `[S]`: the published
    scores. NaN if no unit has any importance."""
    total = importance.sum(-2)
    weight = total / total.sum(-1, keepdim=True)
    first, second = ((weight * each.nan_to_num()).sum(-1) for each in dci_by_factor(importance))
    return first, second


_OfFactors = partial(Metric, better="higher", range=(0, 1), by="factor of the data set", undefined="nothing is told")


@evaluation(
    name="dci",
    seconds=2e-4,
    of_files=True,
    metrics=[
        _OfFactors("disentanglement", "how nearly units that tell a factor are about it alone, and the mean (DCI)"),
        _OfFactors("completeness", "how nearly a factor is told by one unit, and the mean (DCI)"),
        _OfFactors("informativeness", "how well units tell a factor, and the mean (DCI)"),
    ],
)
def measure_dci(context: Context, seeds: int | None = None) -> list[Row]:
    """Disentanglement, completeness and informativeness, by factor (`protocol`) and their means, where factors are
    known; seeds: of seeds below this number alone, as a forest for each factor takes a while."""
    some = [i for i, seed in enumerate(context.seeds) if seeds is None or seed < seeds]
    data = context.set
    if data.factors is None or not some:
        return []
    data = replace(data, features=data.features[some], splits=[data.splits[i] for i in some], cache={})
    context = replace(context, seeds=tuple(context.seeds[i] for i in some), cache={"features": data})
    train, test = parts(data)
    assert train.factors is not None
    assert test.factors is not None
    importance, accuracy = importances(train.features, train.factors, test.features, test.factors, context.seeds)
    names = "disentanglement", "completeness", "informativeness"
    means, by_factor = (*dci(importance), accuracy.mean(-1)), (*dci_by_factor(importance), accuracy)
    rows = []
    for metric, mean, own in zip(names, means, by_factor, strict=True):
        rows += of_factors(context, metric, torch.cat([mean.unsqueeze(-1), own], -1))
    return rows
