"""One linear layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from infomax_bench.models.blocks import Params, as_vectors
from infomax_bench.models.encoder import Batches, Encoding, Layer


@dataclass(frozen=True)
class LinearEncoder(Encoding):
    """The controlled track's encoder: one linear layer and an activation, `activation(W x + b)`."""

    summary = "one linear layer and an activation"
    dense = one_layer = True

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

    def in_turn(self) -> list[Layer]:
        return [self.last_in_turn]
