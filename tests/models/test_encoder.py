"""Encoders and heads: one map for one seed's parameters and for many seeds' stacked, and the start they share."""

import math

import pytest
import torch

from infomax_bench.base.errors import UserError
from infomax_bench.base.streams import generator
from infomax_bench.models.backbones import Plain, build_blocks
from infomax_bench.models.backbones.linear import LinearEncoder
from infomax_bench.models.blocks import MLP, Bias, Linear, Net, Params, Problem, init_params

PROBLEM = Problem(input_shape=(1, 4, 3), width=5, n_classes=2, n_train=100, batch_size=8)
SEEDS = (0, 1, 2)
HEADS = {"decoder": Linear(5, 12), "projector": MLP((5, 7, 3), batch_norm=True), "visible": Bias(12)}


def of_seed(params: Params, i: int) -> Params:
    return {name: p[i] for name, p in params.items()}


def net(seeds=SEEDS, activation="relu") -> Net:
    blocks = build_blocks(PROBLEM, Plain(activation), HEADS)
    return Net(PROBLEM, blocks, init_params(blocks, seeds))


# -- the start ------------------------------------------------------------------------------------------------


def test_linear_starts_as_torchs_does():
    """Uniform on +-1/sqrt(n_in), weight and bias: bounds and variance are those of torch.nn.Linear."""
    mine = Linear(400, 300).init(generator(0, "init"))
    theirs = torch.nn.Linear(400, 300)
    assert mine["weight"].shape == theirs.weight.T.shape
    for value, reference in ((mine["weight"], theirs.weight), (mine["bias"], theirs.bias)):
        assert value.abs().max() <= 1 / 20
        assert value.abs().max() == pytest.approx(reference.abs().max().item(), rel=0.02)
        assert value.std() == pytest.approx(1 / 20 / math.sqrt(3), rel=0.1)


def test_a_seed_starts_the_same_in_any_company():
    together = net().params
    for i, seed in enumerate(SEEDS):
        alone = net([seed]).params
        assert all(torch.equal(alone[name][0], p[i]) for name, p in together.items())
    assert not torch.equal(together["encoder.weight"][0], together["encoder.weight"][1])


def test_methods_with_other_heads_start_from_the_same_encoder():
    bare = init_params(build_blocks(PROBLEM, Plain("sigmoid"), {}), SEEDS)
    assert torch.equal(bare["encoder.weight"], net().params["encoder.weight"])


def test_an_unknown_backbone_is_a_users_error_with_the_nearest_name():
    problem = Problem((1, 4, 3), 5, 2, 100, 8, backbone="liner")
    with pytest.raises(UserError, match="did you mean 'linear'"):
        build_blocks(problem, Plain(), {})


# -- the maps -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["encoder", *HEADS])
def test_stacked_seeds_compute_what_each_computes_alone(part):
    together = net()
    n_in = 5 if part in ("decoder", "projector") else 12
    x = torch.randn(len(SEEDS), 8, n_in, generator=torch.Generator().manual_seed(0))
    out = getattr(together, part)(x)
    for i in range(len(SEEDS)):
        alone = Net(PROBLEM, together.blocks, of_seed(together.params, i))
        assert torch.allclose(getattr(alone, part)(x[i]), out[i], atol=1e-6)


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "identity"])
def test_the_linear_encoder_is_torchs_linear_layer_and_an_activation(activation):
    one = Net(PROBLEM, build_blocks(PROBLEM, Plain(activation), {}), of_seed(net().params, 0))
    images = torch.rand(8, 1, 4, 3)
    expected = torch.nn.functional.linear(images.flatten(1), one.encoder.weight.T, one.encoder.bias)
    expected = {"relu": torch.relu, "sigmoid": torch.sigmoid, "identity": torch.clone}[activation](expected)
    assert torch.allclose(one.encoder(images), expected, atol=1e-6)
    assert torch.equal(one.encoder(images), one.encoder(images.flatten(1)))  # vectors are taken as they are


def test_an_mlp_is_torchs_with_batch_norm_in_training():
    block = MLP((5, 7, 3), batch_norm=True)
    params = block.init(generator(0, "init"))
    first, last = torch.nn.Linear(5, 7, bias=False), torch.nn.Linear(7, 3)
    reference = torch.nn.Sequential(first, torch.nn.BatchNorm1d(7), torch.nn.ReLU(), last)
    with torch.no_grad():
        for i, layer in enumerate((first, last)):
            layer.weight.copy_(params[f"{i}.weight"].T)
        last.bias.copy_(params["1.bias"])
    assert "0.bias" not in params, "the mean takes it away again"
    x = torch.randn(16, 5)
    assert torch.allclose(block(params, x), reference(x), atol=1e-5)


def test_subtracting_the_mean_changes_gradients_and_can_be_folded_into_the_bias():
    """An encoder trained on centred images is an ordinary one afterwards: it computes the same from plain images."""
    params = of_seed(net().params, 0)
    own = {name: params[f"encoder.{name}"] for name in ("weight", "bias")}
    mean, images = torch.rand(12), torch.rand(8, 1, 4, 3)
    centred, plain = LinearEncoder(PROBLEM, Plain(), mean), LinearEncoder(PROBLEM, Plain())
    assert torch.allclose(centred(own, images), plain(own, images.flatten(1) - mean), atol=1e-6)
    assert torch.allclose(centred(own, images), plain(centred.finished(own, list), images), atol=1e-6)
    assert plain.finished(own, list) is own

    weight = own["weight"].clone().requires_grad_()
    centred({**own, "weight": weight}, images).sum().backward()
    live = (plain(own, images.flatten(1) - mean) > 0).float()
    assert torch.allclose(weight.grad, (images.flatten(1) - mean).T @ live, atol=1e-5)


# -- nets -----------------------------------------------------------------------------------------------------


def test_with_params_replaces_only_what_it_is_given_and_leaves_the_net_alone():
    one = net()
    zeros = torch.zeros_like(one.encoder.weight)
    other = one.with_params({"encoder.weight": zeros})
    assert torch.equal(other.encoder.weight, zeros)
    assert not torch.equal(one.encoder.weight, zeros)
    assert other.decoder.weight is one.decoder.weight


def test_copied_parameters_do_not_follow_training():
    one = net()
    for p in one.params.values():
        p.requires_grad_()
    copy = one.copy_params("encoder", "projector")
    assert {name.split(".")[0] for name in copy} == {"encoder", "projector"}
    with torch.no_grad():
        one.encoder.weight.zero_()
    assert copy["encoder.weight"].abs().sum() > 0
    assert not copy["encoder.weight"].requires_grad


def test_a_part_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(AttributeError, match=r"no part 'projektor'.*decoder"):
        _ = net().projektor


def test_the_input_size_counts_all_channels():
    assert Problem((3, 4, 5), 8, 10, 100, 10).input_size == 60
