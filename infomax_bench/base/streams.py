"""Random streams that belong to a seed: no draw depends on which other seeds are trained beside it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

SMALL = 65536
"""Numbers up to which draws for all seeds are made at once."""


def generator(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """An independent stream for each pair of a seed and a purpose ("order", "noise", "init.encoder", ...)."""
    state = np.random.SeedSequence([seed, zlib.crc32(purpose.encode())]).generate_state(1, np.uint64)[0]
    return torch.Generator(device=device).manual_seed(int(state >> np.uint64(1)))


class Rng:
    """Draws for one seed, or for several stacked along a leading dimension, each from its own stream.

    Shapes are given without the leading dimension of seeds; the result has it when `stacked`.
    """

    def __init__(self, generators: Sequence[torch.Generator], stacked: bool) -> None:
        if not stacked and len(generators) != 1:
            raise ValueError("without a seed dimension there is exactly one stream")
        self.generators = list(generators)
        self.stacked = stacked

    @classmethod
    def of(cls, seeds: Sequence[int], purpose: str, device: torch.device | str = "cpu", stacked: bool = True) -> Rng:
        return cls([generator(seed, purpose, device) for seed in seeds], stacked)

    @property
    def device(self) -> torch.device:
        return self.generators[0].device

    def _fill(self, shape: Sequence[int], fill: Callable[[Tensor, torch.Generator], object]) -> Tensor:
        out = torch.empty((len(self.generators), *shape), device=self.device)
        for part, stream in zip(out, self.generators, strict=True):
            fill(part, stream)
        return out if self.stacked else out[0]

    def zeros(self, *shape: int) -> Tensor:
        """Zeros, float32 `[..., *shape]`: where a state may begin. Draws nothing."""
        lead = (len(self.generators),) if self.stacked else ()
        return torch.zeros((*lead, *shape), device=self.device)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Uniform on [low, high), float32 `[..., *shape]`."""
        return self._fill(shape, lambda part, g: part.uniform_(low, high, generator=g))

    def normal(self, *shape: int) -> Tensor:
        """Standard normal, float32 `[..., *shape]`."""
        return self._fill(shape, lambda part, g: part.normal_(generator=g))

    def _own(self, like: Tensor) -> tuple[int, ...]:
        return tuple(like.shape[1:] if self.stacked else like.shape)

    def uniform_like(self, x: Tensor) -> Tensor:
        """Uniform on [0, 1) in the shape of `x` (leading dimension included)."""
        return self.uniform(*self._own(x))

    def normal_like(self, x: Tensor) -> Tensor:
        """Standard normal in the shape of `x` (leading dimension included)."""
        return self.normal(*self._own(x))

    def bernoulli(self, probability: Tensor) -> Tensor:
        """0/1 draws, each 1 with its own probability to within 2^-17 (0 and 1 exactly); the shape of `probability`."""
        rates = probability.detach().reshape(len(self.generators), -1)
        n, drawn = rates.shape[1], torch.empty_like(rates)
        at_once = len(rates) if rates.numel() <= SMALL else 1  # many numbers stay in the cache one seed at a time
        words = torch.empty(at_once, -(-n // 4), dtype=torch.int64, device=self.device)
        for i in range(0, len(rates), at_once):
            for own, stream in zip(words, self.generators[i : i + at_once], strict=True):
                own.random_(-(2**63), None, generator=stream)  # four draws of 16 bits for the price of two floats
            part = slice(i, i + at_once)
            drawn[part].copy_(words.view(torch.int16)[:, :n]).sub_(rates[part], alpha=65536).lt_(-32768.5)
        return drawn.view_as(probability)
