"""Disentanglement, completeness and informativeness (DCI), from boosted trees that predict each factor."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import Tensor

from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.declare import Metric, Row, evaluation
from infomax_bench.evaluations.parts import of_factors, parts
from infomax_bench.numerics._ranks import average_ranks, ranks_among

IMAGES = 2000
"""Training images that trees are fitted to, at most."""
ROUNDS, RATE, DEPTH = 20, 0.4, 3
"""Of boosting: a fifth of the published rounds, each four times as large; trees of the published depth."""
BINS = 64
"""Of each unit's outputs, between which trees may split."""


def importances(
    train: Tensor, train_factors: Tensor, test: Tensor, test_factors: Tensor, rounds: int = ROUNDS
) -> tuple[Tensor, Tensor]:
    """How much boosted trees that predict a factor lean on each unit, and how often they are right.

    train, test: features `[S, N, K]`; factors: int64 `[S, N, F]`. Returns float64 importances `[S, K, F]` (of each
    factor 1 in sum; 0 of one that nothing tells) and accuracies on test images `[S, F]`. The trees see ranks among
    training images, and draw nothing.

    The predictor of Locatello et al. 2019 is scikit-learn's GradientBoostingClassifier with its defaults. These trees
    find their splits in histograms (Ke et al. 2017), in fewer rounds: scores within 0.02 of it on average, at less than
    a thirtieth of its price. Forests of random trees spread importance over units that say little.
    """
    importance = torch.zeros(train.shape[0], train.shape[2], train_factors.shape[2], dtype=torch.float64)
    accuracy = torch.zeros(train.shape[0], train_factors.shape[2], dtype=torch.float64)
    train, train_factors = train[:, :IMAGES], train_factors[:, :IMAGES]
    inputs, test_inputs = average_ranks(train).numpy(), ranks_among(train, test).numpy()
    for s in range(len(inputs)):
        for f in range(train_factors.shape[2]):
            known, truth = train_factors[s, :, f].numpy(), test_factors[s, :, f].numpy()
            if (known == known[0]).all():
                accuracy[s, f] = float((truth == known[0]).mean())
                continue
            trees = HistGradientBoostingClassifier(
                max_iter=rounds,
                learning_rate=RATE,
                max_depth=DEPTH,
                max_leaf_nodes=2**DEPTH,
                max_bins=BINS,
                min_samples_leaf=1,
                early_stopping=False,
            ).fit(inputs[s], known)
            importance[s, :, f] = torch.from_numpy(_gains(trees, inputs.shape[2]))
            accuracy[s, f] = trees.score(test_inputs[s], truth)
    return importance, accuracy


def _gains(trees: HistGradientBoostingClassifier, units: int) -> np.ndarray:
    """Each unit's share `[K]` of what all splits gain: as the published trees' importances, which scikit-learn does not
    give of these."""
    nodes = np.concatenate([tree.nodes for of_round in trees._predictors for tree in of_round])
    split = nodes[nodes["is_leaf"] == 0]
    gains: np.ndarray = np.bincount(split["feature_idx"], split["gain"].astype(float), units)
    gains = gains.astype(float)  # without a split they are whole numbers
    gains /= max(gains.sum(), np.finfo(float).tiny)
    return gains


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
    version=2,
    seconds=4e-5,
    of_files=True,
    metrics=[
        _OfFactors("disentanglement", "how nearly units that tell a factor are about it alone, and the mean (DCI)"),
        _OfFactors("completeness", "how nearly a factor is told by one unit, and the mean (DCI)"),
        _OfFactors("informativeness", "how well units tell a factor, and the mean (DCI)"),
    ],
)
def measure_dci(context: Context, seeds: int | None = None) -> list[Row]:
    """Disentanglement, completeness and informativeness, by factor (`protocol`) and their means, where factors are
    known; seeds: of seeds below this number alone, as trees for each factor take a while."""
    some = [i for i, seed in enumerate(context.seeds) if seeds is None or seed < seeds]
    data = context.set
    if data.factors is None or not some:
        return []
    data = replace(data, features=data.features[some], splits=[data.splits[i] for i in some], cache={})
    context = replace(context, seeds=tuple(context.seeds[i] for i in some), cache={"features": data})
    train, test = parts(data)
    assert train.factors is not None
    assert test.factors is not None
    importance, accuracy = importances(train.features, train.factors, test.features, test.factors)
    names = "disentanglement", "completeness", "informativeness"
    means, by_factor = (*dci(importance), accuracy.mean(-1)), (*dci_by_factor(importance), accuracy)
    rows = []
    for metric, mean, own in zip(names, means, by_factor, strict=True):
        rows += of_factors(context, metric, torch.cat([mean.unsqueeze(-1), own], -1))
    return rows
