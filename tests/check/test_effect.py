"""What `check` says of a method that keeps its promises and does nothing, and of data sets that are not as declared."""

from __future__ import annotations

import re

import pytest

from infomax_bench.base.errors import UserError
from infomax_bench.check.backbones import _trained
from infomax_bench.check.check import check, promises
from infomax_bench.check.datasets import declaration_matches_images
from infomax_bench.check.effect import BROKEN, WARNING, effects
from infomax_bench.check.promise import Broken
from infomax_bench.check.small import BATCH
from infomax_bench.data.dataset import load
from infomax_bench.study.plugins import registry

METHODS = '''
"""A random projection, as it is or with most of its units turned off."""

import torch
from infomax_bench import Card, Method, param


class Chance(Method):
    card = Card(family="test", objective="none", prevents="nothing", paper="none")
    variants = {"silent": {"off": 20}, "lost": {"scale": float("inf")}}
    off: int = param(0, valid="[0, inf)", help="units that are turned off")
    scale = 1.0

    def fit(self, net, images, labels, budget, rng):
        params = {name: p * self.scale for name, p in net.params.items()}
        params["encoder.bias"][: self.off] = -1e6
        return params
'''
DATASET = '''
import torch
from infomax_bench import Augmentation, Dataset, Images


class Mine(Dataset):
    """Images of noise, of two classes."""

    summary = "noise"
    takes = "SIZE"
    also = {"hf:me/mine": "4"}
    shape = (1, 4, 4)
    class_names = ("even", "odd")
    n_test, n_rest = 10, 30
    augmentation = Augmentation(shift=0.3)

    def load(self):
        rng, size = torch.Generator().manual_seed(0), int(self.argument)
        images = torch.randint(0, 256, (40, 1, size, size), dtype=torch.uint8, generator=rng)
        return Images(images=images, labels=torch.arange(40) % 2, test=torch.arange(40) < 10)
'''


@pytest.fixture(scope="module")
def methods(tmp_path_factory):
    folder = tmp_path_factory.mktemp("methods")
    (folder / "chance.py").write_text(METHODS, encoding="utf-8")
    return registry((str(folder),), ("methods", "datasets"))


def told(names, found):
    lines = list(effects(names, found, fast=True))
    return [line for mark, line in lines if not mark], [line for mark, line in lines if mark == WARNING]


def test_methods_stand_beside_every_reference_and_what_learns_nothing_is_said_to(methods):
    """Without a broken promise: nothing else would tell its author. Of a reference it is no news."""
    own = ["infomax_em", "chance", "silent", "lost", "random_features"]
    lines, warnings = told(own, methods)
    names = methods.names("methods")
    references = [name for name in names if methods.method(name).card.role == "reference" and name not in own]
    assert [line.split()[0] for line in lines[1:]] == own + references
    assert all(re.search(r"\d+\.\d %  +(\d+|nan) of \d+ units dead  +\d+\.\d s$", line) for line in lines[1:])
    said = [("chance", "no better than"), ("silent", "20 of 32 units are dead"), ("silent", "no better than")]
    said += [("lost", "1 of the seeds diverged"), ("lost", "no better than")]
    assert len(warnings) == len(said)
    assert all(line.startswith(f"{name}: {what}") for (name, what), line in zip(said, warnings, strict=True))


def test_a_method_that_fails_there_is_broken(methods, monkeypatch):
    monkeypatch.setattr(
        methods.get("methods", "chance").cls, "features", lambda self, net, images: images[0, 0, 0, 0, 9]
    )
    marks = {line.split()[0]: mark for mark, line in effects(["chance"], methods, fast=True)}
    assert (marks["chance"], marks["random_features"]) == (BROKEN, "")


def test_warnings_are_counted_and_break_nothing(tmp_path, capsys):
    one = METHODS.replace("int = param(0,", "int = param(20,").replace("variants = ", "variants = {} and ")
    (tmp_path / "chance.py").write_text(one, encoding="utf-8")
    assert check(str(tmp_path / "chance.py"), fast=True) == 0
    out = capsys.readouterr().out
    assert "  WARNING chance: 20 of 32 units are dead" in out
    assert out.endswith("all promises kept, 2 warnings; --fast leaves some out\n")


def test_fast_leaves_out_what_takes_long_and_nothing_else():
    found = registry()
    for kind, some in {"methods": "pca", "datasets": "digits", "backbones": "vit", "benchmarks": "pruning"}.items():
        plugin = found.get(kind, some)
        whole, fast = ([words for words, _ in promises(plugin, found, fast=fast)] for fast in (False, True))
        assert len(whole) - 2 <= len(fast) < len(whole)
        assert set(fast) < set(whole)


def test_a_backbone_is_trained_on_few_images_for_as_few_updates():
    """Of a deep one nothing else in `check --fast` takes long."""
    assert _trained(registry().get("backbones", "linear").cls, 1, 4 * BATCH).n_steps == 4


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("n_test, n_rest = 10, 30", "n_test, n_rest = 12, 28", "the number of test images is 10, and 12 is declared"),
        ("n_test, n_rest = 10, 30", "n_test, n_rest = 10, 31", "the number of other images is 30, and 31 is declared"),
        ('("even", "odd")', '("even", "odd", "none")', "labels are [0, 1], and [0, 1, 2] is declared"),
        ("shape = (1, 4, 4)", "shape = (1, 4, 5)", "the shape of images is (1, 4, 4), and (1, 4, 5) is declared"),
        ('summary = "noise"', 'summary = "noise"; factor_names = ("a",)', "the number of factors is 0, and 1 is"),
    ],
)
def test_a_data_set_that_is_not_as_declared_fails(tmp_path, old, new, said):
    """In `check`, and before anything is trained on it."""
    assert old in DATASET
    (tmp_path / "mine.py").write_text(DATASET.replace(old, new), encoding="utf-8")
    dataset = registry((str(tmp_path),), ("datasets",)).dataset("mine:4")
    with pytest.raises(Broken) as broken:
        declaration_matches_images(dataset)
    with pytest.raises(ValueError, match="data set mine:4: ") as refused:
        load(dataset)
    assert said in str(broken.value)
    assert said in str(refused.value)


def test_a_data_set_is_checked_with_its_argument(tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(DATASET, encoding="utf-8")
    assert check(f"{path}:4") == 0
    for name in ("mine:4", "hf:me/mine"):
        assert check(name, (str(tmp_path),)) == 0
    capsys.readouterr()
    assert check("mine:5", (str(tmp_path),)) == 1
    assert "the shape of images is (1, 5, 5), and (1, 4, 4) is declared" in capsys.readouterr().out
    with pytest.raises(UserError, match="takes an argument: check mine:SIZE"):
        check(str(path))
    with pytest.raises(UserError, match="no argument"):
        check("pca:4")
