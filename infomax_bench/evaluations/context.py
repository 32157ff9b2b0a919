"""What every evaluation works on: the features of one encoder on one data set, divided by each seed's own split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

from infomax_bench.base.errors import NotApplicable
from infomax_bench.data.dataset import Dataset, Split, images_as, load, split
from infomax_bench.evaluations.declare import Row
from infomax_bench.numerics._ranks import live_units
from infomax_bench.numerics._scale import mean_and_std, standardised
from infomax_bench.training.frozen import Encoder

T = TypeVar("T")


@dataclass
class FeatureSet:
    """Features of S seeds on one data set. They are standardised by each seed's training part.

    features: float32 or float64 `[S, N, K]`, raw; labels: int64 `[N]`; splits: one a seed; factors: int64 `[N, F]` or
    None; cache: what was derived from them.
    """

    features: Tensor
    labels: Tensor
    splits: list[Split]
    n_classes: int
    factors: Tensor | None = None
    factor_names: tuple[str, ...] = ()
    cache: dict[str, Tensor] = field(default_factory=dict, repr=False)

    def part(self, name: str) -> Tensor:
        """Indices of "train", "validation" or "test" images, `[S, n]`."""
        return torch.stack([getattr(s, name) for s in self.splits])

    def raw(self, name: str) -> Tensor:
        """Raw features of a part, `[S, n, K]`."""
        index = self.part(name).to(self.features.device)
        out = self.features.new_empty(*index.shape, self.features.shape[2])
        for own, f, i in zip(out, self.features, index, strict=True):
            torch.index_select(f, 0, i, out=own)
        return out

    def x(self, name: str) -> Tensor:
        """Standardised features of a part, float32 `[S, n, K]`, made once; a unit that is dead in training is 0."""
        if name not in self.cache:
            self.cache[name] = self.standardised(self.raw(name))
        return self.cache[name]

    def fine(self, name: str, i: int, some: Tensor | slice = slice(None)) -> Tensor:
        """The same of `some` images of the i-th seed's part `[n, K]`, made anew, in float64: where features that lie
        close are told apart."""
        mean, scale = self.moments()
        raw = self.features[i][getattr(self.splits[i], name)[some].to(self.features.device)]
        return standardised(raw, mean[i], scale[i], torch.float64)

    def standardised(self, features: Tensor, i: int | slice = slice(None)) -> Tensor:
        """Raw features `[S, n, K]`, or `[n, K]` of the i-th seed, by the training part's moments, float32."""
        mean, scale = self.moments()
        return standardised(features, mean[i], scale[i])

    def y(self, name: str) -> Tensor:
        """Labels of a part, `[S, n]`."""
        return self.labels[self.part(name)]

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and scale, float64 `[S, 1, K]`, of the training part; the scale of a dead unit is infinite."""
        if "mean" not in self.cache:
            train = self.raw("train")
            self.cache["mean"], std = mean_and_std(train)
            self.cache["scale"] = std.masked_fill(~live_units(train).unsqueeze(1), torch.inf)
        return self.cache["mean"], self.cache["scale"]

    def live(self) -> Tensor:
        """Which units vary over the training images, bool `[S, K]`; the others are dead."""
        return self.moments()[1].squeeze(1).isfinite()


@dataclass
class Context:
    """One encoder on its source or on another data set, with what evaluations share computed once.

    encoder is None for features that were made elsewhere. `seeds` are those of the encoder.
    """

    seeds: tuple[int, ...]
    make: Callable[[Encoder | None], FeatureSet]
    encoder: Encoder | None = None
    target: Dataset | None = None
    validation: bool = True
    device: str = "cpu"
    """Where an evaluation that trains does so."""
    cache: dict[str, Any] = field(default_factory=dict)

    @property
    def set(self) -> FeatureSet:
        return self.once("features", lambda: self.make(self.encoder))

    def once(self, key: str, compute: Callable[[], T]) -> T:
        """The result of `compute`, made at the first call; evaluations of one encoder share it."""
        if key not in self.cache:
            self.cache[key] = compute()
        found: T = self.cache[key]
        return found

    def of(self, encoder: Encoder) -> FeatureSet:
        """The features of a changed version of the encoder, on the same images and splits."""
        return self.make(encoder)

    def need_encoder(self) -> Encoder:
        if self.encoder is None:
            raise NotApplicable("needs the encoder, not only its features")
        return self.encoder

    def rows(self, metric: str, values: Tensor, **where: Any) -> list[Row]:
        """One row a seed."""
        return [
            {"seed": seed, "metric": metric, "value": float(v), **where}
            for seed, v in zip(self.seeds, values, strict=True)
        ]


def context_for(encoder: Encoder, target: Dataset, validation: bool = True, device: str = "cpu") -> Context:
    """An encoder on a data set, whose images are brought to the encoder's input shape."""

    def make(which: Encoder | None) -> FeatureSet:
        assert which is not None
        data = load(target)
        return FeatureSet(
            which.features(images_as(target, encoder.problem.input_shape)),
            data.labels,
            [split(data.test, seed, validation) for seed in encoder.seeds],
            target.n_classes,
            data.factors,
            tuple(target.factor_names),
        )

    return Context(encoder.seeds, make, encoder, target, validation, device)
