"""The trainer: seeds are independent of their company, runs repeat, limits and divergence are results, not crashes."""

import dataclasses
from itertools import chain

import pytest
import torch
from sklearn.datasets import load_digits

from infomax_bench import Batch, Card, Method, Net, Problem, Rng
from infomax_bench.base.errors import NotApplicable
from infomax_bench.check.small import doubled
from infomax_bench.data.dataset import split
from infomax_bench.models.backbones import build_blocks
from infomax_bench.study.plugins import registry
from infomax_bench.training.data import Data, mean_images
from infomax_bench.training.session import Session, session_for
from infomax_bench.training.trainer import train

digits = load_digits()
IMAGES = torch.from_numpy(digits.images * 255 / 16).to(torch.uint8).unsqueeze(1)
LABELS = torch.from_numpy(digits.target)
CAPTIONS = 1 + LABELS.unsqueeze(1)  # of one word each
TEST = torch.arange(len(IMAGES)) >= 1500
N_TRAIN = len(split(TEST, 0).train)
PROBLEM = Problem((1, 8, 8), 16, n_classes=10, n_train=N_TRAIN, batch_size=100, vocabulary=11, caption_length=1)
SETTINGS = {"moco": {"queue": 256}}

REGISTRY = registry()
NAMES = [n for n in REGISTRY.names("methods") if "linear" in REGISTRY.plugins["methods"][n].cls.backbones]
BY_GRADIENT = [name for name in NAMES if REGISTRY.plugins["methods"][name].cls.by_gradient()]
BATCHED = [name for name in BY_GRADIENT if REGISTRY.plugins["methods"][name].cls.batched]


def method_named(name: str, **settings) -> Method:
    return REGISTRY.method(name, SETTINGS.get(name, {}) | settings)


def data_of(seeds) -> Data:
    return Data(IMAGES, LABELS, [split(TEST, seed) for seed in seeds], captions=CAPTIONS)


def start(method: Method, seeds=(0,), n_steps=10, **changes) -> Session:
    problem = dataclasses.replace(PROBLEM, **changes)
    return session_for(method, problem, data_of(seeds), seeds, n_steps)


def fit(method: Method, seeds=(0, 1), epochs=1, **changes):
    problem = dataclasses.replace(PROBLEM, **changes)
    problem = dataclasses.replace(problem, width=method.width(problem))
    return train(method, problem, data_of(seeds), seeds, epochs)


class Shrink(Method):
    """The smallest method: its encoder's outputs shrink."""

    card = Card(family="test", objective="small outputs", prevents="nothing", paper="none", role="control")

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        return net.encoder(batch.images).square().mean((-2, -1))


# -- seeds and their company ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("name", BATCHED)
def test_a_seed_takes_the_same_first_steps_alone_and_in_a_group(name):
    together, alone = (doubled(start(method_named(name), seeds)) for seeds in ((3, 7, 11), (7,)))
    for _ in range(5):
        group, own = together.advance(), alone.advance()
        for term in own:
            torch.testing.assert_close(group[term][1:2], own[term], rtol=1e-8, atol=1e-8)
    for part, p in alone.net.params.items():
        torch.testing.assert_close(together.net.params[part][1:2], p, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_training_repeats_bit_for_bit(name):
    first, second = fit(method_named(name)), fit(method_named(name))
    assert first.params.keys() == second.params.keys()
    assert all(torch.equal(first.params[part], second.params[part]) for part in first.params)
    assert all(torch.equal(first.log[term], second.log[term]) for term in first.log)


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("name", ["infomax_em", "rbm", "moco"])
def test_a_method_trained_one_seed_at_a_time_learns_what_it_does_batched(name):
    method = method_named(name)
    one_by_one = type("OneByOne", (type(method),), {"batched": False})(**method.settings())
    a, b = fit(method), fit(one_by_one)
    assert a.log_steps == b.log_steps
    for term in a.log:
        torch.testing.assert_close(a.log[term][:, :3], b.log[term][:, :3], rtol=1e-6, atol=1e-6)
    assert a.params["encoder.weight"].shape == b.params["encoder.weight"].shape == (2, 64, 16)


def test_only_methods_without_a_seed_dimension_are_refused_in_a_group():
    one_by_one = type("OneByOne", (Shrink,), {"batched": False})()
    assert start(one_by_one, (4,)).net.encoder.weight.shape == (64, 16)
    with pytest.raises(ValueError, match="one seed at a time"):
        start(one_by_one, (4, 5))


# -- data -----------------------------------------------------------------------------------------------------


def indices_seen(method: Method, seed: int, n_steps: int, divided_by: int | None = None) -> list[list[int]]:
    """Which images each step saw, read off images that carry their number; `divided_by`: another seed's division."""
    n = len(IMAGES)
    numbered = torch.zeros(n, 1, 1, 2, dtype=torch.uint8)
    numbered[:, 0, 0, 0], numbered[:, 0, 0, 1] = torch.arange(n) // 256, torch.arange(n) % 256
    problem = dataclasses.replace(PROBLEM, input_shape=(1, 1, 2))
    part = split(TEST, seed if divided_by is None else divided_by)
    session = session_for(method, problem, Data(numbered, LABELS, [part]), [seed], n_steps)
    seen = []
    for session.step in range(n_steps):
        pixels = (session.batch().images[0].flatten(1) * 255).round().long()
        seen.append((pixels[:, 0] * 256 + pixels[:, 1]).tolist())
    return seen


def test_an_epoch_sees_every_training_image_once_and_drops_the_partial_batch():
    per_epoch = N_TRAIN // 100
    seen = indices_seen(Shrink(), 0, 2 * per_epoch)
    epochs = [list(chain(*steps)) for steps in (seen[:per_epoch], seen[per_epoch:])]
    training = set(split(TEST, 0).train.tolist())
    for epoch in epochs:
        assert len(epoch) == len(set(epoch)) == 100 * per_epoch < N_TRAIN
        assert set(epoch) <= training
    assert epochs[0] != epochs[1]
    assert fit(Shrink(), epochs=3).n_steps == 3 * per_epoch


def test_order_and_division_differ_between_seeds_and_not_between_methods():
    mine, other, theirs = (
        indices_seen(m, seed, 3) for m, seed in ((Shrink(), 0), (Shrink(), 1), (method_named("simclr"), 0))
    )
    assert mine == theirs
    assert mine != other != indices_seen(Shrink(), 2, 3, divided_by=1)
    assert set(split(TEST, 0).train.tolist()) != set(split(TEST, 1).train.tolist())


def test_a_batch_holds_what_the_method_asked_for_and_nothing_else():
    plain, contrastive, labelled = (start(method_named(m)).batch() for m in ("autoencoder", "simclr", "supervised"))
    assert plain.views == ()
    assert plain.labels is None
    assert [view.shape for view in contrastive.views] == [contrastive.images.shape] * 2
    assert contrastive.labels is None
    assert labelled.labels.shape == (1, 100)
    assert plain.images.min() >= 0
    assert plain.images.max() <= 1


def test_progress_runs_from_zero_towards_one():
    session = start(Shrink(), n_steps=4)
    progress = []
    for _ in range(4):
        progress.append(session.batch().progress)
        session.advance()
    assert progress == [0, 0.25, 0.5, 0.75]


# -- the mean image -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["infomax_em", "rbm", "moco"])
def test_what_training_returns_needs_no_mean_image(name):
    """The encoder sees centred images in training; what is returned computes the same features without the mean."""
    method = method_named(name)
    session = start(method, (0, 1))
    n_steps = N_TRAIN // PROBLEM.batch_size
    for _ in range(n_steps):
        session.advance()
    trained = fit(method, epochs=1)
    plain = Net(PROBLEM, build_blocks(PROBLEM, method, method.heads(PROBLEM)), trained.params)
    images = session.batch().images
    with torch.no_grad():
        torch.testing.assert_close(plain.encoder(images), session.net.encoder(images), rtol=1e-4, atol=1e-5)
    assert not torch.equal(plain.encoder.bias, session.net.encoder.bias)


def test_no_unit_dies_of_its_start():
    """Uncentred images push whole units of an autoencoder out of their ReLU's range; centred ones do not."""

    def dead(centred: bool) -> int:
        method = method_named("autoencoder", centred=centred, learning_rate=0.01)
        trained = fit(method, seeds=(0, 1, 2), epochs=10, width=32)
        problem = dataclasses.replace(PROBLEM, width=32)
        net = Net(problem, build_blocks(problem, method, {}), trained.params)
        return int((net.encoder(IMAGES.expand(3, -1, -1, -1, -1) / 255).std(1) == 0).sum())

    assert dead(centred=True) == 0
    assert dead(centred=False) > 20


def test_the_start_of_heads_may_depend_on_the_data():
    """An RBM's visible biases are the pixels' log-odds, so the model of step 0 has the data's means."""
    session = start(method_named("rbm_persistent"))
    mean = IMAGES[split(TEST, 0).train].float().mean(0).flatten() / 255
    torch.testing.assert_close(session.net.visible.bias[0].sigmoid(), mean.clamp(0.01, 0.99), rtol=1e-4, atol=1e-5)
    assert session.net.visible.bias.requires_grad


# -- limits and divergence ------------------------------------------------------------------------------------


def test_fewer_images_than_a_batch_is_not_applicable():
    with pytest.raises(NotApplicable, match="do not fill a batch"):
        fit(Shrink(), batch_size=2000)


@pytest.mark.parametrize(
    ("name", "settings", "changes", "reason"),
    [
        ("pca", {}, {"width": 65}, "64"),
        ("pca", {}, {"width": 60, "n_train": 50}, "50 training images"),
        ("kmeans", {}, {"width": 2000}, "1250 training images"),
        ("moco", {"queue": 4096}, {}, "a queue of 4096 is too long for 1250 training images"),
        ("pca", {}, {"backbone": "convnet"}, "runs on linear, stack only"),
    ],
)
def test_what_a_method_declares_it_cannot_do_is_not_applicable(name, settings, changes, reason):
    with pytest.raises(NotApplicable, match=reason):
        fit(method_named(name, **settings), **changes)


class Breaks(Shrink):
    """Its second seed leaves the finite numbers half-way."""

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        loss = super().loss(net, batch, state, rng)
        broken = torch.tensor([0.0, torch.nan if batch.progress >= 0.5 else 0.0])[: len(loss)]
        return loss + broken * net.encoder.bias.sum(-1)


def test_a_diverged_seed_is_marked_and_does_not_touch_the_others():
    trained = fit(Breaks(), seeds=(0, 1))
    assert trained.diverged == [False, True]
    healthy = fit(Shrink(), seeds=(0, 1))
    assert healthy.diverged == [False, False]
    torch.testing.assert_close(trained.params["encoder.weight"][0], healthy.params["encoder.weight"][0])
    assert trained.log["loss"].isfinite().all(1).tolist() == [True, False]


def test_training_stops_when_no_seed_is_finite_any_more():
    trained = fit(type("Hopeless", (Shrink,), {"loss": lambda *a: Shrink.loss(*a) * torch.inf})(), epochs=10)
    assert trained.diverged == [True, True]
    assert trained.log_steps[-1] < trained.n_steps


def test_a_loss_that_depends_on_no_parameter_is_refused():
    constant = type(
        "Constant", (Shrink,), {"loss": lambda self, net, batch, state, rng: batch.x.square().mean((-2, -1))}
    )
    with pytest.raises(ValueError, match="Constant depends on no parameter"):
        fit(constant())


@pytest.mark.parametrize(("reduced", "shape"), [((), r"\(2, 100\)"), ((-1, -2), r"\(\)")])
def test_a_loss_that_is_not_one_number_a_seed_is_refused(reduced, shape):
    def loss(self, net, batch, state, rng):
        norms = net.encoder(batch.images).square().sum(-1)
        return norms.sum(reduced) if reduced else norms

    with pytest.raises(ValueError, match=f"'loss' of Odd is {shape}, not one number a seed .* batched = False"):
        fit(type("Odd", (Shrink,), {"loss": loss})())


# -- optimisation and the log ---------------------------------------------------------------------------------


def test_the_cosine_schedule_ends_near_zero():
    session = start(Shrink(schedule="cosine", learning_rate=0.1), n_steps=20)
    rates = []
    for _ in range(20):
        rates.append(session.optimizer.rate)
        session.advance()
    assert rates[0] == 0.1
    assert rates == sorted(rates, reverse=True)
    assert rates[10] == pytest.approx(0.05)
    assert rates[-1] < 0.001


def test_sgd_takes_the_gradient_step():
    session = start(Shrink(optimizer="sgd", learning_rate=0.5))
    before = session.net.encoder.weight.detach().clone()
    session.advance()
    weight = session.net.encoder.weight
    torch.testing.assert_close(weight.detach(), before - 0.5 * weight.grad)


def test_the_log_has_every_term_of_every_seed_and_ends_with_training():
    trained = fit(method_named("infomax_em"), seeds=(0, 1, 2), epochs=7)
    assert list(trained.log) == ["attraction", "volume", "redundancy"]
    assert trained.log_steps == sorted(set(trained.log_steps))
    assert trained.log_steps[-1] == trained.n_steps == 7 * (N_TRAIN // 100)
    assert all(term.shape == (3, len(trained.log_steps)) for term in trained.log.values())
    assert fit(Shrink()).log.keys() == {"loss"}


# -- state ----------------------------------------------------------------------------------------------------


def test_mocos_momentum_encoder_follows_the_encoder_at_its_momentum():
    session = start(method_named("moco", key_momentum=0.9), (0, 1))
    for name, p in session.net.params.items():
        assert torch.equal(session.state[name], p)  # they start as one
    before = {name: session.state[name].clone() for name in session.net.params}
    session.advance()
    for name, p in session.net.params.items():
        torch.testing.assert_close(session.state[name], 0.9 * before[name] + 0.1 * p.detach())
        assert not session.state[name].requires_grad


def test_mocos_queue_keeps_the_latest_keys_in_order():
    session = start(method_named("moco", queue=250))  # not a multiple of the batch
    keys = []
    for _ in range(4):
        session.advance()
        keys.insert(0, session.state["queue"][:, :100].clone())
    assert torch.equal(session.state["queue"], torch.cat(keys, dim=1)[:, :250])
    torch.testing.assert_close(session.state["queue"].norm(dim=-1), torch.ones(1, 250))


def test_persistent_chains_are_samples_that_go_on():
    """A chain is what its sample gives the hidden units: the negatives of a step come from the last step's."""
    session = start(method_named("rbm_persistent"), (0, 1))
    method, net = session.method, session.net
    states = [session.state["chains"]]
    for _ in range(2):
        session.advance()
        states.append(session.state["chains"])
    assert states[0].shape == (2, 100, net.problem.width)
    assert not torch.equal(states[1], states[2])
    negatives = method.negatives(net, states[2], Rng.of((0, 1), "method"), 1)
    assert {0.0, 1.0} == set(negatives.unique().tolist())
    assert start(method_named("rbm")).state == {}


def test_mean_images_are_the_means_of_the_chosen_images():
    images = torch.randint(0, 256, (5000, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    choices = [torch.arange(0, 5000, 3), torch.arange(4999, 4000, -1)]
    expected = torch.stack([images[own].double().mean(0) / 255 for own in choices])
    torch.testing.assert_close(mean_images(images, choices), expected.float())
