"""What convolutional encoders share."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from infomax_bench.models.blocks import Params
from infomax_bench.models.encoder import Batches, Encoding, Layer, is_constant, under

Trunk = tuple[type["ConvolutionalEncoder"], int, tuple[int, ...]]
"""Whose trunk, for how many channels of an image, and with how many of each layer, () for the usual numbers."""


def fresh_trunk(which: Trunk) -> nn.Module:
    """A trunk with fresh parameters."""
    cls, channels, hidden = which
    return cls.fresh(channels, *((hidden,) if hidden else ()))


@functools.lru_cache(maxsize=16)
def _module(which: Trunk, training: bool) -> nn.Module:
    """A torch module used for its computation alone: every call brings its parameters."""
    module = fresh_trunk(which).train(training)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None  # a plain average over batches
    return module


@functools.lru_cache(maxsize=64)
def _trunk_size(which: Trunk, shape: tuple[int, int, int]) -> int:
    with torch.no_grad():
        return int(fresh_trunk(which).eval()(torch.zeros(1, *shape)).shape[1])


def each_seed(module: nn.Module, params: Params, x: Tensor, ndim: int) -> Tensor:
    """`module` with the parameters and the input of one seed after another; `ndim`: dimensions of one seed's input."""
    if x.dim() == ndim:
        return cast(Tensor, functional_call(module, params, (x,)))
    return torch.stack([functional_call(module, {k: p[i] for k, p in params.items()}, (x[i],)) for i in range(len(x))])


@dataclass(frozen=True)
class ConvolutionalEncoder(Encoding):
    """A convolutional trunk, run for one seed after another; `fresh` makes it.

    While it is trained, batch norm uses each batch's own statistics. `finished` measures them over training images
    with the final weights ("precise" batch norm, Wu and Johnson 2021), and from then on they are among the parameters.
    """

    @staticmethod
    def fresh(channels: int, sizes: Sequence[int] = ()) -> nn.Module:
        """The trunk for images of so many channels: `[B, C, H, W]` -> `[B, trunk_size]`, with fresh parameters.

        sizes: the channels of each layer, where they can be others than usual.
        """
        raise NotImplementedError

    def in_turn(self) -> list[Layer]:
        with torch.random.fork_rng(devices=[]):
            trunk = fresh_trunk(self._which)
        if not isinstance(trunk, nn.Sequential):
            return super().in_turn()
        found: list[Layer] = []
        for name, part in trunk.named_children():
            name = f"encoder.trunk.{name}"
            if isinstance(part, nn.Conv2d):
                found.append(Layer(f"{name}.weight", (f"{name}.bias",)))
            elif isinstance(part, nn.GroupNorm):
                own = (*found[-1].vectors, f"{name}.weight", f"{name}.bias")
                found[-1] = replace(found[-1], vectors=own, gain=f"{name}.weight", groups=part.num_groups)
        return [*found, self.last_in_turn]

    @property
    def trunk_size(self) -> int:
        return _trunk_size(self._which, self.problem.input_shape)

    def _module(self, training: bool) -> nn.Module:
        return _module(self._which, training)

    @property
    def _which(self) -> Trunk:
        return type(self), self.problem.input_shape[0], self.problem.hidden

    @property
    def rectified_twice(self) -> bool:
        return self.style.activation == "relu"

    def init(self, rng: torch.Generator) -> Params:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**62, (1,), generator=rng)))
            module = fresh_trunk(self._which)
        own = {f"trunk.{name}": p.detach() for name, p in module.named_parameters()}
        return {**own, **self._first(self.layer.init(rng))}

    def trunk(self, params: Params, images: Tensor, rng: Any = None) -> Tensor:
        own = under(params, "trunk")
        measured = any(is_constant(name) for name in own)
        module = self._module(not measured)
        if not measured:
            own = {**own, **self._scratch(images)}
        return each_seed(module, own, self._centred(params, images), 4)

    def _centred(self, params: Params, images: Tensor) -> Tensor:
        mean = params.get("mean", self.mean)
        return images if mean is None else images - mean.unflatten(-1, self.problem.input_shape).unsqueeze(-4)

    def _scratch(self, images: Tensor) -> Params:
        """Somewhere for batch norm to keep running statistics, which training does not use."""
        module = self._module(True)
        lead = images.shape[:-4]
        return {
            name: images.new_zeros(lead + b.shape, dtype=images.dtype if b.is_floating_point() else b.dtype)
            for name, b in module.named_buffers()
        }

    def _folded_in(self, params: Params, batches: Batches) -> Params:
        done = dict(params) if self.mean is None else {**params, "mean": self.mean}
        module = self._module(True)
        if not list(module.buffers()):
            return done
        own, statistics = under(params, "trunk"), None
        for x in batches():
            statistics = statistics or self._scratch(x)
            each_seed(module, {**own, **statistics}, self._centred(params, x), 4)  # updates them in place
        measured = {f"trunk.{k}": p for k, p in (statistics or {}).items() if is_constant(k)}
        return {**done, **measured}
