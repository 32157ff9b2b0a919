"""Training speed against the loops that one would otherwise write, and the libraries one would otherwise use."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neural_network import BernoulliRBM
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from infomax_bench.augment import Augmentation
from infomax_bench.blocks import Problem
from infomax_bench.data import split
from infomax_bench.plugins import registry
from infomax_bench.train import Data, train

N, BATCH, WIDTH, SEEDS = 6_400, 128, 64, 5
SHAPE = (1, 28, 28)  # MNIST's; what is in the images does not change the time


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randint(0, 256, (N, *SHAPE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def ours(method: str, images: torch.Tensor, seeds: int, batch: int = BATCH, **settings: object) -> None:
    """One epoch of several seeds together."""
    problem = Problem(SHAPE, WIDTH, 10, N, batch)
    none = torch.zeros(N, dtype=torch.bool)
    splits = [split(none, seed, validation=False) for seed in range(seeds)]
    data = Data(images, torch.zeros(N, dtype=torch.long), splits, Augmentation(scale=(0.5, 1.0)))
    train(registry().method(method, settings), problem, data, range(seeds), 1)


def infomax_loss(d: torch.Tensor) -> torch.Tensor:
    attraction = -torch.logsumexp(-d, dim=1).sum()
    volume = -torch.log(d.var(0) + 1e-6).sum()
    z = (d - d.mean(0)) / (d.std(0) + 1e-8)
    correlation = z.T @ z / (len(d) - 1)
    return attraction + volume + (correlation - torch.diag(correlation.diagonal())).square().sum()


def plain_infomax(images: torch.Tensor) -> None:
    """A DataLoader over a TensorDataset, nn.Linear, Adam, one seed after another."""
    floats = images.flatten(1).float() / 255
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        layer = nn.Linear(784, WIDTH)
        optimizer = torch.optim.Adam(layer.parameters(), lr=1e-3)
        for (x,) in DataLoader(TensorDataset(floats), batch_size=BATCH, shuffle=True, drop_last=True):
            optimizer.zero_grad()
            infomax_loss(torch.relu(layer(x))).backward()
            optimizer.step()


@pytest.mark.benchmark(group="infomax_em, 5 seeds, one epoch: plain PyTorch loop")
class TestInfoMax:
    def test_ours(self, benchmark, images):
        benchmark.pedantic(ours, ("infomax_em", images, SEEDS), rounds=5, warmup_rounds=1)

    def test_theirs(self, benchmark, images):
        benchmark.pedantic(plain_infomax, (images,), rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group="persistent RBM, 5 seeds, one epoch: scikit-learn BernoulliRBM")
class TestRBM:
    def test_ours(self, benchmark, images):
        benchmark.pedantic(ours, ("rbm_persistent", images, SEEDS), rounds=3, warmup_rounds=1)

    def test_theirs(self, benchmark, images):
        floats = (images.flatten(1).numpy() / 255).astype(np.float32)

        def fit() -> None:
            for seed in range(SEEDS):
                BernoulliRBM(WIDTH, batch_size=BATCH, n_iter=1, random_state=seed).fit(floats)

        benchmark.pedantic(fit, rounds=3, warmup_rounds=1)


@pytest.mark.benchmark(group="simclr, one epoch, batch 256: lightly's loss and transform in a DataLoader")
class TestSimCLR:
    def test_ours(self, benchmark, images):
        benchmark.pedantic(ours, ("simclr", images, 1, 256), rounds=3, warmup_rounds=1)

    def test_theirs(self, benchmark, images):
        from infomax_bench._torchvision import torchvision  # noqa: F401, I001 - lightly needs it loaded first
        from lightly.loss import NTXentLoss
        from lightly.transforms import SimCLRTransform
        from PIL import Image

        transform = SimCLRTransform(
            input_size=28, cj_prob=0.0, random_gray_scale=0.0, gaussian_blur=0.0, normalize=None
        )
        pictures = [Image.fromarray(image[0].numpy()).convert("RGB") for image in images]

        class Views(torch.utils.data.Dataset):
            def __len__(self) -> int:
                return len(pictures)

            def __getitem__(self, i: int):
                return transform(pictures[i])

        def epoch() -> None:
            torch.manual_seed(0)
            encoder = nn.Sequential(nn.Flatten(), nn.Linear(3 * 784, WIDTH), nn.ReLU())
            head = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH), nn.ReLU(), nn.Linear(WIDTH, 128))
            criterion = NTXentLoss(0.5)
            optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=1e-3)
            for a, b in DataLoader(Views(), batch_size=256, shuffle=True, drop_last=True):
                optimizer.zero_grad()
                criterion(head(encoder(a)), head(encoder(b))).backward()
                optimizer.step()

        benchmark.pedantic(epoch, rounds=3)
