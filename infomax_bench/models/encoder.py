"""What encoders are, and what a backbone declares; `backbones/` has them, one file each.

Every encoder is a trunk, one linear layer and an activation, `activation(trunk(x) W + b)`; the trunk of a single layer
is the image itself. (A transformer has no such layer: its file says what its features are.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from infomax_bench.base.errors import NotApplicable
from infomax_bench.models.blocks import (
    ACTIVATIONS,
    Linear,
    Net,
    Params,
    Problem,
)

CENTRED_TRUNK = 1
"""Part of the keys of encoders that are `rectified_twice`; raise it when what is done about that changes."""

CONSTANTS = ("running_mean", "running_var", "shift", "scale", "mean")
"""Last parts of the names of parameters that are measured, not trained; they are not counted as parameters."""

Batches = Callable[[], Iterable[Tensor]]


class Style(Protocol):
    """What a method says about the encoder that it trains; every Method is one."""

    @property
    def activation(self) -> str: ...
    @property
    def batch_norm(self) -> bool: ...
    @property
    def dropout(self) -> float: ...
    @property
    def initialisation(self) -> str: ...
    def features(self, net: Net, images: Tensor) -> Tensor: ...


def is_constant(name: str) -> bool:
    """Whether a parameter, by its full name, is measured and not trained."""
    return name.rsplit(".", 1)[-1] in CONSTANTS


def under(params: Params, prefix: str) -> Params:
    """The parameters whose names begin with `prefix.`, without it."""
    return {k.removeprefix(f"{prefix}."): p for k, p in params.items() if k.startswith(f"{prefix}.")}


@dataclass(frozen=True)
class Layer:
    """One layer of a network whose layers follow each other.

    weight: its name, of a linear map `[S, n_in, n_out]` or a convolution `[S, n_out, n_in, h, w]`; vectors: names of
    what has one number for each unit, `[S, n_out]`; gain: that among them which multiplies a normalised unit, if any;
    groups: the units are normalised in so many groups of equal size, one after another.
    """

    weight: str
    vectors: tuple[str, ...]
    gain: str = ""
    groups: int = 1


@dataclass(frozen=True)
class Encoding:
    """Base of the encoders.

    With `mean`, `[..., D]`, images less that mean are encoded: the same functions, but other gradients. Images are
    nowhere negative, so without it every weight of a unit is pushed the same way at once, and whole units leave the
    range of their ReLU within the first hundred steps, for good. With `training`, an encoder that is `rectified_twice`
    takes its mean over the batch off what the last layer gets, for the same reason (mean-only batch norm, Salimans and
    Kingma 2016). What is trained so is frozen by `finished`.
    """

    name: ClassVar[str] = ""
    """Given by whoever finds it: the file's name."""
    summary: ClassVar[str] = ""
    """What it is, in a line."""
    version: ClassVar[int] = 1
    """Raised when numbers could change by more than rounding does; part of keys, where it says something."""
    dense: ClassVar[bool] = False
    """True: linear layers from the pixels on, as wide as the problem says."""
    deep: ClassVar[bool] = False
    """True: the number of its layers, `problem.depth`, is up to whoever builds it."""
    usual_depth: ClassVar[int] = 1
    """The layers that the controlled track compares it with."""
    one_layer: ClassVar[bool] = False
    """True: an objective that looks inside the layer that it trains can train it."""
    greedy: ClassVar[bool] = False
    """True: its layers are trained one after another."""
    seconds_per_pixel: ClassVar[float] = 0.0
    """Of training on an image on one core, about; 0 for matrix products, whose sizes tell it."""

    problem: Problem
    style: Style
    mean: Tensor | None = None
    training: bool = False

    def in_turn(self) -> list[Layer]:
        """The layers, the lowest first, if each follows the one before. Raises NotApplicable where they do not."""
        raise NotApplicable(f"defined where layers follow each other, not for {self.name}")

    @property
    def last_in_turn(self) -> Layer:
        return Layer("encoder.weight", ("encoder.bias",))

    @property
    def layer(self) -> Linear:
        """The last layer."""
        return Linear(self.trunk_size, self.problem.width)

    def _first(self, last: Params) -> Params:
        """A fresh last layer. One whose input is centred starts without biases: beside what fresh weights make of it
        they would be large, and leave units that are always on, or never."""
        return {**last, "bias": torch.zeros(self.problem.width)} if self.rectified_twice else last

    @property
    def trunk_size(self) -> int:
        raise NotImplementedError

    def init(self, rng: torch.Generator) -> Params:
        """Fresh parameters for one seed."""
        raise NotImplementedError

    def trunk(self, params: Params, images: Tensor, rng: Any = None) -> Tensor:
        """What the last layer gets, `[..., B, trunk_size]`. With `rng`, as in training: with drop-out, if any."""
        raise NotImplementedError

    def last(self, params: Params, trunk: Tensor) -> Tensor:
        """The last layer's pre-activations `[..., B, K]` from what the trunk made."""
        if self.training and self.rectified_twice:
            trunk = trunk - trunk.mean(-2, keepdim=True)
        return self.layer(params, trunk)

    def linear(self, params: Params, images: Tensor, rng: Any = None) -> Tensor:
        """The pre-activations, `[..., B, K]`."""
        return self.last(params, self.trunk(params, images, rng))

    def __call__(self, params: Params, images: Tensor, rng: Any = None) -> Tensor:
        return ACTIVATIONS[self.style.activation](self.linear(params, images, rng))

    @property
    def rectified_twice(self) -> bool:
        """Whether the last layer's ReLU gets what another has made nowhere negative."""
        return False

    def finished(self, params: Params, batches: Batches) -> Params:
        """The parameters of the frozen encoder, which needs neither `mean` nor a batch's own statistics.

        batches: gives training images `[..., B, C, H, W]`, where statistics are to be measured.
        """
        done = self._folded_in(params, batches)
        if not (self.training and self.rectified_twice):
            return done
        frozen = replace(self, mean=None, training=False)
        mean = torch.stack([frozen.trunk(done, x).mean(-2, keepdim=True) for x in batches()]).mean(0)
        return {**done, "bias": done["bias"] - (mean @ done["weight"]).squeeze(-2)}

    def _folded_in(self, params: Params, batches: Batches) -> Params:
        """The parameters that do the same without `mean`, and with measured statistics in place of a batch's own."""
        return params

    @property
    def _hidden_activation(self) -> Callable[[Tensor], Tensor]:
        return ACTIVATIONS["sigmoid" if self.style.activation == "sigmoid" else "relu"]
