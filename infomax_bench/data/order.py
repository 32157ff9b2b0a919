"""One order for the images of a data set, wherever they were read from: by what they are.

An image is known by the digest of its pixels and its label. What is not test comes first, then what is; within each
part digests ascend. Copies are counted: they stay as many as they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WORDS = np.dtype(">u8")
"""Words that sort as the digests do."""


@dataclass(frozen=True)
class Digests:
    """The first 128 bits of SHA-256 of N images.

    pixels: of their pixels; whole: of their pixels and label (64 bits, the lowest byte first); both `[N, 2]`, uint64,
    which sort as the digests do.
    """

    pixels: np.ndarray
    whole: np.ndarray

    @classmethod
    def of(cls, images: np.ndarray, labels: np.ndarray) -> Digests:
        """Of uint8 images `[N, C, H, W]` and labels `[N]`."""
        pixels, whole = bytearray(), bytearray()
        for image, label in zip(np.ascontiguousarray(images), labels.tolist(), strict=True):
            total = hashlib.sha256(image.data)
            pixels += total.digest()[:16]
            total.update(label.to_bytes(8, "little"))
            whole += total.digest()[:16]
        return cls(*(np.frombuffer(own, WORDS).astype(np.uint64).reshape(-1, 2) for own in (pixels, whole)))

    @classmethod
    def joined(cls, parts: Sequence[Digests]) -> Digests:
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("pixels", "whole")))

    def replaced(self, places: np.ndarray, others: Digests) -> Digests:
        """With those of other images at some places."""
        changed = Digests(self.pixels.copy(), self.whole.copy())
        changed.pixels[places], changed.whole[places] = others.pixels, others.whole
        return changed

    def order(self, test: np.ndarray) -> np.ndarray:
        """Where each image of the one order is among these, int64 `[N]`."""
        return np.lexsort((self.whole[:, 1], self.whole[:, 0], test))

    def content(self, test: np.ndarray, shape: Sequence[int]) -> str:
        """A short hash of all that the images, their labels and their division are, in any order."""
        total = hashlib.sha256(f"{list(shape)} {int(test.sum())}".encode())
        total.update(self.whole[self.order(test)].astype(WORDS).tobytes())
        return total.hexdigest()[:16]

    def copies(self, test: np.ndarray) -> str:
        """What is to be told of images that are there twice; "" if none is. Images are the same whose pixels are."""
        parts = {name: self.pixels[own] for name, own in (("training", ~test), ("test", test))}
        distinct = {name: np.unique(own, axis=0) for name, own in parts.items()}
        told = [
            f"{len(distinct[name]):,} of {len(own):,} {name} images are distinct"
            for name, own in parts.items()
            if len(distinct[name]) < len(own)
        ]
        both = int(np.isin(in_one(parts["test"]), in_one(distinct["training"])).sum())
        if both:
            told.append(f"{both:,} test image{' is a' if both == 1 else 's are'} training image{'s' * (both > 1)} too")
        return "; ".join(told)


def in_one(digests: np.ndarray) -> np.ndarray:
    """Digests `[N, 2]` as `[N]`, to be compared."""
    return np.ascontiguousarray(digests).view("V16").ravel()
