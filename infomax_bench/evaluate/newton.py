"""Multinomial logistic regression on few images, by Newton's method; `logistic.py` says what is minimised."""

from __future__ import annotations

import torch
from torch import Tensor

from infomax_bench.evaluate._solver import DECREMENT, Fit, dot, inverse, with_ones

FEW = 1024
"""Up to so many images problems are solved by Newton's method in float64: separable ones have tiny losses."""
PATIENCE = 10
"""Steps of conjugate gradients after which the preconditioner is made anew."""
WIDE = 200
"""Features above which it is the Hessian's diagonal: blocks of one class would take longer than the steps they save."""


def fit_few(
    x: Tensor, y: Tensor, l2: Tensor, n_classes: int, keep: Tensor | None, tolerance: float, max_iterations: int
) -> Fit:
    """For few images. From the strongest penalty to the weakest, each starting where the one before ended."""
    s, _, k = x.shape
    r = len(l2)
    fit = Fit(
        x.new_zeros(s, r, k, n_classes),
        x.new_zeros(s, r, n_classes),
        torch.zeros(s, r, dtype=torch.float64, device=x.device),
        0,
    )
    rotated, basis = _rotated(x.double()) if keep is None else (x.double(), None)
    ones = with_ones(rotated)
    onehot = torch.nn.functional.one_hot(y, n_classes).double().mT
    w = ones.new_zeros(s, n_classes, ones.shape[2])
    iterations = 0
    for i in l2.argsort(descending=True).tolist():
        mask = None if keep is None else with_ones(keep[:, i : i + 1].double())  # [S, 1, K+1]
        features = ones if mask is None else ones * mask
        w, f, n = _newton(features, onehot, float(l2[i]), w if mask is None else w * mask, tolerance, max_iterations)
        weight = w[..., :-1].mT
        fit.weight[:, i] = (weight if basis is None else basis @ weight).to(x)
        fit.bias[:, i], fit.objective[:, i] = w[..., -1].to(x), f
        iterations = max(iterations, n)
    return Fit(fit.weight, fit.bias, fit.objective, iterations)


def _rotated(x: Tensor) -> tuple[Tensor, Tensor]:
    """x `[P, N, K]` on its principal axes, at most N, and these `[P, K, min(N, K)]`: the penalty stays the same."""
    if x.shape[1] >= x.shape[2]:
        basis = torch.linalg.eigh(x.mT @ x)[1]
        return x @ basis, basis
    squares, u = torch.linalg.eigh(x @ x.mT)
    scale = squares.clamp_min(0).sqrt().unsqueeze(1)
    scale = torch.where(scale > 1e-7 * scale.amax(2, keepdim=True), scale, 0.0)
    return u * scale, x.mT @ u * torch.where(scale > 0, 1 / scale, 0.0)


def _newton(
    x: Tensor, onehot: Tensor, l2: float, w: Tensor, tolerance: float, max_iterations: int
) -> tuple[Tensor, Tensor, int]:
    """Minimises P problems, x `[P, N, K+1]` and onehot `[P, C, N]`, by Newton's method; returns w `[P, C, K+1]`, losses
    `[P]`, iterations.

    Each system is solved by conjugate gradients in the subspace in which a feature's weights add up to 0 over the
    classes: the optimum is there.
    """
    penalty = x.new_full((x.shape[2],), l2)
    penalty[-1] = 0
    n = x.shape[1]

    def at(w: Tensor, x: Tensor, onehot: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        log_p = torch.log_softmax(w @ x.mT, dim=1)
        p = log_p.exp()
        loss = -(log_p * onehot).sum((1, 2)) / n + 0.5 * (penalty * w.square()).sum((1, 2))
        return loss, (p - onehot) @ x / n + penalty * w, p

    result, losses = w.clone(), w.new_zeros(len(w))
    active = torch.arange(len(w), device=w.device)
    w = w - w.mean(1, keepdim=True)
    f, g, p = at(w, x, onehot)
    stalled = torch.zeros_like(f, dtype=torch.bool)
    inverses, steps = None, 0
    for iteration in range(max_iterations + 1):
        if inverses is None or steps > PATIENCE:
            inverses = _preconditioner(x, p, penalty)
        d, steps = _solve(x, p, penalty, inverses, g)
        slope = dot(d, g)
        going = ((g.abs().amax((1, 2)) > tolerance) | (-slope > 2 * DECREMENT * f)) & ~stalled
        result[active], losses[active] = w, f
        if iteration == max_iterations or not going.any():
            break
        active, x, onehot, w, f, g, d, slope, inverses = (
            t[going] for t in (active, x, onehot, w, f, g, d, slope, inverses)
        )
        step = torch.ones_like(f)
        for _ in range(20):
            moved = w + step.view(-1, 1, 1) * d
            f_new, g_new, p = at(moved, x, onehot)
            enough = f_new <= f + 1e-4 * step * slope + 1e-12 * f
            if enough.all():
                break
            step = torch.where(enough, step, step * 0.4)
        stalled = ~enough
        keep_old = stalled.view(-1, 1, 1)
        w, g, f = torch.where(keep_old, w, moved), torch.where(keep_old, g, g_new), torch.where(stalled, f, f_new)
    return result, losses, iteration


def _solve(
    x: Tensor, p: Tensor, penalty: Tensor, inverses: Tensor, g: Tensor, accuracy: float = 0.05, limit: int = 200
) -> tuple[Tensor, int]:
    """About -H^-1 g by conjugate gradients, to `accuracy` of the gradient's norm, and the steps that took.

    inverses: what `_preconditioner` makes, there or nearby.
    """
    n = x.shape[1]

    def precondition(r: Tensor) -> Tensor:
        z = inverses * r if inverses.dim() == 3 else (inverses @ r.unsqueeze(-1)).squeeze(-1)
        return z - z.mean(1, keepdim=True)

    def product(v: Tensor) -> Tensor:
        t = v @ x.mT
        t = p * (t - (p * t).sum(1, keepdim=True))
        return t @ x / n + penalty * v

    d, r = torch.zeros_like(g), -g
    z = precondition(r)
    v, rz = z, dot(r, z)
    target = accuracy**2 * rz
    for step in range(limit):
        going = rz > target
        if not going.any():
            return d, step
        hv = product(v)
        alpha = torch.where(going, rz / dot(v, hv).clamp_min(1e-300), 0.0).view(-1, 1, 1)
        d, r = d + alpha * v, r - alpha * hv
        z = precondition(r)
        rz_new = dot(r, z)
        v = z + torch.where(going, rz_new / rz.clamp_min(1e-300), 0.0).view(-1, 1, 1) * v
        rz = torch.where(going, rz_new, rz)
    return d, limit


def _preconditioner(x: Tensor, p: Tensor, penalty: Tensor) -> Tensor:
    """Inverses of the Hessian's blocks of one class each `[P, C, K+1, K+1]`, or of its diagonal `[P, C, K+1]`."""
    n, k = x.shape[1:]
    curvature = p * (1 - p) / n
    if k > WIDE:
        return 1 / (curvature @ x.square() + penalty + 1e-9)
    blocks = torch.stack([(x * curvature[:, c].unsqueeze(2)).mT @ x for c in range(p.shape[1])], 1)
    blocks.diagonal(dim1=-2, dim2=-1).add_(penalty)
    return inverse(blocks)
