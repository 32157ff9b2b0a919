"""What can be measured of any image, whatever it shows: nuisance on data sets whose factors nobody knows."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from infomax_bench.data.dataset import Dataset, load

PROPERTIES = ("ink", "width", "height", "slant")

_CHUNK = 4096


def measure(images: Tensor) -> Tensor:
    """Properties of uint8 images `[N, C, H, W]`, float64 `[N, 4]`, in the order of PROPERTIES.

    From the moments of the intensity (the mean over channels): `ink` is its mean, in [0, 1]; `width` and `height` are
    its standard deviations across and down, in pixels; `slant` is the shear that would set it upright, the covariance
    of the two axes over the variance down (the deskewing of handwritten digits; compare Morpho-MNIST, Castro et al.
    2019). A black image has 0 of all, and one without height no slant.
    """
    return torch.cat([_measure(part) for part in images.split(_CHUNK)])


def _measure(images: Tensor) -> Tensor:
    mass = images.double().mean(1) / 255
    total = mass.sum((1, 2))
    share = mass / total.clamp(min=1e-12).view(-1, 1, 1)
    x, y = (torch.arange(n, dtype=torch.float64) for n in (mass.shape[2], mass.shape[1]))
    across, down = share.sum(1), share.sum(2)  # [N, W], [N, H]
    dx, dy = (axis - (along @ axis).unsqueeze(1) for axis, along in ((x, across), (y, down)))
    variance_x, variance_y = (across * dx.square()).sum(1), (down * dy.square()).sum(1)
    shear = (dy.unsqueeze(1) @ share @ dx.unsqueeze(2)).flatten()
    slant = torch.where(variance_y > 1e-9, shear / variance_y.clamp(min=1e-9), 0.0)
    return torch.stack([total / mass[0].numel(), variance_x.sqrt(), variance_y.sqrt(), slant], dim=1)


@functools.lru_cache(maxsize=8)
def _measured(key: tuple[type[Dataset], str | None]) -> Tensor:
    return measure(load(key[0](key[1])).images)


def properties_of(dataset: Dataset) -> Tensor:
    """The properties of a data set's images, float64 `[N, 4]`, measured once per process."""
    return _measured((type(dataset), dataset.argument))
