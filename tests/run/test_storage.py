"""What takes room on the disk, and that only what nothing needs is removed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from infomax_bench.base.places import user_cache
from infomax_bench.cli.main import main
from infomax_bench.data import mapped
from infomax_bench.run.storage import LEFT, OUTDATED, UNLISTED, idle_encoders, places, prune
from infomax_bench.study.plugins import registry
from tests.small_runs import go, suite_of, write_echo


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"}


def keep_images(title: str) -> None:
    def make(maker: mapped.Maker) -> None:
        with maker.writing(2, (1, 2, 2)) as writer:
            writer.append(np.zeros((2, 1, 2, 2), np.uint8))

    mapped.kept(f"of-{title}", make, title)


@pytest.fixture
def root(own, tmp_path, monkeypatch) -> Path:
    """Results with one encoder, beside a cache and downloads."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("INFOMAX_BENCH_DATA", str(tmp_path / "data"))
    for name in ("data/MNIST/raw", "data/hub/owner/name/a", "hf/hub/datasets--a--b/blobs/0", "hf/hub/models--a/0"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"1234")
    go(own, tmp_path / "r", methods=["echo"], benchmarks=["redundancy"])
    return tmp_path / "r"


def test_all_is_shown_by_kind_and_only_what_nothing_needs_is_removed(own, root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for title, day in (("tiny", 0), ("elsewhere", 0), ("just now", None)):
        keep_images(title)
        if day is not None:
            os.utime(mapped.folder() / f"of-{title}" / "about.json", (day, day))
    stray = root / "encoders" / f"{'0' * 24}.safetensors"
    stray.write_bytes(b"12345")
    left, new = root / "encoders" / ".tmp1.safetensors", root / "encoders" / ".tmp2.safetensors"
    left.write_bytes(b"1")
    new.write_bytes(b"1")
    os.utime(left, (0, 0))
    plugins, before = suite_of(own)[0], files(tmp_path)

    shown = {(place.kind, place.folder.name): place for place in places([root], plugins)}
    assert [*shown] == [
        ("encoders", "encoders"),
        ("images", "images"),
        ("downloads", "MNIST"),
        ("the Hub's files", "hub"),
        ("the Hub's files", "datasets--a--b"),
    ]
    assert shown["downloads", "MNIST"].size == (1, 4)
    assert sum(len(place.idle) for place in shown.values()) == 3

    told = [(one.kind, one.why, one.items) for one in prune([root], plugins, pretend=True)]
    assert told == [("encoders", LEFT, 1), ("encoders", UNLISTED, 1), ("images", UNLISTED, 1)]
    assert files(tmp_path) == before
    assert [(one.kind, one.why, one.items) for one in prune([root], plugins)] == told
    gone = before - files(tmp_path)
    place = "home/.cache/infomax-bench/images/of-elsewhere"
    images = {f"{place}/{name}" for name in ("about.json", "images.u8", "rest.npz")}
    assert gone == {f"r/encoders/{stray.name}", "r/encoders/.tmp1.safetensors", *images}

    beside = ["--results", str(root), "--plugins", str(own)]
    assert main(["cache", *beside]) == 0
    assert "encoders" in capsys.readouterr().out
    assert main(["cache", "--prune", "--dry-run", *beside]) == 0
    assert capsys.readouterr().out == "would free 0 kB in all\n"
    for wrong, words in ((["--dry-run"], "goes with --prune"), (["--results", str(user_cache())], "holds no results")):
        with pytest.raises(SystemExit):
            main(["cache", *wrong])
        assert words in capsys.readouterr().err

    [encoder] = (root / "encoders").glob("[!.]*")
    assert idle_encoders(root, registry()) == [], "where its method is not among the plug-ins nobody can tell"
    write_echo(own, comment="edited")
    edited, jobs = suite_of(own)[0], files(root / "jobs")
    assert [(one.path, one.why) for one in idle_encoders(root, edited)] == [(encoder, OUTDATED)]
    prune([root], edited)
    assert not encoder.exists()
    assert files(root / "jobs") == jobs
    write_echo(own)
    assert go(own, root, methods=["echo"], benchmarks=["redundancy"]).n_jobs == 0
