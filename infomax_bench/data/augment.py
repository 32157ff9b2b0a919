"""Augmentation of whole batches on the device, every image with its own random parameters."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from infomax_bench.base.streams import Rng

VERSION = 2
"""Part of every key that depends on views, as what is made of them (projectors, `blocks.MLP` with batch norm) is; raise
it when a change could change their numbers."""


ALL = "all"


@dataclass(frozen=True)
class Augmentation:
    """A random affine map, then a random change of intensity. The defaults change nothing.

    scale: the least and greatest share of each side that a random crop keeps (SimCLR's crop, Chen et al. 2020).
    shift: the greatest shift, as a share of the side. rotate: the greatest rotation, in degrees.
    flip: mirror left and right half of the time.
    brightness, contrast: the greatest relative change. noise: standard deviation of Gaussian noise, in units of
    the full intensity range.
    """

    scale: tuple[float, float] = (1.0, 1.0)
    shift: float = 0.0
    rotate: float = 0.0
    flip: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    noise: float = 0.0

    def __call__(self, images: Tensor, rng: Rng) -> Tensor:
        """An augmented version of `[..., B, C, H, W]` images in [0, 1]; the same shape and range."""
        *lead, batch, channels, height, width = images.shape
        draw = rng.uniform(batch, 7, low=-1.0)  # one row of parameters an image
        flat = images.reshape(-1, channels, height, width)
        u = draw.reshape(-1, 7).to(images.device)
        low, high = self.scale
        scale = low + (high - low) * (u[:, 0] + 1) / 2
        slack = 1 - scale  # a crop may lie anywhere inside the image
        angle = u[:, 3] * math.radians(self.rotate)
        sign = torch.where(u[:, 4] < 0, -1.0, 1.0) if self.flip else torch.ones_like(scale)
        cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
        dx, dy = u[:, 1] * (slack + 2 * self.shift), u[:, 2] * (slack + 2 * self.shift)
        if self.moves():
            aspect = height / width  # coordinates run from -1 to 1 along both sides, also where these differ
            x, y = (((torch.arange(n, device=flat.device) + 0.5) * 2 / n - 1) for n in (width, height))
            # the sum of a row's and a column's part: a third of the time of affine_grid
            column = torch.stack([sign * cos, sign * sin / aspect], 1).view(-1, 1, 1, 2) * x.view(1, 1, -1, 1)
            row = torch.stack([-aspect * sin, cos], 1).view(-1, 1, 1, 2) * y.view(1, -1, 1, 1)
            grid = column + (row + torch.stack([dx, dy], 1).view(-1, 1, 1, 2))
            # Black outside; but not padded with zeros, which would darken the outermost half pixel of every crop. The
            # nearest pixel of a field of ones says where outside is, in half the time of comparing coordinates.
            sample = functools.partial(F.grid_sample, grid=grid, align_corners=False)
            inside = sample(flat.new_ones(1).expand(len(flat), 1, height, width), mode="nearest", padding_mode="zeros")
            flat = sample(flat, padding_mode="border").mul_(inside)
        shape = (-1, 1, 1, 1)
        if self.contrast:
            mean = flat.mean((1, 2, 3), keepdim=True)
            flat = mean + (flat - mean) * (1 + self.contrast * u[:, 5]).view(shape)
        if self.brightness:
            flat = flat * (1 + self.brightness * u[:, 6]).view(shape)
        if self.noise:
            noise = rng.normal(batch, channels, height, width).reshape(flat.shape)
            flat = flat + self.noise * noise.to(flat.device)
        return flat.clamp(0, 1).reshape(*lead, batch, channels, height, width)

    def parts(self) -> tuple[str, ...]:
        """What it consists of, by name: its fields that change something."""
        return tuple(own.name for own in fields(self) if getattr(self, own.name) != own.default)

    def without(self, part: str) -> Augmentation:
        """All of it but one of its parts; nothing for ALL."""
        return Augmentation() if part == ALL else replace(self, **{part: getattr(Augmentation, part)})

    def moves(self) -> bool:
        """Whether pixels change place."""
        return self.scale != (1.0, 1.0) or bool(self.shift or self.rotate or self.flip)
