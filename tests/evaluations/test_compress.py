"""Smaller networks are what they claim to be: masks as torch's, units really gone, zeros that stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from infomax_bench import NotApplicable, Problem
from infomax_bench.data.dataset import to_unit
from infomax_bench.evaluations.compress import compress, preferred, without_units, without_weights
from infomax_bench.evaluations.context import context_for
from infomax_bench.evaluations.finetune import Tuning
from infomax_bench.models.backbones import Plain, build_blocks
from infomax_bench.models.blocks import init_params
from infomax_bench.models.slim import (
    incoming_norm,
    kept_units,
    layers_in_turn,
    path_norm,
    smallest,
    with_units,
)
from infomax_bench.study.plugins import registry
from infomax_bench.training.data import data_for
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.method import Card, Method
from infomax_bench.training.trainer import train

REGISTRY = registry()
DIGITS = REGISTRY.dataset("digits")
SEEDS = (0, 1)
READER = "classifier.weight"
PROBLEM = Problem((1, 8, 8), width=12, n_classes=10, n_train=DIGITS.n_train, batch_size=128)
PROBLEMS = {
    "linear": PROBLEM,
    "mlp": replace(PROBLEM, backbone="mlp", depth=3, hidden=(20, 16)),
    "convnet": replace(PROBLEM, backbone="convnet", input_shape=(1, 16, 16)),
}


def encoder_of(problem: Problem, method: str = "random_features", seeds=SEEDS) -> Encoder:
    own = REGISTRY.method(method)
    data = data_for(DIGITS, problem, seeds, needs=own.needs)
    done = train(own, problem, data, seeds, 1)
    return Encoder(own, problem, done.params, tuple(seeds), "digits", tuple(done.diverged))


@pytest.fixture(scope="module", params=PROBLEMS)
def network(request):
    """A tuning, and the parameters of an encoder and a classifier that it has trained a little."""
    encoder = encoder_of(PROBLEMS[request.param])
    tuning = Tuning.of(context_for(encoder, DIGITS), 128, learning_rate=1e-2)
    return tuning, tuning(encoder.kept(), 2), layers_in_turn(encoder.problem)


def scores(tuning: Tuning, params, images: torch.Tensor) -> torch.Tensor:
    """What the network's classifier says of images, `[S, N, C]`."""
    own = Encoder(tuning.method, tuning.problem, params, tuning.seeds, "")
    return own.features(images) @ params[READER] + params["classifier.bias"].unsqueeze(1)


# -- weights ----------------------------------------------------------------------------------------------------------
@given(share=st.floats(0, 1), seed=st.integers(0, 99))
def test_the_global_mask_is_torchs(share, seed):
    rng = torch.Generator().manual_seed(seed)
    weights = {"a": torch.randn(1, 7, 5, generator=rng), "b": torch.randn(1, 4, 3, 2, 2, generator=rng)}
    modules = {name: nn.Module() for name in weights}
    for name, module in modules.items():
        module.weight = nn.Parameter(weights[name][0].clone())
    prune.global_unstructured([(m, "weight") for m in modules.values()], prune.L1Unstructured, amount=share)
    for name, mask in smallest(weights, share).items():
        assert torch.equal(mask[0], modules[name].weight_mask)


def test_by_layer_each_weight_loses_its_own_share(network):
    _, whole, layers = network
    weights = {layer.weight: whole[layer.weight] for layer in layers}
    for name, mask in smallest(weights, 0.7, across=False).items():
        assert ((1 - mask).flatten(1).sum(1) == round(0.7 * mask[0].numel())).all()
        assert torch.equal(mask, smallest({name: weights[name]}, 0.7)[name])


def test_nothing_removed_changes_no_bit(network):
    tuning, whole, layers = network
    images = data_for(DIGITS, tuning.problem, SEEDS).images[:50]
    before = scores(tuning, whole, images)
    _, units = without_units(tuning, whole, layers, 0.0)
    for one in (*units.values(), *without_weights(tuning, whole, layers, 0.0).values()):
        assert torch.equal(scores(one.tuning, one.params, images), before)
        assert one.tuning.problem.widths[-1] == tuning.problem.width


def test_nothing_left_is_chance(network):
    tuning, whole, layers = network
    for one in without_weights(tuning, whole, layers, 1.0).values():
        right = tuning.accuracy(one.params, "test")
        assert (right < 0.15).all()  # the share of one class in ten
        images = data_for(DIGITS, tuning.problem, SEEDS).images[:20]
        guesses = scores(tuning, one.params, images).argmax(-1)
        assert (guesses == guesses[:, :1]).all()


def test_removed_weights_stay_zero_and_the_others_learn(network):
    tuning, whole, layers = network
    for one in without_weights(tuning, whole, layers, 0.6).values():
        assert one.masks is not None
        tuned = one.trained(2)
        for name, mask in one.masks.items():
            assert (tuned.params[name][mask == 0] == 0).all()
            assert not torch.equal(tuned.params[name], one.params[name])
        assert not torch.equal(tuned.params["encoder.bias"], one.params["encoder.bias"])


def test_masks_that_remove_nothing_train_as_none(network):
    tuning, whole, layers = network
    ones = {layer.weight: torch.ones_like(whole[layer.weight]) for layer in layers}
    plain, held = tuning(whole, 1), tuning(whole, 1, ones)
    assert all(torch.equal(p, held[name]) for name, p in plain.items())


class Alone(Method):
    """Trained one seed after another, from a fresh start."""

    card = Card(family="test", role="control", objective="test", prevents="test", paper="test")
    batched = False

    def loss(self, net, batch, state, rng):
        return (net.encoder(batch.images).var(-2) - 1).square().mean()


def test_masks_are_each_seeds_own_where_seeds_are_trained_in_turn():
    data = data_for(DIGITS, PROBLEM, SEEDS)
    mask = torch.ones(2, 64, 12)
    mask[0, :30], mask[1, 30:] = 0, 0
    params = train(Alone(), PROBLEM, data, SEEDS, 1, masks={"encoder.weight": mask}).params
    assert torch.equal(params["encoder.weight"] == 0, mask == 0)


def test_masks_need_one_training_by_gradient():
    data = data_for(DIGITS, PROBLEM, SEEDS)
    for method, problem in (("pca", PROBLEM), ("infomax_em", replace(PROBLEM, backbone="stack", depth=2))):
        with pytest.raises(ValueError, match="masks"):
            train(REGISTRY.method(method), problem, data, SEEDS, 1, masks={"encoder.weight": torch.ones(2, 64, 12)})


def test_training_goes_on_from_a_classifier_that_is_given():
    """And draws a fresh one where none is."""
    encoder = encoder_of(PROBLEM)
    tuning = Tuning.of(context_for(encoder, DIGITS), 128, learning_rate=1e-12)
    start = {**encoder.kept(), READER: torch.full((2, 12, 10), 0.5), "classifier.bias": torch.zeros(2, 10)}
    torch.testing.assert_close(tuning(start, 1)[READER], start[READER])
    fresh = init_params(tuning.method.heads(tuning.problem), SEEDS)
    torch.testing.assert_close(tuning(encoder.kept(), 1)[READER], fresh[READER])


# -- units ------------------------------------------------------------------------------------------------------------
def reference(problem: Problem, params, layers, kept, images: torch.Tensor, seed: int) -> torch.Tensor:
    """The whole network of one seed, in torch's functions, with the units that are not kept silenced: their outputs are
    zero, and a group's statistics are those of its other channels."""
    one = {name: p[seed] for name, p in params.items()}
    x = to_unit(images)
    if "encoder.mean" in one:
        x = x - one["encoder.mean"].view(x.shape[1:])
    for layer, units in zip(layers, kept, strict=True):
        on = torch.zeros(one[layer.vectors[0]].shape[0])
        on[units[seed]] = 1
        weight, bias = one[layer.weight], one[layer.vectors[0]]
        if weight.dim() == 4:
            y = nn.functional.conv2d(x, weight, bias, stride=2, padding=1)
            parts = []
            for block, own in zip(y.chunk(layer.groups, dim=1), on.chunk(layer.groups), strict=True):
                inside = block[:, own > 0].flatten(1)
                mean, var = inside.mean(1), inside.var(1, correction=0)
                parts.append((block - mean.view(-1, 1, 1, 1)) / (var.view(-1, 1, 1, 1) + 1e-5).sqrt())
            gain, offset = (one[name].view(-1, 1, 1) for name in layer.vectors[1:])
            y = torch.cat(parts, dim=1) * gain + offset
            x = torch.relu(y) * on.view(-1, 1, 1)
        else:
            x = torch.relu(x.flatten(1) @ weight + bias) * on
    return x @ one[READER] + one["classifier.bias"]


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("norm", [incoming_norm, path_norm])
def test_a_network_without_units_is_one_in_which_they_are_silent(network, norm, share):
    tuning, whole, layers = network
    kept = kept_units(norm(whole, layers, READER), layers, share)
    small, problem = with_units(whole, tuning.problem, layers, READER, kept)
    images = data_for(DIGITS, tuning.problem, SEEDS).images[:30]
    found = scores(replace(tuning, problem=problem), small, images)
    for i in range(len(SEEDS)):
        expected = reference(tuning.problem, whole, layers, kept, images, i)
        torch.testing.assert_close(found[i], expected, rtol=1e-4, atol=1e-5)
    fresh = init_params(build_blocks(problem, Plain(), {}), SEEDS)
    shapes = {name: p.shape for name, p in small.items() if name.startswith("encoder.") and name != "encoder.mean"}
    assert shapes == {name: p.shape for name, p in fresh.items()}


def test_smaller_networks_can_be_trained(network):
    tuning, whole, layers = network
    gone, found = without_units(tuning, whole, layers, 0.5)
    assert gone == pytest.approx(0.5)
    for one in found.values():
        tuned = one.trained(2)
        assert (tuned.tuning.accuracy(tuned.params, "train") > one.tuning.accuracy(one.params, "train")).all()


def test_those_of_least_norm_go_first_in_each_group():
    problem = PROBLEMS["convnet"]
    layers = layers_in_turn(problem)
    assert [layer.groups for layer in layers] == [8, 8, 8, 1]
    scores_ = [torch.rand(2, n) for n in (32, 64, 128, 12)]
    kept = kept_units(scores_, layers, 0.5)
    assert [k.shape[1] for k in kept] == [16, 32, 64, 6]
    for score, units, layer in zip(scores_, kept, layers, strict=True):
        for own, which in zip(score, units, strict=True):
            on = torch.zeros(len(own), dtype=torch.bool)
            on[which] = True
            for block, stays in zip(own.chunk(layer.groups), on.chunk(layer.groups), strict=True):
                assert block[stays].min() > block[~stays].max()
                assert stays.sum() == len(block) // 2
    assert [k.shape[1] for k in kept_units(scores_, layers, 1.0)] == [16, 16, 16, 1]


def test_norms_by_hand():
    """Two layers of a perceptron, and a convolution whose channel is read at two places."""
    layers = layers_in_turn(replace(PROBLEM, backbone="mlp", depth=2, hidden=(2,), width=1))
    params = {
        "encoder.hidden.0.weight": torch.tensor([[[3.0, -1.0], [-4.0, 0.0]]]),
        "encoder.weight": torch.tensor([[[2.0], [-5.0]]]),
        READER: torch.tensor([[[1.0, 2.0, 2.0]]]),
    }
    assert [n.tolist() for n in incoming_norm(params, layers, READER)] == [[[7, 1]], [[7]]]
    path = path_norm(params, layers, READER)
    torch.testing.assert_close(path[0], torch.tensor([[5.0 * 2, 1.0 * 5]]))
    torch.testing.assert_close(path[1], torch.tensor([[29**0.5 * 3]]))
    layers = layers_in_turn(PROBLEMS["convnet"])[-2:]
    params = {
        layers[0].weight: torch.tensor([3.0, 4.0]).view(1, 1, 1, 1, 2),
        layers[0].gain: torch.tensor([[-2.0]]),
        "encoder.weight": torch.tensor([[[1.0, 2.0], [2.0, 0.0]]]),
        READER: torch.ones(1, 2, 1),
    }
    torch.testing.assert_close(path_norm(params, layers, READER)[0], torch.tensor([[5.0 * 2 * 3]]))


@given(seed=st.integers(0, 99), factor=st.floats(0.1, 10))
def test_paths_do_not_depend_on_the_scale_of_a_rectified_unit(seed, factor):
    """Scaled up before the ReLU and down after it, a unit is the same."""
    problem = replace(PROBLEM, backbone="mlp", depth=2, hidden=(6,))
    layers = layers_in_turn(problem)
    rng = torch.Generator().manual_seed(seed)
    shapes = {"encoder.hidden.0.weight": (1, 64, 6), "encoder.weight": (1, 6, 12), READER: (1, 12, 10)}
    params = {name: torch.randn(shape, generator=rng) for name, shape in shapes.items()}
    scale = torch.ones(6)
    scale[2] = factor
    other = {
        **params,
        "encoder.hidden.0.weight": params["encoder.hidden.0.weight"] * scale,
        "encoder.weight": params["encoder.weight"] / scale.unsqueeze(-1),
    }
    torch.testing.assert_close(path_norm(params, layers, READER)[0], path_norm(other, layers, READER)[0])


@pytest.mark.parametrize("backbone", ["stack", "resnet18", "vit"])
def test_other_encoders_are_not_taken_apart(backbone):
    with pytest.raises(NotApplicable, match=backbone):
        layers_in_turn(replace(PROBLEM, backbone=backbone, depth=2))


# -- the evaluation ---------------------------------------------------------------------------------------------------
def test_each_seed_gets_what_its_validation_images_prefer(network):
    tuning, whole, layers = network
    found = without_weights(tuning, whole, layers, 0.8)
    accuracies = {"global": torch.tensor([[0.1, 0.2], [0.6, 0.5]]), "by layer": torch.tensor([[0.3, 0.4], [0.5, 0.7]])}
    one, own = preferred(found, accuracies)
    assert torch.equal(own, torch.tensor([[0.1, 0.4], [0.6, 0.7]]))
    assert one.masks is not None
    for i, way in enumerate(("global", "by layer")):
        for name, p in one.params.items():
            assert torch.equal(p[i], found[way].params[name][i])
        for name, mask in one.masks.items():
            assert torch.equal(mask[i], found[way].masks[name][i])


def table_of(rows):
    return pd.DataFrame(rows).set_index(["seed", "metric", "protocol", "x"])["value"].sort_index()


OPTIONS = {"epochs": 3, "again": 1, "levels": (0.5, 0.9)}


@pytest.mark.parametrize("method", ["infomax_em", "infomax_softmax"])
def test_seeds_together_are_as_each_alone(method):
    """Also where units compete."""
    problem = replace(PROBLEM, backbone="mlp", depth=2, hidden=(24,))
    encoder = encoder_of(problem, method)
    together = table_of(compress(context_for(encoder, DIGITS), **OPTIONS))
    for i, seed in enumerate(SEEDS):
        alone = table_of(compress(context_for(encoder.take([i]), DIGITS), **OPTIONS))
        shared = together.loc[[seed]]
        assert alone.index.equals(shared.index)
        accuracy = [metric == "accuracy" for _, metric, _, _ in alone.index]
        np.testing.assert_allclose(alone[accuracy], shared[accuracy], atol=2 / 450)  # rounding may move an image


def test_what_is_reported_hangs_together():
    encoder = encoder_of(replace(PROBLEM, backbone="mlp", depth=2, hidden=(24,)), "supervised")
    found = pd.DataFrame(
        compress(context_for(encoder, DIGITS), epochs=10, again=5, levels=(0.5, 0.9), learning_rate=1e-2)
    )
    assert set(found["protocol"]) == {
        "weights/pruned",
        "weights/fine-tuned",
        "weights/global",
        "weights/by layer",
        "units/pruned",
        "units/fine-tuned",
        "units/incoming",
        "units/path",
    }
    accuracy = found[found["metric"] == "accuracy"].pivot_table(index="protocol", columns="x", values="value")
    assert accuracy[0.0].loc[["weights/pruned", "units/pruned"]].nunique() == 1
    assert accuracy[0.0].loc[["weights/fine-tuned", "units/fine-tuned"]].nunique() == 1
    assert accuracy.loc["weights/fine-tuned", 0.0] > 0.85
    assert accuracy.loc["weights/fine-tuned", 0.9] > accuracy.loc["weights/pruned", 0.9] + 0.05
    assert accuracy.loc["weights/pruned", 0.5] > accuracy.loc["weights/pruned", 0.9] + 0.1
    for (seed, protocol), own in found.groupby(["seed", "protocol"]):
        fraction = own.loc[own["metric"] == "prunable_fraction", "value"]
        if fraction.empty:
            continue
        curve = own[own["metric"] == "accuracy"].set_index("x")["value"].sort_index()
        lost = curve[0.0] - curve
        expected = sum(b - a for a, b in zip(curve.index, curve.index[1:], strict=False) if lost[b] <= 0.01 + 1e-9)
        assert fraction.item() == pytest.approx(expected), (seed, protocol)
        chosen = own.loc[own["metric"] == "chosen_fraction", "value"].item()
        loss = own.loc[own["metric"] == "chosen_loss", "value"].item()
        assert loss == pytest.approx(lost[chosen])


def test_without_validation_images_there_is_nothing_to_choose_by():
    encoder = encoder_of(PROBLEM)
    found = pd.DataFrame(compress(context_for(encoder, DIGITS, validation=False), 1, 1, (0.5,)))
    assert not found["metric"].isin(["validation_accuracy", "chosen_fraction", "chosen_loss"]).any()
