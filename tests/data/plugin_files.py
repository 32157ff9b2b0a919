"""The data sets' files: which there are, and which can be loaded here."""

from __future__ import annotations

import importlib.util
import inspect
import os
from pathlib import Path
from types import ModuleType

import pytest

from infomax_bench.base.errors import UserError
from infomax_bench.data.dataset import Dataset

PLUGINS = Path(__file__).parents[2] / "datasets"
NAMES = sorted(path.stem for path in PLUGINS.glob("*.py"))
EMBEDDED = ["digits", "sprites"]
DATA = os.environ.get("INFOMAX_BENCH_DATA", "")


def available(name: str, folder: str) -> object:
    return pytest.param(
        name,
        marks=pytest.mark.skipif(
            not (DATA and Path(DATA, folder).is_dir()), reason=f"set INFOMAX_BENCH_DATA to a folder that has {folder}"
        ),
    )


MODULES: dict[str, ModuleType] = {}


def module(name: str) -> ModuleType:
    if name not in MODULES:
        spec = importlib.util.spec_from_file_location(f"plugin_{name}", PLUGINS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        MODULES[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(MODULES[name])
    return MODULES[name]


def plugin(name: str) -> type[Dataset]:
    found = [
        value
        for key, value in vars(module(name)).items()
        if inspect.isclass(value) and value.__module__ == f"plugin_{name}" and not key.startswith("_")
        if issubclass(value, Dataset)
    ]
    assert len(found) == 1, f"{name}.py defines {len(found)} data sets"
    return found[0]


def one_line(error: pytest.ExceptionInfo[UserError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message
