"""What a data set promises."""

from __future__ import annotations

from collections.abc import Callable

import torch

from infomax_bench.base.streams import Rng
from infomax_bench.check.promise import Broken, hold, thorough
from infomax_bench.data.dataset import Dataset, captions_of, load


def declaration_matches_images(dataset: Dataset) -> None:
    """Shape, counts, classes and factors are what was declared without loading."""
    try:
        load(dataset)
    except ValueError as error:
        raise Broken(str(error)) from error


def captions_are_written(dataset: Dataset) -> None:
    """Every image has a caption, made of the vocabulary and of no more words than declared without loading."""
    try:
        ids = captions_of(dataset)
    except (ValueError, LookupError) as error:
        raise Broken(f"captions cannot be written: {type(error).__name__}: {error}") from error
    n = len(load(dataset).images)
    hold(len(ids) == n, f"{len(ids)} captions for {n} images")
    hold(bool(ids.any(1).all()), "a caption has no words")


@thorough
def loading_is_deterministic(dataset: Dataset) -> None:
    """Loading twice gives the same images, labels and test part, and so does asking for the parts of a large one again;
    the fingerprint stays."""
    a, b = load(dataset), type(dataset)(dataset.argument).load()
    same = torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels) and torch.equal(a.test, b.test)
    hold(same, "two loads differ")
    begin = 0
    for part in dataset.parts() if type(dataset).parts is not Dataset.parts else ():
        end = begin + len(part.images)
        hold(torch.equal(part.images, a.images[begin:end]), f"images {begin} to {end} differ when they are made again")
        begin = end
    hold(dataset.fingerprint() == type(dataset)(dataset.argument).fingerprint(), "two fingerprints differ")


def augmentation_keeps_images(dataset: Dataset) -> None:
    """Augmented images keep their shape and range, and are not what they were."""
    images = load(dataset).images[:32].float() / 255
    changed = dataset.augmentation(images, Rng.of([0], "check", stacked=False))
    hold(changed.shape == images.shape, f"augmented images are {tuple(changed.shape)}, not {tuple(images.shape)}")
    hold(bool(changed.isfinite().all() and changed.min() >= 0 and changed.max() <= 1), "augmented images leave [0, 1]")
    hold(not torch.equal(changed, images), "the augmentation changes nothing, so two views are the same image")


DATASET_PROMISES: tuple[Callable[[Dataset], None], ...] = (
    declaration_matches_images,
    captions_are_written,
    loading_is_deterministic,
    augmentation_keeps_images,
)
