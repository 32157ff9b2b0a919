"""What the Python API is given: whole numbers of any kind are taken, and what is wrong is named before any work."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import infomax_bench as ib
from infomax_bench.run import arguments


def pretrain(**given):
    return ib.pretrain("pca", "digits", **{"width": 4, "epochs": 1, **given})


ALIKE = {
    "numpy's number of seeds": {"seeds": np.int64(2)},
    "an array of seeds": {"seeds": np.arange(2)},
    "a range": {"seeds": range(2)},
    "a tensor": {"seeds": torch.arange(2)},
    "a number as a tensor": {"seeds": torch.tensor(2)},
    "a generator": {"seeds": (i for i in range(2))},
    "numpy's width": {"seeds": 2, "width": np.uint8(4)},
    "numpy's epochs": {"seeds": 2, "epochs": np.int32(1)},
    "numpy's batch": {"seeds": 2, "batch_size": np.array(128)},
    "a setting of numpy's": {"seeds": 2, "centred": np.bool_(True)},
    "torch's device": {"seeds": 2, "device": torch.device("cpu")},
}


@pytest.fixture(scope="module")
def truth():
    encoder = pretrain(seeds=2)
    return encoder.seeds, ib.features(encoder, "digits")[0]


@pytest.mark.parametrize("given", ALIKE.values(), ids=ALIKE.keys())
def test_whole_numbers_of_any_kind_give_the_same_features(given, truth):
    encoder = pretrain(**given)
    assert encoder.seeds == truth[0]
    assert all(type(seed) is int for seed in encoder.seeds), "they go into JSON"
    assert torch.equal(ib.features(encoder, "digits")[0], truth[1])


WRONG = {
    "a word": ({"width": "4"}, "width is a whole number, not '4'"),
    "a fraction": ({"width": 4.5}, "width is a whole number"),
    "truth": ({"width": True}, "width is a whole number"),
    "a float": ({"batch_size": 64.0}, "batch_size is a whole number, not 64.0"),
    "a tensor of fractions": ({"epochs": torch.tensor(1.5)}, "epochs is a whole number"),
    "no epochs": ({"epochs": 0}, "epochs is at least 1"),
    "a batch of one": ({"batch_size": 1}, "batch_size is at least 2"),
    "no seeds": ({"seeds": 0}, "seeds is at least 1"),
    "no seeds listed": ({"seeds": []}, "empty"),
    "a negative seed": ({"seeds": [-1]}, "seeds is at least 0, not -1"),
    "a fraction among seeds": ({"seeds": [0.5]}, "seeds is a whole number"),
    "seeds as a word": ({"seeds": "12"}, "seeds is a whole number"),
    "nothing as seeds": ({"seeds": None}, "seeds is a whole number, not None"),
    "a seed that no table holds": ({"seeds": [2**70]}, "seeds are from 0 to"),
    "seed for seeds": ({"seed": 3}, "seeds=[0, 3]"),
    "a device that is none": ({"device": "gpu"}, "device 'gpu'"),
    "no device": ({"device": None}, "device"),
    "a device for other things": ({"device": "meta"}, "device 'meta'"),
    "a GPU that is not there": ({"device": "cuda:99"}, "device 'cuda:99': torch sees"),
    "a backbone that is none": ({"backbone": "resnet50"}, "did you mean 'resnet18'"),
    "a misspelt setting": ({"learningrate": 1}, "did you mean 'learning_rate'"),
    "a depth of none": ({"depth": 0}, "depth is at least 1"),
    "a width beyond memory": ({"width": 10**11}, "this machine has"),
    "seeds beyond memory": ({"seeds": 10**12}, "this machine has"),
}


@pytest.mark.parametrize(("given", "culprit"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_named(given, culprit):
    with pytest.raises(ib.UserError) as refused:
        pretrain(**given)
    assert culprit in str(refused.value)
    assert "\n" not in str(refused.value)


def test_memory_that_is_not_there_is_told_and_other_errors_pass():
    with (
        pytest.raises(ib.UserError, match="width 7: more than this machine's memory"),
        arguments.memory_told("width 7"),
    ):
        torch.empty(2**60)
    with pytest.raises(RuntimeError, match="size mismatch"), arguments.memory_told("width 7"):
        raise RuntimeError("size mismatch")


@pytest.fixture(scope="module")
def encoder():
    return pretrain()


def test_images_of_numpy_are_as_good_as_tensors(encoder):
    images = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(encoder.features(images.numpy()[::-1]), encoder.features(images.flip(0)))


@pytest.mark.parametrize(
    ("images", "culprit"),
    [
        (torch.rand(5, 1, 8, 8), "(255 * images).round().to(torch.uint8)"),
        (np.zeros((5, 1, 8, 8)), "numpy float64"),
        (torch.zeros(5, 1, 8, 8, dtype=torch.int64), "torch.int64"),
        (torch.zeros(1, 8, 8, dtype=torch.uint8), "images[None]"),
        (torch.zeros(5, 64, dtype=torch.uint8), "[N, 1, 8, 8], not [5, 64]"),
        (torch.zeros(5, 3, 8, 8, dtype=torch.uint8), "not [5, 3, 8, 8]"),
        ([[1, 2]], "not a list"),
    ],
)
def test_images_of_another_kind_are_refused_not_divided_by_255_again(encoder, images, culprit):
    with pytest.raises(ib.UserError) as refused:
        encoder.features(images)
    assert culprit in str(refused.value)
