"""In which order units are pruned: all are chosen on training images, and none depends on the features' scale."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from infomax_bench.base.streams import generator
from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.probe import shared_probe

RIDGE = 1e-3
"""Of the least-squares probe that orders greedily, relative to a unit's variance."""
SMALL = 64
"""Units up to which it does not pay to leave those out that have gone."""


def random_order(context: Context) -> Tensor:
    """Units in an order that the seed decides, `[S, K]`."""
    k = context.set.features.shape[2]
    return torch.stack([torch.randperm(k, generator=generator(seed, "prune")) for seed in context.seeds])


def importance_order(context: Context) -> Tensor:
    """Least important to the probe first: the norm of a unit's weights on its standardised feature."""
    norms: Tensor = shared_probe(context).weight.norm(dim=2)
    return norms.argsort(1)


def redundancy_order(context: Context) -> Tensor:
    """Most predictable from the units that are left first, one after another.

    The share of a unit's variance that a linear regression on the others explains is `1 - 1 / (R^-1)_kk`, R the
    correlation matrix of the training features; removing a unit is a rank-one update of R^-1.
    """
    second = _second_moments(context)
    dead = ~context.set.live()
    inverse = torch.linalg.inv(second + torch.diag_embed(dead.double() + 1e-6))  # exact duplicates stay invertible
    nothing = inverse.new_zeros(*inverse.shape[:2], 1)
    return _eliminated(inverse, nothing, lambda inverse, _: 1 / inverse.diagonal(dim1=1, dim2=2))


def greedy_order(context: Context) -> Tensor:
    """Greedy backward elimination: at every step the unit goes whose removal costs the refitted probe least.

    The probe of this order is the ridge regression of the one-hot labels on the standardised training features, whose
    refits have a closed form. With `A = X'X / N + RIDGE`, `B = X'(Y - mean Y) / N` and `W = A^-1 B`, removing unit k
    and refitting the others raises the objective `||Y - X W - b||^2 / N + RIDGE ||W||^2` by exactly

        sum_c W_kc^2 / (A^-1)_kk

    and turns A^-1 and W into those of the units left by a rank-one update (the deletion formulas of optimal brain
    surgeon, Hassibi and Stork 1993, exact here since the objective is quadratic). K removals cost O(K^3).
    """
    data = context.set
    second = _second_moments(context)
    n, k = data.x("train").shape[1:]
    inverse = torch.linalg.inv(second + RIDGE * torch.eye(k, dtype=torch.float64))
    y = one_hot(data.y("train"), data.n_classes).to(data.x("train"))
    moments = torch.stack([(x.T @ own).double() for x, own in zip(data.x("train"), y - y.mean(1, True), strict=True)])
    return _eliminated(
        inverse, inverse @ moments / n, lambda inverse, w: w.square().sum(2) / inverse.diagonal(dim1=1, dim2=2)
    )


def _second_moments(context: Context) -> Tensor:
    """`X'X / N` of the standardised training features, float64 `[S, K, K]`."""

    def compute() -> Tensor:
        x = context.set.x("train")
        total = torch.zeros(len(x), x.shape[2], x.shape[2], dtype=torch.float64)
        for part in x.split(8192, dim=1):
            total += part.double().mT @ part.double()
        return total / x.shape[1]

    moments: Tensor = context.once("second moments of standardised features", compute)
    return moments


def _eliminated(inverse: Tensor, weight: Tensor, cost: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The order `[S, K]` in which units go if at each step the one of least `cost(inverse, weight)` goes.

    inverse `[S, K, K]` and weight `[S, K, C]` are those of a least-squares problem. They are worked on in place, and
    stay those of the units left; when half of the units have gone, only the others are worked on.
    """
    s, k = inverse.shape[:2]
    seed, left, order = torch.arange(s), torch.ones(s, k, dtype=torch.bool), []
    units = torch.arange(k).expand(s, k)
    change = torch.empty_like(inverse)  # one for all steps: new ones would leave the heap in pieces, gigabytes of them
    for removed in range(k):
        if 2 * (k - removed) <= units.shape[1] > SMALL:
            units, inverse, weight = (
                part[left].view(s, k - removed, *part.shape[2:]) for part in (units, inverse, weight)
            )
            inverse = inverse.mT[left].view(s, k - removed, k - removed)
            left, change = torch.ones_like(units, dtype=torch.bool), torch.empty_like(inverse)
        unit = cost(inverse, weight).masked_fill(~left, torch.inf).argmin(1)
        order.append(units[seed, unit])
        left[seed, unit] = False
        share = inverse[seed, :, unit] / inverse[seed, unit, unit].unsqueeze(1)
        weight -= share.unsqueeze(2) * weight[seed, unit].unsqueeze(1)
        inverse -= torch.mul(share.unsqueeze(2), inverse[seed, unit].unsqueeze(1), out=change)
    return torch.stack(order, dim=1)


ORDERS = {
    "random": random_order,
    "importance": importance_order,
    "redundancy": redundancy_order,
    "greedy": greedy_order,
}


def dead_first(order: Tensor, live: Tensor) -> Tensor:
    """An order `[S, K]` with the dead units moved to its front; live: bool `[S, K]`."""
    return order.gather(1, live.gather(1, order).long().argsort(dim=1, stable=True))


def kept_after(order: Tensor, removed: Tensor) -> Tensor:
    """Float masks `[R, K]` of the units left after the first `removed` `[R]` of an order `[K]` have gone."""
    rank = torch.empty_like(order).scatter_(0, order, torch.arange(len(order)))
    return (rank >= removed.unsqueeze(1)).float()
