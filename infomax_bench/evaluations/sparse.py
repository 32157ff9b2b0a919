"""Sparse probes: how well a few units tell a class. The units are chosen on training images."""

from __future__ import annotations

import torch
from torch import Tensor

from infomax_bench.numerics.logistic import fit_logistic

SPARSE_L2 = 1e-4
"""Weak, as so few units do not overfit; there is nothing to choose."""


def sparse_units(x: Tensor, labels: Tensor, n_classes: int, k: int) -> Tensor:
    """The k units that tell each class together, one after another, int64 `[S, C, min(k, K)]`; x `[S, N, K]`,
    labels `[S, N]`.

    Orthogonal least squares (Chen, Billings and Luo 1989): each unit is the one that lowers the squared error of a
    linear fit of the class's indicator most. The first is that with the largest difference between the class's mean and
    the others' in standard deviations, the choice of Gurnee et al. 2023 (appendix A) for one neuron; a copy of a unit
    is never a second one.
    """
    centred = (x - x.mean(1, keepdim=True)).double()
    target = torch.nn.functional.one_hot(labels, n_classes).double()
    gram = centred.mT @ centred  # [S, K, K]
    covariance = (centred.mT @ target).mT  # [S, C, K], of every unit's residual with each class
    whole = gram.diagonal(dim1=1, dim2=2)[:, None].expand_as(covariance)
    left = whole.clone()  # the residual's sum of squares, once the chosen units are projected out
    out: list[Tensor] = []
    projections: list[Tensor] = []
    for _ in range(min(k, x.shape[2])):
        free = left > 1e-6 * whole
        gain = (covariance.square() / left).where(free, 0.0)
        for chosen in out:
            gain = gain.scatter(-1, chosen[..., None], -1.0)
        best = gain.argmax(-1)  # [S, C]
        index = best[..., None]
        row = gram.gather(1, best[..., None].expand(-1, -1, gram.shape[-1]))
        for p in projections:
            row = row - p * p.gather(-1, index)
        usable = free.gather(-1, index)
        p = torch.where(usable, row / left.gather(-1, index).clamp(min=1e-30).sqrt(), 0.0)
        covariance = covariance - p * covariance.gather(-1, index) / left.gather(-1, index).clamp(min=1e-30).sqrt()
        left = (left - p.square()).clamp(min=0)
        projections.append(p)
        out.append(best)
    return torch.stack(out, -1)


def sparse_probe(x: Tensor, labels: Tensor, x_test: Tensor, labels_test: Tensor, units: Tensor) -> Tensor:
    """Test accuracy `[S]` of classes told by k units each (Gurnee et al. 2023).

    x: `[S, N, K]`, standardised on training images; labels: `[S, N]`; units: int64 `[S, C, k]`, from `sparse_units`.
    Every class has its own logistic regression on its own k units, that class against the rest; the one with the
    largest log-odds wins.
    """
    classes = torch.arange(units.shape[1], device=x.device)
    chosen, held_out = (_columns(each, units) for each in (x, x_test))  # [S, C, N, k]
    is_class = (labels[:, None] == classes[:, None]).long()
    fit = fit_logistic(chosen.flatten(0, 1), is_class.flatten(0, 1), torch.tensor([SPARSE_L2]), 2)
    weight, bias = fit.weight[:, 0], fit.bias[:, 0]  # [S * C, k, 2], [S * C, 2]
    odds = (held_out.flatten(0, 1) @ weight.diff(dim=-1)).squeeze(-1) + bias.diff(dim=-1)
    told: Tensor = odds.unflatten(0, units.shape[:2]).argmax(1)
    return (told == labels_test).double().mean(-1)


def _columns(x: Tensor, units: Tensor) -> Tensor:
    """Features `[S, N, K]` of chosen units `[S, C, k]`, as `[S, C, N, k]`."""
    pairs = zip(x, units, strict=True)
    return torch.stack([own[:, chosen.flatten()].unflatten(1, chosen.shape).transpose(0, 1) for own, chosen in pairs])
