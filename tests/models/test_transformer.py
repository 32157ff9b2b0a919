"""The vision transformer against torch's, patches, and the objectives that predict some patches from others."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from infomax_bench import Batch, Net, Patches, Problem, error_within
from infomax_bench.data.dataset import split
from infomax_bench.models.backbones import Plain, build_blocks
from infomax_bench.models.blocks import init_params
from infomax_bench.models.transformer import TransformerBlocks
from infomax_bench.study.plugins import registry
from infomax_bench.training.data import Data
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.session import Session, session_for
from infomax_bench.training.trainer import train

REGISTRY = registry()
NAMES = ["masked_prediction", "next_token"]
SHAPE = (1, 8, 8)
PROBLEM = Problem(SHAPE, width=32, n_classes=10, n_train=160, batch_size=20)
VIT = replace(PROBLEM, backbone="vit", depth=2)
BACKBONES = {"linear": PROBLEM, "mlp": replace(PROBLEM, backbone="mlp", depth=2), "vit": VIT}
SEEDS = (0, 1)
T = 16


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def data_of(shape, seeds) -> Data:
    rng = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (200, *shape), generator=rng, dtype=torch.uint8)
    splits = [split(torch.arange(200) >= 180, seed) for seed in seeds]
    return Data(images, torch.zeros(200, dtype=torch.int64), splits)


def session_of(name: str, problem: Problem = VIT, seeds=SEEDS, **chosen) -> Session:
    return session_for(REGISTRY.method(name, chosen), problem, data_of(problem.input_shape, seeds), seeds, 8)


def vit(problem: Problem = VIT, seeds=SEEDS, activation: str = "identity"):
    """A net with an untrained transformer, in which all biases, gains and positions matter."""
    blocks = build_blocks(problem, Plain(activation), {})
    params = init_params(blocks, seeds)
    return Net(problem, blocks, {k: p + 0.3 * normal(*p.shape, seed=len(k)) for k, p in params.items()})


# -- blocks ---------------------------------------------------------------------------------------------------


def torchs(blocks: TransformerBlocks, params: dict[str, torch.Tensor]) -> nn.Module:
    """torch's own encoder with the same weights."""
    w = blocks.width
    layer = nn.TransformerEncoderLayer(w, blocks.heads, 4 * w, 0.0, "gelu", batch_first=True, norm_first=True)
    module = nn.TransformerEncoder(layer, blocks.depth, nn.LayerNorm(w), enable_nested_tensor=False)
    theirs = {
        "norm": "norm1",
        "qkv": "self_attn.in_proj_",
        "out": "self_attn.out_proj",
        "mlp_norm": "norm2",
        "up": "linear1",
        "down": "linear2",
    }
    state = {"norm.weight": params["norm.gain"], "norm.bias": params["norm.bias"]}
    for i in range(blocks.depth):
        for own, their in theirs.items():
            dot = "" if their.endswith("_") else "."
            weight = params[f"{i}.{own}.gain"] if "norm" in own else params[f"{i}.{own}.weight"].T
            bias = params[f"{i}.{own}.bias"]
            state |= {f"layers.{i}.{their}{dot}weight": weight, f"layers.{i}.{their}{dot}bias": bias}
    module.load_state_dict(state)
    return module.eval()


@pytest.mark.parametrize("width", [64, 48, 5, 1])
@pytest.mark.parametrize("causal", [False, True])
def test_blocks_are_torchs(width, causal):
    blocks = TransformerBlocks(width, 2)
    params = blocks.init(torch.Generator().manual_seed(0))
    params = {k: p + 0.2 * normal(*p.shape, seed=len(k)) for k, p in params.items()}
    x = normal(3, 6, width)
    mask = nn.Transformer.generate_square_subsequent_mask(6) if causal else None
    with torch.no_grad():
        expected = torchs(blocks, params)(x, mask=mask, is_causal=causal)
    torch.testing.assert_close(blocks(params, x, causal), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("width", "heads"), [(1, 1), (6, 1), (16, 1), (17, 1), (64, 4), (100, 5), (128, 8)])
def test_heads_divide_the_width_and_are_not_narrow(width, heads):
    assert TransformerBlocks(width, 1).heads == heads


def test_a_prefix_is_seen_by_all_and_what_follows_by_later_ones_only():
    blocks = TransformerBlocks(32, 2)
    params = blocks.init(torch.Generator().manual_seed(0))
    x, prefix = normal(2, 6, 32), torch.tensor([3, 5])
    before = blocks(params, x, prefix=prefix)
    for i, n in enumerate(prefix.tolist()):
        for t in range(6):
            changed = x.clone()
            changed[i, t] += 1
            touched = (blocks(params, changed, prefix=prefix) != before).any(-1)
            assert not touched[1 - i].any()
            assert touched[i].tolist() == [t < n or s >= t for s in range(6)]
    one, all_of_them = torch.full((2,), 1), torch.full((2,), 6)
    torch.testing.assert_close(blocks(params, x, prefix=one), blocks(params, x, causal=True))
    torch.testing.assert_close(blocks(params, x, prefix=all_of_them), blocks(params, x))


# -- patches --------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(shape=st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40)))
def test_patches_are_few_and_put_together_are_the_image(shape):
    patches, images = Patches(shape), normal(2, 3, *shape)
    cut = patches.split(images)
    assert cut.shape == (2, 3, patches.count, patches.size)
    assert torch.equal(patches.join(cut), images)
    for side, n in zip(shape[1:], patches.grid, strict=True):
        assert min(side, 4) <= n <= 7
    each = patches.pixels(torch.eye(patches.count, dtype=torch.bool))
    assert (each.sum(0) == 1).all()  # every pixel is in one patch
    assert each.flatten(1).any(1).all()  # and every patch has one


@pytest.mark.parametrize(
    ("shape", "grid", "side"),
    [
        ((1, 8, 8), (4, 4), (2, 2)),
        ((1, 28, 28), (7, 7), (4, 4)),
        ((3, 32, 32), (4, 4), (8, 8)),
        ((3, 24, 12), (6, 6), (4, 2)),
        ((1, 1, 64), (1, 4), (1, 16)),
        ((1, 1, 13), (1, 7), (1, 2)),
        ((1, 1, 1), (1, 1), (1, 1)),
    ],
)
def test_the_rule_for_patches(shape, grid, side):
    assert (Patches(shape).grid, Patches(shape).side) == (grid, side)


def test_patches_are_in_raster_order():
    image = torch.arange(64.0).view(1, 8, 8)
    expected = [image[0, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].flatten() for i in range(4) for j in range(4)]
    assert torch.equal(Patches(SHAPE).split(image), torch.stack(expected))


# -- the encoder ----------------------------------------------------------------------------------------------


def test_the_encoder_is_patches_positions_and_torchs_transformer():
    net = vit(activation="relu", seeds=(0,))
    own = {name.removeprefix("encoder."): p[0] for name, p in net.params.items()}
    images = torch.rand(5, *SHAPE)
    unfolded = nn.functional.unfold(images, 2, stride=2).mT
    x = unfolded @ own["embed.weight"] + own["embed.bias"] + own["position"]
    blocks = {k.removeprefix("blocks."): p for k, p in own.items() if k.startswith("blocks.")}
    with torch.no_grad():
        tokens = torchs(TransformerBlocks(32, 2), blocks)(x)
    torch.testing.assert_close(net.encoder.trunk(images[None])[0], tokens.mean(1), rtol=1e-4, atol=1e-4)
    assert torch.equal(net.encoder.linear(images[None]), net.encoder.trunk(images[None]))
    torch.testing.assert_close(net.encoder(images[None])[0], tokens.mean(1).relu(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [SHAPE, (3, 13, 6), (1, 1, 1)])
@pytest.mark.parametrize("width", [32, 1])
def test_stacked_seeds_are_each_alone_and_images_independent(shape, width):
    problem = Problem(shape, width, 10, 100, 10, "vit", 2)
    net, images = vit(problem), normal(2, 600, *shape)
    with torch.no_grad():
        together = net.encoder(images)
        for i in range(2):
            one = net.with_params({name: p[i] for name, p in net.params.items()})
            torch.testing.assert_close(one.encoder(images[i]), together[i], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(net.encoder(images[:, 555:556]), together[:, 555:556], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(net.encoder(images), together, rtol=1e-4, atol=1e-5)  # in one piece, as in training


def test_stacked_seeds_in_one_product_are_each_in_turn():
    """What an accelerator runs, against what a CPU runs; a tensor that says where it is in its own words."""

    class Elsewhere(torch.Tensor):
        device = torch.device("cuda")

    blocks = TransformerBlocks(32, 2)
    params = init_params({"b": blocks}, SEEDS)
    params = {name.removeprefix("b."): p for name, p in params.items()}
    x = normal(2, 3, 6, 32)
    torch.testing.assert_close(blocks(params, x.as_subclass(Elsewhere)).as_subclass(torch.Tensor), blocks(params, x))


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("backbone", BACKBONES)
def test_seeds_train_as_each_alone_and_every_parameter_is_trained(name, backbone):
    def first(seeds):
        session = session_of(name, BACKBONES[backbone], seeds)
        losses = torch.stack([session.advance()["loss"] for _ in range(3)])
        grads = [p.grad is not None and bool((p.grad.flatten(1) != 0).any(1).all()) for p in session.trained]
        assert all(grads)
        return losses

    torch.testing.assert_close(first((1,))[:, 0], first(SEEDS)[:, 1], rtol=1e-8, atol=1e-8)


def test_the_mean_image_is_frozen_with_the_encoder():
    method, data = REGISTRY.method("masked_prediction"), data_of(SHAPE, SEEDS)
    session = session_for(method, VIT, data, SEEDS, 8)
    for _ in range(8):
        session.advance()
    frozen = Encoder(method, VIT, train(method, VIT, data, SEEDS, 1).params, SEEDS, "test")
    mean = torch.stack([data.images[own.train].double().mean(0) / 255 for own in data.splits])
    torch.testing.assert_close(frozen.params["encoder.mean"], mean.flatten(1).float())
    images = data.images[:7].expand(2, 7, *SHAPE) / 255
    torch.testing.assert_close(frozen.features(data.images[:7]), method.features(session.net, images).detach())
    counted = sum(p[0].numel() for k, p in session.net.params.items() if k.startswith("encoder."))
    assert frozen.n_parameters == counted  # the mean is measured, not trained


# -- objectives -----------------------------------------------------------------------------------------------


class Watched:
    """A block that keeps what it was given and what it gave back."""

    def __init__(self, block):
        self.block, self.calls = block, []

    def init(self, rng):
        return self.block.init(rng)

    def _kept(self, call, *args, **named):
        out = call(*args, **named)
        self.calls.append((args[1:], named, out))
        return out

    def __call__(self, *args, **named):
        return self._kept(self.block, *args, **named)

    def tokens(self, *args, **named):
        return self._kept(self.block.tokens, *args, **named)


def watched(session: Session, batch: Batch):
    """The loss, the encoder's call and the prediction."""
    encoder, head = Watched(session.net.blocks["encoder"]), Watched(session.net.blocks["decoder"])
    session.net.blocks |= {"encoder": encoder, "decoder": head}
    with torch.no_grad():
        loss = session.method.loss(session.net, batch, session.state, session.rng)
    [(args, named, _)], [(_, _, predicted)] = encoder.calls, head.calls
    return loss, args, named, predicted.reshape(batch.images.shape)


def in_patches(images: torch.Tensor) -> np.ndarray:
    return Patches(SHAPE).split(images).double().numpy()


def test_error_within_chosen_pixels_is_numpys():
    a, b, chosen = normal(2, 5, *SHAPE), normal(2, 5, *SHAPE, seed=1), normal(2, 5, *SHAPE, seed=2) > 0
    for i in range(2):
        expected = ((a[i] - b[i]).numpy()[chosen[i].numpy()] ** 2).mean()
        np.testing.assert_allclose(error_within(a, b, chosen)[i], expected, rtol=1e-5)


@pytest.mark.parametrize("share", [0.01, 0.6, 0.99])
def test_masked_prediction_on_tokens_is_the_error_of_hidden_patches(share):
    session = session_of("masked_prediction", hidden=share)
    batch = session.batch()
    loss, (_, hidden, _), _, predicted = watched(session, batch)
    count = min(max(round(share * T), 1), T - 1)
    assert (hidden.sum(-1) == count).all()
    assert len(hidden.flatten(0, 1).unique(dim=0)) > 1  # drawn anew for every image
    missed = (in_patches(predicted) - in_patches(batch.images)) ** 2
    for i in range(2):
        np.testing.assert_allclose(loss[i], missed[i][hidden[i].numpy()].mean(), rtol=1e-5)


def test_next_token_on_tokens_is_the_error_of_patches_after_the_prefix_from_the_token_before():
    session = session_of("next_token")
    batch = session.batch()
    loss, _, named, _ = watched(session, batch)
    seen = named["prefix"]
    assert seen.min() >= 1
    assert seen.max() <= T - 1
    tokens = session.net.encoder.tokens(batch.images, prefix=seen)
    head = session.net.params["decoder.weight"], session.net.params["decoder.bias"]
    with torch.no_grad():
        following = torch.stack([tokens[i] @ head[0][i] + head[1][i] for i in range(2)]).double().numpy()
    truth = in_patches(batch.images)
    for i in range(2):
        errors = [
            (following[i, b, t - 1] - truth[i, b, t]) ** 2
            for b in range(truth.shape[1])
            for t in range(int(seen[i, b]), T)
        ]
        np.testing.assert_allclose(loss[i], np.mean(errors), rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("backbone", ["linear", "mlp"])
def test_on_other_encoders_what_is_predicted_was_not_seen(name, backbone):
    """The encoder gets the visible patches as they are and 0 elsewhere; the error counts what the method says."""
    session = session_of(name, BACKBONES[backbone])
    batch = session.batch()
    batch.images += 0.01  # no pixel is 0 of itself
    loss, (shown,), _, predicted = watched(session, batch)
    visible = (in_patches(shown) > 0).all(-1)
    np.testing.assert_array_equal(in_patches(shown), in_patches(batch.images) * visible[..., None])
    missed = (in_patches(predicted) - in_patches(batch.images)) ** 2
    counts = visible.sum(-1)
    if name == "masked_prediction":
        assert (counts == T - round(0.6 * T)).all()
        counted = ~visible
    else:
        assert (visible == (np.arange(T) < counts[..., None])).all()
        assert 1 <= counts.min() < counts.max() <= T - 1
        counted = np.arange(T) == counts[..., None]
    for i in range(2):
        np.testing.assert_allclose(loss[i], missed[i][counted[i]].mean(), rtol=1e-5)


def test_hidden_patches_do_not_reach_a_single_token():
    """Other pixels in hidden patches leave all tokens as they were, bit for bit; in visible ones they do not."""
    session = session_of("masked_prediction")
    net, images = session.net, session.batch().images
    hidden = torch.arange(T).expand(2, 20, T) % 3 == 0
    pixels = Patches(SHAPE).pixels(hidden)
    tokens = net.encoder.tokens(images, hidden, net.mask.bias)
    assert torch.equal(net.encoder.tokens(torch.where(pixels, 9.0, images), hidden, net.mask.bias), tokens)
    assert not torch.equal(net.encoder.tokens(torch.where(pixels, images, 9.0), hidden, net.mask.bias), tokens)


def test_the_prediction_of_a_patch_does_not_depend_on_it_or_on_later_ones():
    session = session_of("next_token")
    net, images = session.net, session.batch().images
    prefix = torch.full((2, 20), 5)
    before = Patches(SHAPE).split(net.decoder(net.encoder.tokens(images, prefix=prefix).roll(1, -2)))
    for t in (5, 9, 15):
        later = Patches(SHAPE).pixels(torch.arange(T).expand(2, 20, T) >= t)
        other = net.encoder.tokens(torch.where(later, 9.0, images), prefix=prefix)
        after = Patches(SHAPE).split(net.decoder(other.roll(1, -2)))
        assert torch.equal(after[..., 5 : t + 1, :], before[..., 5 : t + 1, :])
        assert t == 15 or not torch.equal(after[..., t + 1, :], before[..., t + 1, :])


@pytest.mark.parametrize("name", NAMES)
def test_one_patch_has_no_rest_and_two_are_enough(name):
    method = REGISTRY.method(name)
    for backbone in ("linear", "vit"):
        assert "single patch" in method.unavailable(replace(PROBLEM, input_shape=(1, 1, 1), backbone=backbone))
        tiny = Problem((1, 1, 2), 1, 10, 160, 20, backbone, 1)
        assert method.unavailable(tiny) is None
        assert session_of(name, tiny).advance()["loss"].isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_prediction_is_learned_where_there_is_something_to_learn(name):
    """Images of one grey each: any visible patch tells the others, and an error well below the greys' variance."""
    greys = torch.randint(0, 256, (200, 1, 1, 1), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    method = REGISTRY.method(name, {"learning_rate": 0.01})
    for problem in (PROBLEM, VIT):
        data = replace(data_of(SHAPE, (0,)), images=greys.expand(200, *SHAPE).contiguous())
        session = session_for(method, problem, data, (0,), 120)
        losses = [session.advance()["loss"].item() for _ in range(120)]
        assert np.mean(losses[-10:]) < 0.25 * float((greys / 255).var())
