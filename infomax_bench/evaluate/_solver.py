"""What both solvers of logistic regression share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from infomax_bench.errors import Diverged

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


def inverse(blocks: Tensor) -> Tensor:
    """About the inverses of symmetric matrices `[..., K, K]` that have no negative eigenvalue but by rounding: of each
    with as much added to its diagonal, in place, as makes it positive. Raises Diverged for what is not finite."""
    if not blocks.isfinite().all():
        raise Diverged("the probe's Hessian is not finite")
    diagonal = blocks.diagonal(dim1=-2, dim2=-1)
    ridge = 1e-6 * diagonal.mean(-1, keepdim=True) + 1e-9
    while True:
        diagonal.add_(ridge)
        factor, info = torch.linalg.cholesky_ex(blocks)
        if not info.any():
            return torch.cholesky_inverse(factor)
        ridge = ridge * torch.where(info > 0, 10, 0).unsqueeze(-1)
