"""Pruning of an encoder's weights: how many can go before the features stop serving?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from infomax_bench.data.dataset import images_as
from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.curves import PRUNABLE, prunable_fraction, tolerable
from infomax_bench.evaluations.declare import Row, evaluation
from infomax_bench.evaluations.probe import ACCURACY, accuracy, shared_probe
from infomax_bench.evaluations.refits import refitted_accuracy
from infomax_bench.training.data import mean_images

WEIGHT_LEVELS = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95)

BISECTIONS = 3
"""Halvings, by validation, of the interval between two weight levels in which the loss becomes too large."""


BY_MAGNITUDE = ("magnitude/frozen", "magnitude/refitted")


@evaluation(
    version=6,
    seconds=4e-5,
    of_maps=True,
    metrics=[
        ACCURACY.under(*BY_MAGNITUDE, x="share of each unit's weights that is removed", at=WEIGHT_LEVELS),
        PRUNABLE.under(*BY_MAGNITUDE),
    ],
)
def prune_weights(context: Context) -> list[Row]:
    """Accuracy as the encoder's weights are removed, the smallest of each unit first, probe frozen and refitted.

    Weights are those of the map of images less their mean over training: a bias that took up the mean image gives back
    what belongs to a weight that goes, so that each unit's pre-activation of the mean image stays as it was.

    Fractions are WEIGHT_LEVELS, and for each seed those that BISECTIONS halvings visit between the last level that
    validation tolerates, refitted, and the first that it does not. `prunable_fraction` is as for units.
    """
    encoder = context.need_encoder()
    assert context.target is not None, "an encoder's context has images"
    images = images_as(context.target, encoder.problem.input_shape).flatten(1)
    average = mean_images(images, [s.train for s in context.set.splits])
    zero = torch.zeros(len(context.seeds), dtype=torch.float64)
    measured = [(zero + level, *_without(context, zero + level, average)) for level in WEIGHT_LEVELS]
    for _ in range(BISECTIONS):
        fractions, _, validation, _ = _ascending(measured)
        halves = []
        for x, y in zip(fractions.T, validation.T, strict=True):
            holds = int(tolerable(y).long().cumprod(0).sum()) - 1
            halves.append((x[holds] + (x[holds + 1] if holds + 1 < len(x) else 1.0)) / 2)
        middle = torch.stack(halves)
        measured.append((middle, *_without(context, middle, average)))
    rows = []
    for level, (_, frozen, _, refitted) in zip(WEIGHT_LEVELS, measured, strict=False):
        rows += context.rows("accuracy", frozen, protocol="magnitude/frozen", x=level)
        rows += context.rows("accuracy", refitted, protocol="magnitude/refitted", x=level)
    fractions, frozen, _, refitted = _ascending(measured)
    for kind, curve in (("frozen", frozen), ("refitted", refitted)):
        values = [prunable_fraction(y, x) for x, y in zip(fractions.T, curve.T, strict=True)]
        rows += context.rows("prunable_fraction", torch.tensor(values), protocol=f"magnitude/{kind}")
    return rows


def _ascending(measured: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Levels `[R, S]` put in the order of each seed's fractions, which come first."""
    parts = [torch.stack(part) for part in zip(*measured, strict=True)]
    index = parts[0].argsort(dim=0, stable=True)
    return tuple(part.gather(0, index) for part in parts)


def _without(context: Context, fraction: Tensor, average: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Accuracy `[S]` without a fraction `[S]` of the weights: frozen on test; refitted on validation, and on test.

    average: the mean training image, `[S, D]`.
    """
    encoder, probe = context.need_encoder(), shared_probe(context)
    pruned = encoder.map_weights(partial(without_smallest, fraction=fraction), average)
    if all(torch.equal(pruned.params[name], p) for name, p in encoder.params.items()):  # only zeros were removed
        return probe.test, probe.validation, probe.test
    own = replace(context, encoder=pruned, cache={})
    test = context.set.standardised(own.set.raw("test"))  # the frozen probe keeps the scaling it was fitted with
    scores = test @ probe.weight + probe.bias.unsqueeze(1)
    return (accuracy(scores, own.set.y("test")), *refitted_accuracy(own, probe))


def without_smallest(weight: Tensor, fraction: Tensor) -> Tensor:
    """A weight `[S, n_in, n_out]` with the smallest share of each unit's incoming weights, `[S]`, set to 0."""
    n = (fraction * weight.shape[1] + 1e-9).floor()
    rank = weight.abs().argsort(1).argsort(1)
    return weight.masked_fill(rank < n.view(-1, 1, 1), 0.0)
