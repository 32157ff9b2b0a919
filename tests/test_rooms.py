"""The house stands as it is described: what a room says that it may import, what reports are built without, and the old
import paths."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import infomax_bench
from infomax_bench import moved

ROOT = Path(__file__).parents[1]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
ROOMS = CONTRACTS[0]["layers"][::-1]
"""From the lowest to the highest; `make lint` holds their imports to it."""


def modules(name: str) -> list[str]:
    """A module and all that is in it."""
    path = getattr(importlib.import_module(name), "__path__", [])
    return [name, *(found.name for found in pkgutil.walk_packages(path, f"{name}."))]


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_says_what_it_may_import(room):
    *_, below = ["", *ROOMS[: ROOMS.index(room)]]
    expected = {"base": "May import no other room", "stats": "May import `base`"}
    assert expected.get(room, f"`{below}` and below") in importlib.import_module(f"infomax_bench.{room}").__doc__


def test_reports_figures_and_statistics_do_not_import_torch():
    """Nor through others: it takes as long as a section of a report."""
    found = [m for name in CONTRACTS[1]["source_modules"] for m in modules(name)]
    assert len(found) > 15
    first = f"next((m for m in {found} if importlib.import_module(m) and 'torch' in sys.modules), None)"
    code = f"import sys, importlib; print({first})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None", "the first that brings torch"


@pytest.mark.parametrize(("old", "new"), moved.MOVED.items())
def test_old_import_paths_go_on_working(old, new):
    """They give the very same module, so that what is raised from one is caught by the other; in either way of writing
    an import, and more than once."""
    now = importlib.import_module(f"infomax_bench.{new}")
    for _ in range(2):
        assert importlib.import_module(f"infomax_bench.{old}") is now
        held: dict[str, object] = {}
        exec(f"from infomax_bench import {old} as found\nimport infomax_bench.{old} as again", held)
        assert held["found"] is held["again"] is now
        delattr(infomax_bench, old)
        sys.modules.pop(f"infomax_bench.{old}")


def test_only_names_that_moved_are_found():
    with pytest.raises(ModuleNotFoundError, match=r"infomax_bench\.statistics"):
        importlib.import_module("infomax_bench.statistics")
    finders = list(sys.meta_path)
    moved.install()
    assert sys.meta_path == finders
