"""A small vision transformer (Dosovitskiy et al. 2021), and the patches that it sees an image as.

    x_t = E p_t + position_t;   x += attention(norm(x));   x += MLP(norm(x))   (`depth` times);   norm

Pre-norm blocks with GELU. Objectives see all seeds stacked; on a CPU the blocks run one after the other inside, since
the tokens of one seed at a time stay in its cache.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from infomax_bench.models.blocks import Linear, Params, Problem
from infomax_bench.models.encoder import under

HEAD = 16
"""Least dimensions of an attention head."""

FEWEST, MOST = 4, 7
"""Patches along a side, where it is long enough."""


@dataclass(frozen=True)
class LayerNorm:
    """Every vector less its mean, by its deviation, times a gain, plus a bias; as torch.nn.LayerNorm."""

    width: int

    def init(self, rng: torch.Generator) -> Params:
        return {"gain": torch.ones(self.width), "bias": torch.zeros(self.width)}

    def __call__(self, params: Params, x: Tensor) -> Tensor:
        gain, bias = params["gain"], params["bias"]
        if gain.dim() == 1:
            return F.layer_norm(x, (self.width,), gain, bias)
        return torch.addcmul(bias.unsqueeze(-2), F.layer_norm(x, (self.width,)), gain.unsqueeze(-2))


@dataclass(frozen=True)
class TransformerBlocks:
    """`depth` pre-norm blocks of self-attention and an MLP four times as wide, and a last layer norm."""

    width: int
    depth: int

    @property
    def heads(self) -> int:
        """As many as divide the width with at least HEAD dimensions each."""
        return max((n for n in range(1, self.width // HEAD + 1) if self.width % n == 0), default=1)

    def parts(self) -> dict[str, LayerNorm | Linear]:
        """Everything that has parameters, by name."""
        w, parts = self.width, dict[str, LayerNorm | Linear]()
        for i in range(self.depth):
            parts |= {f"{i}.norm": LayerNorm(w), f"{i}.qkv": Linear(w, 3 * w), f"{i}.out": Linear(w, w)}
            parts |= {f"{i}.mlp_norm": LayerNorm(w), f"{i}.up": Linear(w, 4 * w), f"{i}.down": Linear(4 * w, w)}
        return {**parts, "norm": LayerNorm(w)}

    def init(self, rng: torch.Generator) -> Params:
        """Linear maps start as torch.nn.Linear does."""
        return {f"{part}.{name}": p for part, block in self.parts().items() for name, p in block.init(rng).items()}

    def __call__(self, params: Params, x: Tensor, causal: bool = False, prefix: Tensor | None = None) -> Tensor:
        """Tokens `[..., T, width]` to tokens of the same shape, sequences attended to on their own.

        causal: a token sees itself and those before it. prefix: int64 `[...]`, causal too, but the first so many of a
        sequence are seen by all.
        """
        if params["norm.gain"].dim() > 1 and x.device.type == "cpu":
            seeds = [{name: p[i] for name, p in params.items()} for i in range(len(x))]
            done = (self(p, x[i], causal, None if prefix is None else prefix[i]) for i, p in enumerate(seeds))
            return torch.stack(list(done))
        mask, parts = None, self.parts()
        if prefix is not None:
            at = torch.arange(x.shape[-2], device=x.device)
            mask = (at <= at.unsqueeze(-1)) | (at < prefix.reshape(-1, 1, 1, 1))

        def run(part: str, y: Tensor) -> Tensor:
            return parts[part](under(params, part), y)

        lead = params["norm.gain"].shape[:-1]
        y = x.reshape(*lead, -1, self.width)  # one long batch of tokens for each seed
        for i in range(self.depth):
            qkv = run(f"{i}.qkv", run(f"{i}.norm", y))
            q, k, v = qkv.view(-1, x.shape[-2], 3, self.heads, self.width // self.heads).permute(2, 0, 3, 1, 4)
            seen = F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal and mask is None)
            y = y + run(f"{i}.out", seen.transpose(1, 2).reshape(y.shape))
            y = y + run(f"{i}.down", F.gelu(run(f"{i}.up", run(f"{i}.mlp_norm", y))))
        return run("norm", y).view(x.shape)


@dataclass(frozen=True)
class Patches:
    """How images of a shape (C, H, W) are cut into patches, in raster order.

    A side is cut into 4 to 7 equal parts, as many of them as possible; if no such number divides it, into at most 7,
    the last of which is filled up with zeros (13 pixels: 7 parts of 2). A shorter side is cut into pixels. So a vector
    of K features, (1, 1, K), becomes a few groups of neighbouring units, and only K = 1 is a single patch.
    """

    shape: tuple[int, int, int]

    @property
    def side(self) -> tuple[int, int]:
        """Height and width of a patch."""
        return _part(self.shape[1]), _part(self.shape[2])

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        (_, h, w), (a, b) = self.shape, self.side
        return -(-h // a), -(-w // b)

    @property
    def count(self) -> int:
        """Patches of an image, T."""
        return math.prod(self.grid)

    @property
    def size(self) -> int:
        """Numbers in a patch, P."""
        return self.shape[0] * math.prod(self.side)

    def split(self, images: Tensor) -> Tensor:
        """Images `[..., C, H, W]` to patches `[..., T, P]`."""
        (c, h, w), (a, b), (rows, columns) = self.shape, self.side, self.grid
        x = F.pad(images, (0, columns * b - w, 0, rows * a - h)).reshape(-1, c, rows, a, columns, b)
        return x.permute(0, 2, 4, 1, 3, 5).reshape(*images.shape[:-3], self.count, self.size)

    def join(self, patches: Tensor) -> Tensor:
        """Patches `[..., T, P]` to images `[..., C, H, W]`."""
        (c, h, w), (a, b), (rows, columns) = self.shape, self.side, self.grid
        x = patches.reshape(-1, rows, columns, c, a, b).permute(0, 3, 1, 4, 2, 5)
        return x.reshape(*patches.shape[:-2], c, rows * a, columns * b)[..., :h, :w]

    def pixels(self, chosen: Tensor) -> Tensor:
        """The pixels `[..., C, H, W]` of the chosen patches, bool `[..., T]`."""
        return self.join(chosen.unsqueeze(-1).expand(*chosen.shape, self.size))


def _part(side: int) -> int:
    """The length of the parts that a side is cut into."""
    equal = [side // n for n in range(FEWEST, MOST + 1) if side % n == 0]
    return min(equal, default=-(-side // MOST))


def error_within(predicted: Tensor, images: Tensor, pixels: Tensor) -> Tensor:
    """Squared error of the predicted images over the given pixels, bool, alone; their mean over the batch, `[...]`.

    All are `[..., B, C, H, W]`.
    """
    missed = (predicted - images).square().masked_fill(~pixels, 0.0)
    return missed.sum((-4, -3, -2, -1)) / pixels.sum((-4, -3, -2, -1))


@dataclass(frozen=True)
class TokenDecoder:
    """A head: one linear layer from the token of a patch to its pixels; tokens `[..., B, T, width]` to images."""

    problem: Problem

    @property
    def layer(self) -> Linear:
        return Linear(self.problem.width, Patches(self.problem.input_shape).size)

    def init(self, rng: torch.Generator) -> Params:
        return self.layer.init(rng)

    def __call__(self, params: Params, tokens: Tensor) -> Tensor:
        pixels = self.layer(params, tokens.flatten(-3, -2)).unflatten(-2, tokens.shape[-3:-1])
        return Patches(self.problem.input_shape).join(pixels)
