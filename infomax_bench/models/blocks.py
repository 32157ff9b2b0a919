"""Blocks: maps whose parameters live outside them, and the net that binds the two.

A block is a map whose parameters live outside it, in a dictionary of tensors. The same block therefore runs with the
parameters of one seed (`[D, K]`) or with those of many stacked (`[S, D, K]`, one batched product for all).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from infomax_bench.base.streams import generator

Params = dict[str, Tensor]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
}


@dataclass(frozen=True)
class Problem:
    """What an encoder is built for, before any data is loaded.

    input_shape is (C, H, W); n_train counts the training images of one seed.
    """

    input_shape: tuple[int, int, int]
    width: int
    n_classes: int
    n_train: int
    batch_size: int
    backbone: str = "linear"
    depth: int = 1
    hidden: tuple[int, ...] = ()
    """Widths of the layers below the last; () makes them all as wide as the last."""
    vocabulary: int = 0
    """How many ids the words of captions have, 0 (no word) among them; 0 where there are no captions."""
    caption_length: int = 0
    """Words of the longest caption."""

    @property
    def input_size(self) -> int:
        return math.prod(self.input_shape)

    @property
    def widths(self) -> tuple[int, ...]:
        """The width of every layer, `depth` of them, the encoder's own last."""
        return (*(self.hidden or (self.width,) * (self.depth - 1)), self.width)


class Block(Protocol):
    """A differentiable map with external parameters."""

    def init(self, rng: torch.Generator) -> Params:
        """Fresh parameters for one seed."""
        ...

    def __call__(self, params: Params, x: Tensor, /) -> Tensor:
        """`[..., B, in] -> [..., B, out]`, parameters `[..., *shape]`."""
        ...


def affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`x @ weight + bias` over leading dimensions: `[..., B, D]`, `[..., D, K]`, `[..., K]` -> `[..., B, K]`."""
    if x.dim() == 3 and weight.dim() == 3:
        return torch.baddbmm(bias.unsqueeze(-2), x, weight)
    return x @ weight + bias.unsqueeze(-2)


@dataclass(frozen=True)
class Linear:
    """`x @ weight + bias`, initialised as torch.nn.Linear: uniform on +-1/sqrt(n_in)."""

    n_in: int
    n_out: int

    def init(self, rng: torch.Generator) -> Params:
        bound = 1 / math.sqrt(self.n_in)
        return {
            "weight": torch.empty(self.n_in, self.n_out).uniform_(-bound, bound, generator=rng),
            "bias": torch.empty(self.n_out).uniform_(-bound, bound, generator=rng),
        }

    def __call__(self, params: Params, x: Tensor) -> Tensor:
        return affine(x, params["weight"], params["bias"])


@dataclass(frozen=True)
class Bias:
    """A vector of free parameters, zero at first: a visible bias, an offset."""

    size: int

    def init(self, rng: torch.Generator) -> Params:
        return {"bias": torch.zeros(self.size)}

    def __call__(self, params: Params, x: Tensor) -> Tensor:
        return x + params["bias"].unsqueeze(-2)


@dataclass(frozen=True)
class MLP:
    """Linear layers with ReLU between them; with `batch_norm`, each hidden layer is normalised over its batch.

    A head only: the batch's own statistics are used, as in training, since heads are never frozen. A normalised layer
    has no bias, which its mean would take away again.
    """

    sizes: tuple[int, ...]
    batch_norm: bool = False

    def layers(self) -> list[Linear]:
        return [Linear(a, b) for a, b in zip(self.sizes, self.sizes[1:], strict=False)]

    def _normalised(self, i: int) -> bool:
        return self.batch_norm and i < len(self.sizes) - 2

    def init(self, rng: torch.Generator) -> Params:
        started = ((i, layer.init(rng)) for i, layer in enumerate(self.layers()))
        return {
            f"{i}.{name}": p
            for i, own in started
            for name, p in own.items()
            if not (name == "bias" and self._normalised(i))
        }

    def __call__(self, params: Params, x: Tensor) -> Tensor:
        last = len(self.sizes) - 2
        for i in range(last + 1):
            weight = params[f"{i}.weight"]
            x = normalised_over_batch(x @ weight) if self._normalised(i) else affine(x, weight, params[f"{i}.bias"])
            if i < last:
                x = torch.relu(x)
        return x


def normalised_over_batch(x: Tensor) -> Tensor:
    """Batch norm (Ioffe and Szegedy 2015) of `[..., B, K]` with each batch's own statistics, without gain and offset.

    By torch's kernel, over the units of all seeds side by side: several times faster than as separate operations.
    """
    lead = x.shape[:-2]
    side_by_side = x.movedim(-2, 0).reshape(x.shape[-2], -1)
    return F.batch_norm(side_by_side, None, None, training=True).view(-1, *lead, x.shape[-1]).movedim(0, -2)


def as_vectors(images: Tensor, shape: Sequence[int]) -> Tensor:
    """Images `[..., C, H, W]` as vectors `[..., D]`; vectors stay as they are."""
    return images.flatten(-3) if images.shape[-3:] == torch.Size(shape) else images


class Bound:
    """A block together with its parameters: call it, read `bound.weight`, or call another of its maps."""

    def __init__(self, block: Block, params: Params) -> None:
        self.block, self.params = block, params

    def __call__(self, *args: Any) -> Any:
        return self.block(self.params, *args)

    def __getattr__(self, name: str) -> Any:
        if name in self.params:
            return self.params[name]
        return functools.partial(getattr(self.block, name), self.params)


class Net:
    """The encoder and the heads of one method, with the parameters of one seed or of many.

    `net.encoder(images)`, `net.decoder(codes)`, `net.encoder.weight` (`[..., D, K]`). Parameters are named
    "encoder.weight", "decoder.0.bias", and so on in `net.params`.
    """

    def __init__(self, problem: Problem, blocks: Mapping[str, Block], params: Params) -> None:
        self.problem, self.blocks, self.params = problem, dict(blocks), params

    def __getattr__(self, name: str) -> Bound:
        if name not in self.blocks:
            raise AttributeError(f"the net has no part {name!r}; it has {', '.join(self.blocks)}")
        prefix = name + "."
        own = {k.removeprefix(prefix): v for k, v in self.params.items() if k.startswith(prefix)}
        self.__dict__[name] = bound = Bound(self.blocks[name], own)  # once: numbers change in place, tensors by copies
        return bound

    def with_params(self, params: Params) -> Net:
        """The same parts with `params` in place of those of the same names (a momentum encoder, a pruned one)."""
        return Net(self.problem, self.blocks, {**self.params, **params})

    def copy_params(self, *parts: str) -> Params:
        """Detached copies of the parameters of the named parts, under their full names."""
        return {k: v.detach().clone() for k, v in self.params.items() if k.split(".")[0] in parts}


def init_params(
    blocks: Mapping[str, Block], seeds: Sequence[int], device: torch.device | str = "cpu", layer: int = 0
) -> Params:
    """Stacked fresh parameters `[S, *shape]`. A part's start depends on the seed, the part's name and the layer of a
    stack alone, so all methods start from the same encoder under the same seed."""
    suffix = f".{layer}" if layer else ""
    per_seed = [
        {
            f"{part}.{name}": value
            for part, block in blocks.items()
            for name, value in block.init(generator(seed, f"init.{part}{suffix}")).items()
        }
        for seed in seeds
    ]
    return {name: torch.stack([p[name] for p in per_seed]).to(device) for name in per_seed[0]}
