"""What is kept of an encoder so that it can be compared with others: its features of a few images, the same for all."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor

from infomax_bench.data.dataset import Dataset, images_as, load
from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.declare import Row, evaluation
from infomax_bench.numerics._ranks import live_units

IMAGES = 192
"""Test images: a fixed random choice, the same for all methods and seeds."""
STEPS = 8
"""Steps of a kept value in one standard deviation of its unit. Of 192 images none is 14 deviations from the mean, so a
byte holds them all. Rounding adds 1 / 768 of the unit's own variance, which lowers a similarity by about 0.001; with
half as many steps it is 0.006 for 200 units, and less for few, which would look like a trend."""


@functools.lru_cache(maxsize=8)
def _chosen(key: tuple[type[Dataset], str | None]) -> Tensor:
    test = torch.nonzero(load(key[0](key[1])).test).flatten()
    return test[torch.randperm(len(test), generator=torch.Generator().manual_seed(0))[:IMAGES]]


def chosen_images(dataset: Dataset) -> Tensor:
    """Positions of the test images whose features are kept, in a random order, int64 `[n]`."""
    return _chosen((type(dataset), dataset.argument))


def quantised(features: Tensor) -> np.ndarray:
    """Features `[S, n, K]` standardised over the n images, in eighths of a unit's deviation: int8; dead units are 0.

    Raises Diverged if a feature is not finite.
    """
    live = live_units(features).unsqueeze(1)
    x = features.double()
    std, mean = torch.std_mean(x, dim=1, keepdim=True, correction=0)
    z = ((x - mean) / std.where(live, 1.0)).where(live, 0.0)
    return (z * STEPS).round().clamp(-127, 127).to(torch.int8).numpy()


@evaluation(seconds=3e-7, per_seed=True, metrics=[], keeps="features of a few test images, the same for all encoders")
def representation(context: Context) -> tuple[list[Row], dict[str, np.ndarray]]:
    """What encoders are compared by.

    No rows; `features` int8 `[S, n, K]` (see `quantised`) of `chosen_images`, and `seeds` int32 `[S]`."""
    encoder = context.need_encoder()
    assert context.target is not None
    images = images_as(context.target, encoder.problem.input_shape)[chosen_images(context.target)]
    return [], {"features": quantised(encoder.features(images)), "seeds": np.array(encoder.seeds, dtype=np.int32)}
