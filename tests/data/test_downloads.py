"""Downloads: once, whole or not at all, and a line where they cannot be."""

from __future__ import annotations

import logging
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch

import infomax_bench.data.torchvision as torchvision_data
from infomax_bench.base.errors import UserError
from infomax_bench.data.torchvision import RECORDED, TorchvisionDataset
from tests.data.plugin_files import one_line, plugin
from tests.data.tiny_server import GOOD, Server, Tiny, TinyWithoutChecksums, idx, place, visible


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
