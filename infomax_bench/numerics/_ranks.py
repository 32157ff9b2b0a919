"""Ranks, quantile bins and histograms: what the scale-free metrics of units share.

Everything here runs over leading dimensions, `[..., N, K]`: N images, K units.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from infomax_bench.base.errors import Diverged

CONSTANT = 16
"""A unit whose range is at most so many of the smallest steps at its largest magnitude is constant: the rest is
rounding of the type that the features come in (float32, or float64 of files that have it)."""
_CACHED = 1 << 16
"""Outputs that are ranked at a time."""


def live_units(features: Tensor) -> Tensor:
    """Which units of `[..., N, K]` vary, bool `[..., K]`; the others are dead, whatever value they are stuck at.

    The one definition of a dead unit, which shift and scale do not change. Raises Diverged for what is not finite.
    """
    if not features.isfinite().all():
        raise Diverged("the features are not finite")
    low, high = features.aminmax(dim=-2)
    # Halves, because the range of finite numbers need not be finite.
    step = torch.finfo(features.dtype).eps * torch.maximum(low.abs(), high.abs())
    return high / 2 - low / 2 > CONSTANT * step / 2


def average_ranks(features: Tensor) -> Tensor:
    """Ranks 1..N of each unit's outputs, float64 `[..., N, K]`; equal outputs share the mean of their ranks.

    By numpy, which sorts several times as fast as torch on a CPU; so many units at a time that they stay in its cache.
    """
    units = features.mT.contiguous().cpu()
    n = max(1, units.shape[-1])
    ranks = torch.empty(units.shape, dtype=torch.float64)
    at_once = max(1, _CACHED // n)
    for own, part in zip(ranks.view(-1, n).split(at_once), units.view(-1, n).split(at_once), strict=True):
        order = torch.from_numpy(part.numpy().argsort(-1))  # of equal ones, in any order
        ordered = part.gather(-1, order).numpy()
        differs = np.ones(ordered.shape, dtype=bool)
        differs[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        first = np.flatnonzero(differs)  # of each run of equal outputs, one unit after another
        length = np.diff(first, append=differs.size)
        mean = np.repeat(first % n + (length + 1) / 2, length)
        own.scatter_(-1, order, torch.from_numpy(mean).view(own.shape))
    return ranks.mT.to(features.device)


def ranks_among(reference: Tensor, features: Tensor) -> Tensor:
    """Ranks that each unit's outputs `[..., N, K]` would have among its outputs `[..., M, K]`, float64 `[..., N, K]`.

    A value that the reference holds has the average rank it has there; one between the ranks r and r + 1 has r + 1/2,
    so that ranks run from 1/2 to M + 1/2.
    """
    among_all = average_ranks(torch.cat([reference, features], -2))[..., reference.shape[-2] :, :]
    return among_all - average_ranks(features) + 0.5


def quantile_bins(ranks: Tensor, n_bins: int, n_ranks: int | None = None) -> Tensor:
    """Which of `n_bins` equally filled bins each output falls in, int32, from its rank among `n_ranks` outputs: those
    that were ranked, unless said otherwise.

    Equal outputs share a bin, so a ReLU's zeros are never torn apart; bins around such an atom may then stay empty.
    """
    return ((ranks - 0.5) * (n_bins / (n_ranks or ranks.shape[-2]))).int().clamp_(max=n_bins - 1)


def histograms(codes: Tensor, size: int) -> Tensor:
    """How often each unit takes each code: integers `[..., N, K]` in [0, size) -> int64 `[..., K, size]`."""
    units = codes.transpose(-1, -2)
    lead = units.shape[:-1]
    offset = size * torch.arange(lead.numel(), dtype=codes.dtype, device=codes.device).view(*lead, 1)
    return (units + offset).flatten().bincount(minlength=lead.numel() * size).view(*lead, size)


def entropy(counts: Tensor, dim: int | tuple[int, ...] = -1) -> Tensor:
    """Plug-in entropy in nats of histograms over `dim`, float64."""
    counts = counts.double()
    total = counts.sum(dim)
    return total.log() - (counts * counts.clamp(min=1).log()).sum(dim) / total


def mutual_information(counts: Tensor) -> Tensor:
    """Plug-in mutual information in nats of contingency tables `[..., A, B]`, float64 `[...]`."""
    return entropy(counts.sum(-1)) + entropy(counts.sum(-2)) - entropy(counts, (-2, -1))
