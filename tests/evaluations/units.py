"""Features whose units are known, which several tests of evaluations look at."""

import torch

import infomax_bench as ib
from infomax_bench.evaluations.context import Context, context_for
from infomax_bench.evaluations.parts import Part
from infomax_bench.study.plugins import registry


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_labels(n: int, classes: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(classes, (n,), generator=generator(seed))


def units(labels: torch.Tensor, seed: int = 0, k: int = 7) -> torch.Tensor:
    """Two seeds of units that know something of the labels, half of them rectified, `[2, N, k]`; the last is dead."""
    tuning = torch.randn(2, int(labels.max()) + 1, k, generator=generator(seed))
    features = tuning[:, labels] + torch.randn(2, len(labels), k, generator=generator(seed + 1))
    features[..., ::2] = features[..., ::2].relu()
    features[..., -1] = 0.3
    return features


def grid(*sizes: int, repeats: int = 3) -> torch.Tensor:
    """Every combination of factor values, so that the factors are exactly independent, shuffled: int64 `[N, F]`."""
    whole = torch.cartesian_prod(*[torch.arange(size) for size in sizes]).repeat(repeats, 1)
    return whole[torch.randperm(len(whole), generator=generator(0))]


def part(features: torch.Tensor, labels: torch.Tensor, factors: torch.Tensor | None = None) -> Part:
    """Each seed's own labels `[S, N]` and factors `[S, N, F]`, from those that all share, or none."""
    labels = labels.expand(len(features), -1)
    return Part(features, labels, None if factors is None else factors.expand(len(features), -1, -1))


def halves(features: torch.Tensor, labels: torch.Tensor, factors: torch.Tensor | None = None) -> tuple[Part, Part]:
    """Even images for training, odd ones to test."""
    return tuple(part(features[:, i::2], labels[i::2], None if factors is None else factors[i::2]) for i in range(2))  # type: ignore[return-value]


def alike(features: torch.Tensor, factors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """One sample as training and as test images: then the metrics are the published ones."""
    factors = factors.expand(len(features), -1, -1)
    return features, factors, features, factors


def sizes_of(labels: torch.Tensor, factors: torch.Tensor | None = None) -> list[int]:
    return [1 + int(column.max()) for column in [labels, *([] if factors is None else factors.T)]]


def digits_context() -> Context:
    encoder = ib.pretrain("random_features", "digits", width=10, seeds=2)
    return context_for(encoder, registry().dataset("digits"))
