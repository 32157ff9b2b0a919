"""Convolutional encoders: a small one, and torchvision's ResNet-18 with the stem that is usual for small images."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from infomax_bench.models.blocks import Params
from infomax_bench.models.encoder import Batches, Encoding, is_constant, under

GROUPS = 8
"""Groups of channels that group norm works on, in every layer of the small one."""


def small_convnet(channels: int, sizes: Sequence[int] = (32, 64, 128)) -> nn.Module:
    """Three convolutions of stride 2 with group norm, which needs no statistics of a batch (Wu and He 2018).

    sizes: the channels of each, multiples of GROUPS.
    """
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise((channels, *sizes)):
        layers += [nn.Conv2d(a, b, 3, stride=2, padding=1), nn.GroupNorm(GROUPS, b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten())


def resnet18(channels: int) -> nn.Module:
    """torchvision's, with the stem that is usual for small images: one 3x3 convolution, no pooling."""

    from infomax_bench.data._torchvision import models

    net: nn.Module = models.resnet18(weights=None)
    net.conv1, net.maxpool, net.fc = nn.Conv2d(channels, 64, 3, padding=1, bias=False), nn.Identity(), nn.Identity()
    return net


CONVOLUTIONAL: dict[str, Callable[..., nn.Module]] = {"convnet": small_convnet, "resnet18": resnet18}
"""Trunks by name, made of the number of an image's channels and, where they can have others, of their layers' own."""


def fresh_trunk(backbone: str, channels: int, hidden: tuple[int, ...] = ()) -> nn.Module:
    """channels: of an image. hidden: those of the layers, where they are not the usual ones."""
    return CONVOLUTIONAL[backbone](channels, *((hidden,) if hidden else ()))


@functools.lru_cache(maxsize=16)
def _module(backbone: str, channels: int, hidden: tuple[int, ...], training: bool) -> nn.Module:
    """A torch module used for its computation alone: every call brings its parameters."""
    module = fresh_trunk(backbone, channels, hidden).train(training)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None  # a plain average over batches
    return module


@functools.lru_cache(maxsize=64)
def _trunk_size(backbone: str, shape: tuple[int, int, int], hidden: tuple[int, ...]) -> int:
    with torch.no_grad():
        return int(fresh_trunk(backbone, shape[0], hidden).eval()(torch.zeros(1, *shape)).shape[1])


def each_seed(module: nn.Module, params: Params, x: Tensor, ndim: int) -> Tensor:
    """`module` with the parameters and the input of one seed after another; `ndim`: dimensions of one seed's input."""
    if x.dim() == ndim:
        return cast(Tensor, functional_call(module, params, (x,)))
    return torch.stack([functional_call(module, {k: p[i] for k, p in params.items()}, (x[i],)) for i in range(len(x))])


@dataclass(frozen=True)
class ConvolutionalEncoder(Encoding):
    """A convolutional trunk, run for one seed after another.

    While it is trained, batch norm uses each batch's own statistics. `finished` measures them over training images
    with the final weights ("precise" batch norm, Wu and Johnson 2021), and from then on they are among the parameters.
    """

    @property
    def trunk_size(self) -> int:
        return _trunk_size(self.problem.backbone, self.problem.input_shape, self.problem.hidden)

    def _module(self, training: bool) -> nn.Module:
        return _module(*self._which, training)

    @property
    def _which(self) -> tuple[str, int, tuple[int, ...]]:
        return self.problem.backbone, self.problem.input_shape[0], self.problem.hidden

    @property
    def rectified_twice(self) -> bool:
        return self.style.activation == "relu"

    def init(self, rng: torch.Generator) -> Params:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**62, (1,), generator=rng)))
            module = fresh_trunk(*self._which)
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
