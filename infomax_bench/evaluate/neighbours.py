"""The vote of the nearest neighbours, by the order that their distances have in float64.

Products of float32 make a short list, with a bound on their rounding, and differences in float64 decide. Where the
bound leaves too many, all differences are made. Images as near as the k-th share the places that are left, so that a
vote does not depend on the order of the images.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

GROUP, TILE = 16, 2048
"""Training images of which the nearest is kept, and those compared at a time; a tile is some groups."""
QUERIES = 256
"""How many ask at a time."""
SPARE = 3
"""Images beyond k on the short list."""
SAME = 1e-12
"""Distances that differ by at most this share are equal."""
_ENTRIES = 1 << 21
"""Distances that are made at a time, where all are."""


def vote(x: Tensor, y: Tensor, queries: Tensor, truth: Tensor, k: int, n_classes: int) -> Tensor:
    """How often the majority of the k images `[N, K]` nearest to a query `[Q, K]`, with labels y, is right; features
    are float64. Equal votes go to the smallest class, as in scikit-learn."""
    guess = torch.cat([own.argmax(1) for own in ballots(x, y, queries, min(k, len(x)), n_classes)])
    return (guess == truth).double().mean()


def ballots(x: Tensor, y: Tensor, queries: Tensor, k: int, n_classes: int) -> Iterator[Tensor]:
    """Votes of the k nearest for each class, whole numbers `[n, n_classes]`, for n queries at a time."""
    short, all_rows = _ShortList(x, k), max(1, _ENTRIES // len(x))
    for own in queries.split(QUERIES):
        rows, sure = short(own)
        there = rows < len(x)  # the last tile may not be full
        rows = rows.clamp_(max=len(x) - 1)
        far = (_rows(x, rows) - own.unsqueeze(1)).norm(dim=2).masked_fill_(~there, torch.inf)
        found = _counted(far, y[rows], k, n_classes)
        for some in torch.nonzero(~sure).flatten().split(all_rows):
            far = torch.cdist(own[some], x, compute_mode="donot_use_mm_for_euclid_dist")
            found[some] = _counted(far, y.expand(len(some), -1), k, n_classes)
        yield found


def _counted(far: Tensor, labels: Tensor, k: int, n_classes: int) -> Tensor:
    """Votes for each class of images at distances `[n, m]`: those nearer than the k-th have one each, and those as near
    as that share the rest. Times how many these are, so that they are whole numbers."""
    kth = far.kthvalue(k, dim=1, keepdim=True).values
    nearer, reached = far < kth * (1 - SAME), far <= kth * (1 + SAME)
    n_nearer = nearer.sum(1, keepdim=True)
    n_equal = reached.sum(1, keepdim=True) - n_nearer
    weight = torch.where(nearer, n_equal, torch.where(reached, k - n_nearer, 0))
    return weight.new_zeros(len(far), n_classes).scatter_add_(1, labels, weight)


def _rows(x: Tensor, places: Tensor) -> Tensor:
    """`x[places]`, several times as fast: `[N, K]` and `[n, m]` -> `[n, m, K]`."""
    return x.index_select(0, places.flatten()).view(*places.shape, x.shape[1])


class _ShortList:
    """Finds a few images among which the k nearest are, and whether they are for sure, by products in float32.

    Half the squared distance of x and q is `|x|^2 / 2 - x q`, but for what depends on q alone. In float32 it is wrong
    by at most `slack (|x|^2 + |q|^2)`, whatever the order of the sums: by the bound on inner products (Higham 2002,
    section 3.1) and `2 |x| |q| <= |x|^2 + |q|^2`. Lower bounds are made for a few images at a time, which stay in a
    core's cache, and of each `GROUP` of them only the least is kept.
    """

    def __init__(self, x: Tensor, k: int) -> None:
        self.k = k
        self.group = GROUP if len(x) >= k * GROUP else 1
        self.tile = min(TILE, -(-len(x) // self.group) * self.group)
        missing = -len(x) % self.tile
        self.slack = (x.shape[1] + 8) * torch.finfo(torch.float32).eps / 4
        length = torch.cat([x.square().sum(1), x.new_full((missing,), torch.inf)])
        self.lower = (length * (0.5 - self.slack)).float()
        self.doubt = (length * (2 * self.slack)).float()
        self.minus = torch.cat([-x.float(), x.new_zeros(missing, x.shape[1]).float()])

    def __call__(self, own: Tensor) -> tuple[Tensor, Tensor]:
        """Places `[n, m]` in x of what may be nearest to queries `[n, K]` (past its end: of nothing), and of which
        queries, bool `[n]`, nothing is missing."""
        q, k, stride = own.float(), self.k, self.tile // self.group
        # a tile's group is every stride-th of its images: minima go along memory
        tiles = zip(self.lower.split(self.tile), self.minus.split(self.tile), strict=True)
        least = torch.cat([torch.addmm(h, q, m.T).view(-1, self.group, stride).amin(1) for h, m in tiles], 1)
        nearest = least.topk(min(k + 1, least.shape[1]), largest=False)
        groups = nearest.indices[:, :k]
        first = groups // stride * self.tile + groups % stride
        rows = (first.unsqueeze(2) + torch.arange(0, self.tile, stride)).flatten(1)
        near = self.lower[rows] + (_rows(self.minus, rows) * q.unsqueeze(1)).sum(2)
        low, places = near.topk(min(k + SPARE, near.shape[1]), largest=False)
        found = rows.gather(1, places)
        upper = (low[:, :k] + self.doubt[found[:, :k]]).amax(1) + 2 * self.slack * own.square().sum(1)
        sure = torch.ones_like(upper, dtype=torch.bool)
        if least.shape[1] > k:  # no group that was left out has one
            sure &= nearest.values[:, k] > upper
        if near.shape[1] > low.shape[1]:  # nor have those that were taken more
            sure &= low[:, -1] > upper
        return found, sure
