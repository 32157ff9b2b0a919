"""Test images choose nothing: what is measured on two sets of them together is the mean of what is measured on each.

An accuracy is a mean over test images. If anything (an L2, an order of pruning, the units that are refitted, a sparse
probe's units, an encoder) depended on which images are test, another model would be judged on the two sets together
than on each, and the mean would no longer come out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest
import torch
from sklearn.datasets import load_digits

from infomax_bench import Augmentation, Dataset, Images
from infomax_bench.evaluations.context import context_for
from infomax_bench.models.blocks import Problem
from infomax_bench.study.plugins import registry
from infomax_bench.training.data import data_for
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.trainer import train

REST, FIRST, SECOND = 900, 300, 150
SEEDS = (0, 1)


class Digits(Dataset):
    """The first 900 digits to train on, and as test one of two parts of the others, or both."""

    shape = (1, 8, 8)
    class_names = tuple("0123456789")
    n_rest = REST
    augmentation = Augmentation(shift=0.1)

    modes: ClassVar = {"first": "300 images", "second": "150 others", "both": "both"}

    @property
    def test(self) -> range:
        ends = {"first": (0, FIRST), "second": (FIRST, FIRST + SECOND), "both": (0, FIRST + SECOND)}
        return range(*(REST + end for end in ends[self.argument]))

    @property
    def n_test(self) -> int:
        return len(self.test)

    def load(self) -> Images:
        digits = load_digits()
        which = [*range(REST), *self.test]
        images = torch.from_numpy(digits.images * (255 / 16)).to(torch.uint8)[which].unsqueeze(1)
        return Images(images, torch.from_numpy(digits.target).long()[which], torch.arange(len(which)) >= REST)


PARTS = [Digits("first"), Digits("second")]
BOTH = Digits("both")


def trained(dataset: Dataset) -> Encoder:
    method = registry().method("infomax_em")
    problem = Problem(dataset.shape, 12, 10, dataset.n_train, 50)
    done = train(method, problem, data_for(dataset, problem, SEEDS), SEEDS, 3)
    return Encoder(method, problem, done.params, SEEDS, "digits", tuple(done.diverged))


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return trained(BOTH)


def test_the_encoder_is_the_same_whatever_is_tested(encoder):
    for part in PARTS:
        other = trained(part)
        assert all(torch.equal(p, other.params[name]) for name, p in encoder.params.items())


ACCURACIES: dict[str, Callable[[dict], bool]] = {
    "linear_probe": lambda row: row["metric"] == "accuracy",
    "probe": lambda row: row["metric"] == "accuracy",
    "prune_units": lambda row: row["metric"] in ("accuracy", "accuracy_at_units"),
    "prune_weights": lambda row: row["metric"] == "accuracy",
    # an image's own draws depend on how many there are, where there are any
    "robustness": lambda row: row["metric"] == "accuracy" and row["protocol"] in ("blur", "contrast", "unit drop-out"),
    "interpretability": lambda row: row["metric"] == "sparse_accuracy",
    "finetune": lambda row: row["metric"] == "finetuned_accuracy",
    "compress": lambda row: row["metric"] in ("accuracy", "chosen_loss"),
}
CHOSEN = ("l2", "validation_accuracy", "finetuned_validation_accuracy", "dead_units", "chosen_fraction")
OPTIONS = {"finetune": {"epochs": 2}, "compress": {"epochs": 2, "again": 1, "levels": (0.5,)}}


@pytest.mark.parametrize("name", ACCURACIES)
def test_test_images_choose_nothing(name, encoder):
    def rows(dataset: Dataset) -> dict[tuple, tuple[dict, float]]:
        found, _ = registry().evaluation(name)(context_for(encoder, dataset), **OPTIONS.get(name, {}))
        return {(r["seed"], r["metric"], r.get("protocol", ""), r.get("x")): (r, r["value"]) for r in found}

    together, (first, second) = rows(BOTH), map(rows, PARTS)
    assert together.keys() == first.keys() == second.keys()
    counted = 0
    for key, (row, value) in together.items():
        if ACCURACIES[name](row):
            mean = (FIRST * first[key][1] + SECOND * second[key][1]) / (FIRST + SECOND)
            assert value == pytest.approx(mean, abs=1e-6), key
            counted += 1
        elif row["metric"] in CHOSEN:
            assert first[key][1] == second[key][1] == value, key
    assert counted >= len(SEEDS)


def test_tuning_scores_are_the_same_whatever_is_tested(monkeypatch):
    from infomax_bench.run.tuning import score
    from infomax_bench.study.cell import Cell

    plugins = registry()
    cell = Cell("infomax_em", "any", width=12, epochs=2, batch_size=50)
    scores = []
    for dataset in (BOTH, *PARTS):
        monkeypatch.setattr(type(plugins), "dataset", lambda self, name, dataset=dataset: dataset)
        scores.append(score(plugins, cell, SEEDS, "cpu"))
    assert len(set(scores)) == 1
