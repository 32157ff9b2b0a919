"""Packed results: a few columnar files in place of one file for each job. `packing` makes them.

results/<preset>/packed/
    index.json                     which parts there are, with their checksums; index.json.bak is a copy
    DATASET.rows.SUM.parquet       the jobs of a data set's encoders, with their rows (see `columns`)
    DATASET.arrays.SUM.parquet     what is kept beside them
    manifest.SUM.parquet           the manifest: slots, and entries as JSON

A part has its checksum in its name and is never changed: a repository has it once, whatever else changes. A part is
written before an index names it, and removed when none does any more: whenever a process is killed, the index and its
parts are whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infomax_bench.base.errors import UserError
from infomax_bench.base.job import FORMAT, Job
from infomax_bench.base.sealed import Damaged, copy_of, read_either

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from infomax_bench.base.columns import ArrayTable, JobTable

KINDS = {"rows": "the rows of {} jobs", "arrays": "what {} jobs keep beside rows", "manifest": "the list of {} results"}
"""Of parts, and what is lost with one."""


@dataclass(frozen=True)
class Part:
    """A file of packed results. dataset: of the encoders, "" for the manifest; lines: its jobs, or its entries."""

    kind: str
    dataset: str
    file: str
    sha256: str
    lines: int

    @property
    def told(self) -> str:
        """What it holds, in words."""
        return KINDS[self.kind].format(self.lines)


def index_path(root: Path) -> Path:
    """Where a results folder says what is packed in it."""
    return root / "packed" / "index.json"


class Packed:
    """What is packed in a results folder, as it was when this was opened.

    missing: the parts that are not there, a line for each.
    """

    def __init__(self, root: Path, parts: tuple[Part, ...] = ()) -> None:
        """Opens all parts, so that they can be read even when another process has removed them."""
        self.folder, self.parts = index_path(root).parent, parts
        self.missing: list[str] = []
        self._contents: dict[Part, pa.Buffer] = {}
        for part in parts:
            try:
                self._contents[part] = _mapped(self.folder / part.file)
            except FileNotFoundError:
                self.missing.append(f"{self.folder / part.file} is missing, and with it {part.told}")

    def read(self, part: Part) -> pa.Table:
        """The content of a part. Raises UserError if it is damaged: were it taken for missing, hours of jobs would
        begin again, or rows be lost."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        content = self._contents[part]
        if hashlib.sha256(content).hexdigest() != part.sha256:
            raise UserError(
                f"{self.folder / part.file} is damaged: its checksum does not match; restore it (in a repository: git "
                f"checkout), or delete it, and {part.told} count as missing"
            )
        return pq.read_table(pa.BufferReader(content), use_threads=False)  # threads and forks do not mix

    def is_restored(self) -> bool:
        """Whether a part that was missing is there now."""
        return any((self.folder / part.file).is_file() for part in self.parts if part not in self._contents)

    def _of_kind(self, kind: str) -> list[Part]:
        return [part for part in self.parts if part.kind == kind and part in self._contents]

    # -- jobs -------------------------------------------------------------------------------------------------
    @cached_property
    def tables(self) -> list[JobTable]:
        """The jobs, by data set."""
        from infomax_bench.base.columns import JobTable

        return [JobTable(self.read(part)) for part in self._of_kind("rows")]

    @cached_property
    def where(self) -> dict[str, tuple[int, int]]:
        """Key -> which table, and which of its jobs."""
        return {key: (t, i) for t, table in enumerate(self.tables) for key, i in table.keys.items()}

    def keys(self, dataset: str) -> set[str]:
        """Of the packed jobs of a data set's encoders."""
        parts = self._of_kind("rows")
        return {
            key for part, table in zip(parts, self.tables, strict=True) if part.dataset == dataset for key in table.keys
        }

    def head(self, key: str) -> tuple[Job, set[int]] | None:
        """A job without its rows, and their seeds; None if it is not packed."""
        if key not in self.where:
            return None
        t, i = self.where[key]
        return self.tables[t].heads[i], self.tables[t].seeds[i]

    def job(self, key: str) -> Job:
        """A job. Raises KeyError if it is not packed."""
        t, i = self.where[key]
        return self.tables[t].job(i)

    def size(self, key: str) -> int:
        """About how many bytes the files of a packed job would have."""
        t, i = self.where[key]
        rows = int(self.tables[t].ends[i + 1] - self.tables[t].ends[i])
        return 600 + 110 * rows + (self._arrays[key].size(key) if key in self._arrays else 0)

    # -- arrays -----------------------------------------------------------------------------------------------
    @cached_property
    def _arrays(self) -> dict[str, ArrayTable]:
        from infomax_bench.base.columns import ArrayTable

        tables = [ArrayTable(self.read(part)) for part in self._of_kind("arrays")]
        return {key: table for table in tables for key in table.kept}

    def kept(self, key: str) -> str:
        """The hash that a job knows its arrays by; "" if none of it are packed."""
        return self._arrays[key].kept[key] if key in self._arrays else ""

    def arrays(self, key: str) -> dict[str, np.ndarray]:
        """The arrays of a job. Raises KeyError if none are packed."""
        return self._arrays[key].arrays(key)

    # -- manifest ---------------------------------------------------------------------------------------------
    def manifest(self) -> dict[str, dict[str, Any]] | None:
        """Slot -> entry; None if it is not packed. Raises UserError if it is not there although it was packed: a run
        would begin a list of its own, which hides all that was listed."""
        for part in self.parts:
            if part.kind == "manifest" and part not in self._contents:
                raise UserError(f"{self.folder / part.file} is missing, and with it what was measured; restore it")
        for part in self._of_kind("manifest"):
            table = self.read(part)
            return dict(zip(table["slot"].to_pylist(), map(json.loads, table["entry"].to_pylist()), strict=True))
        return None


def packed(root: Path, warn: Callable[[str], None] = lambda _: None) -> Packed:
    """What is packed in the results folder `root`; nothing, if there is no index.

    warn: is told, a line each, what is missing or healed. Raises UserError if the index is damaged, and its copy too.
    """
    for path in (index_path(root), copy_of(index_path(root))):
        try:
            stat = path.stat()
        except OSError:
            continue
        state = (root, (path.name, stat.st_mtime_ns, stat.st_size, stat.st_ino))
        found, lines = _opened(*state)
        if found.missing and found.is_restored():
            _opened.cache_clear()
            found, lines = _opened(*state)
        for line in lines:
            warn(line)
        return found
    return Packed(root)


@lru_cache(maxsize=4)
def _opened(root: Path, _state: tuple[Any, ...]) -> tuple[Packed, list[str]]:
    """As the index is now: reading it anew for every job would take long."""
    path = index_path(root)
    for _ in range(5):
        lines: list[str] = []
        try:
            content = read_either(path, lines.append, _parts)
        except Damaged as error:
            raise UserError(f"{path} is damaged ({error}); restore it (in a repository: git checkout)") from None
        found = Packed(root, _parts(content) if content else ())
        if not found.missing or read_either(path, lambda _: None) == content:
            break  # else another process has packed again in between
    return found, lines + found.missing


def _parts(content: dict[str, Any]) -> tuple[Part, ...]:
    """Raises TypeError, ValueError or KeyError for what is not the content of an index."""
    if content["format"] != FORMAT:
        raise ValueError(f"its format is {content['format']}, and {FORMAT} is read")
    parts = tuple(Part(**part) for part in content["parts"])
    for part in parts:
        texts = (part.kind, part.dataset, part.file, part.sha256)
        if (
            not all(isinstance(text, str) for text in texts)
            or part.kind not in KINDS
            or Path(part.file).name != part.file
        ):
            raise TypeError("it lists what is no part")
    return parts


def _mapped(path: Path) -> pa.Buffer:
    import pyarrow as pa

    with pa.memory_map(str(path)) as file:
        return file.read_buffer()
