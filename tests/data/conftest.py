"""A data folder, and a server to fill it."""

from __future__ import annotations

from pathlib import Path

import pytest

from infomax_bench.data.torchvision import TorchvisionDataset
from tests.data.tiny_server import Server


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INFOMAX_BENCH_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(TorchvisionDataset, "_open", lambda *args, **kwargs: server.open(*args, **kwargs))
    return server
