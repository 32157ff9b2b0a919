"""Multinomial logistic regression for many feature sets at once, to the optimum that scikit-learn finds.

For every problem, minimises

    mean cross-entropy(softmax(x W + b), y) + l2 / 2 ||W||^2          (C = 1 / (l2 N) in scikit-learn's terms)

by L-BFGS. Problems are the seeds S times R, where R are L2 values and feature masks that share a seed's features: they
share one matrix product. Each problem has its own steps. Three things save iterations and change no optimum: a first
solution on a small part of the images, the Hessian's blocks of one class each at that solution, estimated on a part of
them, as a preconditioner (Byrd et al. 2016, "A stochastic quasi-Newton method"), and a new estimate where one did not
do.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from infomax_bench.evaluate._solver import DECREMENT, Fit, dot, inverse, with_ones
from infomax_bench.evaluate.newton import FEW, fit_few

MEMORY = 20
FIRST_ROWS = 4096
"""Images that the first solution is found on."""
FIRST_DECREMENT = 1e-3
HESSIAN_ROWS = 1 << 14
"""Images that the Hessian is estimated on."""
PATIENCE = 40
"""Iterations after which the Hessian is estimated again, on all images."""
SHARED_BY = 4
"""Neighbouring problems of a seed that share a Hessian of the cross-entropy: it changes little along a path."""
CACHED = 3 << 16
"""Entries of the features and of the logits used at a time on a CPU: few enough to stay in a core's cache."""
TOGETHER = 1 << 20
"""Entries of x up to which seeds are solved together on a CPU; larger ones are faster, and smaller, one by one."""


class _Objective:
    """Loss `[S, R]` and gradient of weights `[S, R, C, K+1]`, the intercept last."""

    def __init__(self, x: Tensor, y: Tensor, l2: Tensor, keep: Tensor | None, n_classes: int) -> None:
        s, self.n, k = x.shape
        self.x = x
        onehot = torch.nn.functional.one_hot(y, n_classes).to(x.dtype)
        self.xty = (torch.cat([onehot.mT @ x, onehot.sum(1).unsqueeze(-1)], dim=2) / self.n).unsqueeze(1)
        self.penalty = torch.cat(
            [l2.view(-1, 1, 1).expand(-1, 1, k), l2.new_zeros(len(l2), 1, 1)], dim=2
        )  # [R, 1, K+1]
        self.keep = None
        if keep is not None:
            self.keep = (
                torch.cat([keep, keep.new_ones(s, keep.shape[1], 1)], dim=2).unsqueeze(2).to(x)
            )  # [S, R, 1, K+1]

    def select(self, active: Tensor) -> None:
        """Keeps only the columns R that are still at work."""
        self.penalty = self.penalty[active]
        self.keep = None if self.keep is None else self.keep[:, active]

    def __call__(self, w: Tensor, columns: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Of all R problems, or only of those at `columns`, whose weights w then is."""
        s, r, c, k = w.shape
        penalty, keep = self.penalty, self.keep
        if columns is not None:
            penalty, keep = penalty[columns], None if keep is None else keep[:, columns]
        weight, bias = w[..., :-1].reshape(s, r * c, k - 1), w[..., -1].reshape(s, r * c, 1)
        grad, grad_bias = torch.zeros_like(weight), torch.zeros_like(bias)
        total = torch.zeros(s, r, dtype=torch.float64, device=w.device)
        entries = CACHED if w.device.type == "cpu" else CACHED << 9
        rows = max(64, entries // (s * (r * c + k)))
        for start in range(0, self.n, rows):
            x = self.x[:, start : start + rows]
            z = torch.baddbmm(bias, weight, x.mT).view(s, r, c, -1)
            top = z.amax(2, keepdim=True)
            p = z.sub_(top).exp_()
            norm = p.sum(2, keepdim=True)
            p = p.div_(norm).view(s, r * c, -1)
            total += norm.log_().add_(top).sum((2, 3), dtype=torch.float64)
            grad.baddbmm_(p, x)
            grad_bias += p.sum(2, keepdim=True)
        g = torch.cat([grad, grad_bias], dim=2).view(w.shape) / self.n - self.xty + penalty * w
        # in float64: the two parts cancel
        fit = total / self.n - (w.double() * self.xty.double()).sum((-2, -1))
        loss = fit + 0.5 * (penalty * w.square()).sum((-2, -1), dtype=torch.float64)
        return loss, g if keep is None else g * keep


class _ClassBlocks:
    """The inverse of the Hessian's blocks of one class each, at w, the cross-entropy's part estimated on the images x.

    What classes have to do with each other is left to L-BFGS.
    """

    def __init__(self, x: Tensor, w: Tensor, penalty: Tensor, keep: Tensor | None) -> None:
        s, n, _ = x.shape
        r, c, k = w.shape[1:]
        chosen = torch.arange(min(1, r - 1), r, SHARED_BY, device=w.device)
        parts = w[:, chosen]
        blocks = x.new_zeros(s, len(chosen), c, k, k)
        for rows in x.split(2048, dim=1):
            ones = with_ones(rows)
            p = (parts.flatten(1, 2) @ ones.mT).view(s, -1, c, rows.shape[1]).softmax(2)
            curvature = p * (1 - p)
            for i, j in itertools.product(range(len(chosen)), range(c)):
                blocks[:, i, j] += (ones * curvature[:, i, j].unsqueeze(2)).mT @ ones
        nearest = (torch.arange(r, device=w.device).unsqueeze(1) - chosen).abs().argmin(1)
        blocks = blocks.div_(n)[:, nearest]
        diagonal = penalty.expand(s, r, c, k)
        if keep is not None:  # a removed feature's row is the identity's
            blocks *= keep.unsqueeze(-1) * keep.unsqueeze(-2)
            diagonal = diagonal + (1 - keep)
        blocks.diagonal(dim1=-2, dim2=-1).add_(diagonal)
        for own in blocks.unbind(1):  # one problem after another: of wide ones they are large
            own.copy_(inverse(own))
        self.inverse = blocks

    def select(self, active: Tensor) -> None:
        if len(self.inverse) > 1:
            self.inverse = self.inverse[:, active]
            return
        left = active.nonzero().flatten().tolist()
        for to, at in enumerate(left):  # those of a seed alone are large: in place
            if to != at:
                self.inverse[:, to] = self.inverse[:, at]
        self.inverse = self.inverse[:, : len(left)]

    def __call__(self, g: Tensor) -> Tensor:
        z = (self.inverse @ g.unsqueeze(-1)).squeeze(-1)
        return z - z.mean(2, keepdim=True)


def _where(condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.where(condition.view(*condition.shape, 1, 1), a, b)


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
    `tolerance` (scikit-learn's criterion and default) and what is left to gain is below `DECREMENT` of the loss. start:
    weight `[S, R, K, C]` and bias `[S, R, C]` to begin from, such as a neighbouring problem's; the optimum is the same.
    """
    s, n, k = x.shape
    if n <= FEW:
        return fit_few(x, y, l2, n_classes, keep, tolerance, max_iterations)
    at_once = s if x.device.type != "cpu" else max(1, TOGETHER // (n * k))
    parts = []
    for first in range(0, s, at_once):
        own = slice(first, first + at_once)
        w = None
        if start is not None:
            w = torch.cat([start[0][own].mT, start[1][own].unsqueeze(-1)], dim=3)
        mask = None if keep is None else keep[own]
        parts.append(_fit(x[own], y[own], l2.to(x), n_classes, mask, tolerance, max_iterations, w))
    w, f = torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])
    return Fit(w[..., :-1].mT.contiguous(), w[..., -1].contiguous(), f, max(p[2] for p in parts))


def _fit(
    x: Tensor,
    y: Tensor,
    l2: Tensor,
    n_classes: int,
    keep: Tensor | None,
    tolerance: float,
    max_iterations: int,
    w: Tensor | None,
) -> tuple[Tensor, Tensor, int]:
    s, n, k = x.shape
    # whatever order the images are in, the first rows of a fixed one stand for all
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0)).to(x.device)
    objective = _Objective(x, y, l2, keep, n_classes)
    if w is None:
        w = x.new_zeros(s, len(l2), n_classes, k + 1)
        if n >= 4 * FIRST_ROWS and 10 * k <= FIRST_ROWS:
            few = order[:FIRST_ROWS]
            part = _Objective(x[:, few], y[:, few], l2, keep, n_classes)
            w = _minimise(part, w, few, torch.inf, FIRST_DECREMENT, 60)[0]
    else:
        w = w.to(x) if objective.keep is None else w * objective.keep
    w, f, iterations = _minimise(objective, w, order, tolerance, DECREMENT, max_iterations)
    return w, f, iterations


def _minimise(
    objective: _Objective,
    w: Tensor,
    order: Tensor,
    tolerance: float,
    decrement: float,
    max_iterations: int,
) -> tuple[Tensor, Tensor, int]:
    """Weights and losses from w on, and the number of iterations; L-BFGS (Nocedal and Wright 2006, algorithm 7.5)."""
    r = w.shape[1]
    best_w, active = w.clone(), torch.arange(r, device=w.device)
    f, g = objective(w)
    best_f = f.clone()
    part = order[:HESSIAN_ROWS] if objective.n > HESSIAN_ROWS else slice(None)
    precondition = _ClassBlocks(objective.x[:, part], w, objective.penalty, objective.keep)
    pairs: list[tuple[Tensor, Tensor, Tensor]] = []
    iteration = 0
    stalled = torch.zeros_like(f, dtype=torch.bool)
    while True:
        best_w[:, active], best_f[:, active] = w, f
        d = _two_loop(precondition, g, pairs)
        slope = dot(d, g)
        bad = slope >= 0
        if bad.any():
            d = _where(bad, -precondition(g), d)
            slope = dot(d, g)
        going = ((g.abs().amax((-2, -1)) > tolerance) | (-slope > 2 * decrement * f)) & ~stalled
        left = going.any(0)
        if iteration == max_iterations or not left.any():
            return best_w, best_f, iteration
        if not left.all():
            active, w, f, g, d, slope = active[left], w[:, left], f[:, left], g[:, left], d[:, left], slope[:, left]
            stalled = stalled[:, left]
            pairs = [(a[:, left], b[:, left], c[:, left]) for a, b, c in pairs]
            objective.select(left)
            precondition.select(left)
        step = torch.ones_like(slope)
        moved = w + d
        f_new, g_new = objective(moved)
        for _ in range(12):
            slope_new = dot(d, g_new)
            # where rounding hides the descent, the slope shows it (Hager and Zhang 2005, "approximate Wolfe")
            enough = (f_new <= f + 1e-4 * step * slope) | ((f_new <= f + 1e-6 * f.abs()) & (slope_new <= -0.8 * slope))
            if enough.all():
                break
            secant = slope / (slope - slope_new).clamp_max(-1e-30)
            step = torch.where(enough, step, step * secant.nan_to_num(0.4).clamp(0.1, 0.6))
            again = torch.nonzero((~enough).any(0)).flatten()
            moved[:, again] = w[:, again] + step[:, again].view(len(step), -1, 1, 1) * d[:, again]
            f_new[:, again], g_new[:, again] = objective(moved[:, again], again)
        stalled |= ~enough
        zero = torch.zeros_like(w)
        s_k, y_k = _where(enough, moved - w, zero), _where(enough, g_new - g, zero)
        curvature = dot(s_k, y_k)
        pairs = [*pairs[-(MEMORY - 1) :], (s_k, y_k, torch.where(curvature > 1e-12, 1 / curvature, 0.0))]
        w, g, f = _where(enough, moved, w), _where(enough, g_new, g), torch.where(enough, f_new, f)
        iteration += 1
        if iteration % PATIENCE == 0:
            precondition = _ClassBlocks(objective.x, w, objective.penalty, objective.keep)


def _two_loop(precondition: _ClassBlocks, g: Tensor, pairs: list[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """The L-BFGS direction (Nocedal and Wright 2006, algorithm 7.4), for every problem at once."""
    q = -g
    alphas = []
    for s_k, y_k, rho in reversed(pairs):
        alpha = (rho * dot(s_k, q)).view(*rho.shape, 1, 1)
        alphas.append(alpha)
        q = q - alpha * y_k
    q = precondition(q)
    for (s_k, y_k, rho), alpha in zip(pairs, reversed(alphas), strict=True):
        beta = (rho * dot(y_k, q)).view(*rho.shape, 1, 1)
        q = q + (alpha - beta) * s_k
    return q
