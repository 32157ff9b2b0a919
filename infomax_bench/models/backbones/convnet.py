"""A small convolutional net."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import nn

from infomax_bench.models.convolutional import ConvolutionalEncoder

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


class ConvNetEncoder(ConvolutionalEncoder):
    """Three convolutions."""

    summary = "three convolutions of stride 2 with group norm"
    seconds_per_pixel = 4e-7
    fresh = staticmethod(small_convnet)
