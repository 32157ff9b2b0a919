"""Pruning of units and weights: how much can go before the features stop serving?

A unit is removed by replacing its feature by the training mean (0 after standardisation). Orders of removal are chosen
on training data and never depend on the features' scale. The probe is kept frozen, or fitted again to what is left.
Dead units are taken out first and counted apart: fractions are of the live ones.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from infomax_bench.evaluate.context import Context, FeatureSet, Row
from infomax_bench.evaluate.logistic import fit_logistic
from infomax_bench.evaluate.probe import Probe, accuracy, shared_probe
from infomax_bench.random import generator

LEVELS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
WEIGHT_LEVELS = (0.25, 0.5, 0.75, 0.9, 0.95)
SHARED_OUT_LEVELS = (0.0, 0.2, 0.5, 0.8)
TOLERATED_LOSS = 0.01
"""The prunable fraction is the largest whose removal, and that of every smaller one, costs at most this accuracy."""


def random_order(context: Context) -> Tensor:
    """Units in an order that the seed decides, `[S, K]`."""
    k = context.set.features.shape[2]
    return torch.stack([torch.randperm(k, generator=generator(seed, "prune")) for seed in context.seeds])


def importance_order(context: Context) -> Tensor:
    """Least important to the probe first: the norm of a unit's weights on its standardised feature."""
    return shared_probe(context).weight.norm(dim=2).argsort(1)


def redundancy_order(context: Context) -> Tensor:
    """Most predictable from the units that are left first, one after another.

    The share of a unit's variance that a linear regression on the others explains is `1 - 1 / (R^-1)_kk`, R the
    correlation matrix of the training features; removing a unit is a rank-one update of R^-1.
    """
    x = context.set.x("train").double()
    s, n, k = x.shape
    corr = x.mT @ x / n
    dead = ~context.set.live()
    corr = corr + torch.diag_embed(dead.double() + 1e-6)  # exact duplicates stay invertible
    inverse = torch.linalg.inv(corr)
    left = torch.ones(s, k, dtype=torch.bool)
    order = []
    seed = torch.arange(s)
    for _ in range(k):
        diagonal = inverse.diagonal(dim1=1, dim2=2).masked_fill(~left, -torch.inf)
        unit = diagonal.argmax(1)
        order.append(unit)
        left[seed, unit] = False
        column = inverse[seed, :, unit]
        inverse = inverse - column.unsqueeze(2) * column.unsqueeze(1) / inverse[seed, unit, unit].view(s, 1, 1)
    return torch.stack(order, dim=1)


ORDERS = {"random": random_order, "importance": importance_order, "redundancy": redundancy_order}


def kept_after(order: Tensor, live: Tensor, fractions: tuple[float, ...]) -> Tensor:
    """Float masks `[S, R, K]` of the units left after each fraction of the live ones, rounded down, is removed."""
    # dead units first, then the live ones in their order
    dead_first = order.gather(1, live.gather(1, order).long().argsort(dim=1, stable=True))
    rank = torch.empty_like(order).scatter_(1, dead_first, torch.arange(order.shape[1]).expand_as(order))
    n_live = live.sum(1, keepdim=True)
    removed = (torch.tensor(fractions) * n_live + 1e-9).floor() + (order.shape[1] - n_live)
    return (rank.unsqueeze(1) >= removed.unsqueeze(2)).float()


def _frozen(data: FeatureSet, probe: Probe, keep: Tensor, part: str) -> Tensor:
    """Accuracy `[S, R]` of the frozen probe on the units kept."""
    weight = keep.unsqueeze(-1) * probe.weight.unsqueeze(1)  # [S, R, K, C]
    s, r, k, c = weight.shape
    flat = weight.permute(0, 2, 1, 3).reshape(s, k, r * c)
    logits = (data.x(part) @ flat).view(s, -1, r, c).transpose(1, 2) + probe.bias.view(s, 1, 1, c)
    return accuracy(logits, data.y(part).unsqueeze(1))


def _refitted(data: FeatureSet, probe: Probe, keep: Tensor) -> tuple[Tensor, Tensor]:
    """Validation and test accuracy `[S, R]` of a probe fitted to the units kept, at each seed's own L2."""
    validation, test = [], []
    for i in range(len(data.splits)):
        one = slice(i, i + 1)
        levels = keep.shape[1]
        l2 = probe.l2[i].expand(levels)
        start = None
        if probe.weight.shape[1] == keep.shape[2]:  # the whole probe is near the pruned one
            start = (probe.weight[one].expand(levels, -1, -1)[None], probe.bias[one].expand(levels, -1)[None])
        fit = fit_logistic(data.x("train")[one], data.y("train")[one], l2, data.n_classes, keep[one], start=start)
        validation.append(accuracy(fit.logits(data.x("validation")[one]), data.y("validation")[one].unsqueeze(1)))
        test.append(accuracy(fit.logits(data.x("test")[one]), data.y("test")[one].unsqueeze(1)))
    return torch.cat(validation), torch.cat(test)


def prunable_fraction(accuracies: Tensor, fractions: tuple[float, ...], tolerated: float = TOLERATED_LOSS) -> Tensor:
    """The largest fraction `[S]` up to which no level costs more than `tolerated`; accuracies `[S, R]`, fractions
    ascending from 0."""
    fine = (accuracies >= accuracies[:, :1] - tolerated - 1e-12).long().cumprod(1)
    largest = torch.tensor(fractions, dtype=torch.float64)[fine.sum(1) - 1]
    return largest.masked_fill(accuracies[:, 0].isnan(), torch.nan)


def area(accuracies: Tensor, fractions: tuple[float, ...], chance: float) -> Tensor:
    """Area `[S]` under accuracy, scaled so that the full features give 1 and chance gives 0, over the fractions."""
    full = accuracies[:, :1]
    scaled = (accuracies - chance) / (full - chance).clamp_min(1e-3)
    x = torch.tensor(fractions, dtype=torch.float64)
    return torch.trapezoid(scaled, x, dim=1) / (x[-1] - x[0])


def prune_units(context: Context) -> list[Row]:
    """Accuracy against the fraction of live units removed, in every order, probe frozen and refitted.

    `prunable_fraction` and `area` summarise each curve. The protocol "best/refitted" is, for each seed, the order that
    prunes furthest on validation: no order was missed that would have been easier.
    """
    data, probe = context.set, shared_probe(context)
    live = data.live()
    chance = 1 / data.n_classes
    rows = context.rows("dead_units", 1 - live.double().mean(1))
    by_order: list[tuple[Tensor, Tensor]] = []
    for name, order in ORDERS.items():
        keep = kept_after(order(context), live, LEVELS)
        refit_validation, refit_test = _refitted(data, probe, keep)
        by_order.append((prunable_fraction(refit_validation, LEVELS), prunable_fraction(refit_test, LEVELS)))
        for kind, curve in (("frozen", _frozen(data, probe, keep, "test")), ("refitted", refit_test)):
            protocol = f"{name}/{kind}"
            for level, value in zip(LEVELS, curve.T, strict=True):
                rows += context.rows("accuracy", value, protocol=protocol, x=level)
            rows += context.rows("prunable_fraction", prunable_fraction(curve, LEVELS), protocol=protocol)
            rows += context.rows("area", area(curve, LEVELS, chance), protocol=protocol)
    on_validation, on_test = (torch.stack(part) for part in zip(*by_order, strict=True))
    best = on_validation.argmax(0)
    rows += context.rows("prunable_fraction", on_test[best, torch.arange(len(best))], protocol="best/refitted")
    if context.encoder is not None and context.encoder.method.competitive:
        rows += _renormalised(context)
    return rows


def _renormalised(context: Context) -> list[Row]:
    """Where units compete, the second protocol: those left share out anew, in the random order, probe refitted."""
    encoder, probe = context.need_encoder(), shared_probe(context)
    order = random_order(context)
    rows = []
    for level in SHARED_OUT_LEVELS:
        units = order[:, int(level * order.shape[1] + 1e-9) :]
        data = context.of(encoder.keep_units(units.sort(1).values))
        _, test = _refitted(data, probe, torch.ones(len(units), 1, units.shape[1]))
        rows += context.rows("accuracy", test[:, 0], protocol="random/renormalised", x=level)
    return rows


def prune_weights(context: Context) -> list[Row]:
    """Accuracy against the fraction of the encoder's weights removed, the smallest of each unit first."""
    encoder, probe, full = context.need_encoder(), shared_probe(context), context.set
    mean, scale = full.moments()
    rows = [
        row
        for kind in ("frozen", "refitted")
        for row in context.rows("accuracy", probe.test, protocol=f"magnitude/{kind}", x=0.0)
    ]
    for level in WEIGHT_LEVELS:
        pruned = encoder.map_weights(partial(without_smallest, fraction=level))
        if all(torch.equal(pruned.params[name], p) for name, p in encoder.params.items()):  # only zeros were removed
            for kind in ("frozen", "refitted"):
                rows += context.rows("accuracy", probe.test, protocol=f"magnitude/{kind}", x=level)
            continue
        data = context.of(pruned)
        x = (data.raw("test") - mean) / scale  # the frozen probe keeps the scaling it was fitted with
        frozen = accuracy(x @ probe.weight + probe.bias.unsqueeze(1), data.y("test"))
        rows += context.rows("accuracy", frozen, protocol="magnitude/frozen", x=level)
        _, refitted = _refitted(data, probe, torch.ones(len(x), 1, x.shape[2]))
        rows += context.rows("accuracy", refitted[:, 0], protocol="magnitude/refitted", x=level)
    return rows


def without_smallest(weight: Tensor, fraction: float) -> Tensor:
    """A weight `[S, n_in, n_out]` with the smallest `fraction` of each unit's incoming weights set to 0."""
    n = int(fraction * weight.shape[1])
    if n == 0:
        return weight
    smallest = weight.abs().argsort(1)[:, :n]
    return weight.scatter(1, smallest, 0.0)
