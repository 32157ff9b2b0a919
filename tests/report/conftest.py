"""What tests of the report share: results that are whole, what is decided of them, and their pages."""

from __future__ import annotations

import pytest

from infomax_bench.plots import theme as look
from infomax_bench.study.plugins import registry
from tests.report.made import build, decide, make_results


@pytest.fixture(scope="package", autouse=True)
def coarse():
    """Few points an inch draw fast."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(look, "DPI", 40)
        yield


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    """A results folder that lacks nothing."""
    return make_results(tmp_path_factory.mktemp("whole") / "results")


@pytest.fixture(scope="package")
def decided(folder):
    """Verdicts, and the results that they are about."""
    return decide(folder, registry())


@pytest.fixture(scope="package")
def whole(folder):
    """Both pages of the report, verdicts and results, and where they are: results/ and out/."""
    return (*build(folder, folder.parent / "out"), folder.parent)
