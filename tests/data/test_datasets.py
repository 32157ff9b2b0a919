"""Every data set loads what it declares, and divisions hold."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from infomax_bench.base.errors import UserError
from infomax_bench.data.augment import Augmentation
from infomax_bench.data.dataset import Images, load, split, stratified_test
from infomax_bench.data.torchvision import TorchvisionDataset
from tests.data.plugin_files import EMBEDDED, NAMES, available, one_line, plugin

LOADABLE = [*EMBEDDED, available("mnist", "MNIST/raw"), available("fashion_mnist", "FashionMNIST/raw")]


# -- every data set ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in NAMES if not plugin(name).takes])
def test_declares_what_a_plan_needs(name: str) -> None:
    """Shape, classes and counts are there without loading anything."""
    dataset = plugin(name)()
    assert dataset.summary
    assert "\n" not in dataset.summary
    assert len(dataset.shape) == 3
    assert len(set(dataset.class_names)) == dataset.n_classes > 1
    assert dataset.n_train + dataset.n_validation == dataset.n_rest
    assert dataset.fingerprint() == plugin(name)().fingerprint()
    assert dataset.augmentation != Augmentation()


def test_fingerprints_differ() -> None:
    """No two downloaded data sets can be mistaken for one another."""
    prints = [plugin(name)().fingerprint() for name in NAMES if issubclass(plugin(name), TorchvisionDataset)]
    assert len(set(prints)) == len(prints) == 6


def test_an_argument_that_is_not_wanted_is_an_error() -> None:
    """`digits:foo` is a mistake, not another data set."""
    with pytest.raises(UserError, match="takes no argument") as error:
        plugin("digits")("foo")
    one_line(error)


@pytest.mark.parametrize("name", LOADABLE)
def test_loads_what_it_declares(name: str) -> None:
    """What a run is planned with is what it gets."""
    dataset = plugin(name)()
    data = load(dataset)
    assert data.images.shape[1:] == dataset.shape
    assert data.labels.dtype == torch.int64
    assert data.test.dtype == torch.bool
    assert int(data.test.sum()) == dataset.n_test
    assert int((~data.test).sum()) == dataset.n_rest
    for part in (data.test, ~data.test):
        assert data.labels[part].unique().tolist() == list(range(dataset.n_classes))
    parts = split(data.test, seed=0)
    assert (len(parts.train), len(parts.validation)) == (dataset.n_train, dataset.n_validation)
    assert data.images.max() == 255
    assert data.images.min() == 0


@pytest.mark.parametrize("name", EMBEDDED)
def test_loads_the_same_every_time(name: str) -> None:
    """Generated and embedded data do not depend on when or where they are made."""
    first, second = plugin(name)().load(), plugin(name)().load()
    for field in dataclasses.fields(Images):
        a, b = getattr(first, field.name), getattr(second, field.name)
        assert a is b is None or torch.equal(a, b)


def test_digits_keep_all_their_levels() -> None:
    """Scaling 0..16 to bytes merges no two levels and does not touch their order."""
    from sklearn.datasets import load_digits

    ours, theirs = load(plugin("digits")()).images[:, 0].numpy(), load_digits().images
    assert np.array_equal(np.round(ours.astype(float) * 16 / 255), theirs)


@pytest.mark.parametrize("name", [available("mnist", "MNIST/raw")])
def test_mnist_is_mnist(name: str) -> None:
    """The first training labels are the well-known ones: nothing was shuffled, test comes last."""
    data = load(plugin(name)())
    assert data.labels[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
    assert data.labels[data.test][:4].tolist() == [7, 2, 1, 0]


# -- division ---------------------------------------------------------------------------------------------------------


@given(test=st.lists(st.booleans(), min_size=1, max_size=200), seed=st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_split_divides(test: list[bool], seed: int) -> None:
    """Every image is in exactly one part, test is the data set's own, and the same seed divides alike."""
    mask = torch.tensor(test)
    parts = split(mask, seed)
    everything = torch.cat([parts.train, parts.validation, parts.test])
    assert sorted(everything.tolist()) == list(range(len(test)))
    assert torch.equal(parts.test, mask.nonzero().flatten())
    assert len(parts.validation) == (len(test) - sum(test)) // 6
    again = split(mask, seed)
    assert torch.equal(parts.train, again.train)
    assert torch.equal(parts.validation, again.validation)


def test_split_belongs_to_its_seed() -> None:
    """Seeds divide differently, and no call depends on those before it or on the global stream."""
    mask = torch.arange(600) % 5 == 0
    first = [split(mask, seed).validation.tolist() for seed in range(3)]
    torch.manual_seed(1)
    assert [split(mask, seed).validation.tolist() for seed in (2, 1, 0)] == first[::-1]
    assert len({tuple(sorted(part)) for part in first}) == 3


def test_split_without_validation_and_with_much_data() -> None:
    """Published protocols train on everything that is not test; validation never exceeds ten thousand."""
    mask = torch.zeros(70_000, dtype=torch.bool)
    mask[60_000:] = True
    assert len(split(mask, 0, validation=False).train) == 60_000
    assert len(split(mask, 0).validation) == 10_000
    assert len(split(torch.zeros(120_000, dtype=torch.bool), 0).validation) == 10_000


def test_stratified_test_takes_its_share_of_every_class() -> None:
    """No class is missing from test, however rare."""
    labels = np.repeat([0, 1, 2], [100, 40, 5])
    test = stratified_test(labels, share=0.2)
    assert np.bincount(labels[test]).tolist() == [20, 8, 1]
    assert np.array_equal(test, stratified_test(labels, share=0.2))


@given(counts=st.lists(st.integers(2, 30), min_size=1, max_size=4), share=st.sampled_from([0.05, 0.2, 0.25, 0.9]))
@settings(max_examples=50, deadline=None)
def test_stratified_test_leaves_no_class_out(counts: list[int], share: float) -> None:
    """Of two images one is test; where rounding gave an image to each side before, the same are test."""
    labels = np.repeat(np.arange(len(counts)), counts)
    test = stratified_test(labels, share)
    n_test = np.bincount(labels[test], minlength=len(counts))
    assert all(1 <= n < count for n, count in zip(n_test, counts, strict=True))
    plain = np.array([round(share * count) for count in counts])
    usual = (plain >= 1) & (plain < counts)
    assert np.array_equal(n_test[usual], plain[usual])
    rng = np.random.default_rng(0)
    for label, n in enumerate(n_test):
        members = rng.permutation(np.flatnonzero(labels == label))
        assert set(members[:n]) == set(np.flatnonzero(test & (labels == label)))


def test_a_class_of_one_cannot_be_divided() -> None:
    with pytest.raises(UserError, match="class 7 has one member") as error:
        stratified_test(np.array([3, 3, 7, 3]), share=0.2)
    one_line(error)


def test_images_refuse_what_does_not_fit() -> None:
    """A plug-in that returns floats, or labels of another length, is told so at once."""
    images = torch.zeros(3, 1, 4, 4, dtype=torch.uint8)
    test = torch.zeros(3, dtype=torch.bool)
    with pytest.raises(ValueError, match="uint8"):
        Images(images=images.float(), labels=torch.zeros(3), test=test)
    with pytest.raises(ValueError, match="labels has 2 entries for 3 images"):
        Images(images=images, labels=torch.zeros(2), test=test)
