"""Centring and scaling of units, in float64: what a float32 may hold is decided after it, not before."""

from __future__ import annotations

import torch
from torch import Tensor

FAR = 1e15
"""Standard deviations from the mean that a standardised output may be: farther ones are cut off there, so that float32
holds their squares. Training outputs never are: of N none is farther than sqrt(N)."""
_ENTRIES = 1 << 20
"""Numbers that are worked on at a time."""


def mean_and_std(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (n in the denominator) of the units of `[..., N, K]`, float64 `[..., 1, K]`.

    Whatever float64 can hold: no square is made of numbers outside [-1, 1].
    """
    columns = max(1, _ENTRIES // max(1, features.shape[:-1].numel()))
    parts = [_mean_and_std(part.double()) for part in features.split(columns, dim=-1)]
    mean, std = (torch.cat(part, dim=-1) for part in zip(*parts, strict=True))
    return mean, std


def _mean_and_std(x: Tensor) -> tuple[Tensor, Tensor]:
    low, high = (edge.unsqueeze(-2) for edge in x.aminmax(dim=-2))
    centre, half = low / 2 + high / 2, high / 2 - low / 2  # halves, as the range of finite numbers need not be finite
    x = (x - centre).div_(half.masked_fill(half == 0, 1.0))
    mean = x.mean(-2, keepdim=True)
    return centre + half * mean, half * x.sub_(mean).square_().mean(-2, keepdim=True).sqrt()


def standardised(features: Tensor, mean: Tensor, scale: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """`(features - mean) / scale` of units `[..., N, K]`, made in float64; 0 where the scale is infinite."""
    rows = max(1, _ENTRIES // max(1, features[..., :1, :].numel()))
    out = torch.empty(features.shape, dtype=dtype, device=features.device)
    for own, part in zip(out.split(rows, dim=-2), features.split(rows, dim=-2), strict=True):
        own.copy_(((part.double() / 2 - mean / 2) / (scale / 2)).clamp_(-FAR, FAR))
    return out
