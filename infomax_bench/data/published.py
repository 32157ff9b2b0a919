"""Published data sets that torchvision and the Hugging Face Hub both have: one data set, wherever it is from."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from infomax_bench.base.errors import UserError
from infomax_bench.base.places import data_root
from infomax_bench.data.dataset import Images
from infomax_bench.data.hub import Asked, Found, found
from infomax_bench.data.order import Digests
from infomax_bench.data.torchvision import TorchvisionDataset

BITS = 48
"""Of a digest, in a list of images: of 50,000 others, one in five million lists would take one for its own."""


class PublishedDataset(TorchvisionDataset):
    """Base class of such data sets. torchvision's files are read if they are there, else the Hub's, else either is
    downloaded; the images are the same, in the one order of `data/order.py`. So is the key where `contents` has what
    they are; where it has not, either source has a key of its own.

    An argument stands for the part of the training images that a list names.
    """

    hub: ClassVar[Mapping[str, Sequence[str]]]
    """By the argument ("" for none), where the Hub has it, as what follows `hf:`."""
    lists: ClassVar[Mapping[str, Path]] = {}
    """By the argument, the file that names the training images (`read_list`; tests/data/image_lists.py writes it)."""
    contents: ClassVar[Mapping[str, str]] = {}
    """By the argument, the hash of what the images are (`Digests.content`), where it is known."""

    @property
    def _part(self) -> str:
        return self.argument or ""

    def fingerprint(self) -> str:
        """Of what the images must be; where that is not known, of what torchvision's files must be, or of what the
        images are that were found."""
        if self._part in self.contents:
            return self.contents[self._part]
        with suppress(UserError):  # loading tells
            if not self._are_there(data_root()) and self._on_disk() is not None:
                images = self.load()
                return Digests.of(images.images.numpy(), images.labels.numpy()).content(images.test.numpy(), self.shape)
        return super().fingerprint()

    @property
    def verified(self) -> bool | None:
        """Whether the images are known to be the published ones; where their hash is known, no others are loaded. None
        if they are not here."""
        with suppress(UserError):
            theirs = self._are_there(data_root())
            if theirs or self._on_disk() is not None:
                return self._part in self.contents or (theirs and super().verified)
        return None

    def load(self) -> Images:
        """The images. Raises UserError if they are neither here nor to be had, or are not what was published."""
        root = data_root()
        if not (self._are_there(root) and not self._faults(root)) and (here := self._on_disk()) is not None:
            return self._of_hub(*here)
        try:
            return self._in_order(super().load(), str(root / self.folder))
        except UserError as error:
            for name in self.hub[self._part]:
                with suppress(UserError):
                    asked = Asked.of(name)
                    if (had := found(asked)) is not None:
                        return self._of_hub(asked, had)
            raise UserError(f"{error}; nor from the Hub, as {self.hub[self._part][0]}") from None

    def _on_disk(self) -> tuple[Asked, Found] | None:
        """The Hub's files, if they are on this machine."""
        for asked in map(Asked.of, self.hub[self._part]):
            if (here := found(asked, download=False)) is not None:
                return asked, here
        return None

    def _of_hub(self, asked: Asked, here: Found) -> Images:
        from infomax_bench.data.decoded import decoded  # slow to import: not before it is needed
        from infomax_bench.data.parquet import Table

        kept = decoded(Table(asked, here.files), self.shape, self.label)
        if kept.about["classes"] != list(self.class_names):
            raise UserError(f"{self.label}: the classes of {asked} in {here.paths[0].parent} have other names")
        return self._in_order(Images(kept.images, **kept.rest), str(here.paths[0].parent))

    def _in_order(self, images: Images, where: str) -> Images:
        """The images that are meant, in order. Raises UserError if they are not what was published."""
        test = images.test.numpy()
        digests = Digests.of(images.images.numpy(), images.labels.numpy())
        if self._part in self.lists and not (own := test | listed(digests, ~test, self.lists[self._part])).all():
            images = Images(images.images[own], images.labels[own], images.test[own])
            digests, test = Digests(digests.pixels[own], digests.whole[own]), test[own]
        known = self.contents.get(self._part)
        if (int((~test).sum()), int(test.sum())) != (self.n_rest, self.n_test) or (
            known and digests.content(test, self.shape) != known
        ):
            raise UserError(f"{self.label}: what is in {where} is not this data set; remove it, and it is downloaded")
        order = torch.from_numpy(digests.order(test))
        if torch.equal(order, torch.arange(len(order))):  # as the Hub's are kept
            return images
        return Images(images.images[order], images.labels[order], images.test[order])


def words(digests: Digests) -> np.ndarray:
    """The first bits of digests, uint64 `[n]`: what a list has of each image."""
    return np.asarray(digests.whole[:, 0] >> np.uint64(64 - BITS))


def listed(digests: Digests, among: np.ndarray, path: Path) -> np.ndarray:
    """Which of those images a list names, bool `[N]`: one that it names twice, two of."""
    known = read_list(path)
    places = np.flatnonzero(among)
    own = words(digests)[places]
    order = np.argsort(own, kind="stable")
    own = own[order]
    copy = np.arange(len(own)) - np.searchsorted(own, own)
    wanted = np.searchsorted(known, own, "right") - np.searchsorted(known, own)
    chosen = np.zeros(len(among), bool)
    chosen[places[order[copy < wanted]]] = True
    return chosen


def read_list(path: Path) -> np.ndarray:
    """The first bits of the digests in a list, sorted, uint64 `[n]`: kept as packed differences."""
    planes = np.frombuffer(zlib.decompress(path.read_bytes()), np.uint8).reshape(8, -1)
    return np.cumsum(np.ascontiguousarray(planes.T).view("<u8").ravel(), dtype=np.uint64)
