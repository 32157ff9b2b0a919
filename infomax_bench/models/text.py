"""The text tower: captions to features, as a head beside the encoder."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from infomax_bench.models.blocks import Params
from infomax_bench.models.encoder import under
from infomax_bench.models.transformer import TransformerBlocks


@dataclass(frozen=True)
class TextEncoder:
    """Word ids `[..., B, length]` to features `[..., B, width]`: a transformer's outputs, averaged over the words.

    vocabulary: how many ids there are, 0 (no word) among them. Every word sees itself and those before it, so that
    what comes after a caption's end changes nothing.
    """

    vocabulary: int
    length: int
    width: int
    depth: int = 1

    @property
    def blocks(self) -> TransformerBlocks:
        return TransformerBlocks(self.width, self.depth)

    def init(self, rng: torch.Generator) -> Params:
        """Embeddings start small, as in Radford et al. 2019."""
        return {
            "words": 0.02 * torch.randn(self.vocabulary, self.width, generator=rng),
            "positions": 0.01 * torch.randn(self.length, self.width, generator=rng),
            **{f"blocks.{name}": p for name, p in self.blocks.init(rng).items()},
        }

    def __call__(self, params: Params, captions: Tensor) -> Tensor:
        distinct, which = captions.flatten(0, -2).unique(dim=0, return_inverse=True)
        if len(distinct) >= captions.shape[-2]:
            return self._features(params, captions)
        y = self._features(params, distinct.expand(*captions.shape[:-2], *distinct.shape))  # each caption only once
        at = which.view(captions.shape[:-1]).unsqueeze(-1)
        return y.gather(-2, at.expand(*at.shape[:-1], self.width))

    def _features(self, params: Params, captions: Tensor) -> Tensor:
        words = params["words"]
        first = torch.arange(words[..., 0, 0].numel(), device=words.device) * self.vocabulary  # of each seed's words
        ids = captions + first.view(*words.shape[:-2], 1, 1)
        x = F.embedding(ids, words.reshape(-1, self.width)) + params["positions"].unsqueeze(-3)
        y = self.blocks(under(params, "blocks"), x, causal=True)
        present = (captions != 0).unsqueeze(-1)
        return (y * present).sum(-2) / present.sum(-2).clamp(min=1)
