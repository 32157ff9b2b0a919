"""A small vision transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from infomax_bench.models.blocks import Linear, Params
from infomax_bench.models.encoder import Batches, Encoding, under
from infomax_bench.models.transformer import Patches, TransformerBlocks

POSITION = 0.5
"""Deviation of the positions at first: with the customary 0.02 they drown in the patches, and a short training does
not find out where a patch is."""

CHUNK = 512
"""Images encoded at a time where nothing is trained."""


@dataclass(frozen=True)
class ViTEncoder(Encoding):
    """Patches, each with its learned position, through transformer blocks: `activation(mean over tokens)`.

    There is no last linear layer: the tokens are `problem.width` wide, and their mean is both trunk and pre-activation.
    """

    summary = "a small vision transformer: patches, attention, and the mean over tokens"
    deep = True
    seconds_per_pixel = 8e-7

    @property
    def trunk_size(self) -> int:
        return self.problem.width

    @property
    def patches(self) -> Patches:
        return Patches(self.problem.input_shape)

    @property
    def blocks(self) -> TransformerBlocks:
        return TransformerBlocks(self.problem.width, self.problem.depth)

    @property
    def _embed(self) -> Linear:
        return Linear(self.patches.size, self.problem.width)

    def init(self, rng: torch.Generator) -> Params:
        own = {"position": POSITION * torch.randn(self.patches.count, self.problem.width, generator=rng)}
        own |= {f"embed.{name}": p for name, p in self._embed.init(rng).items()}
        return own | {f"blocks.{name}": p for name, p in self.blocks.init(rng).items()}

    def tokens(
        self,
        params: Params,
        images: Tensor,
        hidden: Tensor | None = None,
        mask: Tensor | None = None,
        prefix: Tensor | None = None,
    ) -> Tensor:
        """The patches' tokens `[..., B, T, width]`.

        hidden: bool `[..., B, T]`, patches in whose place the token `mask`, `[..., width]`, is seen. prefix: int64
        `[..., B]`: the first so many patches see each other, every later one only itself and those before it.
        """
        mean = params.get("mean", self.mean)
        if mean is not None:
            images = images - mean.unflatten(-1, self.problem.input_shape).unsqueeze(-4)
        patches = self.patches.split(images)
        x = self._embed(under(params, "embed"), patches.flatten(-3, -2)).unflatten(-2, patches.shape[-3:-1])
        if hidden is not None and mask is not None:
            x = torch.where(hidden.unsqueeze(-1), mask[..., None, None, :], x)
        x = x + params["position"].unsqueeze(-3)
        return self.blocks(under(params, "blocks"), x, prefix=prefix)

    def trunk(self, params: Params, images: Tensor, rng: Any = None) -> Tensor:
        step = images.shape[-4] if torch.is_grad_enabled() else CHUNK
        return torch.cat([self.tokens(params, part).mean(-2) for part in images.split(step, dim=-4)], dim=-2)

    def last(self, params: Params, trunk: Tensor) -> Tensor:
        return trunk

    def _folded_in(self, params: Params, batches: Batches) -> Params:
        return params if self.mean is None else {**params, "mean": self.mean}
