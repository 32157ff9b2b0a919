"""What is recorded of the harness, and compared."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infomax_bench.run import machine
from infomax_bench.run.versions import difference, versions


def test_the_first_difference_is_named():
    own = versions()
    assert difference(own, own) == ""
    assert difference(own, {**own, "numpy": "0.1"}) == f"numpy {own['numpy']} where the run has 0.1"
    assert "None" in difference({}, own)


def test_any_edit_of_the_harness_makes_another_version(tmp_path):
    package = Path(machine.__file__).parents[1]
    for path in package.rglob("*.py"):
        copy = tmp_path / "infomax_bench" / path.relative_to(package)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())

    def harness() -> str:
        code = "from infomax_bench.run.versions import HARNESS; print(HARNESS)"
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": str(tmp_path)},
        ).stdout

    before = harness()
    with (tmp_path / "infomax_bench" / "training" / "trainer.py").open("a") as file:
        file.write("# edited\n")
    assert harness() != before


@pytest.fixture
def commit(monkeypatch):
    """The commit that would be recorded if the package were in a folder of its own kind."""

    def told(root: Path, clone: bool = True) -> str:
        monkeypatch.setattr(machine, "in_clone", lambda: clone)
        monkeypatch.setattr(machine, "home", lambda: root)
        machine.git_sha.cache_clear()
        sha = machine.git_sha()
        machine.git_sha.cache_clear()
        return sha

    return told


def git(root: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", *who, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_commit_is_recorded_of_the_packages_own_clone_alone(tmp_path, commit):
    root = (tmp_path / "clone").resolve()
    (root / "infomax_bench").mkdir(parents=True)
    (root / "infomax_bench" / "a.py").write_text("")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    sha = git(root, "rev-parse", "--short=12", "HEAD")
    assert commit(root) == sha
    assert commit(root / "infomax_bench") == "", "a copy somewhere in another repository"
    assert commit(root, clone=False) == "", "a wheel in whatever repository"
    (root / "notes.txt").write_text("not a part of it")
    assert commit(root) == sha
    (root / "infomax_bench" / "a.py").write_text("edited")
    assert commit(root) == sha + "+"
