"""The data sets: that what they declare is what they load, that divisions hold, and that bad files are found out."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import importlib.util
import inspect
import io
import json
import logging
import os
import pickle
import shutil
import struct
import sys
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import infomax_bench.data.torchvision as torchvision_data
from infomax_bench.base.errors import UserError
from infomax_bench.data.augment import Augmentation
from infomax_bench.data.dataset import Dataset, Images, convert, load, split, stratified_test
from infomax_bench.data.torchvision import RECORDED, TorchvisionDataset

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


LOADABLE = [*EMBEDDED, available("mnist", "MNIST/raw"), available("fashion_mnist", "FashionMNIST/raw")]
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


# -- every data set ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in NAMES if name != "folder"])
def test_declares_what_a_plan_needs(name: str) -> None:
    """Shape, classes and counts are there without loading anything."""
    dataset = plugin(name)()
    assert dataset.summary
    assert "\n" not in dataset.summary
    assert len(dataset.shape) == 3
    assert len(set(dataset.class_names)) == dataset.n_classes > 1
    assert dataset.n_train + dataset.n_validation == dataset.n_rest
    assert dataset.fingerprint() == plugin(name)().fingerprint()
    assert dataset.augmentation != Augmentation()


def test_fingerprints_differ() -> None:
    """No two downloaded data sets can be mistaken for one another."""
    prints = [plugin(name)().fingerprint() for name in NAMES if issubclass(plugin(name), TorchvisionDataset)]
    assert len(set(prints)) == len(prints) == 5


def test_an_argument_that_is_not_wanted_is_an_error() -> None:
    """`digits:foo` is a mistake, not another data set."""
    with pytest.raises(UserError, match="takes no argument") as error:
        plugin("digits")("foo")
    one_line(error)


@pytest.mark.parametrize("name", LOADABLE)
def test_loads_what_it_declares(name: str) -> None:
    """What a run is planned with is what it gets."""
    dataset = plugin(name)()
    data = load(dataset)
    assert data.images.shape[1:] == dataset.shape
    assert data.labels.dtype == torch.int64
    assert data.test.dtype == torch.bool
    assert int(data.test.sum()) == dataset.n_test
    assert int((~data.test).sum()) == dataset.n_rest
    for part in (data.test, ~data.test):
        assert data.labels[part].unique().tolist() == list(range(dataset.n_classes))
    parts = split(data.test, seed=0)
    assert (len(parts.train), len(parts.validation)) == (dataset.n_train, dataset.n_validation)
    assert data.images.max() == 255
    assert data.images.min() == 0


@pytest.mark.parametrize("name", EMBEDDED)
def test_loads_the_same_every_time(name: str) -> None:
    """Generated and embedded data do not depend on when or where they are made."""
    first, second = plugin(name)().load(), plugin(name)().load()
    for field in dataclasses.fields(Images):
        a, b = getattr(first, field.name), getattr(second, field.name)
        assert a is b is None or torch.equal(a, b)


def test_digits_keep_all_their_levels() -> None:
    """Scaling 0..16 to bytes merges no two levels and does not touch their order."""
    from sklearn.datasets import load_digits

    ours, theirs = load(plugin("digits")()).images[:, 0].numpy(), load_digits().images
    assert np.array_equal(np.round(ours.astype(float) * 16 / 255), theirs)


@pytest.mark.parametrize("name", [available("mnist", "MNIST/raw")])
def test_mnist_is_mnist(name: str) -> None:
    """The first training labels are the well-known ones: nothing was shuffled, test comes last."""
    data = load(plugin(name)())
    assert data.labels[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
    assert data.labels[data.test][:4].tolist() == [7, 2, 1, 0]


# -- sprites ----------------------------------------------------------------------------------------------------------

LEVELS = (5, 3, 8, 14, 14)


@pytest.fixture(scope="module")
def sprites() -> Images:
    return load(plugin("sprites")())


@pytest.fixture(scope="module")
def by_factor(sprites: Images) -> torch.Tensor:
    """The images as `[shape, scale, orientation, x, y, H, W]`, put there by their factors."""
    out = torch.zeros(*LEVELS, 24, 24, dtype=torch.uint8)
    assert sprites.factors is not None
    out[tuple(sprites.factors.T)] = sprites.images[:, 0]
    return out


def test_sprites_are_a_full_factorial(sprites: Images) -> None:
    """Every combination of factors occurs once, and the class is the first factor."""
    assert sprites.factors is not None
    assert len(sprites.factors) == np.prod(LEVELS) == 23_520
    assert tuple((sprites.factors.amax(0) + 1).tolist()) == LEVELS
    assert len(sprites.factors.unique(dim=0)) == len(sprites.factors)
    assert torch.equal(sprites.labels, sprites.factors[:, 0])
    assert len(plugin("sprites").factor_names) == len(LEVELS)


def test_sprites_are_all_different(sprites: Images) -> None:
    """Factors can be told from the image: no figure has a symmetry, and none vanishes when small."""
    assert len({image.tobytes() for image in sprites.images.numpy()}) == len(sprites.images)


def test_coarse_sprites_are_those_at_every_other_position(sprites: Images) -> None:
    kind = plugin("sprites")("coarse")
    coarse = load(kind)
    assert coarse.factors is not None
    assert sprites.factors is not None
    assert tuple((coarse.factors.amax(0) + 1).tolist()) == (*LEVELS[:3], 7, 7)
    assert len(coarse.factors.unique(dim=0)) == len(coarse.factors) == kind.n_rest + kind.n_test == 5_880
    even = (sprites.factors[:, 3:] % 2 == 0).all(1)
    assert torch.equal(coarse.images, sprites.images[even])
    assert torch.equal(coarse.factors * torch.tensor([1, 1, 1, 2, 2]), sprites.factors[even])
    assert kind.captions(coarse) == [c for c, e in zip(plugin("sprites")().captions(sprites), even, strict=True) if e]


def test_sprites_move_as_their_factors_say(by_factor: torch.Tensor) -> None:
    """One step of x is one pixel to the right, one of y is one pixel down, and nothing else changes."""
    assert torch.equal(by_factor[:, :, :, 1:, :, :, 1:], by_factor[:, :, :, :-1, :, :, :-1])
    assert torch.equal(by_factor[:, :, :, :, 1:, 1:, :], by_factor[:, :, :, :, :-1, :-1, :])


def test_sprites_are_entirely_inside(by_factor: torch.Tensor) -> None:
    """No position cuts anything off, and the area depends on shape and scale only (orientation up to rounding)."""
    area = by_factor.sum((-2, -1), dtype=torch.int64).double()
    assert (area == area[:, :, :, :1, :1]).all()
    area = area[..., 0, 0]
    assert ((area / area.mean(2, keepdim=True) - 1).abs() < 0.01).all()
    assert (area[:, 1:] > 1.3 * area[:, :-1]).all()


def test_sprites_turn_as_their_factors_say(by_factor: torch.Tensor) -> None:
    """Two steps of orientation are a quarter turn counter-clockwise, pixel by pixel."""
    patches = by_factor[:, :, :, 0, 0, :11, :11].float()
    turned = torch.rot90(patches[:, :, 0], 1, (-2, -1))
    assert (turned - patches[:, :, 2]).abs().max() <= 1


def test_no_sprite_is_another_ones_mirror_image(by_factor: torch.Tensor) -> None:
    """An augmentation that happens to mirror could never turn one class into another."""
    patches = by_factor[:, 2, :, 0, 0, :11, :11].float().flatten(-2)
    mirrored = by_factor[:, 2, :, 0, 0, :11, :11].float().flip(-1).flatten(-2)
    distance = torch.cdist(patches.flatten(0, 1), mirrored.flatten(0, 1)).view(5, 8, 5, 8)
    for i in range(5):
        for j in range(5):
            assert i == j or distance[i, :, j].min() > 500


def test_masks_are_the_bright_pixels(sprites: Images) -> None:
    """The mask is figure against ground."""
    assert sprites.masks is not None
    assert sprites.masks.dtype == torch.bool
    assert torch.equal(sprites.masks, sprites.images[:, 0] >= 128)
    assert sprites.masks.flatten(1).sum(1).min() >= 8


# -- through torchvision ----------------------------------------------------------------------------------------------


def idx(array: np.ndarray) -> bytes:
    """An array in the format of the MNIST files."""
    return (
        bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()
    )


def tiny_files() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    files = {}
    for part, n in (("train", 6), ("t10k", 4)):
        files[f"{part}-images-idx3-ubyte"] = idx(rng.integers(0, 256, (n, 28, 28)))
        files[f"{part}-labels-idx1-ubyte"] = idx(np.arange(n) % 2)
    return files


GOOD = tiny_files()


class Tiny(TorchvisionDataset):
    """MNIST with ten images, whose server is a dictionary."""

    shape = (1, 28, 28)
    class_names = ("even", "odd")
    n_rest, n_test = 6, 4
    source = "MNIST"
    folder = "MNIST/raw"
    files = {name: f"sha256:{hashlib.sha256(content).hexdigest()}" for name, content in GOOD.items()}


class TinyWithoutChecksums(Tiny):
    files = {name: f"size:{len(content)}" for name, content in GOOD.items()}


class Server:
    """Stands in for torchvision's download: serves `content`, or breaks off after `survive` files."""

    def __init__(self) -> None:
        self.content = dict(GOOD)
        self.survive = len(GOOD)
        self.calls = 0

    def open(self, dataset: TorchvisionDataset, root: Path, train: bool, download: bool = False) -> object:
        if download:
            self.calls += 1
            (root / dataset.folder).mkdir(parents=True)
            for i, (name, content) in enumerate(self.content.items()):
                if i == self.survive:
                    (root / dataset.folder / name).write_bytes(content[:7])
                    raise ConnectionResetError(104, "Connection reset by peer")
                (root / dataset.folder / name).write_bytes(content)
        return REAL_OPEN(dataset, root, train)


REAL_OPEN = TorchvisionDataset._open


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INFOMAX_BENCH_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(TorchvisionDataset, "_open", lambda *args, **kwargs: server.open(*args, **kwargs))
    return server


def place(root: Path, files: dict[str, bytes]) -> Path:
    folder = root / Tiny.folder
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def visible(root: Path) -> set[str]:
    """The files under `root`, without the lock."""
    return {path.name for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"}


def test_files_that_are_there_are_used(root: Path, server: Server) -> None:
    """Data in torchvision's layout is read as it is, nothing is downloaded and nothing is written."""
    place(root, GOOD)
    data = Tiny().load()
    assert data.images.shape == (10, 1, 28, 28)
    assert data.images.numpy().tobytes() == b"".join(
        GOOD[f"{part}-images-idx3-ubyte"][16:] for part in ("train", "t10k")
    )
    assert data.labels.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    assert data.test.tolist() == [False] * 6 + [True] * 4
    assert server.calls == 0
    assert visible(root) == set(GOOD)


@pytest.mark.parametrize("kind", [Tiny, TinyWithoutChecksums])
def test_downloads_once(kind: type[Tiny], root: Path, server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """The first use downloads, silently but for the progress bar; the second finds everything there."""
    first, second = kind().load(), kind().load()
    assert torch.equal(first.images, second.images)
    assert server.calls == 1
    assert not caplog.records
    assert visible(root) == {*GOOD, RECORDED}


@pytest.mark.parametrize("damage", [b"", b"no data at all", GOOD["train-images-idx3-ubyte"][:-1]])
@pytest.mark.parametrize("kind", [Tiny, TinyWithoutChecksums])
def test_damaged_file_is_fetched_again(
    kind: type[Tiny], damage: bytes, root: Path, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """A truncated or overwritten file is replaced with one warning that names it, whatever is known about it."""
    folder = place(root, GOOD | {"train-images-idx3-ubyte": damage})
    assert len(kind().load().images) == 10
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert str(folder / "train-images-idx3-ubyte") in caplog.text
    assert {name: (folder / name).read_bytes() for name in GOOD} == GOOD


def test_flipped_bit_is_found_without_published_checksums(root: Path, server: Server) -> None:
    """Hashes recorded after the download catch what a size cannot."""
    TinyWithoutChecksums().load()
    path = root / Tiny.folder / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    TinyWithoutChecksums().load()
    assert server.calls == 2
    assert path.read_bytes() == GOOD[path.name]


@pytest.mark.parametrize("record", ["", "{", "[1]", "null"])
def test_damaged_record_is_ignored(record: str, root: Path, server: Server) -> None:
    """The record of hashes only adds to what is known: without it files are still checked for their size."""
    place(root, GOOD | {RECORDED: record.encode()})
    assert len(TinyWithoutChecksums().load().images) == 10
    assert server.calls == 0


DOTTED = {name: name.replace("-idx", ".idx") for name in GOOD}


@pytest.mark.parametrize(
    "spare",
    [
        lambda name: f"{name}.gz",
        lambda name: DOTTED[name],
        lambda name: f"{DOTTED[name]}.gz",
        lambda name: f"{DOTTED[name]}/{DOTTED[name]}",
    ],
)
def test_files_under_other_names_are_used(spare: Callable[[str], str], root: Path, server: Server) -> None:
    """Packed files, as they are downloaded by hand, and Kaggle's names: with the right content, nothing is fetched."""
    packed = {
        name: gzip.compress(content) if spare(name).endswith(".gz") else content for name, content in GOOD.items()
    }
    for name, content in packed.items():
        path = root / Tiny.folder / spare(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert torch.equal(Tiny().load().images, Tiny().load().images)
    assert server.calls == 0
    assert {name: (root / Tiny.folder / name).read_bytes() for name in GOOD} == GOOD
    assert not (root / ".MNIST.partial").exists()


@pytest.mark.parametrize(
    "content",
    [b"x", b"", gzip.compress(b"x"), gzip.compress(GOOD["t10k-labels-idx1-ubyte"])[:-9]],
    ids=["no archive", "empty", "other content", "cut off"],
)
def test_a_wrong_archive_is_named(content: bytes, root: Path, server: Server) -> None:
    """What lies there packed and is something else, or broken, is not used; the one line says so."""
    place(root, {name: good for name, good in GOOD.items() if "t10k-labels" not in name})
    (root / Tiny.folder / "t10k-labels-idx1-ubyte.gz").write_bytes(content)
    server.survive = 0
    with pytest.raises(UserError, match=r"labels-idx1-ubyte\.gz holds something else") as error:
        Tiny().load()
    one_line(error)
    assert not (root / Tiny.folder / "t10k-labels-idx1-ubyte").exists()


def test_a_whole_archive_that_lies_there_is_unpacked(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CIFAR's, downloaded by hand to where torchvision would put it: nothing is asked of the network."""
    from infomax_bench.data._torchvision import datasets

    theirs, names, sums = datasets.CIFAR10, list(plugin("cifar10").files), {}  # type: ignore[attr-defined]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for i, name in enumerate(names):
            pixels = np.full((2, 3072), i, np.uint8)
            content = {"data": pixels, "labels": [i, 9 - i]} if "batch_" in name or "_batch" in name else {}
            packed = pickle.dumps(content or {"label_names": list("abcdefghij")})
            sums[name] = hashlib.md5(packed).hexdigest()
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(packed)
            tar.addfile(entry, io.BytesIO(packed))
    lists = {"train_list": names[:5], "test_list": names[5:6]}
    for attribute, own in lists.items():
        monkeypatch.setattr(theirs, attribute, [[name, sums[name]] for name in own])
    monkeypatch.setattr(theirs, "meta", {**theirs.meta, "md5": sums["batches.meta"]})
    monkeypatch.setattr(theirs, "tgz_md5", hashlib.md5(archive.getvalue()).hexdigest())
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: pytest.fail("the network"))
    root.mkdir()
    (root / theirs.filename).write_bytes(archive.getvalue())
    files = {name: f"md5:{digest}" for name, digest in sums.items()}
    small = type("Small", (plugin("cifar10"),), {"files": files, "n_rest": 10, "n_test": 2})
    assert small().load().labels.tolist() == [0, 9, 1, 8, 2, 7, 3, 6, 4, 5, 5, 4]
    assert (root / theirs.filename).read_bytes() == archive.getvalue()


def test_a_folder_in_a_files_place_is_one_line(root: Path, server: Server) -> None:
    """As Kaggle's archive unpacks: it is named, and left as it is."""
    folder = place(root, {DOTTED["t10k-labels-idx1-ubyte"]: GOOD["t10k-labels-idx1-ubyte"]})
    (folder / "t10k-labels-idx1-ubyte").mkdir()
    with pytest.raises(UserError, match="t10k-labels-idx1-ubyte is a folder") as error:
        Tiny().load()
    one_line(error)
    assert (folder / "t10k-labels-idx1-ubyte").is_dir()


def test_what_no_checksum_vouches_for_is_called_unverified(
    root: Path, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Files of the right size are used with a warning; what was downloaded, or has checksums, needs none."""
    assert TinyWithoutChecksums().verified is None, "nothing is there"
    place(root, GOOD)
    assert TinyWithoutChecksums().verified is False
    TinyWithoutChecksums().load()
    assert "unverified: train-images-idx3-ubyte" in caplog.text
    assert "\n" not in caplog.records[0].getMessage()
    assert Tiny().verified is True
    shutil.rmtree(root / Tiny.folder)
    caplog.clear()
    TinyWithoutChecksums().load()
    assert TinyWithoutChecksums().verified is True
    assert not caplog.records


def test_unverified_files_are_part_of_the_key(root: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other contents of the same size are other data; verified files have the key that was known before."""
    monkeypatch.setenv("HOME", str(root.parent / "home"))
    expected = TinyWithoutChecksums().fingerprint(), Tiny().fingerprint()
    folder = place(root, GOOD)
    prints = {TinyWithoutChecksums().fingerprint()}
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(6)))
    prints.add(TinyWithoutChecksums().fingerprint())
    assert len({*prints, expected[0]}) == 3
    assert Tiny().fingerprint() == expected[1]
    shutil.rmtree(folder)
    TinyWithoutChecksums().load()
    assert TinyWithoutChecksums().fingerprint() == expected[0]


@pytest.mark.parametrize("damaged", [False, True])
def test_a_genuine_archive_vouches_for_its_file(
    damaged: bool, root: Path, server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """torchvision leaves archives beside files, and has their checksums: a file of the right size and another content
    is found out by them."""
    from infomax_bench.data._torchvision import datasets

    content = {f"{name}.gz": gzip.compress(good) for name, good in GOOD.items()}
    published = [(name, hashlib.md5(packed).hexdigest()) for name, packed in content.items()]
    monkeypatch.setattr(datasets.MNIST, "resources", published)
    wrong = {"train-labels-idx1-ubyte": idx(np.ones(6))} if damaged else {}
    folder = place(root, {**GOOD, **content, **wrong})
    assert TinyWithoutChecksums().load().labels.tolist() == [0, 1] * 5
    assert server.calls == 0
    assert TinyWithoutChecksums().verified is True
    assert json.loads((folder / RECORDED).read_text()).keys() == GOOD.keys()
    assert [record.getMessage().split(" failed")[0] for record in caplog.records] == [
        str(folder / name) for name in wrong
    ]


@pytest.mark.parametrize("wrong", [b"\x01" * len(GOOD["train-images-idx3-ubyte"]), idx(np.zeros((1, 28, 168)))])
def test_files_of_the_right_size_that_hold_something_else_are_one_line(
    wrong: bytes, root: Path, server: Server
) -> None:
    place(root, {**GOOD, "train-images-idx3-ubyte": wrong})
    kind = type("Sizes", (TinyWithoutChecksums,), {})
    kind.files = {**kind.files, "train-images-idx3-ubyte": f"size:{len(wrong)}"}
    with pytest.raises(UserError, match="are not this data set") as error:
        kind().load()
    one_line(error)


def test_labels_of_no_class_are_one_line(root: Path, server: Server) -> None:
    place(root, {**GOOD, "t10k-labels-idx1-ubyte": idx(np.full(4, 7))})
    with pytest.raises(UserError, match="labels from 7 to 7") as error:
        TinyWithoutChecksums().load()
    one_line(error)


def test_what_torchvision_once_made_of_the_files_is_not_read(root: Path, server: Server) -> None:
    """Old releases left a copy of their own, which nobody verifies and today's would take."""
    folder = place(root, GOOD)
    (folder.parent / "processed").mkdir()
    for name in ("training.pt", "test.pt"):
        torch.save((torch.zeros(6, 28, 28, dtype=torch.uint8), torch.zeros(6)), folder.parent / "processed" / name)
    assert Tiny().load().images.any()


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "kmnist", "emnist_letters", "cifar10"])
def test_downloads_come_over_https(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision's own code never sends a request over plain http, not even when https fails; the failure is told."""
    asked = []

    def https(handler: object, request: urllib.request.Request) -> None:
        asked.append(request.full_url)
        raise urllib.error.URLError("nobody answers")

    monkeypatch.setattr(urllib.request.HTTPSHandler, "https_open", https)
    monkeypatch.setattr(urllib.request.HTTPHandler, "http_open", lambda *_: pytest.fail("plain http"))
    kind = plugin(name)
    assert issubclass(kind, TorchvisionDataset)
    with pytest.raises(UserError, match="nobody answers") as error:
        kind().load()
    one_line(error)
    assert asked
    assert all(url.startswith("https://") for url in asked)
    assert urllib.request._opener is None  # type: ignore[attr-defined]


@pytest.mark.parametrize("survive", range(len(GOOD)))
def test_interrupted_download_leaves_nothing(survive: int, root: Path, server: Server) -> None:
    """A connection that breaks is one line that says what to do; no half-written file stays behind."""
    server.survive = survive
    with pytest.raises(UserError, match="INFOMAX_BENCH_DATA") as error:
        Tiny().load()
    assert "Connection reset by peer" in one_line(error)
    assert str(root / Tiny.folder / "train-images-idx3-ubyte") in str(error.value)
    assert visible(root) == set()
    server.survive = len(GOOD)
    assert len(Tiny().load().images) == 10


def test_good_files_survive_a_failed_download(root: Path, server: Server) -> None:
    """Nothing is lost when one file is damaged and the server cannot be reached."""
    content = GOOD | {"t10k-labels-idx1-ubyte": b"?"}
    folder = place(root, content)
    server.survive = 0
    with pytest.raises(
        UserError, match="t10k-labels-idx1-ubyte fails its checksum and could not be downloaded"
    ) as error:
        Tiny().load()
    assert "train-images" not in one_line(error)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == content


def test_wrong_download_is_refused(root: Path, server: Server) -> None:
    """What the server sends must be what the plug-in expects."""
    server.content["train-labels-idx1-ubyte"] = idx(np.ones(6))
    with pytest.raises(UserError, match="train-labels-idx1-ubyte fails its checksum"):
        Tiny().load()
    assert visible(root) == set()


def test_leftovers_of_a_killed_process_are_cleared(root: Path, server: Server) -> None:
    """A download that was killed is neither used nor in the way."""
    aside = root / ".MNIST.partial" / Tiny.folder
    aside.mkdir(parents=True)
    (aside / "train-images-idx3-ubyte").write_bytes(b"half")
    assert len(Tiny().load().images) == 10
    assert not (root / ".MNIST.partial").exists()


@pytest.mark.parametrize("damaged", [False, True])
def test_unwritable_folder_is_one_line(
    damaged: bool, root: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be written, nothing is removed, and the file is named."""
    folder = place(root, GOOD | {"t10k-labels-idx1-ubyte": b"?"} if damaged else {})

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(torchvision_data, "FileLock", refuse)  # tests may run as root, whom no mode keeps out
    with pytest.raises(UserError, match="Permission denied") as error:
        Tiny().load()
    assert str(folder) in one_line(error)
    assert visible(root) == (set(GOOD) if damaged else set())


def test_data_root_that_is_a_file_is_one_line(root: Path, server: Server) -> None:
    """A wrong INFOMAX_BENCH_DATA is the user's to correct, not a traceback."""
    root.write_text("")
    with pytest.raises(UserError, match="INFOMAX_BENCH_DATA") as error:
        Tiny().load()
    one_line(error)


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in containers whose user is no entry of the password file: one line, and what needs no home works."""

    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    monkeypatch.delenv("INFOMAX_BENCH_DATA", raising=False)
    with pytest.raises(UserError, match=r"no home folder .* set INFOMAX_BENCH_DATA") as error:
        Tiny().load()
    one_line(error)
    assert Tiny().verified is None
    assert Tiny().fingerprint()
    monkeypatch.setattr(Path, "expanduser", lambda _: nowhere())
    monkeypatch.setenv("INFOMAX_BENCH_DATA", "~/data")
    with pytest.raises(UserError, match="~/data: there is no home folder") as error:
        Tiny().load()
    one_line(error)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "kmnist", "emnist_letters", "cifar10"])
def test_unreachable_download_is_one_line(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through torchvision's own code: no network is one line that names what to put where."""

    def unreachable(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    kind = plugin(name)
    assert issubclass(kind, TorchvisionDataset)
    with pytest.raises(UserError, match="no network") as error:
        kind().load()
    for text in ("INFOMAX_BENCH_DATA", str(root / kind.folder), *kind.files):
        assert text in one_line(error)
    assert visible(root) == set()


@pytest.fixture
def import_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports the shim afresh, with a package of the given source in torchvision's place."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)

    def run(source: str) -> ModuleType:
        (tmp_path / "torchvision.py").write_text(source)
        spec = importlib.util.spec_from_file_location(
            "shim", Path(torchvision_data.__file__).with_name("_torchvision.py")
        )
        assert spec is not None
        assert spec.loader is not None
        shim = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(shim)
        del sys.modules["torchvision"]
        return shim

    return run


def test_torchvision_that_loads_is_left_alone(import_torchvision: Callable[[str], ModuleType]) -> None:
    """The work-around for missing operators does nothing where none are missing."""
    shim = import_torchvision("datasets, models = 'theirs', 'theirs too'")
    assert (shim.datasets, shim.models) == ("theirs", "theirs too")
    assert not hasattr(shim, "_library")


def test_torchvision_that_fails_otherwise_is_not_hidden(import_torchvision: Callable[[str], ModuleType]) -> None:
    """Only missing operators are worked around; any other failure stays visible."""
    with pytest.raises(RuntimeError, match="something else"):
        import_torchvision("raise RuntimeError('something else')")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "kmnist", "emnist_letters"])
def test_files_are_torchvisions_own(name: str) -> None:
    """Folder and file names are where torchvision looks for them, and the sizes fit the declared counts."""
    from infomax_bench.data._torchvision import datasets

    kind = plugin(name)
    assert issubclass(kind, TorchvisionDataset)
    theirs = object.__new__(getattr(datasets, kind.source))  # not opened: that would look for the files
    vars(theirs).update(root="", **kind.options)
    assert theirs.raw_folder == kind.folder
    if kind.source == "EMNIST":
        names = []
        for theirs.train in (True, False):
            names += [Path(theirs.images_file).name, Path(theirs.labels_file).name]
    else:
        names = [Path(archive).stem for archive, _ in theirs.resources]
    assert list(kind.files) == names
    sizes = [kind.n_rest * 784 + 16, kind.n_rest + 8, kind.n_test * 784 + 16, kind.n_test + 8]
    for expected, size in zip(kind.files.values(), sizes, strict=True):
        assert expected == f"size:{size}" or expected.startswith("sha256:")


def test_cifar_checksums_are_torchvisions_own() -> None:
    """The md5 constants in the plug-in are the published ones."""
    from infomax_bench.data._torchvision import datasets

    theirs = datasets.CIFAR10
    published = dict(theirs.train_list + theirs.test_list) | {theirs.meta["filename"]: theirs.meta["md5"]}
    kind = plugin("cifar10")
    assert issubclass(kind, TorchvisionDataset)
    assert kind.files == {name: f"md5:{digest}" for name, digest in published.items()}
    assert kind.folder == theirs.base_folder


def test_cifar_channels_come_first() -> None:
    """torchvision holds `[N, H, W, C]`; everything here is `[N, C, H, W]`."""
    data = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    kind = plugin("cifar10")
    assert issubclass(kind, TorchvisionDataset)
    images, labels = kind().arrays(SimpleNamespace(data=data, targets=[3, 1, 0, 9, 2]))
    assert images.shape == (5, *kind.shape)
    assert torch.equal(images[2, 1], torch.from_numpy(data[2, :, :, 1]))
    assert labels.tolist() == [3, 1, 0, 9, 2]


def test_emnist_letters_stand_upright(root: Path) -> None:
    """The files hold transposed images and labels from 1; what is loaded is upright, with labels from 0."""
    picture = np.zeros((28, 28))
    picture[3, 20] = 255  # near the top, to the right
    files = {}
    for part in ("train", "test"):
        files[f"emnist-letters-{part}-images-idx3-ubyte"] = idx(np.stack([picture.T] * 26))
        files[f"emnist-letters-{part}-labels-idx1-ubyte"] = idx(np.arange(1, 27))
    kind = plugin("emnist_letters")
    assert issubclass(kind, TorchvisionDataset)
    sizes = {name: f"size:{len(content)}" for name, content in files.items()}
    small = type("Small", (kind,), {"files": sizes, "n_rest": 26, "n_test": 26})
    assert set(small.files) == set(kind.files)
    (root / kind.folder).mkdir(parents=True)
    for name, content in files.items():
        (root / kind.folder / name).write_bytes(content)
    data = small().load()
    assert data.labels.tolist() == [*range(26), *range(26)]
    assert data.images[0, 0].nonzero().tolist() == [[3, 20]]


# -- one's own folder -------------------------------------------------------------------------------------------------


def save(path: Path, size: tuple[int, int] = (10, 8), mode: str = "L", value: int = 0) -> None:
    """An image of noise, different for every file name."""
    seed = int(hashlib.sha256(path.name.encode()).hexdigest()[:8], 16)
    rng = np.random.default_rng(seed)
    pixels = (
        rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8) if not value else np.full((*size[::-1], 3), value)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).convert(mode).save(path)


def folder(path: object) -> Dataset:
    return plugin("folder")(str(path))


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """Two classes of ten grey images, 10 wide and 8 high, in several formats."""
    for name in ("cat", "dog"):
        for i in range(10):
            save(tmp_path / name / f"{i}{('.png', '.jpg', '.bmp', '.gif', '.webp')[i % 3]}")
    (tmp_path / ".cache").mkdir()
    (tmp_path / "notes.txt").write_text("not a class")
    (tmp_path / "cat" / "notes.txt").write_text("not an image")
    return tmp_path


def test_folder_loads_what_it_declares(zoo: Path) -> None:
    """Classes are sub-folders; hidden folders and other files do not count."""
    dataset = folder(zoo)
    assert dataset.class_names == ("cat", "dog")
    assert dataset.shape == (1, 8, 10)
    assert (dataset.n_rest, dataset.n_test) == (16, 4)
    data = dataset.load()
    assert data.images.shape == (20, 1, 8, 10)
    assert data.labels.bincount().tolist() == [10, 10]
    assert data.labels[data.test].bincount().tolist() == [2, 2]
    assert np.array_equal(data.images[0, 0].numpy(), np.asarray(Image.open(zoo / "cat" / "0.png")))


def test_folder_is_rgb_as_soon_as_one_image_is(zoo: Path) -> None:
    """Colour is not thrown away; grey images are repeated."""
    save(zoo / "dog" / "colour.png", mode="RGB")
    dataset = folder(zoo)
    assert dataset.shape == (3, 8, 10)
    images = dataset.load().images
    assert (images == images[:, :1]).flatten(1).all(1).sum() == 20


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_folder_reads_every_mode(zoo: Path, mode: str) -> None:
    """A white image is white in every mode, 16 bits included."""
    path = zoo / "cat" / "white.png"
    if mode == "I;16":
        Image.fromarray(np.full((8, 10), 65535, dtype=np.uint16)).save(path)
    else:
        save(path, mode=mode, value=255)
    dataset = folder(zoo)
    assert dataset.shape[0] == (1 if mode in ("1", "L", "LA", "I;16") else 3)
    assert dataset.load().images[10].min() == 255  # after the files whose names begin with a digit


def test_folder_takes_the_commonest_size(zoo: Path) -> None:
    """Other sizes are resized to it, antialiased: a fine pattern becomes grey, not stripes."""
    stripes = np.tile(np.array([[0, 255]], dtype=np.uint8), (160, 100))
    Image.fromarray(stripes).save(zoo / "cat" / "x.png")
    dataset = folder(zoo)
    assert dataset.shape == (1, 8, 10)
    assert (dataset.load().images[10].float() - 127.5).abs().max() < 3


@pytest.mark.parametrize(
    ("size", "shape"), [((640, 480), (1, 48, 64)), ((30, 200), (1, 64, 10)), ((64, 64), (1, 64, 64))]
)
def test_folder_reduces_large_images(tmp_path: Path, size: tuple[int, int], shape: tuple[int, int, int]) -> None:
    """No side exceeds 64 pixels, and proportions are kept."""
    for name in ("a", "b"):
        for i in range(5):
            save(tmp_path / name / f"{i}.png", size=size)
    dataset = folder(tmp_path)
    assert dataset.shape == shape
    assert dataset.load().images.shape[1:] == shape


def test_folder_division_is_stable(zoo: Path) -> None:
    """New images and new dates leave nearly all others where they were; a copy elsewhere is divided alike."""

    def test_names(dataset: Dataset) -> set[str]:
        return {path.relative_to(zoo).as_posix() for path in dataset.test_paths}  # type: ignore[attr-defined]

    before = test_names(folder(zoo))
    for path in zoo.rglob("*.png"):
        os.utime(path, (1, 1))
    assert test_names(folder(zoo)) == before
    for i in range(5):
        save(zoo / "cat" / f"new{i}.png")
    after = test_names(folder(zoo))
    assert len(after) == 5
    assert {name for name in after if "dog" in name} == {name for name in before if "dog" in name}


def test_folder_fingerprint_follows_the_contents(zoo: Path) -> None:
    """Changed, added, removed, renamed and swapped files are noticed; reading and dates are not."""
    prints = [folder(zoo).fingerprint()]
    folder(zoo).load()
    os.utime(zoo / "cat" / "0.png", (1, 1))
    assert folder(zoo).fingerprint() == prints[0]
    save(zoo / "cat" / "new.png")
    prints.append(folder(zoo).fingerprint())
    (zoo / "cat" / "new.png").rename(zoo / "cat" / "renamed.png")
    prints.append(folder(zoo).fingerprint())
    (zoo / "cat" / "renamed.png").unlink()
    assert folder(zoo).fingerprint() == prints[0]
    one, other = zoo / "cat" / "0.png", zoo / "cat" / "3.png"
    contents = one.read_bytes(), other.read_bytes()
    one.write_bytes(contents[1])
    other.write_bytes(contents[0])
    prints.append(folder(zoo).fingerprint())
    assert len(set(prints)) == 4


def test_folder_key_is_the_same_wherever_it_lies(zoo: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A copy elsewhere, with other dates, has the same fingerprint, and no path is part of its identity."""
    copy = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(zoo, copy, copy_function=shutil.copyfile)
    assert folder(copy).fingerprint() == folder(zoo).fingerprint()
    assert folder(copy).identity == folder(zoo).identity
    assert folder(copy).label != folder(zoo).label


def test_folder_without_a_path() -> None:
    """It can be listed without a path, and says what is missing when it is used."""
    dataset = plugin("folder")()
    assert dataset.takes == "PATH"
    with pytest.raises(UserError, match="folder:PATH") as error:
        _ = dataset.shape
    one_line(error)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: root / "nowhere", "no such folder"),
        (lambda root: root / "notes.txt", "not a folder"),
        (lambda root: root / "cat", "no sub-folders"),
        (lambda root: (root / "dog").rename(root / ".dog") and root, "only one sub-folder"),
        (lambda root: (root / "empty").mkdir() or root, "class 'empty' has 0 readable images"),
        (lambda root: save(root / "few" / "1.png") or root, "class 'few' has 1 readable images"),
    ],
)
def test_folder_errors(zoo: Path, spoil: object, message: str) -> None:
    """Every way to name the wrong folder is one line, before anything is loaded."""
    dataset = folder(spoil(zoo))  # type: ignore[operator]
    with pytest.raises(UserError, match=message) as error:
        _ = dataset.n_rest
    one_line(error)
    with pytest.raises(UserError, match=message):
        dataset.load()


def test_folder_skips_what_is_no_image(zoo: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Files that are not images are named in one warning; all others are used, and the counts are right."""
    for i in range(5):
        (zoo / "dog" / f"broken{i}.png").write_bytes(b"no image")
    dataset = folder(zoo)
    assert (dataset.n_rest, dataset.n_test) == (16, 4)
    assert len(dataset.load().images) == 20
    assert len(folder(zoo).load().images) == 20
    assert len(caplog.records) == 1
    for text in (str(zoo), "cat/notes.txt, dog/broken0.png, dog/broken1.png and 3 more"):
        assert text in caplog.text


def test_folder_names_a_truncated_image(zoo: Path) -> None:
    """A file that breaks off behind its header has been counted; it is named rather than dropped."""
    path = zoo / "dog" / "0.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UserError, match=r"dog/0\.png") as error:
        folder(zoo).load()
    one_line(error)


# -- division ---------------------------------------------------------------------------------------------------------


@given(test=st.lists(st.booleans(), min_size=1, max_size=200), seed=st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_split_divides(test: list[bool], seed: int) -> None:
    """Every image is in exactly one part, test is the data set's own, and the same seed divides alike."""
    mask = torch.tensor(test)
    parts = split(mask, seed)
    everything = torch.cat([parts.train, parts.validation, parts.test])
    assert sorted(everything.tolist()) == list(range(len(test)))
    assert torch.equal(parts.test, mask.nonzero().flatten())
    assert len(parts.validation) == (len(test) - sum(test)) // 6
    again = split(mask, seed)
    assert torch.equal(parts.train, again.train)
    assert torch.equal(parts.validation, again.validation)


def test_split_belongs_to_its_seed() -> None:
    """Seeds divide differently, and no call depends on those before it or on the global stream."""
    mask = torch.arange(600) % 5 == 0
    first = [split(mask, seed).validation.tolist() for seed in range(3)]
    torch.manual_seed(1)
    assert [split(mask, seed).validation.tolist() for seed in (2, 1, 0)] == first[::-1]
    assert len({tuple(sorted(part)) for part in first}) == 3


def test_split_without_validation_and_with_much_data() -> None:
    """Published protocols train on everything that is not test; validation never exceeds ten thousand."""
    mask = torch.zeros(70_000, dtype=torch.bool)
    mask[60_000:] = True
    assert len(split(mask, 0, validation=False).train) == 60_000
    assert len(split(mask, 0).validation) == 10_000
    assert len(split(torch.zeros(120_000, dtype=torch.bool), 0).validation) == 10_000


def test_stratified_test_takes_its_share_of_every_class() -> None:
    """No class is missing from test, however rare."""
    labels = np.repeat([0, 1, 2], [100, 40, 5])
    test = stratified_test(labels, share=0.2)
    assert np.bincount(labels[test]).tolist() == [20, 8, 1]
    assert np.array_equal(test, stratified_test(labels, share=0.2))


@given(counts=st.lists(st.integers(2, 30), min_size=1, max_size=4), share=st.sampled_from([0.05, 0.2, 0.25, 0.9]))
@settings(max_examples=50, deadline=None)
def test_stratified_test_leaves_no_class_out(counts: list[int], share: float) -> None:
    """Of two images one is test; where rounding gave an image to each side before, the same are test."""
    labels = np.repeat(np.arange(len(counts)), counts)
    test = stratified_test(labels, share)
    n_test = np.bincount(labels[test], minlength=len(counts))
    assert all(1 <= n < count for n, count in zip(n_test, counts, strict=True))
    plain = np.array([round(share * count) for count in counts])
    usual = (plain >= 1) & (plain < counts)
    assert np.array_equal(n_test[usual], plain[usual])
    rng = np.random.default_rng(0)
    for label, n in enumerate(n_test):
        members = rng.permutation(np.flatnonzero(labels == label))
        assert set(members[:n]) == set(np.flatnonzero(test & (labels == label)))


def test_a_class_of_one_cannot_be_divided() -> None:
    with pytest.raises(UserError, match="class 7 has one member") as error:
        stratified_test(np.array([3, 3, 7, 3]), share=0.2)
    one_line(error)


# -- conversion -------------------------------------------------------------------------------------------------------


@given(
    channels=st.sampled_from([(1, 1), (1, 3), (3, 1), (3, 3)]),
    sizes=st.lists(st.integers(1, 40), min_size=4, max_size=4),
    value=st.integers(0, 255),
)
@settings(max_examples=50, deadline=None)
def test_conversion_keeps_constants(channels: tuple[int, int], sizes: list[int], value: int) -> None:
    """The shape is the one asked for, and a plain grey image stays exactly as bright as it was."""
    images = torch.full((2, channels[0], *sizes[:2]), value, dtype=torch.uint8)
    shape = (channels[1], *sizes[2:])
    out = convert(images, shape)
    assert out.shape == (2, *shape)
    assert out.dtype == torch.uint8
    assert out.is_contiguous()
    assert (out == value).all()


def test_conversion_to_the_same_shape_changes_nothing() -> None:
    """An encoder on its own data set sees the original pixels."""
    images = torch.randint(0, 256, (3, 3, 8, 8), dtype=torch.uint8)
    assert torch.equal(convert(images, (3, 8, 8)), images)


def test_conversion_is_per_image() -> None:
    """An image's conversion does not depend on the others, nor on how the work is cut into parts."""
    images = torch.randint(0, 256, (4097, 3, 6, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    out = convert(images, (1, 4, 4))
    assert torch.equal(out[4090:], convert(images[4090:], (1, 4, 4)))


def test_conversion_repeats_grey_and_weighs_colour() -> None:
    """Grey to RGB and back is the identity; pure colours get their luma."""
    grey = torch.randint(0, 256, (4, 1, 5, 5), dtype=torch.uint8)
    assert torch.equal(convert(convert(grey, (3, 5, 5)), (1, 5, 5)), grey)
    pure = (255 * torch.eye(3)).to(torch.uint8).view(3, 3, 1, 1)
    assert convert(pure, (1, 1, 1)).flatten().tolist() == [76, 150, 29]


def test_conversion_antialiases() -> None:
    """Fine stripes become grey when reduced, not stripes of another width."""
    stripes = torch.tensor([0, 255], dtype=torch.uint8).repeat(1, 1, 32, 16)
    assert (convert(stripes, (1, 8, 8)).float() - 127.5).abs().max() < 12


def test_conversion_refuses_strange_channels() -> None:
    """Two channels have no meaning here."""
    with pytest.raises(ValueError, match="from 2 to 3 channels"):
        convert(torch.zeros(1, 2, 4, 4, dtype=torch.uint8), (3, 4, 4))


def test_images_refuse_what_does_not_fit() -> None:
    """A plug-in that returns floats, or labels of another length, is told so at once."""
    images = torch.zeros(3, 1, 4, 4, dtype=torch.uint8)
    test = torch.zeros(3, dtype=torch.bool)
    with pytest.raises(ValueError, match="uint8"):
        Images(images=images.float(), labels=torch.zeros(3), test=test)
    with pytest.raises(ValueError, match="labels has 2 entries for 3 images"):
        Images(images=images, labels=torch.zeros(2), test=test)


def test_record_is_readable_by_people(root: Path, server: Server) -> None:
    """The record beside downloaded files holds the sha256 of each, by name."""
    Tiny().load()
    record = json.loads((root / Tiny.folder / RECORDED).read_text())
    assert {name: f"sha256:{digest}" for name, digest in record.items()} == Tiny.files
