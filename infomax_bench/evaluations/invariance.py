"""What makes a unit vary: the image's class, its other factors, or an augmentation that leaves the class as it is.

Shares of variance do not depend on the scale of a unit. Every live unit counts alike.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from infomax_bench.base.streams import Rng
from infomax_bench.data.augment import Augmentation
from infomax_bench.data.dataset import Dataset, images_as, load, to_unit
from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.declare import Metric, Row, evaluation
from infomax_bench.evaluations.factors import variables
from infomax_bench.evaluations.parts import LABEL
from infomax_bench.numerics._ranks import live_units

IMAGES = 500
"""Test images that are augmented: a fixed random choice, the same for all methods and seeds."""
VIEWS = 8
"""Augmented versions of each."""

REST = "rest"
"""The share of no single factor: what factors do together, and what none of them knows."""


@functools.lru_cache(maxsize=8)
def _views(key: tuple[type[Dataset], str | None], shape: tuple[int, ...]) -> Tensor:
    dataset = key[0](key[1])
    test = torch.nonzero(load(dataset).test).flatten()
    order = torch.randperm(len(test), generator=torch.Generator().manual_seed(0))[:IMAGES]
    images = to_unit(images_as(dataset, shape)[test[order]])
    rng = Rng.of([0], "invariance", stacked=False)
    seen = torch.stack([dataset.augmentation(images, rng) for _ in range(VIEWS)], dim=1)
    return (seen * 255).round().to(torch.uint8)


def views_of(dataset: Dataset, shape: Sequence[int]) -> Tensor:
    """Augmented test images of a data set, uint8 `[n, VIEWS, *shape]`, made once per process."""
    return _views((type(dataset), dataset.argument), tuple(shape))


def within_share(features: Tensor) -> Tensor:
    """Share of a unit's variance that is within images, between their views: `[S, n, A, K]` -> its mean over live
    units, float64 `[S]`; NaN if there are none.

    The mean square within images over that of all outputs, each over its degrees of freedom: 0 for a unit that is the
    same for all views of an image, 1 on average for one that does not know the image, whatever n and A; one less it is
    about the intraclass correlation (Shrout and Fleiss 1979). Raises Diverged if a feature is not finite.
    """
    n, views = features.shape[1:3]
    flat = features.flatten(1, 2)
    live = live_units(flat)
    x = features.double()
    around = (x - x.mean(2, keepdim=True)).square().sum((1, 2)) / (n * (views - 1))
    return _mean_of_live(around / _mean_square(flat.double()), live)


def explained_shares(features: Tensor, codes: Tensor, size: int) -> Tensor:
    """Share of a unit's variance that is between the values of a factor: features `[S, N, K]`, codes int64 `[S, N]`
    below size -> its mean over live units, float64 `[S]`; NaN if there are none.

    Adjusted for chance (epsilon squared, Kelley 1935): 0 on average for a unit that ignores the factor, 1 for one that
    is a function of it. Over factors that are independent of each other the shares add up to at most 1; they are then
    the first-order Sobol' indices (1993).
    """
    x = features.double()
    x = x - x.mean(1, keepdim=True)
    member = torch.nn.functional.one_hot(codes, size).double()
    count = member.sum(1).unsqueeze(-1)  # [S, V, 1]
    between = ((member.mT @ x).square() / count.clamp(min=1)).sum(1)
    free = x.shape[1] - (count > 0).sum((1, 2)).unsqueeze(1)
    within = (x.square().sum(1) - between).clamp(min=0) / free
    return _mean_of_live(1 - within / _mean_square(x), live_units(features))


def _mean_square(x: Tensor) -> Tensor:
    return (x - x.mean(1, keepdim=True)).square().sum(1) / (x.shape[1] - 1)


def _mean_of_live(values: Tensor, live: Tensor) -> Tensor:
    return values.where(live, torch.nan).nanmean(-1)


NO_UNITS = "no unit is alive"


@evaluation(
    seconds=4e-6,
    of_maps=True,
    metrics=[
        Metric(
            "augmentation_share",
            "share of a unit's variance that is between augmented views of one image",
            range=(0, 2),
            undefined=NO_UNITS,
        ),
        Metric(
            "variance_share",
            "share of a unit's variance that is between the values of a factor, adjusted for chance",
            range=(-1, 2),
            protocols=(LABEL, REST),
            by="factor of the data set",
            undefined=NO_UNITS,
        ),
    ],
)
def invariance(context: Context) -> list[Row]:
    """What the variance of a unit is due to, means over live units.

    - `augmentation_share`: to the data set's own augmentation, if it has one; needs the encoder.
    - `variance_share`: to the class, to each other factor (`protocol`), and to the `rest`; on test images.
    """
    encoder = context.need_encoder()
    assert context.target is not None
    rows = []
    if context.target.augmentation != Augmentation():
        views = views_of(context.target, encoder.problem.input_shape)
        features = encoder.features(views.flatten(0, 1)).unflatten(1, views.shape[:2])
        rows += context.rows("augmentation_share", within_share(features))
    data = context.set
    test, features = data.part("test"), data.raw("test")
    rest = torch.ones(len(context.seeds), dtype=torch.float64)
    for variable in variables(data):
        share = explained_shares(features, variable.codes[test], variable.size)
        rest -= share
        rows += context.rows("variance_share", share, protocol=variable.name)
    return rows + context.rows("variance_share", rest, protocol=REST)
