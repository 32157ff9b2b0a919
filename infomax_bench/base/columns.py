"""Jobs as columns, and back: what the parts of packed results hold (see `packed`). A job comes back equal.

A table of jobs has a line for each: `key`, `job` (all but its rows, as JSON) and `rows`, a list of structures: typed
columns without gaps where they are numbers (a missing one is NaN). `form` says which names a row had and how each is
kept; what no column holds exactly, such as a name beyond these or a number written as a text, is in `beside`, as JSON.

A table of arrays has a line for each: the `key` of its job, `kept`, by which the job knows its arrays, `name`, and
`content`, which is that of an .npy file; `place` is its place among the job's.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from infomax_bench.base.job import NUMBERS, WORDS, Job

EXACT = 2**53
"""Whole numbers up to here are exact as float64."""

_TEXTS = (*WORDS, "form", "beside")
_TEXT = pa.dictionary(pa.int32(), pa.string())
_ROW = pa.struct([("seed", pa.int64()), *((name, pa.float64()) for name in NUMBERS), *((n, _TEXT) for n in _TEXTS)])
JOBS = pa.schema([("key", pa.string()), ("job", pa.string()), ("rows", pa.list_(_ROW))])
ARRAYS = pa.schema(
    [
        ("key", pa.string()),
        ("kept", pa.string()),
        ("place", pa.int64()),
        ("name", pa.string()),
        ("content", pa.large_binary()),
    ]
)


# -- jobs ------------------------------------------------------------------------------------------------------------
def takes(job: Job) -> bool:
    """Whether a job can be a line of a table: seeds are whole numbers of 64 bits."""
    return all(_form("seed", row.get("seed")) == "int" for row in job.rows)


def jobs_table(jobs: Mapping[str, Job]) -> pa.Table:
    """The jobs, by key, as a table that takes them."""
    columns: dict[str, list[Any]] = {name: [] for name in ("seed", *NUMBERS, *_TEXTS)}
    spelled: dict[tuple[Any, ...], str] = {}
    for job in jobs.values():
        for row in job.rows:
            form = tuple((name, _form(name, value)) for name, value in row.items())
            how = dict(form)
            columns["seed"].append(row["seed"])
            for name in NUMBERS:
                columns[name].append(math.nan if row.get(name) is None else float(row[name]))
            for name in WORDS:
                columns[name].append(row[name] if how.get(name) == "str" else None)
            if form not in spelled:
                spelled[form] = json.dumps(how)
            columns["form"].append(spelled[form])
            beside = {name: row[name] for name in row if how[name] == "beside"}
            columns["beside"].append(json.dumps(beside) if beside else None)
    structures = pa.StructArray.from_arrays([pa.array(columns[one.name], one.type) for one in _ROW], fields=list(_ROW))
    offsets = np.concatenate([[0], np.cumsum([len(job.rows) for job in jobs.values()])])
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structures)
    heads = [json.dumps(job.head()) for job in jobs.values()]
    return pa.table([pa.array(list(jobs), pa.string()), pa.array(heads, pa.string()), lists], schema=JOBS)


def _form(name: str, value: Any) -> str:
    """How a value of a row is kept: in its column, as what, or beside it ("beside")."""
    if name == "seed":
        return "int" if type(value) is int and -(2**63) <= value < 2**63 else "beside"
    if name in NUMBERS:
        if value is None or type(value) is float:
            return "null" if value is None else "float"
        return "int" if type(value) is int and abs(value) <= EXACT else "beside"
    return "str" if name in WORDS and _is_unicode(value) else "beside"


def _is_unicode(text: str) -> bool:
    """Not so for a text with half characters, as odd file names have."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class JobTable:
    """A table of jobs, read: one by its key, or the columns of all rows.

    keys: key -> which line; heads: the jobs without their rows; ends: where their rows begin in the columns, and the
    end of all; plain: whether all that the rows of a job say is in the columns, for each.
    """

    def __init__(self, table: pa.Table) -> None:
        table = table.combine_chunks()
        self.keys: dict[str, int] = {key: i for i, key in enumerate(table["key"].to_pylist())}
        self.heads = [Job(rows=[], **json.loads(text)) for text in table["job"].to_pylist()]
        lists = table["rows"].combine_chunks()
        self._rows: pa.StructArray = lists.flatten()
        self.ends: np.ndarray = np.concatenate([[0], np.cumsum(lists.value_lengths().to_numpy(), dtype=np.int64)])
        odd = np.concatenate([[0], np.cumsum(self._rows.field("beside").is_valid().to_numpy(zero_copy_only=False))])
        self.plain: np.ndarray = odd[self.ends[1:]] == odd[self.ends[:-1]]

    @cached_property
    def numbers(self) -> dict[str, np.ndarray]:
        """The columns seed (int64), x and value (float64, NaN where there is none)."""
        return {name: self._rows.field(name).to_numpy() for name in ("seed", *NUMBERS)}

    @cached_property
    def texts(self) -> dict[str, tuple[np.ndarray, list[str | None]]]:
        """The other columns: a code int64 for each row, and what the codes stand for; the last of these is None."""
        found = {}
        for name in _TEXTS:
            column: pa.DictionaryArray = self._rows.field(name)
            words = column.dictionary.to_pylist()
            found[name] = column.indices.fill_null(len(words)).to_numpy().astype(np.int64), [*words, None]
        return found

    @cached_property
    def seeds(self) -> list[set[int]]:
        """Of the rows of each job."""
        seeds = self.numbers["seed"].tolist()
        return [set(seeds[first:end]) for first, end in pairwise(self.ends.tolist())]

    def job(self, i: int) -> Job:
        """The i-th job, as it was packed."""
        own = slice(self.ends[i], self.ends[i + 1])
        columns = {name: column[own].tolist() for name, column in self.numbers.items()}
        for name, (codes, words) in self.texts.items():
            columns[name] = [words[code] for code in codes[own].tolist()]
        lines = zip(*columns.values(), strict=True)
        return replace(self.heads[i], rows=[_row(dict(zip(columns, line, strict=True))) for line in lines])


_AS: dict[str, Callable[[Any], Any]] = {"float": float, "int": int, "str": str, "null": lambda _: None}


@lru_cache(maxsize=1000)
def _form_of(text: str) -> dict[str, str]:
    form: dict[str, str] = json.loads(text)
    return form


def _row(columns: Mapping[str, Any]) -> dict[str, Any]:
    form, beside = _form_of(columns["form"]), json.loads(columns["beside"]) if columns["beside"] else {}
    return {name: beside[name] if how == "beside" else _AS[how](columns[name]) for name, how in form.items()}


# -- arrays ----------------------------------------------------------------------------------------------------------
def arrays_table(arrays: Iterable[tuple[str, str, Mapping[str, np.ndarray]]]) -> pa.Table:
    """Arrays of jobs as (key, kept, by name), as a table. Those of one name lie together, which packs well."""
    lines = [
        (key, kept, place, name, _content(array))
        for key, kept, named in arrays
        for place, (name, array) in enumerate(named.items())
    ]
    lines.sort(key=lambda line: line[3])
    columns = zip(*lines, strict=True) if lines else [()] * len(ARRAYS)
    return pa.table([pa.array(own, one.type) for own, one in zip(columns, ARRAYS, strict=True)], schema=ARRAYS)


def _content(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


class ArrayTable:
    """A table of arrays, read. kept: key -> the hash that its job knows them by."""

    def __init__(self, table: pa.Table) -> None:
        self._content = table["content"]
        self.kept: dict[str, str] = dict(zip(table["key"].to_pylist(), table["kept"].to_pylist(), strict=True))
        self._places: dict[str, list[tuple[int, str, int]]] = {}
        lines = zip(*(table[name].to_pylist() for name in ("key", "place", "name")), strict=True)
        for i, (key, place, name) in enumerate(lines):
            self._places.setdefault(key, []).append((place, name, i))

    def size(self, key: str) -> int:
        """Bytes of the arrays of a job."""
        return sum(self._content[i].as_buffer().size for _, _, i in self._places[key])

    def arrays(self, key: str) -> dict[str, np.ndarray]:
        """The arrays of a job, in their order."""
        return {
            name: np.load(pa.BufferReader(self._content[i].as_buffer()), allow_pickle=False)
            for _, name, i in sorted(self._places[key])
        }
