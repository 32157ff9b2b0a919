"""The house stays one that can be read: short files and functions, few of them, and names that mean one thing."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import infomax_bench

PACKAGE = Path(infomax_bench.__file__).parent
HOME = PACKAGE.parent
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file())
TESTS = sorted((HOME / "tests").rglob("*.py"))
BENCHMARKS = sorted((HOME / "benchmarks").glob("*.py"))
MOST_LINES, MOST_OF_A_FUNCTION = 400, 60
MOST_OF_A_BENCHMARK, MOST_OF_ALL = 200, 2_000
MOST_FILES, MOST_BY_HAND = 700, 20
"""Tracked files, and statements that the formatter is kept from."""
PUBLIC = ("evaluate", "load", "rank", "methods", "datasets", "pretrain", "probe", "features")
"""Functions, of today and to come, that `infomax_bench.NAME` has to give: no room may stand in their way."""


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def tracked() -> list[Path]:
    """The files of the repository, if this is one."""
    if not (HOME / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no repository")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=HOME, capture_output=True, text=True, check=True).stdout
    return [HOME / name for name in listed.split("\0") if name]


def length(node: ast.stmt) -> int:
    """In lines, without what decorates it."""
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_and_functions_are_short(path):
    assert lines(path) <= MOST_LINES
    nodes = ast.walk(ast.parse(path.read_text()))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert {f.name: length(f) for f in functions if length(f) > MOST_OF_A_FUNCTION} == {}


def test_tests_are_short_too():
    assert {path.name: lines(path) for path in TESTS if lines(path) > MOST_LINES} == {}


def test_a_benchmark_is_read_in_one_go():
    assert {path.name: lines(path) for path in BENCHMARKS if lines(path) > MOST_OF_A_BENCHMARK} == {}


def test_benchmarks_are_read_in_an_afternoon():
    assert sum(map(lines, BENCHMARKS)) <= MOST_OF_ALL


def test_a_clone_brings_few_files():
    assert len(tracked()) <= MOST_FILES


def test_next_to_nothing_is_laid_out_by_hand():
    mark = "# fmt: " + "skip"
    marked = {p.name: p.read_text().count(mark) for p in tracked() if p.suffix == ".py" and p.is_file()}
    assert sum(marked.values()) <= MOST_BY_HAND


def test_few_modules_stand_outside_the_rooms():
    assert len(list(PACKAGE.glob("*.py"))) <= 4


def test_no_module_has_the_name_of_one_that_python_brings():
    """Within a room `import NAME` would be read as either."""
    names = {path.stem for path in MODULES if not path.stem.startswith("_")} | set(ROOMS)
    assert not names & set(sys.stdlib_module_names)


def test_no_room_has_the_name_of_a_public_function():
    assert set(ROOMS) & set(PUBLIC) == set()
    assert len(ROOMS) == 13
