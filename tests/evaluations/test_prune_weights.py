"""Pruning of weights: what goes, and where the limit lies."""

from __future__ import annotations

import pytest
import torch

from infomax_bench import pretrain
from infomax_bench.data.dataset import images_as, load, split
from infomax_bench.evaluations import prune_weights as weights
from infomax_bench.evaluations.context import context_for
from infomax_bench.evaluations.prune_weights import WEIGHT_LEVELS, prune_weights, without_smallest
from infomax_bench.study.plugins import registry
from tests.evaluations.removals import by_question, half


def mean_images(seeds: tuple[int, ...] = (0, 1)) -> torch.Tensor:
    """The mean training image of digits under each seed, `[S, D]` in [0, 1]."""
    data = load(registry().dataset("digits"))
    return torch.stack(
        [data.images[split(data.test, s).train].flatten(1).double().mean(0) / 255 for s in seeds]
    ).float()


def test_smallest_weights_of_each_unit_go_first():
    weight = torch.tensor([[[1.0, -10.0], [-2.0, 40.0], [3.0, 20.0], [-4.0, -30.0]]])
    assert half(weight)[0].T.tolist() == [[0, 0, 3, -4], [0, 40, 0, -30]]
    assert torch.equal(without_smallest(weight, torch.tensor([0.1])), weight), "less than one weight is none"
    both = without_smallest(weight.expand(2, -1, -1), torch.tensor([0.25, 0.75]))
    assert (both == 0).sum((1, 2)).tolist() == [2, 6], "each seed has a fraction of its own"


@pytest.mark.parametrize("method", ["autoencoder", "pca"])
def test_removing_weights_leaves_the_mean_images_pre_activation(method):
    """And so is pruning of the map of centred images: by hand, `(x - m) W' + (b + m W)`."""
    encoder, mean = pretrain(method, "digits", width=8, seeds=2, epochs=2), mean_images()
    pruned = encoder.map_weights(half, mean)
    before, after = (
        torch.einsum("sd,sdk->sk", mean, e.params["encoder.weight"]) + e.params["encoder.bias"]
        for e in (encoder, pruned)
    )
    assert torch.allclose(before, after, atol=1e-5)
    images = images_as(registry().dataset("digits"), encoder.problem.input_shape)[:50]
    x = images.flatten(1).float() / 255
    weight, bias = encoder.params["encoder.weight"], encoder.params["encoder.bias"]
    shift = (mean.unsqueeze(1) @ weight).squeeze(1)
    z = (x - mean.unsqueeze(1)) @ half(weight) + (bias + shift).unsqueeze(1)
    expected = torch.relu(z) if encoder.method.activation == "relu" else z
    if encoder.method.activation in ("relu", "identity"):
        assert torch.allclose(pruned.features(images), expected, atol=1e-4)
    assert not torch.allclose(pruned.params["encoder.bias"], bias, atol=1e-3)


@pytest.mark.parametrize("method", ["kmeans", "gmm"])
def test_where_weights_are_positions_no_bias_is_made_up(method):
    encoder = pretrain(method, "digits", width=8, seeds=2, epochs=2)
    pruned = encoder.map_weights(half, mean_images())
    assert torch.equal(pruned.params["encoder.bias"], encoder.params["encoder.bias"])
    assert torch.equal(pruned.params["encoder.weight"], half(encoder.params["encoder.weight"]))


def test_weights_that_are_zero_are_prunable_and_those_that_matter_are_not_all():
    """An encoder of which half of the weights are zero loses them for nothing, and the rest not all."""
    target = registry().dataset("digits")
    encoder = pretrain("autoencoder", "digits", width=16, seeds=2, epochs=5).map_weights(half, mean_images())
    rows = prune_weights(context_for(encoder, target))
    for seed in (0, 1):
        found = by_question([r for r in rows if r["seed"] == seed])
        for kind in ("frozen", "refitted"):
            protocol = f"magnitude/{kind}"
            assert {x for metric, p, x in found if metric == "accuracy" and p == protocol} == set(WEIGHT_LEVELS)
            assert found["accuracy", protocol, 0.5] == found["accuracy", protocol, 0.0]
            assert 0.5 <= found["prunable_fraction", protocol, None] < 1


def test_where_the_weights_limit_lies_is_bisected_on_validation(monkeypatch):
    """Validation that falls by five points at 0.6 and test at 0.56, by the fractions visited."""
    monkeypatch.setattr(
        weights, "_without", lambda _, x, __: (1 - x / 8, 0.9 - 0.05 * (x > 0.6), 0.9 - 0.05 * (x > 0.56))
    )
    encoder = pretrain("autoencoder", "digits", width=4, epochs=1)
    found = by_question(prune_weights(context_for(encoder, registry().dataset("digits"))))
    # between 0.5 and 0.75 it visits 0.625, 0.5625 and 0.59375
    assert found["prunable_fraction", "magnitude/refitted", None] == 0.5
    monkeypatch.setattr(
        weights, "_without", lambda _, x, __: (1 - x / 8, 0.9 - 0.05 * (x > 0.6), 0.9 - 0.05 * (x > 0.6))
    )
    found = by_question(prune_weights(context_for(encoder, registry().dataset("digits"))))
    assert found["prunable_fraction", "magnitude/refitted", None] == 0.59375
    assert found["prunable_fraction", "magnitude/frozen", None] == 0.0
