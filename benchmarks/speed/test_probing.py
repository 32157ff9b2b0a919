"""Probing and pruning speed against scikit-learn, to the same optimum: features of a trained encoder, of MNIST where it
is there, else of made-up images."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

import infomax_bench as ib
from infomax_bench.data.dataset import load
from infomax_bench.numerics.logistic import fit_logistic
from infomax_bench.numerics.products import fast_products
from infomax_bench.study.plugins import registry

WIDTH, CLASSES, SEEDS = 64, 10, 5
L2 = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
LEVELS = 16
FEW = 10_000  # images of the pruning race, where scikit-learn takes minutes for all


def correlated(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Correlated, rectified features of overlapping classes, standardised: `[S, N, K]`, and labels `[S, N]`."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, CLASSES, (SEEDS, n))
    centres = rng.normal(size=(CLASSES, 32))
    x = np.stack([centres[labels] + 1.5 * rng.normal(size=(n, 32)) for labels in y]) @ rng.normal(size=(32, WIDTH))
    x = np.maximum(x, 0)
    x = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


@pytest.fixture(scope="module")
def features() -> tuple[torch.Tensor, torch.Tensor]:
    """Of 60,000 images, standardised: `[S, N, K]`, and labels `[S, N]`."""
    if "INFOMAX_BENCH_DATA" not in os.environ:
        return correlated(60_000)
    encoder = ib.pretrain("infomax_em", "mnist", width=WIDTH, seeds=SEEDS, epochs=1)
    mnist = load(registry().dataset("mnist"))
    x = encoder.features(mnist.images[~mnist.test])
    return (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True), mnist.labels[~mnist.test].expand(SEEDS, -1)


def test_linear_probe(race, features):
    x, y = (t.numpy() for t in features)

    def theirs() -> None:
        for s in range(SEEDS):
            for l2 in L2:
                LogisticRegression(C=1 / (l2 * x.shape[1]), max_iter=5000).fit(x[s], y[s])

    def ours() -> None:
        with fast_products():
            fit_logistic(*features, torch.tensor(L2), CLASSES)

    race(
        ours,
        theirs,
        work="linear probe, 5 seeds, 64 features, 60,000 images, 5 values of L2",
        against="scikit-learn's LogisticRegression (lbfgs), to the same optimum",
        at_least=5,
        aim=15,
        rounds=3,
        warm=0,
    )


def test_pruning_curve(race, features):
    few = tuple(t[:, :FEW].contiguous() for t in features)
    x, y = (t.numpy() for t in few)
    keep = torch.ones(SEEDS, LEVELS, WIDTH)
    for level in range(LEVELS):
        keep[:, level, : level * WIDTH // LEVELS] = 0
    l2 = torch.full((LEVELS,), 1e-3)

    def theirs() -> None:
        for s in range(SEEDS):
            for level in range(LEVELS):
                LogisticRegression(C=1 / (1e-3 * FEW), max_iter=5000).fit(x[s][:, level * WIDTH // LEVELS :], y[s])

    def ours() -> None:
        with fast_products():
            fit_logistic(*few, l2, CLASSES, keep)

    race(
        ours,
        theirs,
        work="pruning curve, 64 units, probe refitted at 16 levels, 5 seeds",
        against="scikit-learn refitted at every level",
        at_least=10,
        aim=40,
        rounds=3,
    )
