"""A stack of layers that are trained one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from infomax_bench.models.backbones.linear import LinearEncoder
from infomax_bench.models.blocks import Net, Params, Problem, affine
from infomax_bench.models.encoder import Encoding, under


@dataclass(frozen=True)
class StackEncoder(Encoding):
    """Layers trained one after the other, each on the features of the one below.

    Layer i has its own parameters, "0.weight" and so on. Where a layer wants standardised inputs it also has the
    "shift" and "scale" that make them so. What a layer hands on are the method's features, whatever they are.
    """

    summary = "linear layers trained one after the other, each on the features of the one below"
    dense = deep = one_layer = greedy = True

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
