"""A data set of a few bytes through torchvision, and a server that gives it whole, damaged or not at all."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import numpy as np

from infomax_bench.data.torchvision import TorchvisionDataset


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


def place(root: Path, files: dict[str, bytes]) -> Path:
    folder = root / Tiny.folder
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def visible(root: Path) -> set[str]:
    """The files under `root`, without the lock."""
    return {path.name for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"}


DOTTED = {name: name.replace("-idx", ".idx") for name in GOOD}
