"""Images and labels in Parquet files, as the Hugging Face Hub has them: a column of pictures, one of labels, and in the
schema's metadata what the labels are called."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from infomax_bench.base.contents import hashes
from infomax_bench.base.errors import UserError
from infomax_bench.base.sealed import digest
from infomax_bench.data import pictures
from infomax_bench.data.hub import Asked, Splits

log = logging.getLogger("infomax_bench")

VERSION = 1
"""Raised when the same files would give other images or another order."""
BATCH = 256
PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
"""What splits are called that are a division."""

T = TypeVar("T")


@dataclass(frozen=True)
class Table:
    """The files of a data set, and which of their columns are meant."""

    asked: Asked
    splits: Splits

    @cached_property
    def parts(self) -> dict[str, Sequence[Path]]:
        """The files by their part in the division: "train", "validation", "test"; what else there is, is left out.

        Raises UserError if none is for training and there are several, or none.
        """
        known = {split: part for part, names in PARTS.items() for split in names}
        found = {known[split.lower()]: paths for split, paths in self.splits.items() if split.lower() in known}
        if len(self.splits) == 1:  # all in one, whatever it is called
            return {"train": next(iter(self.splits.values()))}
        if "train" not in found:
            raise UserError(f"{self.asked} has the splits {', '.join(self.splits)}, and none is called train")
        if others := [split for split in self.splits if split.lower() not in known]:
            log.warning("%s: splits that are left out: %s", self.asked, ", ".join(others))
        return found

    @cached_property
    def paths(self) -> list[tuple[str, Path]]:
        """Every file that is read, with its part."""
        return [(part, path) for part, paths in sorted(self.parts.items()) for path in paths]

    @cached_property
    def schema(self) -> pa.Schema:
        return self._opened(self.paths[0][1]).schema_arrow

    @cached_property
    def features(self) -> dict[str, Any]:
        """What the schema's metadata say of the columns, by name; {} where they say nothing."""
        return _features(self.schema)

    @cached_property
    def image(self) -> str:
        """The column of images. Raises UserError where it is not plain which one is meant."""
        fits = [f.name for f in self.schema if self._is("Image", f.name) or _has_bytes(f.type)]
        return self._column("image", self.asked.image, fits, lambda kind: _has_bytes(kind) or _is_bytes(kind))

    @cached_property
    def label(self) -> str:
        """The column of labels. Raises UserError where it is not plain which one is meant."""
        fits = [f.name for f in self.schema if self._is("ClassLabel", f.name)]
        fits = fits or [name for name in ("label", "labels") if name in self.schema.names]
        return self._column("label", self.asked.label, fits, _is_label)

    def _is(self, kind: str, name: str) -> bool:
        return bool(self.features.get(name, {}).get("_type") == kind)

    def _column(self, what: str, asked: str, fits: Sequence[str], may_be: Callable[[pa.DataType], bool]) -> str:
        example = replace(self.asked, **{what: "COLUMN"})
        named = f"name one, as {example} (columns: {', '.join(self.schema.names)})"
        if asked and asked not in self.schema.names:
            raise UserError(f"{self.asked}: there is no column {asked!r}; {named}")
        if not asked and len(fits) != 1:
            found = f"{len(fits)} {what} columns ({', '.join(fits)})" if fits else f"no {what} column"
            raise UserError(f"{self.asked} has {found}; {named}")
        chosen = asked or fits[0]
        if not may_be(self.schema.field(chosen).type):
            raise UserError(f"{self.asked}: column {chosen!r} holds no {what}s; {named}")
        return chosen

    def key(self, shape: Sequence[int] | None) -> str:
        """A hash of all that the images are made from."""
        content = hashes([path for _, path in self.paths], str(self.asked))
        files = [(part, content[path]) for part, path in self.paths]
        return digest(["parquet", VERSION, pictures.VERSION, files, self.image, self.label, shape])

    # -- rows ---------------------------------------------------------------------------------------------------------

    def _opened(self, path: Path) -> pq.ParquetFile:
        return self._of(path, "", lambda: pq.ParquetFile(path, memory_map=True, page_checksum_verification=True))

    def _of(self, path: Path, where: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except (pa.ArrowException, OSError) as error:
            raise UserError(
                f"{self.asked}: {where}{path} cannot be read ({_line(error)}); remove the file and get it again"
            ) from None

    def count(self, path: Path) -> int:
        """How many rows a file has."""
        return int(self._opened(path).metadata.num_rows)

    def batches(self, path: Path, column: str) -> Iterator[tuple[int, pa.Array]]:
        """A column in parts, each with the number of its first row. Raises UserError for a damaged row group."""
        file, at = self._opened(path), 0
        if column not in file.schema_arrow.names:
            raise UserError(f"{self.asked}: {path} has no column {column!r}, as other files have")
        for group in range(file.num_row_groups):
            parts = file.iter_batches(BATCH, row_groups=[group], columns=[column])
            following = partial(next, parts, None)
            while (part := self._of(path, f"row group {group} of ", following)) is not None:
                yield at, part.column(0)
                at += len(part)

    def contents(self, path: Path) -> Iterator[tuple[int, bytes]]:
        """Every picture's file, by row. Raises UserError for a row without one."""
        for at, part in self.batches(path, self.image):
            values = part.field("bytes") if pa.types.is_struct(part.type) else part
            for row, value in enumerate(values, start=at):
                if not value.is_valid:
                    raise UserError(f"{self.asked}: row {row} of {path} has no image in it")
                yield row, value.as_py()

    def _names(self) -> list[Any] | None:
        """What labels that are numbers are called; None where labels speak for themselves. Raises UserError for files
        that do not agree: a number would then be another class in each."""
        kinds: dict[str, tuple[Path, list[Any] | None]] = {}
        for _, path in self.paths:
            schema = self._opened(path).schema_arrow
            if self.label not in schema.names:
                continue  # told when it is read
            names, kind = _features(schema).get(self.label, {}).get("names"), schema.field(self.label).type
            named = names if isinstance(names, list) and pa.types.is_integer(kind) else None
            kinds.setdefault(str(named or kind), (path, named))
        (first, names), *others = kinds.values()
        if others:
            raise UserError(f"{self.asked}: column {self.label!r} has other classes in {others[0][0]} than in {first}")
        return names

    def labels(self) -> tuple[np.ndarray, list[str]]:
        """The label of every row of all files, int64 `[N]`, -1 where there is none, and what the labels are called.

        Classes without an image are left out. Raises UserError for a label that has no name, for less than two, and
        for files whose labels are not of one kind.
        """
        names = self._names()
        columns = [part for _, path in self.paths for _, part in self.batches(path, self.label)]
        if not columns:
            raise UserError(f"{self.asked}: there are no rows in its files")
        if names is not None:
            signed = (part.cast(pa.int64()).fill_null(-1) for part in columns)
            labels = np.concatenate([part.to_numpy(zero_copy_only=False) for part in signed])
            if labels.max() >= len(names):
                raise UserError(f"{self.asked}: label {labels.max()} has no name; {self.label} has {len(names)}")
        else:
            values = pa.chunked_array(columns).combine_chunks().dictionary_encode()
            order = sorted(range(len(values.dictionary)), key=lambda i: values.dictionary[i].as_py())
            places = np.argsort(order)
            labels = np.append(places, -1)[values.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
            names = [str(values.dictionary[i].as_py()) for i in order]
        used = np.unique(labels[labels >= 0])
        if len(used) < 2:
            only = f"only one class ({names[used[0]]})" if len(used) else "no labels"
            raise UserError(f"{self.asked}: column {self.label!r} has {only}; it takes two classes")
        dense = np.full(len(names) + 1, -1)
        dense[used] = np.arange(len(used))
        return dense[np.maximum(labels, -1)].astype(np.int64), [str(names[i]) for i in used]


def _features(schema: pa.Schema) -> dict[str, Any]:
    try:
        said = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: own for name, own in said.items() if isinstance(own, dict)}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _has_bytes(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) and any(f.name == "bytes" and _is_bytes(f.type) for f in kind)


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_label(kind: pa.DataType) -> bool:
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return bool(pa.types.is_integer(kind) or pa.types.is_boolean(kind) or text)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
