"""The house stands as it is described: the pictures of it, what a room says that it may import, what reports are built
without, and the old import paths."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

import infomax_bench
from infomax_bench import moved

ROOT = Path(__file__).parents[1]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
ROOMS = CONTRACTS[0]["layers"][::-1]
"""From the lowest to the highest; `make lint` holds their imports to it."""


@functools.cache
def imports() -> dict[str, set[str]]:
    """Room -> the rooms that it imports, wherever in a module, and for types alone too."""
    graph = grimp.build_graph("infomax_bench", cache_dir=None)
    found: dict[str, set[str]] = {room: set() for room in ROOMS}
    for module in graph.modules:
        for other in graph.find_modules_directly_imported_by(module):
            pair = [name.split(".")[1] for name in (module, other) if "." in name]
            if len(pair) == 2 and pair[0] in found and pair[0] != pair[1]:
                found[pair[0]].add(pair[1])
    return found


def reached(room: str, arrows: dict[str, set[str]]) -> set[str]:
    """All rooms that a path of arrows leads to."""
    return arrows[room].union(*(reached(other, arrows) for other in arrows[room]))


def picture(number: int) -> list[tuple[str, str]]:
    """The arrows of a diagram of CONTRIBUTING."""
    diagrams = re.findall(r"```mermaid\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    return re.findall(r"^ +(\w+)\S* (?:-- .* )?--> (\w+)", diagrams[number], re.MULTILINE)


def test_the_picture_of_the_rooms_is_that_of_the_imports():
    """Each import is an arrow, unless a path of other arrows says the same; nothing else is."""
    real = imports()
    expected = {(a, b) for a in real for b in real[a] if not any(b in reached(c, real) for c in real[a])}
    assert len(picture(0)) == len(set(picture(0)))
    assert set(picture(0)) == expected


def test_the_picture_of_the_datas_way_is_of_rooms_and_folders_that_there_are():
    """Where data goes from one room to another, one of the two imports the other, be it through a third."""
    real = imports()
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()}
    assert picture(1)
    for arrow in picture(1):
        assert set(arrow) <= folders | set(ROOMS)
        if set(arrow) <= set(ROOMS):
            below, above = sorted(arrow, key=ROOMS.index)
            assert below in reached(above, real), arrow


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
