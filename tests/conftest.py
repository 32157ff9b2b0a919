"""What the tests share: one thread, so that numbers repeat, and the registry of built-in plug-ins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from infomax_bench.plugins import Registry, registry

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def plugins() -> Registry:
    return registry()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with MNIST and Fashion-MNIST; tests that need it are skipped, visibly, where it is not."""
    root = os.environ.get("INFOMAX_BENCH_DATA")
    if not root or not (Path(root) / "MNIST").is_dir():
        pytest.skip("INFOMAX_BENCH_DATA does not name a folder with MNIST")
    return Path(root)
