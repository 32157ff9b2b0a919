"""A perceptron of several layers."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from infomax_bench.models.blocks import Linear, Params, as_vectors
from infomax_bench.models.encoder import Batches, Encoding, Layer, under


@dataclass(frozen=True)
class MLPEncoder(Encoding):
    """`depth` linear layers, each with its activation; trained together.

    Hidden layers are "hidden.0.weight", and so on. While it is trained with batch norm a hidden layer also has a "gain"
    and an "offset"; these and the statistics become part of its weight and bias when it is finished.
    """

    summary = "linear layers, each with its activation, trained together"
    dense = deep = True
    usual_depth = 2

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

    def in_turn(self) -> list[Layer]:
        names = (f"encoder.hidden.{i}" for i in range(self.problem.depth - 1))
        return [*(Layer(f"{name}.weight", (f"{name}.bias",)) for name in names), self.last_in_turn]
