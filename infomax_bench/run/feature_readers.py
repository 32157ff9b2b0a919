"""Files of arrays, read by name, whatever their format: .npz, .npy, Parquet and safetensors. Nothing is unpickled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from infomax_bench.base.errors import UserError

NAMES = ("features", "labels", "test", "seed", "factors")
NEEDED = ("features", "labels")
HOW_TO_KNOW = "name the data set whose images these are features of, as in 'evaluate FILE mnist', or give labels too"


def read_arrays(path: Path, needed: Sequence[str] = NEEDED) -> dict[str, np.ndarray]:
    """The arrays of a file that are called as in NAMES.

    .npy: one array, the features. Parquet: `features`, a column of lists, or else all columns of fractions, in their
    order; `labels` (or `label`) and `test` are columns. Others are not even read: they may be of objects.
    Raises UserError for a file that is none of these, is damaged, or lacks what is needed.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file")
    try:
        with path.open("rb") as file:
            start = file.read(6)
        if start == b"\x93NUMPY":
            found = {"features": np.load(path, allow_pickle=False)}
            if missing := [name for name in needed if name not in found]:
                raise UserError(
                    f"{path}: one array (.npy); wanted is an .npz with features and {missing[0]}, as "
                    f"numpy.savez(file, features=..., labels=...) writes it; or {HOW_TO_KNOW}"
                )
            return _native(found)
        reader = {".parquet": _parquet, ".safetensors": _safetensors}.get(path.suffix, _npz)
        return _native(reader(path, needed))
    except UserError:
        raise
    except Exception as error:  # each library has errors of its own for a damaged file
        kind = path.suffix if path.suffix in (".parquet", ".safetensors") else ".npz"
        raise UserError(f"{path}: not a readable {kind} file ({_reason(error)})") from None


def _native(found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array.astype(array.dtype.newbyteorder("="), copy=False) for name, array in found.items()}


def _need(path: Path, there: Sequence[str], needed: Sequence[str]) -> None:
    missing = [name for name in needed if name not in there]
    if missing:
        fix = f"; {HOW_TO_KNOW}" if missing[0] == "labels" else ""
        raise UserError(f"{path}: has no array {missing[0]!r}; it has {', '.join(there) or 'none'}{fix}")


def _npz(path: Path, needed: Sequence[str]) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        _need(path, archive.files, needed)
        return {name: _array(path, archive, name) for name in NAMES if name in archive.files}


def _array(path: Path, archive: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    try:
        found: np.ndarray = archive[name]
    except Exception as error:
        if "allow_pickle" in str(error):
            raise UserError(f"{path}: {name} holds Python objects, which are not read; save numbers") from None
        raise UserError(f"{path}: {name} cannot be read ({_reason(error)})") from None
    if not isinstance(found, np.ndarray):
        raise UserError(f"{path}: {name} is no array")
    return found


def _safetensors(path: Path, needed: Sequence[str]) -> dict[str, np.ndarray]:
    import torch
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        there = list(file.keys())
        _need(path, there, needed)
        tensors = {name: file.get_tensor(name) for name in NAMES if name in there}
    return {name: (t.float() if t.dtype == torch.bfloat16 else t).numpy() for name, t in tensors.items()}


def _parquet(path: Path, needed: Sequence[str]) -> dict[str, np.ndarray]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    names = {"label": "labels"} if "labels" not in table.column_names else {}
    table = table.rename_columns([names.get(name, name) for name in table.column_names])
    found: dict[str, Any] = {}
    for name in NAMES:
        if name in table.column_names:
            rows = table[name].to_pylist() if pa.types.is_nested(table[name].type) else table[name].to_numpy()
            if isinstance(rows, list) and len({len(row) for row in rows}) > 1:
                raise UserError(f"{path}: rows of {name} have different lengths")
            found[name] = np.asarray(rows)
    if "features" not in found:
        columns = [field.name for field in table.schema if pa.types.is_floating(field.type)]
        if columns:
            found["features"] = np.stack([table[name].to_numpy() for name in columns], axis=1)
    _need(path, list(found), needed)
    return found


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
