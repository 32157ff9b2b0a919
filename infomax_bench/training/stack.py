"""A stack's lower layers, through which the images of the layer in training go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from infomax_bench.data.dataset import to_unit
from infomax_bench.models.backbones.stack import StackEncoder
from infomax_bench.models.blocks import Params
from infomax_bench.training.data import CHUNK, Data


@dataclass(frozen=True)
class Lower:
    """The trained lower layers of a stack: what stands between the images and the layer in training.

    params: `[S, ...]`, of the whole encoder so far, without the prefix "encoder.".
    """

    stack: StackEncoder
    params: Params
    depth: int

    def __call__(self, images: Tensor) -> Tensor:
        """Images `[..., B, C, H, W]` -> the layer's input `[..., B, 1, 1, n]`."""
        with torch.no_grad():
            return self.stack.below(self.params, images, self.depth)

    def take(self, which: Sequence[int]) -> Lower:
        """Only the seeds at the given positions."""
        return replace(self, params={name: p[list(which)] for name, p in self.params.items()})

    def alone(self, seed: int) -> Lower:
        """One seed's, without the leading dimension."""
        return replace(self, params={name: p[seed] for name, p in self.params.items()})

    def to(self, device: torch.device) -> Lower:
        return replace(self, params={name: p.to(device) for name, p in self.params.items()})


def through(lower: Lower, images: Tensor, which: Tensor) -> Tensor:
    """Those of some uint8 images `[N, C, H, W]` at `which` `[n]` through one seed's lower layers, `[n, 1, 1, m]`."""
    device = next(iter(lower.params.values())).device
    return torch.cat([lower(to_unit(images[part].to(device))) for part in which.split(CHUNK)])


def moments(lower: Lower, data: Data, device: torch.device) -> Params:
    """What standardises the inputs of a layer over each seed's training images; a dead unit becomes 0."""
    parts = []
    for i, own in enumerate(data.splits):
        x = through(lower.alone(i).to(device), data.images, own.train).flatten(1)
        std, mean = torch.std_mean(x, dim=0, correction=0)
        dead = std <= 1e-6 * (x.abs().amax(0) + 1e-30)
        parts.append((mean.cpu(), torch.where(dead, 0.0, 1 / std).cpu()))
    return {"shift": torch.stack([m for m, _ in parts]), "scale": torch.stack([s for _, s in parts])}
