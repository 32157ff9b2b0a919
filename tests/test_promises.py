"""Every built-in plug-in keeps the promises that `infomax-bench check` tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from infomax_bench.check import Skipped, promises
from infomax_bench.data import data_root
from infomax_bench.errors import NotApplicable
from infomax_bench.plugins import registry

REGISTRY = registry()
CASES = [
    pytest.param(plugin, test, id=f"{name}-{words[:60].rstrip('.').replace(' ', '_')}")
    for kind in ("methods", "benchmarks", "datasets")
    for name, plugin in REGISTRY.plugins[kind].items()
    if kind != "datasets" or not plugin.cls(None).takes
    for words, test in promises(plugin, REGISTRY, Path("unused"))
    if "read back" not in words
]


def test_every_builtin_file_loads():
    assert REGISTRY.broken == {}
    assert REGISTRY.warnings == []


@pytest.mark.parametrize(("plugin", "promise"), CASES)
def test_promise(plugin, promise):
    missing = getattr(plugin.cls(), "_faults", lambda _: None)(data_root()) if plugin.kind == "datasets" else None
    if missing:
        pytest.skip("its images are not here, and tests download nothing")
    try:
        promise()
    except (Skipped, NotApplicable) as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("name", REGISTRY.names("methods"))
def test_encoders_survive_the_disk(name, tmp_path):
    [test] = [t for words, t in promises(REGISTRY.get("methods", name), REGISTRY, tmp_path) if "read back" in words]
    test()
