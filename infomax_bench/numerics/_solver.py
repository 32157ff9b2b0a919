"""What both solvers of logistic regression share."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from infomax_bench.base.errors import Diverged

DECREMENT = 1e-5
"""A solver goes on until half the squared Newton decrement is, by its own estimate, below this share of the loss."""
PROMISE = 1e-4
"""Half the squared Newton decrement, which near the optimum is what is left to gain, is at most this share of the loss:
checked at the end, by a bound on it; of more images than the Hessian is made of, by an estimate of that bound."""


@dataclass(frozen=True)
class Fit:
    """weight `[S, R, K, C]`, bias `[S, R, C]`, objective `[S, R]` float64; iterations that the slowest problem took.

    gap: what the objective has left to gain: a bound on half its squared Newton decrement, `[S, R]` float64; with more
    than `logistic.HESSIAN_ROWS` images, an estimate of it.
    """

    weight: Tensor
    bias: Tensor
    objective: Tensor
    iterations: int
    gap: Tensor

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


Bounds = tuple[Tensor, Tensor]
"""Below and above half the squared Newton decrement, `g H^-1 g / 2`: what is left to gain, near the optimum."""


def conjugate_gradients(
    product: Callable[[Tensor], Tensor],
    precondition: Callable[[Tensor], Tensor],
    g: Tensor,
    l2: Tensor,
    stop: Callable[[Tensor, Bounds], Tensor],
    limit: int,
) -> tuple[Tensor, Bounds, int]:
    """About `-H^-1 g` for gradients `[..., C, K+1]`, bounds `[...]`, and the steps that took.

    product: the Hessian times a direction; l2 `[...]`, each > 0: no eigenvalue of it is smaller. (None of the intercept
    is, unless next to no image is of a class.) stop: of which problems a direction will do, from how small the residual
    has become, as a share of what it was (squared, in the preconditioner's norm), and the bounds.

    What steps have gained so far is a lower bound on the decrement, and with the residual r it is at most `r r / l2`
    more, since the Hessian is the identity times l2 and something that is nowhere negative (strong convexity).
    """
    d, r = torch.zeros_like(g), -g
    z = precondition(r)
    v, rz = z, dot(r, z)
    first, gained = rz, torch.zeros_like(rz)
    for step in range(limit + 1):
        bounds = gained / 2, (gained + dot(r, r) / l2) / 2
        going = ~stop(rz / first.clamp_min(1e-300), bounds)
        if step == limit or not going.any():
            break
        hv = product(v)
        alpha = torch.where(going, rz / dot(v, hv).clamp_min(1e-37), 0.0)
        gained = gained + alpha * rz
        d, r = d + alpha[..., None, None] * v, r - alpha[..., None, None] * hv
        z = precondition(r)
        rz_new = dot(r, z)
        v = z + torch.where(going, rz_new / rz.clamp_min(1e-37), 0.0)[..., None, None] * v
        rz = torch.where(going, rz_new, rz)
    return d, bounds, step


class NotSolved(RuntimeWarning):
    """A solver says that it did not get where it promises to."""


def complain(gap: Tensor, objective: Tensor) -> None:
    """Warns of problems, both `[S, R]`, that are not solved as promised."""
    missed = gap > PROMISE * objective
    if missed.any():
        worst = float((gap / objective)[missed].max())
        warnings.warn(
            f"{int(missed.sum())} of {gap.numel()} probes were not fitted to the optimum: {worst:.1g} of their loss "
            "may be left to gain. Are a few values thousands of times as large as the others?",
            NotSolved,
            stacklevel=3,
        )
