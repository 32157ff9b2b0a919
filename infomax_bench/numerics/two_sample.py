"""Do two sets of images come from one distribution? The kernel two-sample statistic (MMD; Gretton et al. 2012)."""

from __future__ import annotations

import torch
from torch import Tensor

BANDWIDTHS = (0.25, 0.5, 1.0)
"""In units of the median distance between images: the median heuristic of Gretton et al. 2012, and below it, where
neighbours are told apart. The kernel is the mean of the three."""


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Squared Euclidean distances `[n, m]` of rows `[n, D]` and `[m, D]`, not below 0."""
    lengths = a.square().sum(1, keepdim=True) + b.square().sum(1)
    return torch.addmm(lengths, a, b.T, alpha=-2).clamp_(min=0)


def median_distance(x: Tensor) -> float:
    """The median Euclidean distance of two different rows of `[n, D]`, n at least 2."""
    above = torch.ones(len(x), len(x), dtype=torch.bool).triu(1)
    return float(distances(x, x)[above].median().sqrt())


def kernel(a: Tensor, b: Tensor, scale: float) -> Tensor:
    """The mean of Gaussian kernels `exp(-d^2 / (2 s^2))`, s = BANDWIDTHS * scale: `[n, m]`."""
    squared = distances(a, b)
    return torch.stack([torch.exp(squared * (-0.5 / (w * scale) ** 2)) for w in BANDWIDTHS]).mean(0)


def within(k: Tensor) -> float:
    """Mean of a kernel matrix `[n, n]` off its diagonal."""
    n = len(k)
    return float((k.sum(dtype=torch.float64) - k.diagonal().sum(dtype=torch.float64)) / (n * (n - 1)))


def mmd(a: Tensor, b: Tensor, scale: float) -> float:
    """The unbiased estimate of the squared maximum mean discrepancy of rows `[n, D]` and `[m, D]` (ibid., lemma 6).

    0 on average for two samples of one distribution, so it may fall below.
    """
    return within(kernel(a, a, scale)) + within(kernel(b, b, scale)) - 2 * float(kernel(a, b, scale).double().mean())
