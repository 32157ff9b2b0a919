"""The encoders by name, and what methods build on them: blocks, the size of a trunk, decoders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from torch import Tensor

from infomax_bench.base.errors import unknown
from infomax_bench.models.blocks import MLP, Block, Linear, Net, Problem
from infomax_bench.models.convolutional import ConvolutionalEncoder
from infomax_bench.models.encoder import Encoding, LinearEncoder, MLPEncoder, StackEncoder, Style
from infomax_bench.models.transformer import ViTEncoder

BACKBONES: dict[str, Callable[..., Encoding]] = {
    "linear": LinearEncoder,
    "stack": StackEncoder,
    "mlp": MLPEncoder,
    "convnet": ConvolutionalEncoder,
    "resnet18": ConvolutionalEncoder,
    "vit": ViTEncoder,
}
"""Encoders by name, built as an `Encoding` is."""


def build_blocks(
    problem: Problem, style: Style, heads: Mapping[str, Block], mean: Tensor | None = None, training: bool = False
) -> dict[str, Block]:
    """The encoder that `problem` asks for, frozen or in training (see `Encoding`), and the heads beside it.

    Raises UserError if there is no such backbone.
    """
    if problem.backbone not in BACKBONES:
        raise unknown("backbone", problem.backbone, BACKBONES)
    return {"encoder": BACKBONES[problem.backbone](problem, style, mean, training), **heads}


@dataclass(frozen=True)
class Plain:
    """A style of its own: the features are the encoder's outputs."""

    activation: str = "relu"
    batch_norm: bool = False
    dropout: float = 0.0
    initialisation: str = "default"

    def features(self, net: Net, images: Tensor) -> Tensor:
        return cast(Tensor, net.encoder(images))


def trunk_size(problem: Problem) -> int:
    """Dimensions of `net.encoder.trunk(images)`, for heads that are put on it."""
    return BACKBONES[problem.backbone](problem, Plain()).trunk_size


def decoder(problem: Problem) -> Block:
    """A decoder from codes `[..., B, width]` to images as vectors, as deep as the encoder.

    One linear layer for one linear layer; hidden layers in the reverse order for an `mlp`; otherwise one hidden layer.
    """
    if problem.backbone in ("linear", "stack"):
        return Linear(problem.width, problem.input_size)
    hidden: Sequence[int] = problem.widths[-2::-1] if problem.backbone == "mlp" else (trunk_size(problem),)
    return MLP((problem.width, *hidden, problem.input_size))
