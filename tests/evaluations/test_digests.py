"""Keys of results hold the versions of evaluations and backbones, not their source: who changes it is asked about both.

digests.json has, beside each version, a digest of the code that its numbers are made by. Where numbers could change by
more than rounding does, raise the version in its file. In any case then: python -m tests.evaluations.test_digests
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import json
from pathlib import Path

import pytest

from infomax_bench.study.plugins import BUNDLED, PACKAGE, registry

FILE = Path(__file__).with_name("digests.json")
ROOMS = {"evaluations": ("evaluations", "numerics"), "backbones": ("models",)}
"""Whose modules count, of those that a file imports."""
AROUND = ("infomax_bench.evaluations.declare", "infomax_bench.models.backbones")
"""What declares and finds, and makes no numbers."""


def code(text: str, tree: ast.Module | None = None) -> str:
    """A module without comments, blank lines and strings that stand alone: the same whatever reads it."""
    lines = text.splitlines()
    for node in ast.walk(tree or ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for number in range(node.lineno - 1, node.end_lineno):
                lines[number] = ""
    return "\n".join(line for line in lines if line.strip() and not line.strip().startswith("#"))


@functools.cache
def read(module: str) -> tuple[str, tuple[str, ...]]:
    """A module's code, and which modules it imports from."""
    text = Path(str(importlib.import_module(module).__file__)).read_text(encoding="utf-8")
    tree = ast.parse(text)
    imported = (str(node.module or "") for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return code(text, tree), tuple(imported)


def digest(module: str, rooms: tuple[str, ...]) -> str:
    """Of the code of a module, and of those of these rooms that it imports."""
    found: dict[str, str] = {}
    inside = tuple(f"infomax_bench.{room}." for room in rooms)
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found and name not in AROUND:
            found[name], imported = read(name)
            waiting += [one for one in imported if one.startswith(inside)]
    total = "\0".join(f"{name}\0{found[name]}" for name in sorted(found))
    return hashlib.sha256(total.encode()).hexdigest()[:16]


@functools.cache
def today() -> dict[str, dict[str, object]]:
    """Kind/name -> its version and the digest of its code."""
    plugins, found = registry(), {}
    for kind, package in BUNDLED.items():
        for name, plugin in plugins.plugins[kind].items():
            if Path(plugin.path).is_relative_to(PACKAGE):
                own = digest(f"{package}.{Path(plugin.path).stem}", ROOMS[kind])
                found[f"{kind}/{name}"] = {"version": plugin.cls.version, "digest": own}
    return dict(sorted(found.items()))


@pytest.mark.parametrize("name", today())
def test_whoever_changes_the_source_says_whether_numbers_change(name):
    known, now = json.loads(FILE.read_text()).get(name), today()[name]
    assert now == known, f"{name}: could its numbers be others now? Raise its version if so; then see above"


def test_words_are_no_code():
    assert code('"""Said."""\n\n# why\nx = 1\n') == code("x = 1") != code("x = 2")


if __name__ == "__main__":
    FILE.write_text(json.dumps(today(), indent=1) + "\n")
