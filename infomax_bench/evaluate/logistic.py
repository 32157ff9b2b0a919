"""Multinomial logistic regression for many feature sets at once, to the optimum that scikit-learn finds.

For every problem, minimises

    mean cross-entropy(softmax(x W + b), y) + l2 / 2 ||W||^2          (C = 1 / (l2 N) in scikit-learn's terms)

by L-BFGS. Problems are the seeds S times R, where R are L2 values and feature masks that share a seed's features: they
share one matrix product. Each problem has its own steps; the inverse of `X'X / (N C) + l2`, the Hessian at zero but for
its class part, preconditions it, which removes most of the iterations that correlated features cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

MEMORY = 12
ROWS_AT_ONCE = 1 << 19
"""Entries of the logits kept at a time: small enough to stay in a core's cache."""


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


class _Objective:
    """Loss and gradient of `[S, R, K+1, C]` weights, the intercept last."""

    def __init__(self, x: Tensor, y: Tensor, l2: Tensor, keep: Tensor | None, n_classes: int) -> None:
        s, n, k = x.shape
        self.x = torch.cat([x, x.new_ones(s, n, 1)], dim=2)
        self.n, self.n_classes = n, n_classes
        onehot = torch.nn.functional.one_hot(y, n_classes).to(x.dtype)
        self.xty = self.x.mT @ onehot / n  # [S, K+1, C]
        self.penalty = torch.cat([l2.view(1, -1, 1, 1).expand(s, -1, k, 1), x.new_zeros(s, len(l2), 1, 1)], dim=2)
        self.keep = None if keep is None else torch.cat([keep, keep.new_ones(s, keep.shape[1], 1)], 2).unsqueeze(-1)
        gram = self.x.mT @ self.x / n
        hessian = gram.unsqueeze(1) / n_classes + torch.diag_embed(self.penalty.squeeze(-1))
        if self.keep is not None:  # a removed feature's row is replaced by the identity's
            kept = self.keep.squeeze(-1)
            hessian = hessian * (kept.unsqueeze(-1) * kept.unsqueeze(-2)) + torch.diag_embed(1 - kept)
        # only a preconditioner: the ridge keeps collinear features, such as pixels, factorisable in float32
        ridge = 1e-3 * hessian.diagonal(dim1=-2, dim2=-1).mean(-1)
        self.factor = torch.linalg.cholesky(hessian + torch.diag_embed(ridge.unsqueeze(-1).expand(hessian.shape[:-1])))

    def select(self, active: Tensor) -> None:
        """Keeps only the columns R that are still at work."""
        self.penalty, self.factor = self.penalty[:, active], self.factor[:, active]
        if self.keep is not None:
            self.keep = self.keep[:, active]

    def precondition(self, g: Tensor) -> Tensor:
        return torch.cholesky_solve(g, self.factor)

    def __call__(self, w: Tensor) -> tuple[Tensor, Tensor]:
        s, r, k, c = w.shape
        flat = w.permute(0, 2, 1, 3).reshape(s, k, r * c)
        grad = torch.zeros_like(flat)
        total = torch.zeros(s, r, dtype=torch.float64, device=w.device)
        rows = max(64, ROWS_AT_ONCE // (s * r * c))
        for start in range(0, self.n, rows):
            x = self.x[:, start : start + rows]
            z = (x @ flat).view(s, -1, r, c)
            top = z.amax(-1, keepdim=True)
            p = z.sub_(top).exp_()
            norm = p.sum(-1, keepdim=True)
            total += (norm.log() + top).squeeze(-1).sum(1, dtype=torch.float64)
            grad += x.mT @ p.div_(norm).view(s, -1, r * c)
        g = grad.view(s, k, r, c).permute(0, 2, 1, 3) / self.n - self.xty.unsqueeze(1) + self.penalty * w
        if self.keep is not None:
            g = g * self.keep
        fit = total / self.n - (w * self.xty.unsqueeze(1)).sum((-2, -1), dtype=torch.float64)
        return fit + 0.5 * (self.penalty * w * w).sum((-2, -1), dtype=torch.float64), g


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((-2, -1))


def fit_logistic(
    x: Tensor,
    y: Tensor,
    l2: Tensor,
    n_classes: int,
    keep: Tensor | None = None,
    tolerance: float = 1e-4,
    max_iterations: int = 400,
    start: tuple[Tensor, Tensor] | None = None,
) -> Fit:
    """Fits S x R problems.

    x: float32 `[S, N, K]`, standardised; y: int64 `[S, N]`; l2: `[R]`, each > 0; keep: float `[S, R, K]`, 1 for the
    features that problem r may use and 0 for those removed. Stops when no entry of a problem's gradient exceeds
    `tolerance` (scikit-learn's criterion and default). start: weight `[S, R, K, C]` and bias `[S, R, C]` to begin from,
    such as a neighbouring problem's; the optimum is the same.
    """
    objective = _Objective(x, y, l2.to(x), keep, n_classes)
    s, r, k = x.shape[0], len(l2), x.shape[2]
    best_w = x.new_zeros(s, r, k + 1, n_classes)
    best_f = torch.zeros(s, r, dtype=torch.float64, device=x.device)
    active = torch.arange(r, device=x.device)
    w = best_w.clone()
    if start is not None:
        w[:, :, :-1], w[:, :, -1] = start[0] if keep is None else start[0] * keep.unsqueeze(-1), start[1]
    f, g = objective(w)
    pairs: list[tuple[Tensor, Tensor, Tensor]] = []
    iteration = 0
    stalled = torch.zeros(s, r, dtype=torch.bool, device=x.device)
    while True:
        best_w[:, active], best_f[:, active] = w, f
        going = ((g.abs().amax((-2, -1)) > tolerance) & ~stalled).any(0)
        if iteration == max_iterations or not going.any():
            break
        if not going.all():
            active, w, f, g, stalled = active[going], w[:, going], f[:, going], g[:, going], stalled[:, going]
            pairs = [(a[:, going], b[:, going], c[:, going]) for a, b, c in pairs]
            objective.select(going)
        direction = _two_loop(objective, g, pairs)
        slope = _dot(direction, g)
        bad = slope >= 0
        if bad.any():
            direction = torch.where(bad.view(*bad.shape, 1, 1), -objective.precondition(g), direction)
            slope = _dot(direction, g)
        step = x.new_ones(w.shape[:2])
        for _ in range(12):
            moved = w + step.view(*step.shape, 1, 1) * direction
            f_new, g_new = objective(moved)
            # rounding of a float32 loss must not look like an ascent
            enough = f_new <= f + 1e-4 * step * slope + 1e-7 * f.abs()
            if enough.all():
                break
            step = torch.where(enough, step, step * 0.4)
        stalled |= ~enough
        s_k = torch.where(enough.view(*enough.shape, 1, 1), moved - w, torch.zeros_like(w))
        y_k = torch.where(enough.view(*enough.shape, 1, 1), g_new - g, torch.zeros_like(g))
        curvature = _dot(s_k, y_k)
        rho = torch.where(curvature > 1e-12, 1 / curvature.clamp_min(1e-12), torch.zeros_like(curvature))
        pairs = [*pairs[-(MEMORY - 1) :], (s_k, y_k, rho)]
        w = torch.where(enough.view(*enough.shape, 1, 1), moved, w)
        g = torch.where(enough.view(*enough.shape, 1, 1), g_new, g)
        f = torch.where(enough, f_new, f)
        iteration += 1
    return Fit(best_w[:, :, :-1], best_w[:, :, -1], best_f, iteration)


def _two_loop(objective: _Objective, g: Tensor, pairs: list[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """The L-BFGS direction (Nocedal and Wright 2006, algorithm 7.4), for every problem at once."""
    q = -g
    alphas = []
    for s_k, y_k, rho in reversed(pairs):
        alpha = (rho * _dot(s_k, q)).view(*rho.shape, 1, 1)
        alphas.append(alpha)
        q = q - alpha * y_k
    q = objective.precondition(q)
    for (s_k, y_k, rho), alpha in zip(pairs, reversed(alphas), strict=True):
        beta = (rho * _dot(y_k, q)).view(*rho.shape, 1, 1)
        q = q + (alpha - beta) * s_k
    return q
