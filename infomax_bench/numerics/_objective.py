"""Cross-entropy of many linear classifiers at once: value, gradient and Hessian. `logistic.py` says of what."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

CACHED = 3 << 16
"""Entries of the features and of the logits used at a time on a CPU: few enough to stay in a core's cache."""


def _cached(x: Tensor, entries: int) -> Sequence[Tensor]:
    """Images `[S, n, K]`, so many at a time that the entries which each of them makes stay in the cache."""
    cached = CACHED if x.device.type == "cpu" else CACHED << 9
    return torch.split(x, max(64, cached // entries), dim=1)


def _scores(x: Tensor, w: Tensor) -> Tensor:
    """Class scores `[S, r, C, n]` of images x `[S, n, K]` by weights `[S, r, C, K+1]`. (Not by `baddbmm`, whose column
    of intercepts keeps it from the fast kernels.)"""
    s, r, c, k = w.shape
    weight, bias = w[..., :-1].reshape(s, r * c, k - 1), w[..., -1].reshape(s, r * c, 1)
    return torch.bmm(weight, x.mT).add_(bias).view(s, r, c, -1)


class Objective:
    """Loss `[S, R]` and gradient of weights `[S, R, C, K+1]`, the intercept last."""

    def __init__(self, x: Tensor, y: Tensor, l2: Tensor, keep: Tensor | None, n_classes: int) -> None:
        """x `[S, N, K]`, y `[S, N]`, l2 `[R]` or `[S, R]`, keep `[S, R, K]`."""
        s, self.n, k = x.shape
        self.x, self.y = x, y
        onehot = torch.nn.functional.one_hot(y, n_classes).to(x.dtype)
        self.xty = (torch.cat([onehot.mT @ x, onehot.sum(1).unsqueeze(-1)], dim=2) / self.n).unsqueeze(1)
        l2 = l2.to(x).expand(s, -1)[..., None, None]
        self.penalty = torch.cat([l2.expand(-1, -1, 1, k), torch.zeros_like(l2)], dim=3)  # [S, R, 1, K+1]
        self.keep = None
        if keep is not None:
            self.keep = (
                torch.cat([keep, keep.new_ones(s, keep.shape[1], 1)], dim=2).unsqueeze(2).to(x)
            )  # [S, R, 1, K+1]

    def select(self, active: Tensor) -> None:
        """Keeps only the columns R that are still at work."""
        self.penalty = self.penalty[:, active]
        self.keep = None if self.keep is None else self.keep[:, active]

    def hessian(self, x: Tensor, w: Tensor, columns: Tensor) -> Callable[[Tensor], Tensor]:
        """Multiplies by the Hessian, of images x `[S, n, K]`, at weights w `[S, r, C, K+1]` of the problems at
        columns, whose class probabilities are made once."""
        s, r, c, k = w.shape
        images = _cached(x, s * (r * c + k))
        shares = [_scores(part, w).softmax(2) for part in images]

        def product(v: Tensor) -> Tensor:
            total = w.new_zeros(s, r * c, k)
            for part, p in zip(images, shares, strict=True):
                t = _scores(part, v)
                t = (t.sub_((p * t).sum(2, keepdim=True)).mul_(p)).view(s, r * c, -1)
                total[..., :-1] += torch.bmm(t, part)
                total[..., -1] += t.sum(2)
            found = total.view(w.shape) / x.shape[1] + self.penalty[:, columns] * v
            return found if self.keep is None else found * self.keep[:, columns]

        return product

    def __call__(self, w: Tensor, columns: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Of all R problems, or only of those at `columns`, whose weights w then is."""
        s, r, c, k = w.shape
        penalty, keep = self.penalty, self.keep
        if columns is not None:
            penalty, keep = penalty[:, columns], None if keep is None else keep[:, columns]
        grad, grad_bias = w.new_zeros(s, r * c, k - 1), w.new_zeros(s, r * c, 1)
        fit = torch.zeros(s, r, dtype=torch.float64, device=w.device)
        first = 0
        for x in _cached(self.x, s * (r * c + k)):
            z = _scores(x, w)
            own = self.y[:, first : first + x.shape[1]].view(s, 1, 1, -1).expand(-1, r, -1, -1)
            first += x.shape[1]
            p = z.softmax(2)
            right = p.gather(2, own)
            told = right.log() if right.all() else z.log_softmax(2).gather(2, own)  # where float32 has no such share
            fit -= told.sum((2, 3), dtype=torch.float64)
            p = p.view(s, r * c, -1)
            grad += torch.bmm(p, x)
            grad_bias += p.sum(2, keepdim=True)
        g = torch.cat([grad, grad_bias], dim=2).view(w.shape) / self.n - self.xty + penalty * w
        fit /= self.n
        loss = fit + 0.5 * (penalty * w.square()).sum((-2, -1), dtype=torch.float64)
        return loss, g if keep is None else g * keep
