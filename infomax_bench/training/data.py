"""What is trained on: a data set's images as bytes, divided by each seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from infomax_bench.data.augment import Augmentation
from infomax_bench.data.dataset import Dataset, Split, captions_of, images_as, load, split
from infomax_bench.models.blocks import Problem

CHUNK = 4096


@dataclass(frozen=True)
class Data:
    """What is trained on.

    images: uint8 `[N, C, H, W]`; labels: int64 `[N]`; splits: one a seed; captions: int64 `[N, L]`, the ids of their
    words, where they are needed.
    """

    images: Tensor
    labels: Tensor
    splits: Sequence[Split]
    augmentation: Augmentation = field(default_factory=Augmentation)
    captions: Tensor | None = None

    def take(self, which: Sequence[int]) -> Data:
        """The data of the seeds at the given positions."""
        return replace(self, splits=[self.splits[i] for i in which])


def data_for(
    dataset: Dataset,
    problem: Problem,
    seeds: Sequence[int],
    validation: bool = True,
    n_train: int = 0,
    needs: Sequence[str] = (),
    without: str = "",
) -> Data:
    """A data set's images in the problem's input shape, divided by each seed.

    validation: as in `split`; n_train: the training images used, of each seed's own order (0: all of them); needs:
    the method's; captions are only written for one that wants them. without: a part of the augmentation, or ALL of it.
    """
    loaded = load(dataset)
    splits = [split(loaded.test, seed, validation) for seed in seeds]
    if n_train:
        splits = [replace(own, train=own.train[:n_train]) for own in splits]
    captions = captions_of(dataset) if "captions" in needs else None
    augmentation = dataset.augmentation.without(without) if without else dataset.augmentation
    return Data(images_as(dataset, problem.input_shape), loaded.labels, splits, augmentation, captions)


def mean_images(flat: Tensor, indices: Sequence[Tensor] | Tensor) -> Tensor:
    """The means of several choices of uint8 images `[N, D]`, as `[S, D]` in [0, 1]."""
    shares = torch.zeros(len(indices), len(flat), device=flat.device)  # products, since gathering copies all images
    for row, own in zip(shares, indices, strict=True):
        row[own.to(flat.device)] = 1 / (255 * len(own))
    parts = zip(shares.split(CHUNK, dim=1), flat.split(CHUNK), strict=True)
    return torch.stack([share @ images.to(share.dtype) for share, images in parts]).sum(0)
