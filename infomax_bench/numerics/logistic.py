"""Multinomial logistic regression for many feature sets at once, to the optimum that scikit-learn finds.

For every problem, minimises

    mean cross-entropy(softmax(x W + b), y) + l2 / 2 ||W||^2          (C = 1 / (l2 N) in scikit-learn's terms)

by L-BFGS. Problems are the seeds S times R, where R are L2 values and feature masks that share a seed's features: they
share one matrix product. Each problem has its own steps. Three things save iterations and change no optimum: a first
solution on a part of the images, no better than so few are worth, the Hessian's blocks of one class each at that
solution, estimated on a part of them, as a preconditioner (Byrd et al. 2016, "A stochastic quasi-Newton method"), and a
new estimate where one did not do. Where such blocks would be large (wide features, many classes), all classes share
their mean.

L-BFGS stops by its own estimate of the Hessian, which may be wrong (one image far from all others is enough). So the
end is checked by conjugate gradients on the Hessian itself (of HESSIAN_ROWS images at most), which bound what is left
to gain. A problem that fails goes on with finer tolerances, and if it fails again, by Newton's method in float64. What
is not solved even so, is said.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from infomax_bench.numerics._objective import Objective
from infomax_bench.numerics._solver import (
    DECREMENT,
    PROMISE,
    Bounds,
    Fit,
    complain,
    conjugate_gradients,
    dot,
    inverse,
    with_ones,
)
from infomax_bench.numerics.newton import FEW, fit_few, newton

MEMORY = 20
FIRST_SHARE, FIRST_ROWS = 6, 2048
"""The first solution is found on one in so many images, where these are at least so many."""
FIRST_DECREMENT = 1e-3
HESSIAN_ROWS = 1 << 14
"""Images that the end is checked by, with the Hessian of these."""
BLOCK_ROWS = 1 << 13
"""Images that its blocks are estimated on."""
PATIENCE = 40
"""Iterations after which the Hessian is estimated again, on all images."""
FINER = 0.1
"""What the tolerances of L-BFGS are multiplied by where the check finds that it stopped too soon."""
SHARED_BY = 4
"""Neighbouring problems of a seed that share a Hessian of the cross-entropy: it changes little along a path."""
BLOCKS = 1 << 20
"""Entries of the blocks of one problem up to which every class has its own."""
WEIGHTS = 1 << 22
"""Entries of the weights of the problems of one seed that are solved together: L-BFGS remembers 2 MEMORY of each."""
SHARES = 1 << 25
"""Class probabilities that a check keeps."""
CHECKS = 30
"""Steps of conjugate gradients, at most, that check the end."""
TOGETHER = 1 << 20
"""Entries of x up to which seeds are solved together on a CPU; larger ones are faster, and smaller, one by one."""


class _ClassBlocks:
    """The inverse of the Hessian's blocks of one class each, at w, the cross-entropy's part estimated on the images x;
    of their mean over the classes, where they are large.

    What classes have to do with each other is left to L-BFGS.
    """

    def __init__(self, x: Tensor, w: Tensor, penalty: Tensor, keep: Tensor | None) -> None:
        s, n, _ = x.shape
        r, c, k = w.shape[1:]
        chosen = torch.arange(min(1, r - 1), r, SHARED_BY, device=w.device)
        parts = w[:, chosen]
        own = c if c * k * k <= BLOCKS else 1
        blocks = x.new_zeros(s, len(chosen), own, k, k)
        for rows in x.split(2048, dim=1):
            ones = with_ones(rows)
            p = (parts.flatten(1, 2) @ ones.mT).view(s, -1, c, rows.shape[1]).softmax(2)
            curvature = p * (1 - p)
            curvature = curvature if own == c else curvature.mean(2, keepdim=True)
            columns = ones.mT.contiguous().unsqueeze(1)
            for i in range(len(chosen)):
                weighted = (columns * curvature[:, i].unsqueeze(2)).flatten(1, 2)
                blocks[:, i] += torch.bmm(weighted, ones).view(s, own, k, k)
        nearest = (torch.arange(r, device=w.device).unsqueeze(1) - chosen).abs().argmin(1)
        blocks = blocks.div_(n)[:, nearest]
        diagonal = penalty.expand(s, r, own, k)
        if keep is not None:  # a removed feature's row is the identity's
            blocks *= keep.unsqueeze(-1) * keep.unsqueeze(-2)
            diagonal = diagonal + (1 - keep)
        blocks.diagonal(dim1=-2, dim2=-1).add_(diagonal)
        for each in blocks.unbind(1):  # one problem after another: of wide ones they are large
            each.copy_(inverse(each))
        self.inverse = blocks

    def of(self, columns: Tensor) -> _ClassBlocks:
        """Those of some problems."""
        some = copy.copy(self)
        some.inverse = self.inverse[:, columns]
        return some

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
        if self.inverse.shape[2] == 1:
            z = (self.inverse.squeeze(2) @ g.mT).mT
        else:
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

    x: float32 `[S, N, K]`, standardised; y: int64 `[S, N]`; l2: `[R]` or `[S, R]`, each > 0; keep: float `[S, R, K]`,
    1 for the features that problem r may use and 0 for those removed. Stops when no entry of a problem's gradient
    exceeds `tolerance` (scikit-learn's criterion and default) and what is left to gain is about `DECREMENT` of the
    loss, and below `PROMISE` by an estimate of its bound; warns if that is not reached. start: weight `[S, R, K, C]`
    and bias `[S, R, C]` to begin from, such as a neighbouring problem's; the optimum is the same.
    """
    s, n, k = x.shape
    l2 = l2.to(x).expand(s, -1)
    if n <= FEW:
        fit = fit_few(x, y, l2, n_classes, keep, tolerance, max_iterations)
        complain(fit.gap, fit.objective)
        return fit
    at_once = s if x.device.type != "cpu" else max(1, TOGETHER // (n * k))
    columns = max(1, WEIGHTS // (n_classes * k))
    seeds = []
    for first in range(0, s, at_once):
        own, parts = slice(first, first + at_once), []
        for some in torch.arange(l2.shape[1]).split(columns):
            w = None
            if start is not None:
                w = torch.cat([start[0][own, some].mT, start[1][own, some].unsqueeze(-1)], dim=3)
            mask = None if keep is None else keep[own, some]
            parts.append(_fit(x[own], y[own], l2[own, some], n_classes, mask, tolerance, max_iterations, w))
        seeds.append(_joined(parts, 1))
    w, f, gap, iterations = _joined(seeds, 0)
    complain(gap, f)
    return Fit(w[..., :-1].mT.contiguous(), w[..., -1].contiguous(), f, iterations, gap)


Solved = tuple[Tensor, Tensor, Tensor, int]
"""Weights `[S, R, C, K+1]`, losses and what is left to gain at most `[S, R]`, and the number of iterations."""


def _joined(parts: list[Solved], dim: int) -> Solved:
    w, f, gap = (torch.cat([part[i] for part in parts], dim) for i in range(3))  # type: ignore[misc]
    return w, f, gap, max(part[3] for part in parts)


def _fit(
    x: Tensor,
    y: Tensor,
    l2: Tensor,
    n_classes: int,
    keep: Tensor | None,
    tolerance: float,
    max_iterations: int,
    w: Tensor | None,
) -> Solved:
    s, n, k = x.shape
    # whatever order the images are in, the first rows of a fixed one stand for all
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0)).to(x.device)
    objective = Objective(x, y, l2, keep, n_classes)
    if w is None:
        w = x.new_zeros(s, l2.shape[1], n_classes, k + 1)
    else:
        w = w.to(x) if objective.keep is None else w * objective.keep
    rows = n // FIRST_SHARE
    if rows >= 10 * k and rows >= FIRST_ROWS:
        few = order[:rows]
        part = Objective(x[:, few], y[:, few], l2, keep, n_classes)
        # of the optimum on so few images, this much less is gained on all of them: half the trace of H^-1 times the
        # gradients' covariance, which is H / rows
        free = (x.new_full((1, l2.shape[1]), k) if keep is None else keep.sum(2)) * (n_classes - 1)
        w = _minimise(
            part, w, torch.arange(rows), torch.inf, FIRST_DECREMENT, 60, check=False, noise=free / (2 * rows)
        )[0]
    w, f, gap, iterations = _minimise(objective, w, order, tolerance, DECREMENT, max_iterations)
    missed = (gap > PROMISE * f).any(0).nonzero().flatten()
    if len(missed):  # most of them only stopped too soon
        objective = Objective(x, y, l2[:, missed], None if keep is None else keep[:, missed], n_classes)
        again = _minimise(objective, w[:, missed], order, FINER * tolerance, FINER * DECREMENT, max_iterations)
        w[:, missed], f[:, missed], gap[:, missed] = again[:3]
        iterations += again[3]
    for i, r in (gap > PROMISE * f).nonzero().tolist():
        w[i, r], f[i, r], gap[i, r], more = _exactly(
            x[i], y[i], l2[i, r], None if keep is None else keep[i, r], w[i, r], tolerance, max_iterations
        )
        iterations += more
    return w, f, gap, iterations


def _exactly(
    x: Tensor, y: Tensor, l2: Tensor, keep: Tensor | None, w: Tensor, tolerance: float, max_iterations: int
) -> Solved:
    """One problem, from weights w `[C, K+1]` on, by Newton's method in float64."""
    features = with_ones((x if keep is None else x * keep)[None].double())
    onehot = torch.nn.functional.one_hot(y, len(w)).double().T[None]
    found, f, gap, iterations = newton(features, onehot, l2[None], w[None].double(), tolerance, max_iterations)
    return found[0].to(x), f[0], gap[0], iterations


def _minimise(
    objective: Objective,
    w: Tensor,
    order: Tensor,
    tolerance: float,
    decrement: float,
    max_iterations: int,
    check: bool = True,
    noise: Tensor | None = None,
) -> Solved:
    """From w on, by L-BFGS (Nocedal and Wright 2006, algorithm 7.5). Without a check nothing is known to be left.

    noise: absolute decrements `[1 or S, R]` below which it does not go on.
    """
    r = w.shape[1]
    best_w, active = w.clone(), torch.arange(r, device=w.device)
    f, g = objective(w)
    best_f, gap = f.clone(), torch.zeros_like(f)
    few = objective.x if objective.n <= BLOCK_ROWS else objective.x[:, order[:HESSIAN_ROWS]]
    precondition = _ClassBlocks(few[:, :BLOCK_ROWS], w, objective.penalty, objective.keep)
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
        close = decrement * f if noise is None else torch.maximum(decrement * f, noise[:, active])
        going = ((g.abs().amax((-2, -1)) > tolerance) | (-slope > 2 * close)) & ~stalled
        left = going.any(0) & (iteration < max_iterations)
        if check and not left.all():
            gap[:, active[~left]] = _left_to_gain(objective, few, precondition, w, f, g, ~left)
        if not left.any():
            return best_w, best_f, gap, iteration
        if not left.all():
            active, w, f, g, d, slope = active[left], w[:, left], f[:, left], g[:, left], d[:, left], slope[:, left]
            stalled = stalled[:, left]
            pairs = [(a[:, left], b[:, left], c[:, left]) for a, b, c in pairs]
            objective.select(left)
            precondition.select(left)
        moved, f_new, g_new, enough = _line_search(objective, w, f, d, slope)
        stalled |= ~enough
        zero = torch.zeros_like(w)
        s_k, y_k = _where(enough, moved - w, zero), _where(enough, g_new - g, zero)
        curvature = dot(s_k, y_k)
        pairs = [*pairs[-(MEMORY - 1) :], (s_k, y_k, torch.where(curvature > 1e-12, 1 / curvature, 0.0))]
        w, g, f = _where(enough, moved, w), _where(enough, g_new, g), torch.where(enough, f_new, f)
        iteration += 1
        if iteration % PATIENCE == 0:
            precondition = _ClassBlocks(objective.x, w, objective.penalty, objective.keep)


def _line_search(
    objective: Objective, w: Tensor, f: Tensor, d: Tensor, slope: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Goes from w along d, less far where that does not lower the objective enough: where to, the objective and its
    gradient there, and for which problems it is enough. slope: of f along d."""
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
    return moved, f_new, g_new, enough


def _left_to_gain(
    objective: Objective, x: Tensor, precondition: _ClassBlocks, w: Tensor, f: Tensor, g: Tensor, which: Tensor
) -> Tensor:
    """A bound on what some problems, `which` bool `[R]`, have left to gain, as tight as the promise needs,
    `[S, r]`; the Hessian is that of the images x."""
    found = []
    for columns in torch.nonzero(which).flatten().split(max(1, SHARES // (len(x) * x.shape[1] * w.shape[2]))):
        own_w, own_f, own_g = w[:, columns], f[:, columns], g[:, columns]

        def stop(_: Tensor, bounds: Bounds, promised: Tensor = PROMISE * own_f) -> Tensor:
            return (bounds[1] <= promised) | (bounds[0] > promised)

        l2, product = objective.penalty[:, columns, 0, 0].double(), objective.hessian(x, own_w, columns)
        found.append(conjugate_gradients(product, precondition.of(columns), own_g, l2, stop, CHECKS)[1][1].double())
    return torch.cat(found, 1)


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
