"""Pieces that several objectives share, over leading dimensions: features `[..., B, K]`, one number `[...]` a seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from infomax_bench.base.streams import Rng
from infomax_bench.models.blocks import Net, Params


def standardised(z: Tensor) -> Tensor:
    """Every unit less its mean over the batch, by its standard deviation (B - 1 in the denominator).

    A unit that is constant in the batch, up to rounding, becomes 0 and passes no gradient back.
    """
    centred = z - z.mean(-2, keepdim=True)
    variance = centred.square().sum(-2, keepdim=True) / (z.shape[-2] - 1)
    deviation = variance.clamp(min=1e-30).sqrt()  # at 0 the gradient of the root would be NaN
    constant = deviation <= 1e-6 * z.detach().abs().amax(-2, keepdim=True) + 1e-15
    return (centred / (deviation + 1e-8)).masked_fill(constant, 0.0)


def cross_correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson correlation over the batch of every unit of `a` with every unit of `b`, `[..., K, K]`.

    0, without a gradient, wherever one of the two is constant in the batch.
    """
    return standardised(a).mT @ standardised(b) / (a.shape[-2] - 1)


def correlation(z: Tensor) -> Tensor:
    """Pearson correlation of the units over the batch, `[..., K, K]`; a constant unit's row and column are 0."""
    z = standardised(z)
    return z.mT @ z / (z.shape[-2] - 1)


class _VarianceAndCorrelation(torch.autograd.Function):
    """In one step each way: by single operations much of a narrow layer's time would go into these."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> tuple[Tensor, Tensor]:
        centred = z - z.mean(-2, keepdim=True)
        variance = centred.square().sum(-2) / (z.shape[-2] - 1)
        root = variance.clamp(min=1e-30).sqrt()
        scale = 1 / ((root + 1e-8) * math.sqrt(z.shape[-2] - 1))
        scaled = centred * scale.unsqueeze(-2)
        ctx.save_for_backward(scaled, variance, root, scale)
        return variance, scaled.mT @ scaled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_variance: Tensor, of_correlation: Tensor) -> Tensor:
        scaled, variance, root, scale = ctx.saved_tensors
        deviation = root + 1e-8
        result = (scaled @ of_correlation).add_(scaled @ of_correlation.mT)  # in the scaled units
        slope = (2 * root).masked_fill_(variance <= 1e-30, torch.inf)  # the root's: none at 0, where it would be NaN
        of_variance = of_variance - (result * scaled).sum(-2) / (deviation * slope)
        result *= scale.unsqueeze(-2)
        result.addcmul_(scaled, (of_variance * deviation * (2 / math.sqrt(scaled.shape[-2] - 1))).unsqueeze(-2))
        return cast(Tensor, result.sub_(result.mean(-2, keepdim=True)))


def variance_and_correlation(z: Tensor) -> tuple[Tensor, Tensor]:
    """The variance of every unit over the batch, `[..., K]`, and Pearson correlations, `[..., K, K]`, with 1e-8 added
    to the standard deviations: a unit that is 0 throughout has correlation 0, and no gradient."""
    return cast(tuple[Tensor, Tensor], _VarianceAndCorrelation.apply(z))  # type: ignore[no-untyped-call]


def covariance(z: Tensor) -> Tensor:
    """Covariance of the units over the batch, `[..., K, K]`, with B - 1 in the denominator."""
    centred = z - z.mean(-2, keepdim=True)
    return centred.mT @ centred / (z.shape[-2] - 1)


class _OffDiagonalSumOfSquares(torch.autograd.Function):
    """One pass over the matrix forth and one back; by single operations it would be eight, most of a wide layer's
    time."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        ctx.save_for_backward(matrix)
        k = matrix.shape[-1]
        others = matrix.flatten(-2)[..., :-1].unflatten(-1, (k - 1, k + 1))[..., 1:]  # all but the diagonal
        norm: Tensor = torch.linalg.vector_norm(others, dim=(-2, -1))
        return norm.square()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (matrix,) = ctx.saved_tensors
        result: Tensor = matrix * (2 * gradient)[..., None, None]
        result.diagonal(dim1=-2, dim2=-1).zero_()
        return result


def off_diagonal_sum_of_squares(matrix: Tensor) -> Tensor:
    """The sum of the squares off the diagonal of `[..., K, K]`: `[...]`, exactly 0 for a diagonal matrix."""
    return cast(Tensor, _OffDiagonalSumOfSquares.apply(matrix))  # type: ignore[no-untyped-call]


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of int64 labels `[..., B]` given logits `[..., B, K]`; its mean over the batch, `[...]`."""
    own = logits.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    return (logits.logsumexp(-1) - own).mean(-1)


def reparameterised(mean: Tensor, log_variance: Tensor, rng: Rng) -> Tensor:
    """A draw from N(mean, exp(log_variance)) for every entry, with a gradient to both (Kingma and Welling 2014)."""
    return mean + torch.exp(0.5 * log_variance) * rng.normal_like(mean)


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence in nats of N(mean, diag exp(log_variance)) from N(0, I): `[..., B, K]` -> `[..., B]`."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)


def log_normal(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Log-density of every entry of z under its own normal distribution."""
    return -0.5 * ((z - mean).square() * torch.exp(-log_variance) + log_variance + math.log(2 * math.pi))


def log_normal_pairs(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Log-density of unit k of each of M codes under each of B images' posteriors, `[..., K, M, B]`.

    z: `[..., M, K]`; mean, log_variance: `[..., B, K]`.

    A quadratic in z, so that one product of inner size 3 makes all pairs: several times faster than `log_normal`.
    """
    precision = torch.exp(-log_variance)
    constant = -0.5 * (mean.square() * precision + log_variance + math.log(2 * math.pi))
    powers = torch.stack([z.square(), z, torch.ones_like(z)], dim=-1).transpose(-3, -2)
    factors = torch.stack([-0.5 * precision, mean * precision, constant], dim=-1).transpose(-3, -2)
    return powers @ factors.mT


def bernoulli_nll(logits: Tensor, x: Tensor) -> Tensor:
    """Negative log-likelihood in nats of x in [0, 1] under Bernoulli variables: `[..., B, D]` -> `[..., B]`."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)


def log_odds(probability: Tensor) -> Tensor:
    """Logits of probabilities, kept 1 % away from 0 and 1: where the bias of a Bernoulli variable begins."""
    return torch.logit(probability.clamp(0.01, 0.99))


def projections(net: Net, views: Sequence[Tensor]) -> list[Tensor]:
    """Each view `[..., B, C, H, W]` through encoder and projector, on its own: batch norm sees one view at a time."""
    return [net.projector(net.encoder(view)) for view in views]


def follow(state: Params, net: Net, momentum: float) -> None:
    """Moves the copies of `net`'s parameters in `state` towards them: `momentum` of the old, the rest of the new."""
    for name, value in net.params.items():
        if name in state:
            state[name].lerp_(value, 1 - momentum)
