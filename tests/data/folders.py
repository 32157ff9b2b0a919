"""Folders of small pictures of noise, and what is said of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infomax_bench.base.errors import UserError
from infomax_bench.data.dataset import Dataset
from infomax_bench.study.plugins import registry


def save(path: Path, of: str = "") -> None:
    """A grey picture of noise, the same for the same name, or for the same `of`."""
    rng = np.random.default_rng(int(hashlib.sha256((of or path.name).encode()).hexdigest()[:8], 16))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 256, (6, 7), dtype=np.uint8)).save(path, "PNG")


def make(root: Path, classes: tuple[str, ...] = ("cat", "dog"), n: int = 10, first: int = 0) -> Path:
    for name in classes:
        for i in range(first, first + n):
            save(root / name / f"{i:02}.png", f"{name} {i}")
    return root


def folder(path: object) -> Dataset:
    return registry(kinds=["datasets"]).dataset(f"folder:{path}")


def names(dataset: Dataset) -> set[str]:
    """The relative names of the test images."""
    return {path.relative_to(dataset.root).as_posix() for path in dataset.test_paths}  # type: ignore[attr-defined]


def told(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records)


def refused(path: Path) -> str:
    with pytest.raises(UserError) as error:
        _ = folder(path).n_rest
    assert "\n" not in str(error.value)
    return str(error.value)
