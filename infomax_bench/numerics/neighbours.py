"""The vote of the nearest neighbours, by the order that their distances have in float64.

Products of float32 make a short list, with a bound on their rounding, and differences in float64 decide. Where the
bound leaves too many, the list is all that products of float64 leave possible. Images as near as the k-th share the
places that are left, so that a vote does not depend on the order of the images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

GROUP, TILE = 16, 2048
"""Training images of which the nearest is kept, and those compared at a time; a tile is some groups."""
MANY = 1024
"""Training images a neighbour from which on only the nearest of each group is kept; of fewer all are, since most groups
would be looked into."""
QUERIES, MOST_QUERIES = 256, 2048
"""How many ask at a time, and at most, where there are few images."""
SPARE = 3
"""Images beyond k on the short list."""
SAME = 1e-12
"""Distances that differ by at most this share are equal."""
_COUNTS = 1 << 25
"""Counts of classes at points up to which images are taken together."""
_ENTRIES = 1 << 21
"""Bounds, and numbers of distances, that are made at a time where many points are possible."""


def vote(x: Tensor, y: Tensor, queries: Tensor, truth: Tensor, k: int, n_classes: int) -> Tensor:
    """How often the majority of the k images `[N, K]` nearest to a query `[Q, K]`, with labels y, is right; features
    are float64. Equal votes go to the smallest class, as in scikit-learn."""
    guess = torch.cat([own.argmax(1) for own in ballots(x, y, queries, min(k, len(x)), n_classes)])
    return (guess == truth).double().mean()


def ballots(x: Tensor, y: Tensor, queries: Tensor, k: int, n_classes: int) -> Iterator[Tensor]:
    """Votes of the k nearest for each class, whole numbers `[n, n_classes]`, for n queries at a time."""
    points = _Points.of(x, y, n_classes)
    nearest = min(k, len(points.x))
    short, finer = _ShortList(points.x, nearest, torch.float32), None
    at_once = max(1, _ENTRIES // len(points.x))
    for own in queries.split(max(QUERIES, min(MOST_QUERIES, _ENTRIES // 2 // len(points.x)))):
        found, sure = points.votes_by(short, own, k)
        if not sure.all():  # many near points
            finer = finer or _ShortList(points.x, nearest, torch.float64)
            for some in torch.nonzero(~sure).flatten().split(at_once):
                found[some] = points.votes_of(finer.possible(own[some]), own[some], k)
        yield found


@dataclass(frozen=True)
class _Points:
    """Where images are. Codes and collapsed features come many times, and are then told apart once.

    x: `[P, K]`, different rows if `counts` is there, how many images of each class are at each, `[P, n_classes]`; else
    the images, and y `[P]` their classes.
    """

    x: Tensor
    y: Tensor
    n_classes: int
    counts: Tensor | None = None

    @classmethod
    def of(cls, x: Tensor, y: Tensor, n_classes: int) -> _Points:
        mark = torch.rand(x.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(x)
        _, group = (x @ mark).unique(return_inverse=True)
        n = int(group.max()) + 1
        if n == len(x) or n * n_classes > _COUNTS:
            return cls(x, y, n_classes)
        places = torch.arange(len(x), device=x.device)
        first = places.new_full((n,), len(x)).scatter_reduce(0, group, places, "amin")
        if not torch.equal(x[first][group], x):  # others with the same mark
            return cls(x, y, n_classes)
        flat = (group * n_classes + y).bincount(minlength=n * n_classes)
        return cls(x[first], y, n_classes, flat.view(n, n_classes))

    def votes_by(self, short: _ShortList, own: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """The votes for queries `[n, K]` among what is on a short list, and of which it is sure."""
        rows, sure = short(own)
        there = rows < len(self.x)  # the last tile may not be full
        rows = rows.clamp(max=len(self.x) - 1)
        far = (_rows(self.x, rows) - own.unsqueeze(1)).norm(dim=2).masked_fill_(~there, torch.inf)
        return self.votes(far, rows, k), sure

    def votes_of(self, possible: Tensor, own: Tensor, k: int) -> Tensor:
        """The votes for queries `[n, K]` among points that are `possible`, bool `[n, P]`."""
        query, row = possible.nonzero().unbind(1)
        sizes = possible.sum(1)
        place = torch.arange(len(query), device=own.device) - (sizes.cumsum(0) - sizes)[query]
        rows = row.new_zeros(len(own), int(sizes.max()))
        far = own.new_full(rows.shape, torch.inf)
        rows[query, place] = row
        at_once = max(1, _ENTRIES // own.shape[1])
        parts = zip(query.split(at_once), row.split(at_once), strict=True)
        far[query, place] = torch.cat([(self.x[at] - own[asked]).norm(dim=1) for asked, at in parts])
        return self.votes(far, rows, k)

    def votes(self, far: Tensor, rows: Tensor, k: int) -> Tensor:
        """The votes of what is in `rows` `[n, m]`, at distances `far`; at an infinite one there is nothing."""
        found = rows.new_zeros(len(rows), self.n_classes)
        if self.counts is None:
            weight = _weights(far, torch.ones_like(rows), k)
            return found.scatter_add_(1, self.y[rows], weight)
        weight = _weights(far, self.counts.sum(1)[rows], k)
        for own, at, votes in zip(weight, rows, found, strict=True):  # few count: the rest need not be looked up
            some = own.nonzero().flatten()
            votes.copy_((own[some].unsqueeze(1) * self.counts[at[some]]).sum(0))
        return found


def _weights(far: Tensor, sizes: Tensor, k: int) -> Tensor:
    """What a vote counts of each of several points at distances `[n, m]`, with so many images each `[n, m]`: those
    nearer than the k-th image have one vote an image, and those as near as that share the rest. Times how many these
    are, so that votes are whole numbers."""
    first = far.topk(min(k, far.shape[1]), largest=False)  # there is an image at least at each
    last = (sizes.gather(1, first.indices).cumsum(1) < k).sum(1, keepdim=True)
    kth = first.values.gather(1, last)
    nearer, reached = far < kth * (1 - SAME), far <= kth * (1 + SAME)
    n_nearer = (sizes * nearer).sum(1, keepdim=True)
    n_equal = (sizes * reached).sum(1, keepdim=True) - n_nearer
    return torch.where(nearer, n_equal, torch.where(reached, k - n_nearer, torch.zeros_like(n_equal)))


def _rows(x: Tensor, places: Tensor) -> Tensor:
    """`x[places]`, several times as fast: `[N, K]` and `[n, m]` -> `[n, m, K]`."""
    return x.index_select(0, places.flatten()).view(*places.shape, x.shape[1])


class _ShortList:
    """Finds a few images among which the k nearest are, and whether they are for sure, by products of one type.

    Half the squared distance of x and q is `|x|^2 / 2 - x q`, but for what depends on q alone. As computed it is wrong
    by at most `slack (|x|^2 + |q|^2)`, whatever the order of the sums: by the bound on inner products (Higham 2002,
    section 3.1) and `2 |x| |q| <= |x|^2 + |q|^2`. Lower bounds are made for a few images at a time, which stay in a
    core's cache, and of each `GROUP` of them only the least is kept.
    """

    def __init__(self, x: Tensor, k: int, dtype: torch.dtype) -> None:
        self.k, self.dtype = k, dtype
        self.group = GROUP if len(x) >= MANY * k else 1
        self.tile = min(TILE, -(-len(x) // self.group) * self.group)
        self.missing = missing = -len(x) % self.tile
        self.slack = (x.shape[1] + 8) * torch.finfo(dtype).eps / 4
        length = torch.cat([x.square().sum(1), x.new_full((missing,), torch.inf)])
        self.lower = (length * (0.5 - self.slack)).to(dtype)
        self.doubt = (length * (2 * self.slack)).to(dtype)
        self.minus = torch.cat([-x.to(dtype), x.new_zeros(missing, x.shape[1]).to(dtype)])

    def possible(self, own: Tensor) -> Tensor:
        """Which points may be among the nearest to queries `[n, K]`, bool `[n, P]`."""
        q, n = own.to(self.dtype), len(self.minus) - self.missing
        tiles = zip(self.lower.split(self.tile), self.minus.split(self.tile), strict=True)
        low = torch.cat([torch.addmm(h, q, m.T) for h, m in tiles], 1)[:, :n]
        nearest = low.topk(self.k, largest=False)
        upper = (nearest.values + self.doubt[nearest.indices]).amax(1) + 2 * self.slack * own.square().sum(1)
        return low <= upper.unsqueeze(1)

    def __call__(self, own: Tensor) -> tuple[Tensor, Tensor]:
        """Places `[n, m]` in x of what may be nearest to queries `[n, K]` (past its end: of nothing), and of which
        queries, bool `[n]`, nothing is missing."""
        q, k, stride = own.to(self.dtype), self.k, self.tile // self.group
        # a tile's group is every stride-th of its images: minima go along memory
        tiles = zip(self.lower.split(self.tile), self.minus.split(self.tile), strict=True)
        least = torch.cat([torch.addmm(h, q, m.T).view(-1, self.group, stride).amin(1) for h, m in tiles], 1)
        nearest = least.topk(min(k + 1, least.shape[1]), largest=False)
        groups = nearest.indices[:, :k]
        first = groups // stride * self.tile + groups % stride
        rows = (first.unsqueeze(2) + torch.arange(0, self.tile, stride, device=own.device)).flatten(1)
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
