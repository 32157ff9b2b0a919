"""CIFAR-10 and CIFAR-100 as they lie in INFOMAX_BENCH_DATA: the published images, whatever they are read from."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants

from infomax_bench.data.dataset import Images
from infomax_bench.data.torchvision import _digest
from tests.data.image_lists import of_part, write_list
from tests.data.made_hub import picture, table, write
from tests.data.plugin_files import DATA, available, plugin

pytestmark = pytest.mark.slow
CHANNELS = (0.4914, 0.4822, 0.4465)
"""The means of CIFAR-10's training images, as they are often given."""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own, with what the given one has of the Hub."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "none"))
    monkeypatch.setenv("INFOMAX_BENCH_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data/hub").symlink_to(Path(DATA, "hub").resolve())
    return tmp_path / "data"


def same(a: Images, b: Images) -> bool:
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in ("images", "labels", "test"))


@pytest.mark.parametrize("name", [available("cifar10", "hub/uoft-cs/cifar10")])
def test_cifar10_is_one_set(name: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the Hub's files, and from pickles in another order: the same images, in the same places."""
    kind = plugin(name)
    first = kind().load()
    rest = first.images[~first.test]
    assert rest.double().mean((0, 2, 3)).div(255).tolist() == pytest.approx(CHANNELS, abs=5e-5)
    assert first.labels[first.test].bincount().tolist() == [1_000] * 10
    place = data / kind.folder
    place.mkdir()
    names = list(kind.files)
    order = np.random.default_rng(0).permutation(50_000)
    parts = [*np.array_split(np.flatnonzero(~first.test.numpy())[order], 5), np.flatnonzero(first.test.numpy())[::-1]]
    for name, part in zip(names, parts, strict=False):
        pixels, labels = first.images[part.copy()].flatten(1).numpy(), first.labels[part.copy()].tolist()
        (place / name).write_bytes(pickle.dumps({"data": pixels, "labels": labels}))
    (place / "batches.meta").write_bytes(pickle.dumps({"label_names": list(kind.class_names)}))
    monkeypatch.setattr(kind, "files", {name: f"md5:{_digest(place / name, 'md5')}" for name in names})
    from infomax_bench.data._torchvision import datasets

    monkeypatch.setattr(datasets.CIFAR10, "_check_integrity", lambda _: True)
    monkeypatch.setattr(datasets.CIFAR10, "_load_meta", lambda _: None)
    (data / "hub").unlink()
    assert same(kind().load(), first)


@pytest.mark.parametrize("name", [available("cifar100", "hub/uoft-cs/cifar100-25k")])
def test_half_of_cifar100_is_found_in_more(name: str, data: Path) -> None:
    """The same 25,000 images among others, in the Hub's whole set as in the half."""
    kind = plugin(name)
    write_list(data / "list", of_part(kind, "25k"))
    assert (data / "list").read_bytes() == kind.lists["25k"].read_bytes()
    half = kind("25k").load()
    assert len(half.images[~half.test].flatten(1).unique(dim=0)) == 24_996
    lies = Path(DATA, "hub/uoft-cs/cifar100-25k/cifar100").resolve()
    (data / "hub").unlink()
    whole = data / "hub/uoft-cs/cifar100/cifar100"
    others = table(
        [picture(i, (32, 32)) for i in range(500)],
        [i % 100 for i in range(500)],
        kind.class_names,
        ("img", "fine_label"),
    )
    write(whole, {"train-00000-of-00002.parquet": others})
    shutil.copy(lies / "train-00000-of-00001.parquet", whole / "train-00001-of-00002.parquet")
    shutil.copy(lies / "test-00000-of-00001.parquet", whole)
    assert same(kind("25k").load(), half)
