"""Files that lie where torchvision has them: found, checked, and called unverified where nothing vouches for them."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import json
import pickle
import shutil
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

import infomax_bench.data.torchvision as torchvision_data
from infomax_bench.base.errors import UserError
from infomax_bench.data.torchvision import RECORDED, TorchvisionDataset
from tests.data.plugin_files import one_line, plugin
from tests.data.tiny_server import DOTTED, GOOD, Server, Tiny, TinyWithoutChecksums, idx, place, visible


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
    small = type("Small", (plugin("cifar10"),), {"files": files, "n_rest": 10, "n_test": 2, "contents": {}})
    data = small().load()
    assert sorted(data.labels[~data.test].tolist()) == list(range(10))
    assert sorted(data.labels[data.test].tolist()) == [4, 5]
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


def test_record_is_readable_by_people(root: Path, server: Server) -> None:
    """The record beside downloaded files holds the sha256 of each, by name."""
    Tiny().load()
    record = json.loads((root / Tiny.folder / RECORDED).read_text())
    assert {name: f"sha256:{digest}" for name, digest in record.items()} == Tiny.files
