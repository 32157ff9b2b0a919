"""What there is, from Python: methods, data sets with their images and divisions, and encoders that were saved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors import safe_open

from infomax_bench.base.errors import UserError
from infomax_bench.data import dataset as data
from infomax_bench.run.arguments import MOST_SEED, whole
from infomax_bench.study import plugins
from infomax_bench.training.frozen import Encoder


def methods(folders: Sequence[str] = ()) -> pd.DataFrame:
    """Every method by its `name`: `family`, `role`, `supervised` (it sees labels or captions), `objective`, `prevents`,
    `paper`, and the `backbones` that it trains."""
    found = plugins.registry(folders, ["methods", "backbones"])
    rows = []
    for name in found.names("methods"):
        cls = found.get("methods", name).cls
        about = {key: getattr(cls.card, key) for key in ("family", "role", "objective", "prevents", "paper")}
        rows.append({"name": name, **about, "supervised": cls.supervised(), "backbones": ", ".join(cls.backbones)})
    columns = ["name", "family", "role", "supervised", "objective", "prevents", "paper", "backbones"]
    return pd.DataFrame(rows, columns=columns).set_index("name")


def datasets(folders: Sequence[str] = ()) -> pd.DataFrame:
    """Every data set by its `name`: `shape` (channels, height, width), `n_rest` and `n_test` images, `n_classes`,
    `factors`, `licence`, `citation` and `summary`. What a data set that takes an argument (`folder:PATH`) has depends
    on that, and is missing here."""
    found = plugins.registry(folders, ["datasets"])
    rows = []
    for name in found.names("datasets"):
        one = found.dataset(name)
        row: dict[str, Any] = {"name": f"{name}:{one.takes}" if one.takes else name}
        row |= {key: getattr(one, key) for key in ("licence", "citation", "summary")}
        if not one.takes:
            row |= {key: getattr(one, key) for key in ("shape", "n_rest", "n_test", "n_classes")}
            row["factors"] = ", ".join(one.factor_names)
        rows.append(row)
    columns = ["name", "shape", "n_rest", "n_test", "n_classes", "factors", "licence", "citation", "summary"]
    whole_numbers = {"n_rest": "Int64", "n_test": "Int64", "n_classes": "Int64"}
    return pd.DataFrame(rows, columns=columns).astype(whole_numbers).set_index("name")


def images(dataset: str, folders: Sequence[str] = ()) -> data.Images:
    """A data set's `images` uint8 `[N, C, H, W]`, `labels` int64 `[N]`, `test` bool `[N]`, and `factors` and `masks`
    where they are known. Raises UserError if it is unknown, or cannot be had."""
    return data.load(plugins.registry(folders, ["datasets"]).dataset(dataset))


def split(dataset: str, seed: int = 0, folders: Sequence[str] = ()) -> data.Split:
    """Which of a data set's images are a seed's `train`, `validation` and `test`, positions int64. Test is the same for
    every seed. Raises UserError as `images` does, and for a seed that is none."""
    seed = whole("seed", seed, 0)
    if seed > MOST_SEED:
        raise UserError(f"seed is at most {MOST_SEED}, not {seed}")
    return data.split(images(dataset, folders).test, seed)


def is_saved(path: Path) -> bool:
    """Whether a file is one that `encoder.save` wrote."""
    return _about(path) is not None


def _about(path: Path) -> dict[str, Any] | None:
    try:
        with safe_open(path, framework="pt") as file:
            found: dict[str, Any] = json.loads((file.metadata() or {})["about"])
            return found if "method" in found else None
    except Exception:  # whatever it is instead, as in `Encoder.load`
        return None


def load(path: str | Path, folders: Sequence[str] = ()) -> Encoder:
    """The encoder that `encoder.save(path)` wrote. Raises UserError for a file that is none, or is damaged, and if its
    method is not there."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    about = _about(path)
    if about is None:
        raise UserError(f"{path}: no encoder file; encoder.save(path) writes one")
    cls = plugins.registry(folders).get("methods", str(about["method"])).cls
    try:
        return Encoder.load(path, cls)
    except ValueError as error:
        raise UserError(str(error)) from None
