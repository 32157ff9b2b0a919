"""What encoders are, and those of linear layers: one layer, perceptrons, and stacks trained layer by layer.

Every encoder is a trunk, one linear layer and an activation, `activation(trunk(x) W + b)`; the trunk of a single layer
is the image itself. (A transformer has no such layer: `transformer.py` says what its features are.)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from infomax_bench.models.blocks import (
    ACTIVATIONS,
    Linear,
    Net,
    Params,
    Problem,
    affine,
    as_vectors,
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
class Encoding:
    """Base of the encoders.

    With `mean`, `[..., D]`, images less that mean are encoded: the same functions, but other gradients. Images are
    nowhere negative, so without it every weight of a unit is pushed the same way at once, and whole units leave the
    range of their ReLU within the first hundred steps, for good. With `training`, an encoder that is `rectified_twice`
    takes its mean over the batch off what the last layer gets, for the same reason (mean-only batch norm, Salimans and
    Kingma 2016). What is trained so is frozen by `finished`.
    """

    problem: Problem
    style: Style
    mean: Tensor | None = None
    training: bool = False

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


@dataclass(frozen=True)
class LinearEncoder(Encoding):
    """The controlled track's encoder: one linear layer and an activation, `activation(W x + b)`."""

    @property
    def trunk_size(self) -> int:
        return self.problem.input_size

    def init(self, rng: torch.Generator) -> Params:
        return self.layer.init(rng)

    def trunk(self, params: Params, images: Tensor, rng: Any = None) -> Tensor:
        x = as_vectors(images, self.problem.input_shape)
        return x if self.mean is None else x - self.mean.unsqueeze(-2)

    def _folded_in(self, params: Params, batches: Batches) -> Params:
        if self.mean is None:
            return params
        return {**params, "bias": self.layer(params, -self.mean.unsqueeze(-2)).squeeze(-2)}


@dataclass(frozen=True)
class MLPEncoder(Encoding):
    """`depth` linear layers, each with its activation; trained together.

    Hidden layers are "hidden.0.weight", and so on. While it is trained with batch norm a hidden layer also has a "gain"
    and an "offset"; these and the statistics become part of its weight and bias when it is finished.
    """

    @property
    def trunk_size(self) -> int:
        return (self.problem.input_size, *self.problem.widths)[-2]

    @property
    def rectified_twice(self) -> bool:
        return self.style.activation == "relu" and self.problem.depth > 1

    @property
    def _hidden(self) -> list[Linear]:
        sizes = (self.problem.input_size, *self.problem.widths[:-1])
        return [Linear(a, b) for a, b in itertools.pairwise(sizes)]

    def init(self, rng: torch.Generator) -> Params:
        params: Params = {}
        for i, layer in enumerate(self._hidden):
            for name, p in self._start(layer, rng).items():
                params[f"hidden.{i}.{name}"] = p
            if self.style.batch_norm:
                params |= {f"hidden.{i}.gain": torch.ones(layer.n_out), f"hidden.{i}.offset": torch.zeros(layer.n_out)}
        return {**params, **self._first(self._start(self.layer, rng))}

    def _start(self, layer: Linear, rng: torch.Generator) -> Params:
        if self.style.initialisation == "glorot":  # Glorot and Bengio 2010, their normalised one
            bound = math.sqrt(6 / (layer.n_in + layer.n_out))
            weight = torch.empty(layer.n_in, layer.n_out).uniform_(-bound, bound, generator=rng)
            return {"weight": weight, "bias": torch.zeros(layer.n_out)}
        if self.style.initialisation != "he":
            return layer.init(rng)
        weight = torch.randn(layer.n_in, layer.n_out, generator=rng) * math.sqrt(2 / layer.n_in)  # He et al. 2015
        return {"weight": weight, "bias": torch.zeros(layer.n_out)}

    def trunk(self, params: Params, images: Tensor, rng: Any = None) -> Tensor:
        return self._to(params, images, len(self._hidden), rng)

    def _to(self, params: Params, images: Tensor, depth: int, rng: Any = None) -> Tensor:
        """The outputs of the hidden layer `depth` (0 gives the images)."""
        x = as_vectors(images, self.problem.input_shape)
        if self.mean is not None:
            x = x - self.mean.unsqueeze(-2)
        for i, layer in enumerate(self._hidden[:depth]):
            own = under(params, f"hidden.{i}")
            x = layer(own, x)
            if "gain" in own:
                var, mean = torch.var_mean(x, dim=-2, keepdim=True, correction=0)
                x = (x - mean) * (own["gain"].unsqueeze(-2) / (var + 1e-5).sqrt()) + own["offset"].unsqueeze(-2)
            x = self._hidden_activation(x)
            if rng is not None and self.style.dropout:
                x = x * (rng.uniform_like(x) >= self.style.dropout) / (1 - self.style.dropout)
        return x

    def _folded_in(self, params: Params, batches: Batches) -> Params:
        done, first = dict(params), "hidden.0." if self._hidden else ""
        for i, layer in enumerate(self._hidden):
            own = under(done, f"hidden.{i}")
            if "gain" not in own:
                continue
            moments = [torch.var_mean(layer(own, self._to(done, x, i)), dim=-2, correction=0) for x in batches()]
            mean = torch.stack([m for _, m in moments]).mean(0)
            var = torch.stack([v + m.square() for v, m in moments]).mean(0) - mean.square()
            gain = own["gain"] / (var.clamp(min=0) + 1e-5).sqrt()
            done[f"hidden.{i}.weight"] = own["weight"] * gain.unsqueeze(-2)
            done[f"hidden.{i}.bias"] = (own["bias"] - mean) * gain + own["offset"]
            del done[f"hidden.{i}.gain"], done[f"hidden.{i}.offset"]
        if self.mean is not None:
            shift = (self.mean.unsqueeze(-2) @ done[f"{first}weight"]).squeeze(-2)
            done[f"{first}bias"] = done[f"{first}bias"] - shift
        return done


@dataclass(frozen=True)
class StackEncoder(Encoding):
    """Layers trained one after the other, each on the features of the one below.

    Layer i has its own parameters, "0.weight" and so on. Where a layer wants standardised inputs it also has the
    "shift" and "scale" that make them so. What a layer hands on are the method's features, whatever they are.
    """

    @property
    def layers(self) -> list[Problem]:
        return layers_of(self.problem)

    @property
    def trunk_size(self) -> int:
        return self.layers[-1].input_size

    def init(self, rng: torch.Generator) -> Params:
        return {
            f"{i}.{name}": p
            for i, problem in enumerate(self.layers)
            for name, p in LinearEncoder(problem, self.style).init(rng).items()
        }

    def trunk(self, params: Params, images: Tensor, rng: Any = None) -> Tensor:
        return self.below(params, images, len(self.layers) - 1).flatten(-3)

    def below(self, params: Params, images: Tensor, depth: int) -> Tensor:
        """What layer `depth` is trained on, `[..., B, 1, 1, n]` (the images for layer 0)."""
        x = images
        for i, problem in enumerate(self.layers[:depth]):
            x = self._through(under(params, str(i)), x, problem)
            x = standardised(under(params, str(i + 1)), x).unflatten(-1, (1, 1, -1))
        return x

    def _through(self, own: Params, x: Tensor, problem: Problem) -> Tensor:
        net = Net(problem, {"encoder": LinearEncoder(problem, self.style)}, {f"encoder.{k}": p for k, p in own.items()})
        return self.style.features(net, x)

    def last(self, params: Params, trunk: Tensor) -> Tensor:
        own = under(params, str(len(self.layers) - 1))
        return affine(trunk, own["weight"], own["bias"])

    def __call__(self, params: Params, images: Tensor, rng: Any = None) -> Tensor:
        last = len(self.layers) - 1
        return self._through(under(params, str(last)), self.below(params, images, last), self.layers[last])


def standardised(own: Params, x: Tensor) -> Tensor:
    """Features `[..., B, K]` by the layer's "shift" and "scale", where it has them."""
    return (x - own["shift"].unsqueeze(-2)) * own["scale"].unsqueeze(-2) if "scale" in own else x


def layers_of(problem: Problem) -> list[Problem]:
    """The single-layer problems of a stack, the lowest first."""
    shapes = [problem.input_shape, *((1, 1, width) for width in problem.widths)]
    return [
        replace(problem, input_shape=shape, width=width, backbone="linear", depth=1, hidden=())
        for shape, width in zip(shapes, problem.widths, strict=False)
    ]
