"""torchvision's ResNet-18 with the stem that is usual for small images."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from infomax_bench.models.convolutional import ConvolutionalEncoder


def resnet18(channels: int, sizes: Sequence[int] = ()) -> nn.Module:
    """torchvision's, with the stem that is usual for small images: one 3x3 convolution, no pooling.

    Its layers have the usual channels.
    """

    from infomax_bench.data._torchvision import models

    net: nn.Module = models.resnet18(weights=None)
    net.conv1, net.maxpool, net.fc = nn.Conv2d(channels, 64, 3, padding=1, bias=False), nn.Identity(), nn.Identity()
    return net


class ResNetEncoder(ConvolutionalEncoder):
    """Residual blocks with batch norm."""

    summary = "ResNet-18 with a stem for small images"
    seconds_per_pixel = 2.5e-5
    fresh = staticmethod(resnet18)
