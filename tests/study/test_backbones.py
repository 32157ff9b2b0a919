"""Deep encoders: what they compute, what is frozen of them, greedy stacks, fine-tuning."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from infomax_bench import Batch, Card, Linear, Method, Net, NotApplicable, Problem, Rng, UserError
from infomax_bench.data.dataset import split
from infomax_bench.evaluations.context import context_for
from infomax_bench.evaluations.finetune import finetune
from infomax_bench.models.backbones import BACKBONES, Plain, build_blocks, decoder, trunk_size
from infomax_bench.models.backbones.resnet18 import resnet18
from infomax_bench.models.backbones.stack import layers_of
from infomax_bench.models.blocks import init_params
from infomax_bench.models.encoder import under
from infomax_bench.study.plugins import registry
from infomax_bench.training.data import Data
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.session import Session, session_for
from infomax_bench.training.trainer import train

digits = load_digits()
IMAGES = torch.from_numpy(digits.data * 255 // 16).to(torch.uint8).view(-1, 1, 8, 8)[:400]
LABELS = torch.from_numpy(digits.target)[:400]
TEST = torch.arange(400) >= 300
N_TRAIN = 250
PROBLEM = Problem((1, 8, 8), width=6, n_classes=10, n_train=N_TRAIN, batch_size=50)
DEEP = {
    "mlp": replace(PROBLEM, backbone="mlp", depth=3, hidden=(12, 9)),
    "convnet": replace(PROBLEM, backbone="convnet"),
    "resnet18": replace(PROBLEM, backbone="resnet18"),
}
TRAINED = [pytest.param(name, marks=pytest.mark.slow if name == "resnet18" else ()) for name in DEEP]
"""Those that are trained, resnet18 in `make test-all`."""
SEEDS = (0, 1)
REGISTRY = registry()


class Variance(Method):
    """Spreads the outputs; has no meaning beyond a gradient that reaches every layer."""

    card = Card(family="test", role="control", objective="test", prevents="test", paper="test")
    activation = "identity"

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        a = net.encoder(batch.images, rng)
        return (a.var(-2) - 1).square().mean(-1)


class Rectified(Variance):
    activation = "relu"


class Normalised(Variance):
    batch_norm = True
    initialisation = "he"


def data_of(seeds=SEEDS) -> Data:
    return Data(IMAGES, LABELS, [split(TEST, seed) for seed in seeds])


def trained(method: Method, problem: Problem, seeds=SEEDS, epochs=2):
    return train(method, problem, data_of(seeds), seeds, epochs)


def frozen(method: Method, problem: Problem, seeds=SEEDS, epochs=2) -> Encoder:
    return Encoder(method, problem, trained(method, problem, seeds, epochs).params, tuple(seeds), "digits")


# -- what they compute ----------------------------------------------------------------------------------------


def test_the_mlp_is_torchs_layers_in_turn():
    problem = DEEP["mlp"]
    blocks = build_blocks(problem, Plain("sigmoid"), {})
    params = init_params(blocks, [0])
    net = Net(problem, blocks, {name: p[0] for name, p in params.items()})
    x = IMAGES[:5] / 255
    h = x.flatten(1)
    for name in ("hidden.0.", "hidden.1.", ""):
        own = net.params[f"encoder.{name}weight"], net.params[f"encoder.{name}bias"]
        h = torch.sigmoid(nn.functional.linear(h, own[0].T, own[1]))
    torch.testing.assert_close(net.encoder(x), h)
    assert [p.shape[1:] for n, p in params.items() if n.endswith("weight")] == [(64, 12), (12, 9), (9, 6)]


def test_hidden_units_of_an_identity_encoder_are_rectified():
    """A stack of linear maps would be one linear map: only the last layer of an identity encoder is linear."""
    problem = DEEP["mlp"]
    blocks = build_blocks(problem, Plain("identity"), {})
    net = Net(problem, blocks, {name: p[0] for name, p in init_params(blocks, [0]).items()})
    assert (net.encoder.trunk(torch.randn(50, 64)) >= 0).all()
    assert (net.encoder(torch.randn(50, 64)) < 0).any()


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("backbone", TRAINED)
@pytest.mark.parametrize("method", [Variance(), Normalised()])
def test_stacked_seeds_train_as_each_alone(backbone, method):
    """The first losses of a seed do not depend on who is trained beside it."""
    problem = replace(DEEP[backbone], batch_size=10)

    def losses(seeds):
        session = session_for(method, problem, data_of(seeds), seeds, 4)
        return torch.stack([session.advance()["loss"] for _ in range(3)])

    torch.testing.assert_close(losses((1,))[:, 0], losses(SEEDS)[:, 1], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("backbone", DEEP)
def test_a_trunk_has_the_size_that_is_promised_to_heads(backbone):
    problem = DEEP[backbone]
    blocks = build_blocks(problem, Plain(), {})
    net = Net(problem, blocks, {name: p[0] for name, p in init_params(blocks, [0]).items()})
    images = IMAGES[:4] / 255
    assert net.encoder.trunk(images).shape == (4, trunk_size(problem))
    rebuild = decoder(problem)
    assert rebuild(rebuild.init(torch.Generator().manual_seed(0)), torch.rand(4, 6)).shape == (4, 64)


def test_the_decoder_of_a_single_layer_is_a_single_layer():
    assert decoder(PROBLEM) == Linear(6, 64)


# -- what is frozen -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [Variance(), Rectified()], ids=["plain", "rectified"])
@pytest.mark.parametrize("backbone", TRAINED)
def test_what_is_frozen_needs_neither_the_mean_image_nor_the_batch(backbone, method):
    """Features of one image are the same alone and in a batch, and training's of all measured images as one batch,
    where no batch norm is in the way."""
    encoder = frozen(method, DEEP[backbone], epochs=1)
    together = encoder.features(IMAGES[:7])
    torch.testing.assert_close(encoder.features(IMAGES[:1]), together[:, :1], rtol=1e-4, atol=1e-5)
    session = session_for(method, DEEP[backbone], data_of(), SEEDS, N_TRAIN // 50)
    for _ in range(session.n_steps):
        session.advance()
    images = torch.cat(list(session._batches()), dim=1)
    with torch.no_grad():
        training = session.net.encoder(images)
        done = Net(DEEP[backbone], build_blocks(DEEP[backbone], method, {}), session.finished())
        if backbone != "resnet18":
            torch.testing.assert_close(done.encoder(images), training, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(done.encoder(images), encoder.net.encoder(images), rtol=1e-3, atol=1e-4)


def test_batch_norm_is_folded_into_weights_with_the_statistics_of_training():
    """The folded layers give, on the batches that were measured, what torch's eval-mode batch norm gives."""
    problem, method = DEEP["mlp"], Normalised()
    session = session_for(method, problem, data_of(), SEEDS, 10)
    for _ in range(10):
        session.advance()
    with torch.no_grad():
        done = session.finished()
    assert not any("gain" in name for name in done)
    images = torch.cat(list(session._batches()), dim=1)  # all that was measured, as one batch
    with torch.no_grad():
        training = session.net.encoder(images)
        after = Net(problem, build_blocks(problem, method, {}), done).encoder(images)
    torch.testing.assert_close(after, training, rtol=1e-3, atol=1e-4)


def test_resnets_statistics_are_averages_over_training_batches():
    """Against torch's own module in training with a cumulative average, then in eval mode."""
    problem, seeds = DEEP["resnet18"], (0,)
    session = session_for(Variance(centred=False), problem, data_of(seeds), seeds, 1)
    with torch.no_grad():
        done = session.finished()
    module = resnet18(1)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None
    own = under(under(done, "encoder"), "trunk")
    state = {k: p[0] for k, p in own.items() if "running" not in k}
    module.load_state_dict(state, strict=False)
    with torch.no_grad():
        for x in session._batches():
            module.train()(x[0])
    for name, value in module.state_dict().items():
        if "running" in name:
            torch.testing.assert_close(own[name][0], value, rtol=1e-4, atol=1e-5)


def test_statistics_are_not_counted_as_parameters():
    encoder = frozen(Variance(), DEEP["resnet18"])
    module = resnet18(1)
    assert encoder.n_parameters == sum(p.numel() for p in module.parameters()) + 512 * 6 + 6
    stack = frozen(REGISTRY.method("autoencoder"), replace(PROBLEM, backbone="stack", depth=2, hidden=(12,)))
    assert stack.n_parameters == 64 * 12 + 12 + 12 * 6 + 6


def test_a_deep_encoder_survives_the_disk(tmp_path):
    encoder = frozen(Normalised(), DEEP["mlp"])
    encoder.save(tmp_path / "encoder.safetensors")
    back = Encoder.load(tmp_path / "encoder.safetensors", Normalised)
    assert back.problem == encoder.problem
    assert torch.equal(back.features(IMAGES[:9]), encoder.features(IMAGES[:9]))


def test_pruning_inside_an_encoder_is_for_single_layers():
    with pytest.raises(NotApplicable, match="single layer"):
        frozen(Variance(), DEEP["mlp"]).keep_units(torch.zeros(2, 1, dtype=torch.long))


# -- stacks ---------------------------------------------------------------------------------------------------


def test_the_first_layer_of_a_stack_is_the_single_layer():
    """Greedy training of layer 1 knows nothing of layer 2: its parameters are those of a stack of one."""
    method = REGISTRY.method("autoencoder")
    one = trained(method, replace(PROBLEM, width=12)).params
    two = trained(method, replace(PROBLEM, backbone="stack", depth=2, hidden=(12,))).params
    assert torch.equal(one["encoder.weight"], two["encoder.0.weight"])
    assert torch.equal(one["encoder.bias"], two["encoder.0.bias"])


def test_a_layer_of_a_stack_is_trained_on_the_standardised_features_of_the_one_below():
    """By numpy: what stands between the layers has mean 0 and deviation 1 over each seed's training images."""
    encoder = frozen(REGISTRY.method("autoencoder"), replace(PROBLEM, backbone="stack", depth=2, hidden=(12,)))
    params = {name.removeprefix("encoder."): p for name, p in encoder.params.items()}
    for i, own in enumerate(split(TEST, seed) for seed in SEEDS):
        x = IMAGES[own.train].flatten(1).numpy() / 255
        below = np.maximum(x @ params["0.weight"][i].numpy() + params["0.bias"][i].numpy(), 0)
        live = below.std(0) > 0
        np.testing.assert_allclose(params["1.shift"][i][live], below.mean(0)[live], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(params["1.scale"][i][live], 1 / below.std(0)[live], rtol=1e-3)
        z = (below - params["1.shift"][i].numpy()) * params["1.scale"][i].numpy()
        expected = np.maximum(z @ params["1.weight"][i].numpy() + params["1.bias"][i].numpy(), 0)
        np.testing.assert_allclose(encoder.features(IMAGES[own.train])[i], expected, rtol=1e-3, atol=1e-4)


def test_a_stack_that_wants_probabilities_gets_them_as_they_are():
    encoder = frozen(REGISTRY.method("rbm"), replace(PROBLEM, backbone="stack", depth=3, hidden=(12, 9)))
    assert not [name for name in encoder.params if name.endswith(("shift", "scale"))]
    x = (IMAGES[:5] / 255).flatten(1).expand(2, 5, 64)
    for i in range(3):
        x = torch.sigmoid(x @ encoder.params[f"encoder.{i}.weight"] + encoder.params[f"encoder.{i}.bias"].unsqueeze(-2))
    torch.testing.assert_close(encoder.features(IMAGES[:5]), x)


@pytest.mark.parametrize("name", ["infomax_em", "kmeans", "simclr", "topk_autoencoder", "random_features"])
def test_any_one_layer_method_can_be_stacked(name):
    """With codes of their own, views, state, or no gradient."""
    encoder = frozen(REGISTRY.method(name), replace(PROBLEM, backbone="stack", depth=2, hidden=(12,)))
    assert encoder.features(IMAGES[:5]).shape == (2, 5, 6)
    assert not torch.equal(encoder.params["encoder.0.bias"][0], encoder.params["encoder.0.bias"][1]) or name == "kmeans"


def test_hidden_widths_that_do_not_fit_the_depth_are_a_users_error():
    from infomax_bench.study.cell import Cell
    from infomax_bench.study.plan import problem_for

    with pytest.raises(UserError, match="depth 3"):
        problem_for(Cell("rbm", "digits", 6, 1, 50, "stack", 3, hidden=(12,)), REGISTRY.dataset("digits"))


def test_layers_of_a_stack_are_single_layers():
    problem = replace(PROBLEM, backbone="stack", depth=3, hidden=(12, 9))
    assert [(p.input_shape, p.width) for p in layers_of(problem)] == [((1, 8, 8), 12), ((1, 1, 12), 9), ((1, 1, 9), 6)]


def test_every_backbone_can_be_named():
    assert set(BACKBONES) == {"linear", "stack", "mlp", "convnet", "resnet18", "vit"}


# -- fine-tuning ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dataset():
    return REGISTRY.dataset("digits")


def tuned(method: str, problem: Problem, dataset, **options) -> float:
    full = replace(problem, n_train=dataset.n_train)
    from infomax_bench.training.data import data_for

    params = train(REGISTRY.method(method), full, data_for(dataset, full, SEEDS), SEEDS, 1).params
    encoder = Encoder(REGISTRY.method(method), full, params, SEEDS, "digits")
    rows = finetune(context_for(encoder, dataset), **options)
    return sum(r["value"] for r in rows if r["metric"] == "finetuned_accuracy") / len(SEEDS)


@pytest.mark.parametrize("problem", [replace(PROBLEM, width=32), replace(PROBLEM, width=32, backbone="stack", depth=2)])
def test_fine_tuning_learns_to_classify(dataset, problem):
    """And does so through the encoder: a linear classifier on the same untrained features stays behind."""
    assert tuned("random_features", problem, dataset, epochs=20, learning_rate=1e-2) > 0.93


def test_a_step_size_of_nearly_nothing_leaves_the_encoder_as_it_was(dataset):
    assert tuned("random_features", replace(PROBLEM, width=32), dataset, epochs=1, learning_rate=1e-8) < 0.3


def test_fewer_labels_are_fewer(dataset):
    few = tuned("random_features", replace(PROBLEM, width=32), dataset, epochs=20, learning_rate=1e-2, n_train=50)
    assert few < tuned("random_features", replace(PROBLEM, width=32), dataset, epochs=20, learning_rate=1e-2) - 0.05


# -- where the last layer begins ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("backbone", "depth"), [("mlp", 2), ("convnet", 1)])
def test_units_on_rectified_features_begin_with_a_mean_of_zero_and_so_alive(backbone, depth):
    encoder = frozen(REGISTRY.method("random_features"), replace(PROBLEM, backbone=backbone, depth=depth, width=64))
    features = encoder.features(IMAGES)
    assert (features.std(1) > 0).all()
    share = (features > 0).double().mean((1, 2))
    assert ((share > 0.35) & (share < 0.65)).all()


@pytest.mark.parametrize(("backbone", "depth"), [("mlp", 3), ("convnet", 1)])
def test_in_training_the_last_layer_gets_what_has_no_mean_over_the_batch(backbone, depth):
    """A unit's mean is its bias, whatever its weights are; fine-tuning goes on with what was frozen instead."""
    problem = replace(PROBLEM, backbone=backbone, depth=depth)
    session = session_for(Rectified(), problem, data_of(), SEEDS)
    with torch.no_grad():
        linear = session.net.encoder.linear(session.batch().images)
        start = {f"encoder.{k}": p for k, p in under(session.finished(), "encoder").items()}
    torch.testing.assert_close(linear.mean(1), session.net.encoder.bias.detach(), atol=1e-5, rtol=0)
    tuned = Session(Rectified(centred=False), problem, data_of(), SEEDS, 1, True, torch.device("cpu"), start)
    images = tuned.batch().images
    with torch.no_grad():
        torch.testing.assert_close(tuned.net.encoder(images)[:, :5], tuned.net.encoder(images[:, :5]))


@pytest.mark.parametrize("backbone", ["linear", "mlp", "convnet", "resnet18", "vit"])
def test_only_encoders_that_rectify_twice_say_so_in_their_keys(backbone):
    problem = replace(PROBLEM, backbone=backbone, depth=2 if backbone in ("mlp", "vit") else 1)
    block = build_blocks(problem, Plain("relu"), {})["encoder"]
    assert block.rectified_twice == (backbone in ("mlp", "convnet", "resnet18"))
    assert not build_blocks(problem, Plain("identity"), {})["encoder"].rectified_twice
