"""The images of Parquet files, decoded once, in the one order of `data/order.py`, and kept (`data/mapped.py`)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from infomax_bench.base.errors import UserError
from infomax_bench.data import mapped, pictures
from infomax_bench.data.order import Digests, in_one
from infomax_bench.data.parquet import BATCH, Table
from infomax_bench.data.pictures import Header, NotUsable, Picture

log = logging.getLogger("infomax_bench")


def decoded(table: Table, shape: tuple[int, int, int] | None = None, title: str = "") -> mapped.Kept:
    """All images with a label, in a shape, or else in the one that fits them; `rest` has their labels and which are
    test, `about` the classes' names ("classes"), the hash of what they are ("content") and what is to be told of
    copies ("copies").

    Test is what the files call test; validation, where they have no such part, or no labels there; of one part alone,
    the fifth of each class whose digests are lowest. title: the data set's name, if it is another. Raises UserError
    for what cannot be read.
    """
    return mapped.kept(table.key(shape), lambda maker: _Decoding(table).make(maker, shape), title or str(table.asked))


@dataclass
class _Decoding:
    """One pass over the files, or two, if the shape is not known."""

    table: Table
    odd: list[tuple[int, Picture]] = field(default_factory=list)
    """Pictures that are not plain bytes, whose range or ground is that of all of them, by their place."""

    def make(self, maker: mapped.Maker, shape: tuple[int, int, int] | None) -> None:
        labels, names = self.table.labels()
        self.used, test = self._division(labels)
        labels = labels[self.used]
        if shape is None:
            shape = pictures.common_shape([self._header(*own) for own in self._rows("sizes")])
        with maker.writing(len(labels), shape, ordered=True) as writer:
            digests = self._write(writer, labels)
            if test is None:
                test = _lowest_fifth(digests, labels)
            if lacking := set(range(len(names))) - set(labels[~test].tolist()):
                raise UserError(
                    f"{self.table.asked}: class {names[min(lacking)]!r} has images for test and for nothing else"
                )
            writer.rest = {"labels": labels, "test": test}
            writer.order = digests.order(test)
            content, copies = digests.content(test, shape), digests.copies(test)
            writer.about = {"classes": names, "content": content, "copies": copies}

    def _division(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Which rows of all files are used, and which of these are test: None where that is still to be decided."""
        rows = {path: self.table.count(path) for _, path in self.table.paths}
        part = np.concatenate([np.full(rows[path], part) for part, path in self.table.paths])
        used = labels >= 0
        if left := int((~used).sum()):
            log.warning("%s: left out, without a label: %s images", self.table.asked, f"{left:,}")
        there = set(part[used].tolist())
        if "train" not in there:
            raise UserError(f"{self.table.asked}: no image for training has a label")
        name = next((name for name in ("test", "validation") if name in there), None)
        return used, None if name is None else part[used] == name

    def _rows(self, what: str) -> Iterator[tuple[str, bytes]]:
        """Every image that is used: where it is, and its file."""
        with tqdm(total=int(self.used.sum()), desc=f"{self.table.asked}: {what}", unit=" images", disable=None) as bar:
            begin = 0
            for _, path in self.table.paths:
                for row, content in self.table.contents(path):
                    if self.used[begin + row]:
                        yield f"{self.table.asked}: the image in row {row} of {path}", content
                        bar.update()
                begin += self.table.count(path)

    def _header(self, where: str, content: bytes) -> Header:
        try:
            return pictures.header_of(content)
        except NotUsable as error:
            raise UserError(f"{where} cannot be read ({error})") from None

    def _picture(self, where: str, content: bytes, shape: Sequence[int]) -> Picture:
        self._header(where, content)
        try:
            return pictures.read(content, shape)
        except Exception as error:  # a damaged picture makes Pillow's decoders raise anything
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UserError(f"{where} cannot be read ({reason})") from None

    def _write(self, writer: mapped.Writer, labels: np.ndarray) -> Digests:
        """Writes all images as they come; returns their digests."""
        parts: list[Digests] = []
        block: list[np.ndarray] = []

        def flush() -> None:
            images = np.stack(block).transpose(0, 3, 1, 2)
            parts.append(Digests.of(images, labels[writer.n : writer.n + len(block)]))
            writer.append(images)
            block.clear()

        for where, content in self._rows("images"):
            picture = self._picture(where, content, writer.shape)
            if picture.kind != "bytes" or picture.alpha is not None:
                self.odd.append((writer.n + len(block), picture))
            block.append(picture.pixels.astype(np.uint8))
            if len(block) == BATCH:
                flush()
        if block:
            flush()
        whole = Digests.joined(parts)
        if self.odd:
            places, found = (list(own) for own in zip(*self.odd, strict=True))
            images, notes = pictures.as_bytes(found)
            for note in notes:
                log.warning("%s: %s", self.table.asked, note)
            for place, image in zip(places, images, strict=True):
                writer.put(place, image)
            whole = whole.replaced(np.array(places), Digests.of(images, labels[places]))
        return whole


def _lowest_fifth(digests: Digests, labels: np.ndarray) -> np.ndarray:
    """Of every class the fifth whose digests are lowest, at least one; images that are the same stay on one side."""
    test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        first = own[np.lexsort((digests.whole[own, 1], digests.whole[own, 0]))]
        chosen = digests.whole[first[: max(1, round(len(own) / 5))]]
        test[own] = np.isin(in_one(digests.whole[own]), in_one(chosen))
    return test
