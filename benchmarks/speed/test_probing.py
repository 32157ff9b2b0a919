"""Probing and pruning speed against scikit-learn, to the same optimum."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from infomax_bench.evaluate.logistic import fit_logistic

N, WIDTH, CLASSES, SEEDS = 10_000, 64, 10, 5
PROBED = 60_000
L2 = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
LEVELS = 16


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
    return correlated(N)


@pytest.fixture(scope="module")
def many() -> tuple[torch.Tensor, torch.Tensor]:
    return correlated(PROBED)


@pytest.mark.benchmark(group="linear probe, 5 seeds x 5 L2 values, 60,000 images: scikit-learn")
class TestProbe:
    def test_ours(self, benchmark, many):
        benchmark.pedantic(fit_logistic, (*many, torch.tensor(L2), CLASSES), rounds=3, warmup_rounds=1)

    def test_theirs(self, benchmark, many):
        x, y = (t.numpy() for t in many)

        def fit() -> None:
            for s in range(SEEDS):
                for l2 in L2:
                    LogisticRegression(C=1 / (l2 * PROBED), max_iter=5000).fit(x[s], y[s])

        benchmark.pedantic(fit, rounds=1)  # minutes long


@pytest.mark.benchmark(group="pruning curve, probe refitted at 16 levels, 5 seeds: scikit-learn at every level")
class TestPruning:
    def test_ours(self, benchmark, features):
        keep = torch.ones(SEEDS, LEVELS, WIDTH)
        for level in range(LEVELS):
            keep[:, level, : level * WIDTH // LEVELS] = 0
        l2 = torch.full((LEVELS,), 1e-3)
        benchmark.pedantic(fit_logistic, (*features, l2, CLASSES, keep), rounds=3, warmup_rounds=1)

    def test_theirs(self, benchmark, features):
        x, y = (t.numpy() for t in features)

        def fit() -> None:
            for s in range(SEEDS):
                for level in range(LEVELS):
                    LogisticRegression(C=1 / (1e-3 * N), max_iter=5000).fit(x[s][:, level * WIDTH // LEVELS :], y[s])

        benchmark.pedantic(fit, rounds=3)
