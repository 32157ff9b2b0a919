"""A user's own backbone is one file: found by its place, trained by methods that take any encoder, and checked."""

from __future__ import annotations

import pytest

from infomax_bench.check.check import promises
from infomax_bench.cli.main import main
from infomax_bench.models.backbones import BACKBONES
from infomax_bench.run.workers import Workers
from infomax_bench.study.cell import Cell
from infomax_bench.study.plan import Planner
from infomax_bench.study.plugins import registry, reread
from tests.small_runs import go

HALVED = '''
from dataclasses import dataclass
from infomax_bench import Encoding

@dataclass(frozen=True)
class Halved(Encoding):
    """A linear layer on the upper half of the image."""
    summary = "one linear layer on half of the image"
    version = {version}

    @property
    def trunk_size(self):
        return self.problem.input_size // 2

    def init(self, rng):
        return self.layer.init(rng)

    def trunk(self, params, images, rng=None):
        mean = params.get("mean", self.mean)
        x = images.flatten(-3) - (0 if mean is None else mean.unsqueeze(-2))
        return x[..., : self.trunk_size]

    def _folded_in(self, params, batches):
        return params if self.mean is None else {{**params, "mean": self.mean}}
'''

QUESTION = '''
from infomax_bench import Benchmark, Request

class Question(Benchmark):
    """Is half enough?

    Claim: it is.

    Rule: none."""
    title = "half"

    def grid(self, suite):
        return [(suite.deep_cell(m, d, "halved"), Request("redundancy")) for d in suite.datasets for m in suite.methods]
'''


@pytest.fixture
def mine(own):
    """The tests' plug-ins, with a backbone and a benchmark that asks for it; it is forgotten afterwards."""
    for kind in ("backbones", "benchmarks"):
        (own / kind).mkdir()
    (own / "benchmarks" / "question.py").write_text(QUESTION)
    (own / "backbones" / "halved.py").write_text(HALVED.format(version=1))
    yield own
    BACKBONES.pop("halved", None)
    reread()


@pytest.mark.slow
def test_methods_that_take_any_encoder_are_trained_on_it_by_workers_too(mine, tmp_path, capsys):
    done = go(mine, tmp_path / "r", ("echo", "pca", "autoencoder"), ("question",), workers=Workers(2))
    rows = done.results.table.query("metric == 'dead_units'")
    seen = [set(rows[column]) for column in ("method", "backbone", "status")]
    assert seen == [{"echo", "autoencoder"}, {"halved"}, {"ok"}]
    assert main(["list", "backbones", "--plugins", str(mine)]) == 0
    assert "one linear layer on half of the image" in capsys.readouterr().out


def test_it_keeps_its_promises_and_is_told_of_those_that_it_breaks(mine, capsys):
    path = mine / "backbones" / "halved.py"
    assert main(["check", str(path)]) == 0, capsys.readouterr().out
    path.write_text(
        path.read_text().replace("self.layer.init(rng)", "self.layer.init(__import__('torch').Generator())")
    )
    reread()
    assert main(["check", str(path)]) == 1
    assert "two seeds start alike" in capsys.readouterr().out


def test_its_version_is_part_of_keys_above_the_first_and_its_source_is_not(mine):
    def key() -> str:
        reread()
        found = registry([str(mine)])
        return Planner(found, "cpu").encoder_key(Cell("echo", "tiny", 4, 1, 16, "halved"), (0,))

    first, path = key(), mine / "backbones" / "halved.py"
    path.write_text(path.read_text().replace("upper half", "first half"))
    assert key() == first
    path.write_text(HALVED.format(version=2))
    assert key() != first


def test_nobody_takes_the_name_of_one_that_comes_with_the_project(mine):
    (mine / "backbones" / "mlp.py").write_text(HALVED.format(version=1))
    reread()
    found = registry([str(mine)])
    assert any("mlp.py does not load" in warning for warning in found.warnings)
    assert BACKBONES["mlp"] is found.get("backbones", "mlp").cls
    assert found.get("backbones", "mlp").bundled


@pytest.mark.parametrize("name", registry().names("backbones"))
def test_a_bundled_backbone_keeps_its_promises(name):
    found = registry()
    if BACKBONES[name].seconds_per_pixel > 1e-5:
        pytest.skip("takes minutes")
    for _, test in promises(found.get("backbones", name), found):
        test()
