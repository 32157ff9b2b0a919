"""Every built-in plug-in keeps the promises that `infomax-bench check` tests."""

from __future__ import annotations

import pytest
import torch

from infomax_bench import Card, Method
from infomax_bench.base.errors import NotApplicable
from infomax_bench.check.check import promises
from infomax_bench.check.methods import alone_as_in_a_group
from infomax_bench.check.promise import Broken, Skipped
from infomax_bench.data.dataset import data_root
from infomax_bench.study.plugins import registry

REGISTRY = registry()
LONG = (
    "Every figure and every column",
    "Whatever is there or missing",
    "On each backbone",
    "They are for every data set's image shape",
)
"""Promises that tell or draw everything, or train on every backbone and shape: in `make test-all`."""
CASES = [
    pytest.param(
        plugin,
        test,
        id=f"{name}-{words[:60].rstrip('.').replace(' ', '_')}",
        marks=pytest.mark.slow if words.startswith(LONG) else (),
    )
    for kind in ("methods", "benchmarks", "datasets")
    for name, plugin in REGISTRY.plugins[kind].items()
    if kind != "datasets" or not plugin.cls(None).takes
    for words, test in promises(plugin, REGISTRY)
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


class InFloat32(Method):
    """Multiplies by a matrix in float32, whatever the type of the rest."""

    card = Card(family="test", role="control", objective="small outputs", prevents="nothing", paper="none")
    neighbours = 0.0
    """How much of the first seed's outputs the others look at."""

    def loss(self, net, batch, state, rng):
        h = net.encoder(batch.images)
        return ((h + self.neighbours * h[:1]) @ torch.eye(h.shape[-1], dtype=torch.float32)).square().mean((-2, -1))


def test_a_loss_in_float32_is_held_to_its_company_too():
    alone_as_in_a_group(InFloat32())
    mixed = type("Mixed", (InFloat32,), {"neighbours": 0.1})
    with pytest.raises(Broken, match="beside others"):
        alone_as_in_a_group(mixed())


def test_a_loss_that_mixes_seeds_by_a_millionth_is_found():
    """In float64, where rounding is far below it."""

    class Mixed(type(registry().method("infomax_em"))):
        def loss(self, net, batch, state, rng):
            terms = super().loss(net, batch, state, rng)
            return {name: term + 1e-6 * term[:1] for name, term in terms.items()}

    with pytest.raises(Broken, match="beside others"):
        alone_as_in_a_group(Mixed())
