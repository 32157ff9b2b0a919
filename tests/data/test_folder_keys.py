"""One folder has one name, and a key by its content, which is read once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from infomax_bench.base import contents
from infomax_bench.base.errors import UserError
from infomax_bench.base.store import digest
from infomax_bench.data.dataset import load
from infomax_bench.study.plugins import registry
from tests.data.folders import folder, make


def test_one_folder_is_one_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is spelled: one name in tables, one load in the cache."""
    root = make(tmp_path / "d")
    (tmp_path / "link").symlink_to(root)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    spelled = [
        "d",
        "d/",
        "./d",
        "../" + tmp_path.name + "/d",
        "~/d",
        "link",
        root,
        f"{root}//",
        tmp_path / "d" / "cat" / "..",
    ]
    assert {folder(path).label for path in spelled} == {f"folder:{os.path.realpath(root)}"}
    assert len({id(load(folder(path))) for path in spelled}) == 1


def test_the_suite_has_one_name_for_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from infomax_bench.study.cell import Cell
    from infomax_bench.study.plan import Planner, make_suite
    from infomax_bench.study.plugins import home
    from infomax_bench.study.presets import load_presets

    root, plugins = make(tmp_path / "d"), registry()
    monkeypatch.chdir(tmp_path)
    suite = make_suite(
        plugins, load_presets(home() / "benchmarks")["quick"], datasets=["folder:d/", f"folder:{root}", "digits"]
    )
    assert suite.datasets == (f"folder:{os.path.realpath(root)}", "digits")
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    keys = [
        Planner(plugins, "cpu").encoder_key(Cell("pca", folder(path).label, 4, 1, 2), (0,)) for path in (root, copy)
    ]
    assert keys[0] == keys[1], "no path is in a key"


def test_an_unknown_home_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no home folder that '~' could be"):
        folder("~nobody-of-this-name/d")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The files whose contents were hashed, in a home of our own where files are settled at once."""
    read: list[Path] = []
    whole = contents._hash
    monkeypatch.setattr(contents, "_hash", lambda path: read.append(path) or whole(path))
    monkeypatch.setattr(contents, "SETTLED", -1.0)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return read


def test_contents_are_read_once(reads: list[Path], tmp_path: Path) -> None:
    """Until a file is touched; what stands under the same name, size and date but is another file is read."""
    root = make(tmp_path / "d")
    first = folder(root).fingerprint()
    assert len(reads) == 20
    assert folder(root).fingerprint() == first
    assert len(reads) == 20
    one, other = root / "cat" / "00.png", root / "cat" / "01.png"
    stat = one.stat()
    one.write_bytes(one.read_bytes()[:-1] + b"x")
    os.utime(one, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert folder(root).fingerprint() != first
    assert reads[20:] == [one]
    for path in (one, other):
        os.utime(path, ns=(1, 1))
    before = folder(root).fingerprint()
    one.rename(tmp_path / "aside")
    other.rename(one)
    (tmp_path / "aside").rename(other)
    assert folder(root).fingerprint() != before, "swapped"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"a": 1}', '{"a": [1, 2]}', "null"])
def test_a_damaged_memory_is_made_again(damage: str, reads: list[Path], tmp_path: Path) -> None:
    root = make(tmp_path / "d")
    first = folder(root).fingerprint()
    book = tmp_path / "home" / ".cache" / "infomax-bench" / "contents" / f"{digest(str(root))}.json"
    assert book.is_file()
    book.write_text(damage)
    assert folder(root).fingerprint() == first
    assert len(reads) == 40
    assert folder(root).fingerprint() == first
    assert len(reads) == 40


def test_without_a_cache_every_file_is_read(reads: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No home, or one that cannot be written, costs time alone."""
    root = make(tmp_path / "d")
    first = folder(root).fingerprint()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert folder(root).fingerprint() == first
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert folder(root).fingerprint() == first
    assert len(reads) == 60


def test_a_file_that_has_just_changed_is_not_remembered(
    reads: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a tick of the file system's clock it could change again under the same date."""
    monkeypatch.setattr(contents, "SETTLED", 60.0)
    root = make(tmp_path / "d")
    folder(root).fingerprint(), folder(root).fingerprint()
    assert len(reads) == 40


def test_a_folder_that_was_moved_is_not_trained_on_again(tmp_path: Path) -> None:
    from infomax_bench.base.store import Store
    from infomax_bench.run.engine import encoder_of
    from infomax_bench.study.cell import Cell
    from infomax_bench.study.plan import Planner
    from infomax_bench.study.tasks import Task

    plugins, store, notes = registry(), Store(tmp_path / "r"), []
    made = []
    for place in ("here", "there"):
        cell = Cell("pca", folder(make(tmp_path / place)).label, 4, 1, 2)
        task = Task(cell, (0,), Planner(plugins, "cpu").encoder_key(cell, (0,)))
        encoder_of(task, store, plugins, "cpu", notes)
        made.append(store.encoder_path(task.encoder_key).stat().st_mtime_ns)
    assert notes == []
    assert made[0] == made[1]
