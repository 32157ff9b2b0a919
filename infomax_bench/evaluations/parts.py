"""The images on which units are read: of training, where everything is chosen, and of test, which gives the scores."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from infomax_bench.evaluations.context import Context, FeatureSet
from infomax_bench.evaluations.declare import Row
from infomax_bench.numerics._ranks import live_units

TRAINING_IMAGES = 10_000
"""Images of a seed's training part that concepts and units are chosen on, if it has more: the first, whose order is
random."""

FIT_IMAGES = 4000
"""The first of them: what sparse probes, which have a handful of weights, are fitted to."""

KEPT = 40_000
"""Bytes of each kind of pictures that are kept of an encoder, about: results come with the project."""
LEAST = 4
"""Pictures of each kind, however large."""

LABEL = "class"
"""How the label is called beside the factors, in rows."""


@dataclass(frozen=True)
class Part:
    """Images of one part, each seed's own. features: float `[S, N, K]`, raw; labels: int64 `[S, N]`; factors: int64
    `[S, N, F]`, values from 0, or None; live: which units are, bool `[S, K]`, or None for those that vary here."""

    features: Tensor
    labels: Tensor
    factors: Tensor | None = None
    live: Tensor | None = None

    def live_units(self) -> Tensor:
        return live_units(self.features) if self.live is None else self.live


def as_many(most: int, size: int) -> int:
    """How many pictures of `size` bytes are kept, `most` at most."""
    return min(most, max(LEAST, KEPT // size))


def parts(data: FeatureSet) -> tuple[Part, Part]:
    """Training images, at most `TRAINING_IMAGES` of them, and all test images."""
    factors = None if data.factors is None else factor_codes(data.factors)[0]

    def part(images: Tensor) -> Part:
        features = torch.stack([own[i] for own, i in zip(data.features, images, strict=True)])
        return Part(features, data.labels[images], None if factors is None else factors[images], data.live())

    return part(data.part("train")[:, :TRAINING_IMAGES]), part(data.part("test"))


def factor_codes(factors: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Values of factors int64 `[N, F]` as numbers from 0, `[N, F]`, and the sorted values that they count."""
    pairs = [factor.unique(return_inverse=True) for factor in factors.unbind(-1)]
    return torch.stack([codes for _, codes in pairs], -1), [values for values, _ in pairs]


def concept_sizes(data: FeatureSet) -> list[int]:
    """The number of classes, and of values of each factor."""
    values = [] if data.factors is None else factor_codes(data.factors)[1]
    return [data.n_classes, *map(len, values)]


def factor_names(data: FeatureSet) -> list[str]:
    """What rows call each factor: LABEL if the label is another name of it, one to one."""
    if data.factors is None:
        return []
    names = data.factor_names or tuple(f"factor {i + 1}" for i in range(data.factors.shape[1]))
    return [LABEL if _one_to_one(own, data.labels) else name for name, own in zip(names, data.factors.T, strict=True)]


def _one_to_one(a: Tensor, b: Tensor) -> bool:
    pairs = len(torch.stack([a, b]).unique(dim=1).T)
    return pairs == len(a.unique()) == len(b.unique())


def of_factors(context: Context, metric: str, values: Tensor) -> list[Row]:
    """Rows of a score `[S]`, or `[S, 1 + F]`: the mean over factors, and then each factor's, whose name is the
    protocol."""
    if values.ndim == 1:
        return context.rows(metric, values)
    by = zip(["", *factor_names(context.set)], values.unbind(-1), strict=True)
    return [row for name, own in by for row in context.rows(metric, own, protocol=name)]
