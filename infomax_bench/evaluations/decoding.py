"""What a small decoder makes of frozen features: the image itself, its figure, and images that never were.

Every decoder is one ridge regression with a target for each pixel, the same for all methods; so what it cannot draw may
still be in the features, in a form that is not linear.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from infomax_bench.base.streams import generator
from infomax_bench.data.dataset import Dataset, images_as, load, split, to_unit
from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.declare import Metric, Row, evaluation
from infomax_bench.evaluations.linear import CHOOSE_ON, MOST, LinearMap, Seed, r2_of, shared_seeds
from infomax_bench.evaluations.parts import as_many
from infomax_bench.numerics.components import principal_components
from infomax_bench.numerics.two_sample import median_distance, mmd

COMPONENTS = 10
"""Samples are compared with images by their leading principal components: among all pixels, noise in which every pixel
is drawn on its own would pass for images, since it has their pixels' variances."""
SAMPLES = 500
"""How many are drawn, and compared with as many images, if there are."""
THRESHOLDS = tuple(i / 20 for i in range(1, 20))
"""Above which a decoded pixel is figure: the one that validation images prefer."""
SHOWN = 8
"""Images and samples of the first seed that the report shows."""

Places = Callable[[Tensor], Tensor]
"""Places of images in the data set, int64 `[n]` -> what is to be decoded of them, float `[n, D]`."""
Sampler = Callable[[Seed, int, torch.Generator], Tensor]


# -- the image, and principal components ------------------------------------------------------------------------------
@dataclass(frozen=True)
class Source:
    """One seed's images, as the decoders see them: what belongs to the data alone, and is the same for all methods."""

    dataset: tuple[type[Dataset], str | None]
    shape: tuple[int, ...]
    seed: int
    validation: bool

    def pixels(self, places: Tensor) -> Tensor:
        """Images in [0, 1], float32 `[n, D]`."""
        return to_unit(images_as(self.dataset[0](self.dataset[1]), self.shape)[places]).flatten(1)

    def part(self, name: str) -> Tensor:
        own = split(load(self.dataset[0](self.dataset[1])).test, self.seed, self.validation)
        return {"train": own.train[:MOST], "validation": own.validation[:CHOOSE_ON], "test": own.test}[name]


@functools.lru_cache(maxsize=64)
def pca_r2(source: Source, width: int) -> float:
    """R^2 of test images' pixels from as many principal components of the training images; 1 for as many as pixels.

    No affine decoder of as many features does better on the training images (Eckart and Young 1936; for linear
    autoencoders Baldi and Hornik 1989).
    """
    train = source.pixels(source.part("train"))
    width = min(width, *train.shape)
    mean, directions = (t.float() for t in principal_components(train, width))
    return reconstruction(source, source.part("test"), lambda _, x: mean + (x - mean) @ directions @ directions.T)


def reconstruction(source: Source, places: Tensor, guess: Callable[[Tensor, Tensor], Tensor]) -> float:
    """R^2 of the pixels of images at these places, a part of them at a time; guess: of rows int64 `[n]`, and of their
    pixels `[n, D]` (which a bound may see), these pixels."""

    def truth(at: Tensor) -> Tensor:
        return source.pixels(places[at])

    return r2_of(truth, lambda at: guess(at, truth(at)), len(places), math.prod(source.shape))


@dataclass(frozen=True)
class Yardstick:
    """How far samples are from held-out images, by their leading principal components.

    mean `[D]`, directions `[D, COMPONENTS]`; points: of at most SAMPLES held-out images, by part; scale: the kernel's;
    unit: the distance of samples in which every pixel is drawn on its own, from its values in training images.
    """

    mean: Tensor
    directions: Tensor
    points: dict[str, Tensor]
    scale: float
    unit: float = 1.0

    def project(self, images: Tensor) -> Tensor:
        return (images - self.mean) @ self.directions

    def distance(self, images: Tensor, part: str = "test") -> float:
        """The squared MMD of images `[n, D]` from those of the part, over `unit`."""
        return mmd(self.project(images), self.points[part], self.scale) / self.unit


@functools.lru_cache(maxsize=64)
def yardstick(source: Source) -> Yardstick:
    """Made from one seed's images, once per process."""
    train = source.pixels(source.part("train"))
    mean, directions = (t.float() for t in principal_components(train, min(COMPONENTS, *train.shape)))
    rng = generator(source.seed, "two samples")
    chosen = {}
    for name in ("validation", "test"):
        places = source.part(name)
        places = places[torch.randperm(len(places), generator=rng)[:SAMPLES]]
        chosen[name] = (source.pixels(places) - mean) @ directions
    made = Yardstick(mean, directions, chosen, median_distance((train[:SAMPLES] - mean) @ directions))
    unit = made.distance(_on_their_own(train, len(chosen["test"]), rng))
    return Yardstick(mean, directions, chosen, made.scale, unit)


# -- samples ----------------------------------------------------------------------------------------------------------
def _on_their_own(x: Tensor, n: int, rng: torch.Generator) -> Tensor:
    """n rows `[n, K]`, every entry drawn by itself from its column of x `[m, K]`."""
    return x.gather(0, torch.randint(len(x), (n, x.shape[1]), generator=rng))


def alone(seed: Seed, n: int, rng: torch.Generator) -> Tensor:
    """Features `[n, K]` in which every unit is drawn by itself from its values on training images: samples of what the
    features are, if the units are independent."""
    return _on_their_own(seed.moments.x, n, rng)


def gaussian(seed: Seed, n: int, rng: torch.Generator) -> Tensor:
    """Features `[n, K]` from the Gaussian that has the training features' mean and covariance."""
    own = seed.moments
    jitter = 1e-6 * torch.eye(len(own.mean), dtype=torch.float64)
    noise = torch.randn(n, len(own.mean), generator=rng, dtype=torch.float64)
    root: Tensor = torch.linalg.cholesky(own.covariance + jitter)
    return (own.mean + noise @ root.T).float()


SAMPLERS: dict[str, Sampler] = {"gaussian": gaussian, "alone": alone}


# -- figure and ground ------------------------------------------------------------------------------------------------
def mask_iou(truth: Tensor, guess: Tensor) -> Tensor:
    """Figure in both over figure in either, for each image: bool `[n, D]` -> float64 `[n]`; 1 if neither has any."""
    both, either = (truth & guess).sum(1).double(), (truth | guess).sum(1).double()
    return torch.where(either > 0, both / either.clamp(min=1), 1.0)


def threshold(truth: Tensor, guess: Tensor) -> float:
    """The one of THRESHOLDS with the best mean IoU of `guess > threshold`; of equals the lowest."""
    means = torch.stack([mask_iou(truth, guess > t).mean() for t in THRESHOLDS])
    return THRESHOLDS[int(means.argmax())]


def segmentation(seed: Seed, masks: Tensor) -> tuple[LinearMap, float, float, float]:
    """A decoder to masks, bool `[N, D]`; its threshold; mean IoU on test images, and that of the same mask for all, the
    mean mask of training images above its own best threshold."""
    truth = {name: masks[places] for name, places in seed.images.items()}
    decoder = seed.regression(lambda places: masks[places].float())
    level = threshold(truth["validation"], decoder(seed.x["validation"]))
    iou = float(mask_iou(truth["test"], decoder(seed.x["test"]) > level).mean())
    usual = truth["train"].float().mean(0).expand(len(truth["validation"]), -1)
    same = usual[:1] > threshold(truth["validation"], usual)
    return decoder, level, iou, float(mask_iou(truth["test"], same.expand_as(truth["test"])).mean())


# -- all of it --------------------------------------------------------------------------------------------------------
R2 = Metric("reconstruction", "R^2 of the pixels of test images, all together", "higher", range=(-math.inf, 1))
IOU = Metric("mask_iou", "mean intersection over union of figures", "higher", range=(0, 1))


@evaluation(
    seconds=2e-5,
    of_maps=True,
    keeps="pictures of the first seed: images, what is decoded of them, samples, and figures",
    metrics=[
        R2.under("", "pca"),
        Metric("reconstruction_of_pca", "the features' R^2 over that of as many principal components", "higher"),
        IOU.under("", "mean"),
        Metric("mask_skill", "share of the way from one mask for all to 1", "higher", range=(-math.inf, 1)),
        Metric(
            "sample_distance",
            "squared MMD of samples from test images, over that of images of independent pixels",
            "lower",
            protocols=(*SAMPLERS, "chosen", "decoded", "images"),
        ),
    ],
)
def decoding(context: Context) -> tuple[list[Row], dict[str, np.ndarray]]:
    """Linear decoders on frozen features, by their work on test images.

    - `reconstruction`: R^2 of the pixels, all together; `protocol` "pca" is that of as many principal components.
    - `reconstruction_of_pca`: the first over the second.
    - `mask_iou`, where masks are known: mean intersection over union of figures; `protocol` "mean" is that of one mask
      for all. `mask_skill`: the share of the way from there to 1.
    - `sample_distance`: squared MMD of 500 images from test images, over that of images in which every pixel is drawn
      on its own, so that 1 is as bad as that and 0 as good as images (and on average a little below, where the number
      of samples is all that differs). By `protocol`: decoded features from a "gaussian"; with every unit drawn "alone";
      from the one of the two that validation images prefer, "chosen"; decoded features of training images, "decoded";
      and training "images" themselves.

    And pictures of the first seed, uint8: `images` `[n, C, H, W]` of the test part, `decoded`, `gaussian` and `alone`,
    alike, and `masks` and `segmented` `[n, H, W]`: 8, or as many as `as_many` allows.
    """
    shape = context.need_encoder().problem.input_shape
    assert context.target is not None
    masks = load(context.target).masks
    key = (type(context.target), context.target.argument)
    found: dict[tuple[str, str], list[float]] = {}
    pictures: dict[str, np.ndarray] = {}

    def note(metric: str, value: float, protocol: str = "") -> None:
        found.setdefault((metric, protocol), []).append(value)

    for number, seed in zip(context.seeds, shared_seeds(context), strict=True):
        source = Source(key, shape, number, context.validation)
        decoder = seed.regression(source.pixels)
        own, bound = (
            reconstruction(source, seed.images["test"], functools.partial(_decoded, decoder, seed.x["test"])),
            pca_r2(source, len(decoder.weight)),
        )
        note("reconstruction", own)
        note("reconstruction", bound, "pca")
        note("reconstruction_of_pca", own / bound)
        samples = _samples(seed, decoder, source, note)
        if masks is not None:
            figure, level, iou, usual = segmentation(seed, masks.flatten(1))
            note("mask_iou", iou)
            note("mask_iou", usual, "mean")
            note("mask_skill", (iou - usual) / (1 - usual))
        if not pictures:
            shown = as_many(SHOWN, len(SAMPLERS) * math.prod(shape))
            test = torch.linspace(0, len(seed.images["test"]) - 1, shown).long()
            x, places = seed.x["test"][test], seed.images["test"][test]
            flat = {"images": source.pixels(places), "decoded": decoder(x), **samples}
            pictures = {name: _bytes(each[:shown].unflatten(1, shape)) for name, each in flat.items()}
            if masks is not None:
                pictures["masks"] = _bytes(masks[places].float())
                pictures["segmented"] = _bytes((figure(x) > level).float().unflatten(1, masks.shape[1:]))
    rows = [row for (metric, p), v in found.items() for row in context.rows(metric, torch.tensor(v), protocol=p)]
    return rows, pictures


def _samples(
    seed: Seed, decoder: LinearMap, source: Source, note: Callable[[str, float, str], None]
) -> dict[str, Tensor]:
    """Draws images by every sampler, and notes how far they are from test images."""
    ruler = yardstick(source)
    n = len(ruler.points["test"])
    drawn = {}
    for name, sampler in SAMPLERS.items():
        drawn[name] = decoder(sampler(seed, n, generator(source.seed, f"samples.{name}"))).clamp(0, 1)
    far = {name: ruler.distance(images) for name, images in drawn.items()}
    chosen = min(drawn, key=lambda name: ruler.distance(drawn[name], "validation"))
    train = seed.images["train"][:n]
    far |= {
        "chosen": far[chosen],
        "decoded": ruler.distance(decoder(seed.moments.x[: len(train)]).clamp(0, 1)),
        "images": ruler.distance(source.pixels(train)),
    }
    for name, value in far.items():
        note("sample_distance", value, name)
    return drawn


def _decoded(decoder: LinearMap, x: Tensor, at: Tensor, _: Tensor) -> Tensor:
    return decoder(x[at])


def _bytes(images: Tensor) -> np.ndarray:
    array: np.ndarray = (images.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    return array
