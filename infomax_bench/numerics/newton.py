"""Multinomial logistic regression on few images, by Newton's method; `logistic.py` says what is minimised."""

from __future__ import annotations

import torch
from torch import Tensor

from infomax_bench.base.errors import Diverged
from infomax_bench.numerics._solver import DECREMENT, PROMISE, Bounds, Fit, conjugate_gradients, dot, inverse, with_ones

FEW = 1024
"""Up to so many images problems are solved by Newton's method in float64: separable ones have tiny losses."""
PATIENCE = 10
"""Steps of conjugate gradients after which the preconditioner is made anew."""
WIDE = 200
"""Features above which it is the Hessian's diagonal: blocks of one class would take longer than the steps they save."""


def fit_few(
    x: Tensor, y: Tensor, l2: Tensor, n_classes: int, keep: Tensor | None, tolerance: float, max_iterations: int
) -> Fit:
    """For few images; l2 `[S, R]`. From the strongest penalty (of the first S) to the weakest, each starting where the
    one before ended."""
    s, _, k = x.shape
    r = l2.shape[1]
    objective = torch.zeros(s, r, dtype=torch.float64, device=x.device)
    weight, bias = x.new_zeros(s, r, k, n_classes), x.new_zeros(s, r, n_classes)
    gap = torch.full_like(objective, torch.inf)
    rotated, basis = _rotated(x.double()) if keep is None else (x.double(), None)
    ones = with_ones(rotated)
    onehot = torch.nn.functional.one_hot(y, n_classes).double().mT
    w = ones.new_zeros(s, n_classes, ones.shape[2])
    iterations = 0
    for i in l2[0].argsort(descending=True).tolist():
        mask = None if keep is None else with_ones(keep[:, i : i + 1].double())  # [S, 1, K+1]
        features = ones if mask is None else ones * mask
        w = w if mask is None else w * mask
        for directions in (torch.float32, torch.float64):  # what float32 does not solve is rare
            left = (gap[:, i] > PROMISE * objective[:, i]).nonzero().flatten()
            if not len(left):
                break
            problems = features[left], onehot[left], l2[left, i], w[left]
            try:
                w[left], objective[left, i], gap[left, i], n = newton(*problems, tolerance, max_iterations, directions)
            except Diverged:
                if directions == torch.float64:
                    raise
                continue
            iterations = max(iterations, n)
        own = w[..., :-1].mT
        weight[:, i] = (own if basis is None else basis @ own).to(x)
        bias[:, i] = w[..., -1].to(x)
    return Fit(weight, bias, objective, iterations, gap)


def _rotated(x: Tensor) -> tuple[Tensor, Tensor]:
    """x `[P, N, K]` on its principal axes, at most N, and these `[P, K, min(N, K)]`: the penalty stays the same."""
    if x.shape[1] >= x.shape[2]:
        basis = torch.linalg.eigh(x.mT @ x)[1]
        return x @ basis, basis
    squares, u = torch.linalg.eigh(x @ x.mT)
    scale = squares.clamp_min(0).sqrt().unsqueeze(1)
    scale = torch.where(scale > 1e-7 * scale.amax(2, keepdim=True), scale, 0.0)
    return u * scale, x.mT @ u * torch.where(scale > 0, 1 / scale, 0.0)


def newton(
    x: Tensor,
    onehot: Tensor,
    l2: Tensor,
    w: Tensor,
    tolerance: float,
    max_iterations: int,
    directions: torch.dtype = torch.float64,
) -> tuple[Tensor, Tensor, Tensor, int]:
    """Minimises P problems, x `[P, N, K+1]`, onehot `[P, C, N]` and l2 `[P]`, by Newton's method in float64; returns w
    `[P, C, K+1]`, losses and what is left to gain at most `[P]`, iterations.

    Each system is solved by conjugate gradients in the subspace in which a feature's weights add up to 0 over the
    classes: the optimum is there. directions: the type in which; losses and gradients are float64's in any case.
    """
    n = x.shape[1]
    penalty = torch.cat([l2.to(x).view(-1, 1, 1).expand(-1, 1, x.shape[2] - 1), x.new_zeros(len(x), 1, 1)], dim=2)

    def at(w: Tensor, x: Tensor, onehot: Tensor, penalty: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        log_p = torch.log_softmax(w @ x.mT, dim=1)
        p = log_p.exp()
        loss = -(log_p * onehot).sum((1, 2)) / n + 0.5 * (penalty * w.square()).sum((1, 2))
        return loss, (p - onehot) @ x / n + penalty * w, p

    result, losses, gaps = w.clone(), w.new_zeros(len(w)), w.new_zeros(len(w))
    active, rough = torch.arange(len(w), device=w.device), x.to(directions)
    w = w - w.mean(1, keepdim=True)
    worse = at(w, x, onehot, penalty)[0] > at(0 * w, x, onehot, penalty)[0]  # far out, where there is no curvature
    w = w.masked_fill(worse.view(-1, 1, 1), 0.0)
    f, g, p = at(w, x, onehot, penalty)
    stalled = torch.zeros_like(f, dtype=torch.bool)
    inverses, steps = None, 0
    for iteration in range(max_iterations + 1):
        if inverses is None or steps > PATIENCE:
            inverses = _preconditioner(rough, p.to(rough), penalty.to(rough))
        steep = g.abs().amax((1, 2)) > tolerance
        d, (low, high), steps = _solve(rough, p, penalty, inverses, g, f, steep)
        slope = dot(d, g)
        going = (steep | (low > DECREMENT * f) | (high > PROMISE * f)) & ~stalled
        result[active], losses[active], gaps[active] = w, f, high
        if iteration == max_iterations or not going.any():
            break
        active, x, rough, onehot, penalty, w, f, g, d, slope, inverses = (
            t if going.all() else t[going] for t in (active, x, rough, onehot, penalty, w, f, g, d, slope, inverses)
        )
        step = torch.ones_like(f)
        for _ in range(20):
            moved = w + step.view(-1, 1, 1) * d
            f_new, g_new, p = at(moved, x, onehot, penalty)
            enough = f_new <= f + 1e-4 * step * slope + 1e-12 * f
            if enough.all():
                break
            step = torch.where(enough, step, step * 0.4)
        stalled = ~enough
        keep_old = stalled.view(-1, 1, 1)
        w, g, f = torch.where(keep_old, w, moved), torch.where(keep_old, g, g_new), torch.where(stalled, f, f_new)
    return result, losses, gaps, iteration


def _solve(
    x: Tensor,
    p: Tensor,
    penalty: Tensor,
    inverses: Tensor,
    g: Tensor,
    f: Tensor,
    steep: Tensor,
    accuracy: float = 0.05,
    limit: int = 200,
) -> tuple[Tensor, Bounds, int]:
    """About -H^-1 g by conjugate gradients, in the type of x, to `accuracy` of the gradient's norm, and until it is
    known whether as much as the promise says is left to gain, unless steps will follow anyway, since the gradient is
    `steep`.

    inverses: what `_preconditioner` makes, there or nearby; f: the losses.
    """
    n, size = x.shape[1], g.abs().amax((1, 2), keepdim=True).clamp_min(1e-300)
    p, penalty, squared, promised = p.to(x), penalty.to(x), size.flatten().square(), PROMISE * f

    def precondition(r: Tensor) -> Tensor:
        z = inverses * r if inverses.dim() == 3 else (inverses @ r.unsqueeze(-1)).squeeze(-1)
        return z - z.mean(1, keepdim=True)

    def product(v: Tensor) -> Tensor:
        t = v @ x.mT
        t = p * (t - (p * t).sum(1, keepdim=True))
        return t @ x / n + penalty * v

    def stop(share: Tensor, bounds: Bounds) -> Tensor:
        low, high = (squared * bound for bound in bounds)
        return (share <= accuracy**2) & (steep | (low > promised) | (high <= promised))

    d, (low, high), steps = conjugate_gradients(product, precondition, (g / size).to(x), penalty[:, 0, 0], stop, limit)
    return d * size, (squared * low, squared * high), steps


def _preconditioner(x: Tensor, p: Tensor, penalty: Tensor) -> Tensor:
    """Inverses of the Hessian's blocks of one class each `[P, C, K+1, K+1]`, or of its diagonal `[P, C, K+1]`."""
    n, k = x.shape[1:]
    curvature = p * (1 - p) / n
    if k > WIDE:
        return 1 / (curvature @ x.square() + penalty + 1e-9)
    blocks = torch.stack([(x * curvature[:, c].unsqueeze(2)).mT @ x for c in range(p.shape[1])], 1)
    blocks.diagonal(dim1=-2, dim2=-1).add_(penalty)
    return inverse(blocks)
