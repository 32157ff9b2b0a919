"""What both solvers of logistic regression share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

DECREMENT = 1e-5
"""A problem is solved when, besides its gradient, half its squared Newton decrement is below this share of its loss."""


@dataclass(frozen=True)
class Fit:
    """weight `[S, R, K, C]`, bias `[S, R, C]`, objective `[S, R]` float64; iterations that the slowest problem took."""

    weight: Tensor
    bias: Tensor
    objective: Tensor
    iterations: int

    def logits(self, x: Tensor) -> Tensor:
        """Class scores `[S, R, N, C]` of features `[S, N, K]`."""
        return torch.einsum("snk,srkc->srnc", x, self.weight) + self.bias.unsqueeze(-2)


def with_ones(x: Tensor) -> Tensor:
    """x `[P, N, K]` and the intercept's 1 as its last feature."""
    return torch.cat([x, x.new_ones(*x.shape[:2], 1)], dim=2)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """The inner product of the last two dimensions."""
    return (a * b).sum((-2, -1))
