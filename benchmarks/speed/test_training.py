"""Training speed against the loops that one would otherwise write, and the libraries one would otherwise use."""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
import torch
from sklearn.neural_network import BernoulliRBM
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from infomax_bench.data.augment import Augmentation
from infomax_bench.data.dataset import split
from infomax_bench.models.blocks import Problem
from infomax_bench.numerics.products import fast_products
from infomax_bench.run.workers import Workers
from infomax_bench.study.plugins import registry
from infomax_bench.training.data import Data
from infomax_bench.training.session import session_for
from infomax_bench.training.trainer import train

N, BATCH, WIDTH, SEEDS = 60_000, 128, 64, 5
FEW = 12_800  # images of the race against views made one by one
SHAPE = (1, 28, 28)  # MNIST's; what is in the images does not change the time
PEAK = 2048  # rows and columns of the matrices whose product gives the machine's rate


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randint(0, 256, (N, *SHAPE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def data_for_images(images: torch.Tensor, seeds: int) -> Data:
    none = torch.zeros(len(images), dtype=torch.bool)
    splits = [split(none, seed, validation=False) for seed in range(seeds)]
    return Data(images, torch.zeros(len(images), dtype=torch.long), splits, Augmentation(scale=(0.5, 1.0)))


def ours(method: str, images: torch.Tensor | Path, seeds: int, batch: int = BATCH, epochs: int = 1) -> None:
    """Several seeds together; images: themselves, or the file where a worker finds them."""
    images = torch.from_numpy(np.load(images)) if isinstance(images, Path) else images
    problem = Problem(SHAPE, WIDTH, 10, len(images), batch)
    with fast_products():
        train(registry().method(method), problem, data_for_images(images, seeds), range(seeds), epochs)


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


def test_infomax_em(race, images):
    race(
        lambda: ours("infomax_em", images, SEEDS),
        lambda: plain_infomax(images),
        work="infomax_em, 64 units, batch 128, 5 seeds, one epoch",
        against="a plain PyTorch loop (DataLoader, nn.Linear, Adam), one seed after another",
        at_least=2.5,
        aim=4,
    )


def test_persistent_rbm(race, images, tmp_path):
    """As a run trains ten seeds: in blocks of five, each in a worker of one thread."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    file, epochs = tmp_path / "images.npy", 2
    np.save(file, images.numpy())
    floats = (images.flatten(1).numpy() / 255).astype(np.float32)

    def theirs() -> None:
        for seed in range(2 * SEEDS):
            BernoulliRBM(WIDTH, batch_size=BATCH, n_iter=epochs, random_state=seed).fit(floats)

    race(
        lambda: list(Workers(jobs=2).map(ours, ["rbm_persistent"] * 2, Path(), file, SEEDS, BATCH, epochs)),
        theirs,
        work="RBM, persistent CD, 64 units, batch 128, 10 seeds in two blocks on two workers, two epochs",
        against="scikit-learn's BernoulliRBM, one fit after another",
        at_least=2.5,
        aim=4,
        rounds=5,
    )


def test_simclr(race, images):
    from infomax_bench.data._torchvision import torchvision  # noqa: F401, I001 - lightly needs it loaded first
    from lightly.loss import NTXentLoss
    from lightly.transforms import SimCLRTransform
    from PIL import Image

    images = images[:FEW]
    transform = SimCLRTransform(input_size=28, cj_prob=0.0, random_gray_scale=0.0, gaussian_blur=0.0, normalize=None)
    pictures = [Image.fromarray(image[0].numpy()).convert("RGB") for image in images]

    class Views(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(pictures)

        def __getitem__(self, i: int):
            return transform(pictures[i])

    def theirs() -> None:
        torch.manual_seed(0)
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(3 * 784, WIDTH), nn.ReLU())
        head = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH), nn.ReLU(), nn.Linear(WIDTH, 128))
        criterion = NTXentLoss(0.5)
        optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=1e-3)
        for a, b in DataLoader(Views(), batch_size=256, shuffle=True, drop_last=True):
            optimizer.zero_grad()
            criterion(head(encoder(a)), head(encoder(b))).backward()
            optimizer.step()

    race(
        lambda: ours("simclr", images, 1, 256),
        theirs,
        work="simclr, one layer and projector, batch 256, one epoch",
        against="lightly's NTXentLoss and transform in its DataLoader loop",
        at_least=8,
        aim=15,
        rounds=3,
    )


def test_infomax_em_at_width_1024(benchmark, images):
    """Of the rate of a large matrix product, how much training reaches; both with one thread, as a job has."""
    before, width, steps = torch.get_num_threads(), 1024, 40
    torch.set_num_threads(1)
    a = torch.randn(PEAK, PEAK)
    peaks: list[float] = []

    def peak() -> None:
        with fast_products():
            begin = time.perf_counter()
            for _ in range(4):
                a @ a
        peaks.append(4 * 2 * PEAK**3 / (time.perf_counter() - begin))

    problem = Problem(SHAPE, width, 10, N, BATCH)
    session = session_for(registry().method("infomax_em"), problem, data_for_images(images, 1), [0], 10_000)

    def train_on() -> None:
        with fast_products():
            for _ in range(steps):
                session.advance()

    try:
        benchmark.pedantic(train_on, setup=peak, rounds=7, warmup_rounds=1)
    finally:
        torch.set_num_threads(before)
    # the layer's output and its weights' gradient; the units' covariance and its gradient
    step = 2 * (2 * BATCH * 784 * width) + 2 * (2 * BATCH * width * width)
    rates = [steps * step / t for t in benchmark.stats.stats.data]
    ratio = statistics.median(r / p for r, p in zip(rates, peaks[1:8], strict=True))
    benchmark.extra_info.update(
        work="infomax_em, 1,024 units, batch 128, one thread", ratio=ratio, at_least=0.4, aim=0.6, unit="%",
        against=f"the rate of a product of {PEAK} x {PEAK} matrices, {statistics.median(peaks) / 1e9:.0f} GFLOP/s",
    )  # fmt: skip
