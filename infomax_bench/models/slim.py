"""Smaller networks out of trained ones: weights held at zero, and units taken out.

Weights are removed by masks, which a training can hold (`train(..., masks=...)`). Units are removed in earnest: what is
left is a smaller network of the same kind, with the same numbers in fewer rows and columns.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from infomax_bench.models.backbones import Plain, encoding_of
from infomax_bench.models.blocks import Params, Problem
from infomax_bench.models.encoder import Layer


def layers_in_turn(problem: Problem) -> list[Layer]:
    """The layers of a frozen encoder whose layers follow each other, the lowest first.

    Raises NotApplicable for other encoders.
    """
    return encoding_of(problem.backbone)(problem, Plain()).in_turn()


# -- weights ----------------------------------------------------------------------------------------------------------
def smallest(weights: Params, share: float, across: bool = True) -> Params:
    """Masks, 1 or 0, that remove this share of the weights `[S, ...]` of each seed, the smallest magnitudes first.

    across: of all weights together (Han et al. 2015 with one threshold), or of each weight its own share. The number
    is rounded, as in torch.nn.utils.prune.
    """
    if not across:
        return {name: m for name, w in weights.items() for m in smallest({name: w}, share).values()}
    flat = torch.cat([w.flatten(1) for w in weights.values()], dim=1)
    gone = flat.abs().topk(round(share * flat.shape[1]), dim=1, largest=False).indices
    mask = torch.ones_like(flat).scatter_(1, gone, 0.0)
    parts = mask.split([w[0].numel() for w in weights.values()], dim=1)
    return {name: part.view_as(w) for (name, w), part in zip(weights.items(), parts, strict=True)}


def masked(params: Params, masks: Params) -> Params:
    """The parameters, those that have a mask multiplied by it."""
    return {**params, **{name: params[name] * mask for name, mask in masks.items()}}


# -- units ------------------------------------------------------------------------------------------------------------
def _incoming(weight: Tensor) -> Tensor:
    """A unit's incoming weights, `[S, n_out, ...]`."""
    return weight.mT if weight.dim() == 3 else weight


def _outgoing(weight: Tensor, n: int) -> Tensor:
    """The weights of the layer above, by the n units below that they come from, `[S, n, ...]`."""
    if weight.dim() == 3:  # a convolution's outputs are laid side by side, those of one channel together
        return torch.flatten(weight.unflatten(1, (n, -1)), 2)
    return weight.transpose(1, 2)


def incoming_norm(params: Params, layers: Sequence[Layer], reader: str) -> list[Tensor]:
    """The sum of absolute incoming weights of the units of each layer, `[S, n]` (Li et al. 2017)."""
    return [_incoming(params[layer.weight]).flatten(2).abs().sum(2) for layer in layers]


def path_norm(params: Params, layers: Sequence[Layer], reader: str) -> list[Tensor]:
    """Root of the summed squares of all products of one incoming and one outgoing weight of a unit, `[S, n]`.

    That is the norm of the ones times that of the others. It stays as it is when a ReLU's inputs are scaled up and its
    outputs down (Neyshabur, Salakhutdinov and Srebro 2015). A normalised unit's gain counts with its incoming weights.
    reader: the name of the weights `[S, n, C]` that read the last layer.
    """
    found = []
    for layer, above in itertools.pairwise([*(layer for layer in layers), Layer(reader, ())]):
        before = _incoming(params[layer.weight]).flatten(2).norm(dim=2)
        if layer.gain:
            before = before * params[layer.gain].abs()
        found.append(before * _outgoing(params[above.weight], before.shape[1]).flatten(2).norm(dim=2))
    return found


def kept_units(scores: Sequence[Tensor], layers: Sequence[Layer], share: float) -> list[Tensor]:
    """The units `[S, m]` of each layer that are left when this share of them is removed, those of least score first.

    The number is rounded down and the same for all seeds. One unit is always left; in each of a layer's groups, where
    there are several, two: a single one may be normalised to a constant.
    """
    kept = []
    for score, layer in zip(scores, layers, strict=True):
        grouped = score.unflatten(1, (layer.groups, -1))
        size, least = grouped.shape[2], 1 if layer.groups == 1 else 2
        best = grouped.topk(max(size - int(share * size + 1e-9), min(least, size)), dim=2).indices
        first = size * torch.arange(layer.groups, device=score.device).view(1, -1, 1)
        kept.append((best + first).flatten(1).sort(1).values)
    return kept


def removed_share(kept: Sequence[Tensor], scores: Sequence[Tensor]) -> float:
    """The share of all units that is gone."""
    return round(1 - sum(k.shape[1] for k in kept) / sum(s.shape[1] for s in scores), 9)


def take(p: Tensor, dim: int, index: Tensor) -> Tensor:
    """Each seed's own entries `[S, m]` of one dimension of a parameter `[S, ...]`."""
    return torch.stack([own.index_select(dim - 1, i) for own, i in zip(p, index, strict=True)])


def with_units(
    params: Params, problem: Problem, layers: Sequence[Layer], reader: str, kept: Sequence[Tensor]
) -> tuple[Params, Problem]:
    """The smaller network that has only the units `[S, m]` of each layer, and its problem.

    reader: the name of the weights `[S, n, C]` that read the last layer; they lose rows.
    """
    small = dict(params)
    for layer, above, units in zip(layers, [*(own.weight for own in layers[1:]), reader], kept, strict=True):
        n = params[layer.vectors[0]].shape[1]
        own, upper = small[layer.weight], small[above]
        small[layer.weight] = take(own, 2 if own.dim() == 3 else 1, units)
        for name in layer.vectors:
            small[name] = take(small[name], 1, units)
        if upper.dim() == 3:
            small[above] = take(upper.unflatten(1, (n, -1)), 1, units).flatten(1, 2)
        else:
            small[above] = take(upper, 2, units)
    sizes = tuple(units.shape[1] for units in kept)
    return small, replace(problem, width=sizes[-1], hidden=sizes[:-1])
