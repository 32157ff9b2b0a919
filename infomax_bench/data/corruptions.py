"""Corruptions of whole batches of images at five severities, for the test of robustness.

The idea is that of Hendrycks and Dietterich (2019, arXiv:1903.12261): common corruptions, graded, of test images only,
which no method has trained on. Noise and contrast are theirs, levels included; blur is a Gaussian one, and lengths are
shares of the image's side, since images here have 8 pixels to a side or many more. Occlusion hides a square
patch (as DeVries and Taylor 2017, arXiv:1708.04552, do in training), shifts lose what leaves the image.

Random draws belong to a seed, a corruption and the number and shape of the images, to nothing else: all methods see
the same corrupted images. An image keeps its draw through the severities, so that a level is more of the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from infomax_bench.base.streams import generator
from infomax_bench.data.dataset import to_unit

SEVERITIES = (1, 2, 3, 4, 5)
LEVELS: dict[str, tuple[float, ...]] = {
    "noise": (0.08, 0.12, 0.18, 0.26, 0.38),  # standard deviation, of the full intensity range
    "blur": (0.04, 0.06, 0.08, 0.11, 0.15),  # standard deviation, of the shorter side
    "occlusion": (0.2, 0.3, 0.4, 0.5, 0.6),  # the patch's side, of the shorter side
    "contrast": (0.4, 0.3, 0.2, 0.1, 0.05),  # what is left of the distance to the mean
    "shift": (0.04, 0.08, 0.12, 0.16, 0.2),  # of each side
}
"""What severities 1 to 5 mean. They were set before any result was seen."""
TRUNCATE = 3.0
"""Standard deviations to each side that a blur's kernel has."""


def corrupt(images: Tensor, name: str, seed: int, severities: Sequence[int] = SEVERITIES) -> Tensor:
    """The images at each severity, `[len(severities), N, C, H, W]` in their type; severity 0 changes nothing.

    images: `[N, C, H, W]`, uint8, or float in [0, 1]. name: a key of LEVELS:

    - noise: Gaussian, independent for each pixel and channel; clipped to the range.
    - blur: convolution with a Gaussian, mirrored at the border.
    - occlusion: a square patch anywhere inside the image, in the image's own mean colour.
    - contrast: every channel drawn towards its mean.
    - shift: along one or both axes, the same way at all severities; what comes in is 0.

    A length that is no whole number of pixels is rounded up or down, at random for each image, to be right on average.

    Raises KeyError for a corruption that there is not, ValueError for other severities than 0 to 5.
    """
    if not set(severities) <= {0, *SEVERITIES}:
        raise ValueError(f"severities are 0 to {SEVERITIES[-1]}, not {', '.join(map(str, severities))}")
    levels, apply = LEVELS[name], _APPLY[name]
    rng = generator(seed, f"corruption.{name}")
    draw = torch.randn(images.shape, generator=rng) if name == "noise" else torch.rand(len(images), 3, generator=rng)
    draw = draw.to(images.device)
    whole = images.dtype == torch.uint8
    x = to_unit(images) if whole else images
    out = torch.empty((len(severities), *images.shape), dtype=images.dtype, device=images.device)
    for part, severity in zip(out, severities, strict=True):
        if severity == 0:
            part.copy_(images)
            continue
        changed = apply(x, levels[severity - 1], draw)
        part.copy_(changed.mul_(255).round_() if whole else changed)
    return out


def _noise(x: Tensor, level: float, draw: Tensor) -> Tensor:
    return torch.add(x, draw, alpha=level).clamp_(0, 1)


def _blur(x: Tensor, level: float, draw: Tensor) -> Tensor:
    height, width = x.shape[-2:]
    sigma = level * min(height, width)
    down, across = (blur_matrix(n, sigma).to(x) for n in (height, width))
    return (down @ (x @ across.T)).clamp_(0, 1)


def blur_matrix(n: int, sigma: float) -> Tensor:
    """What blurs a line of n pixels, float64 `[n, n]`, rows sum to 1; beyond its end pixels it goes on mirrored."""
    radius = int(TRUNCATE * sigma + 0.5)
    offsets = torch.arange(-radius, radius + 1)
    weights = torch.exp(-0.5 * (offsets.double() / sigma) ** 2)
    weights /= weights.sum()
    period = max(2 * (n - 1), 1)
    where = (torch.arange(n).unsqueeze(1) + offsets).remainder(period)
    where = torch.minimum(where, period - where) if n > 1 else torch.zeros_like(where)
    return torch.zeros(n, n, dtype=torch.float64).scatter_add_(1, where, weights.expand(n, -1))


def _lengths(length: float, u: Tensor) -> Tensor:
    """Whole numbers around `length`, which is their mean for uniform u in [0, 1); int64, the shape of u."""
    return (length + u).floor().long()


def _occlusion(x: Tensor, level: float, draw: Tensor) -> Tensor:
    height, width = x.shape[-2:]
    side = _lengths(level * min(height, width), draw[:, 0])
    inside = []
    for n, u in ((height, draw[:, 1]), (width, draw[:, 2])):
        first = (u * (n - side + 1)).floor().long().unsqueeze(1)
        at = torch.arange(n, device=x.device)
        inside.append((at >= first) & (at < first + side.unsqueeze(1)))
    patch = inside[0].unsqueeze(2) & inside[1].unsqueeze(1)  # [N, H, W]
    return torch.where(patch.unsqueeze(1), x.mean((-2, -1), keepdim=True), x)


def _contrast(x: Tensor, level: float, draw: Tensor) -> Tensor:
    mean = x.mean((-2, -1), keepdim=True)
    return torch.lerp(mean, x, level)


_WAYS = torch.tensor([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)])
"""Down and right, of a shift."""


def _shift(x: Tensor, level: float, draw: Tensor) -> Tensor:
    ways = _WAYS.to(x.device)[(draw[:, 1] * len(_WAYS)).long()]
    for axis, n in ((-2, x.shape[-2]), (-1, x.shape[-1])):
        by = ways[:, axis] * _lengths(level * n, draw[:, 0])
        source = torch.arange(n, device=x.device) - by.unsqueeze(1)  # [N, n]
        kept = (source >= 0) & (source < n)
        shape = (len(x), 1, n, 1) if axis == -2 else (len(x), 1, 1, n)
        x = x.gather(axis, source.clamp(0, n - 1).view(shape).expand_as(x)) * kept.view(shape)
    return x


_APPLY: dict[str, Callable[[Tensor, float, Tensor], Tensor]] = {
    "noise": _noise,
    "blur": _blur,
    "occlusion": _occlusion,
    "contrast": _contrast,
    "shift": _shift,
}
