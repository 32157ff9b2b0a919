"""The encoders by name, and what methods build on them: blocks, the size of a trunk, decoders.

A backbone is a file here, or a plug-in: the one subclass of `Encoding` that it defines, which says what it is.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from infomax_bench.base.errors import unknown
from infomax_bench.models.blocks import MLP, Block, Linear, Net, Problem
from infomax_bench.models.encoder import Encoding, Style

BACKBONES: dict[str, type[Encoding]] = {}
"""All that there are by name: those of this folder, and what plug-ins add."""


def add(name: str, encoding: type[Encoding]) -> None:
    """Makes a backbone known under a name."""
    encoding.name = name
    BACKBONES[name] = encoding


def encoding_of(backbone: str) -> type[Encoding]:
    """The encoder of that name. Raises UserError if there is none."""
    if backbone not in BACKBONES:
        raise unknown("backbone", backbone, BACKBONES)
    return BACKBONES[backbone]


class Chosen(Sequence[str]):
    """The names of all backbones that are chosen, the quickest first; one that is added later is among them."""

    def __init__(self, choose: Callable[[type[Encoding]], bool] = lambda _: True) -> None:
        self.choose = choose

    def _names(self) -> list[str]:
        chosen = (name for name, cls in BACKBONES.items() if self.choose(cls))
        return sorted(chosen, key=lambda name: (BACKBONES[name].seconds_per_pixel, name))

    def __getitem__(self, index: Any) -> Any:
        return self._names()[index]

    def __len__(self) -> int:
        return len(self._names())

    def __repr__(self) -> str:
        return repr(tuple(self._names()))


def build_blocks(
    problem: Problem, style: Style, heads: Mapping[str, Block], mean: Tensor | None = None, training: bool = False
) -> dict[str, Block]:
    """The encoder that `problem` asks for, frozen or in training (see `Encoding`), and the heads beside it.

    Raises UserError if there is no such backbone.
    """
    return {"encoder": encoding_of(problem.backbone)(problem, style, mean, training), **heads}


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
    return encoding_of(problem.backbone)(problem, Plain()).trunk_size


def decoder(problem: Problem) -> Block:
    """A decoder from codes `[..., B, width]` to images as vectors, as deep as the encoder.

    One linear layer for one linear layer; hidden layers in the reverse order for an `mlp`; otherwise one hidden layer.
    """
    encoding = encoding_of(problem.backbone)
    if encoding.one_layer:
        return Linear(problem.width, problem.input_size)
    hidden: Sequence[int] = problem.widths[-2::-1] if encoding.dense else (trunk_size(problem),)
    return MLP((problem.width, *hidden, problem.input_size))


def _bundled() -> None:
    """Adds the encoders of this folder."""
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        module = importlib.import_module(f"{__name__}.{path.stem}")
        for _, cls in inspect.getmembers(module, inspect.isclass):
            if issubclass(cls, Encoding) and cls.__module__ == module.__name__:
                add(path.stem, cls)


_bundled()
