"""For all tests: one thread and the same property-test cases every time, so that results and times repeat; a folder of
plug-ins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from infomax_bench.check.small import double_precision
from tests.small_runs import TINY, write_echo

torch.set_num_threads(1)
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture
def in_double() -> Iterator[None]:
    """What is compared over several updates is trained in float64, where rounding cannot grow to matter."""
    with double_precision():
        yield


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of plug-ins."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "tiny.py").write_text(TINY)
    write_echo(folder)
    return folder
