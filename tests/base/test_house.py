"""The house stays one that can be read: short modules and functions, and names that mean one thing."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import infomax_bench

PACKAGE = Path(infomax_bench.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file())
MOST_LINES, MOST_OF_A_FUNCTION = 400, 60
PUBLIC = ("evaluate", "load", "rank", "methods", "datasets", "pretrain", "probe", "features")
"""Functions, of today and to come, that `infomax_bench.NAME` has to give: no room may stand in their way."""


def length(node: ast.stmt) -> int:
    """In lines, without what decorates it."""
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_and_functions_are_short(path):
    source = path.read_text()
    assert len(source.splitlines()) <= MOST_LINES
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert {f.name: length(f) for f in functions if length(f) > MOST_OF_A_FUNCTION} == {}


def test_few_modules_stand_outside_the_rooms():
    assert len(list(PACKAGE.glob("*.py"))) <= 4


def test_no_module_has_the_name_of_one_that_python_brings():
    """Within a room `import NAME` would be read as either."""
    names = {path.stem for path in MODULES if not path.stem.startswith("_")} | set(ROOMS)
    assert not names & set(sys.stdlib_module_names)


def test_no_room_has_the_name_of_a_public_function():
    assert set(ROOMS) & set(PUBLIC) == set()
    assert len(ROOMS) == 13
