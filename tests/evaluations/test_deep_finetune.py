"""Deep networks from different starts: the start is what it says, the training is supervised training, and nothing is
chosen on test images."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from torch import nn

from infomax_bench.base.errors import NotApplicable, UserError
from infomax_bench.data.dataset import to_unit
from infomax_bench.evaluations.context import context_for
from infomax_bench.evaluations.deep_finetune import (
    DeepNetwork,
    accuracy,
    deep_finetune,
    folded,
    network_problem,
    rescaled,
    weights_of,
)
from infomax_bench.models.backbones.mlp import MLPEncoder
from infomax_bench.models.blocks import Problem, init_params
from infomax_bench.models.encoder import under
from infomax_bench.study.plugins import registry
from infomax_bench.training.data import data_for
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.trainer import train
from tests.data.test_splits import BOTH, FIRST, PARTS, SECOND

SEEDS = (0, 1)
WIDTH, DEPTH, LABELS, BATCH = 16, 3, 120, 32
RELU = "ReLU + batch norm"
HOW = {"learning_rate": 0.1, "optimizer": "sgd", "momentum": 0.9, "schedule": "cosine"}
DIGITS = registry().dataset("digits")


def stack(name, dataset=DIGITS, **settings):
    """A stack after one pass over the digits."""
    problem = Problem(dataset.shape, WIDTH, 10, dataset.n_train, 50, backbone="stack", depth=DEPTH)
    method = registry().method(name, settings)
    done = train(method, problem, data_for(dataset, problem, SEEDS), SEEDS, 1)
    return Encoder(method, problem, done.params, SEEDS, dataset.label)


@pytest.fixture(scope="module")
def rbm():
    return stack("rbm")


@pytest.fixture(scope="module")
def infomax():
    return stack("infomax_em")


def values(rows, metric):
    return [r["value"] for r in rows if r["metric"] == metric]


def small(encoder, dataset=DIGITS, **options):
    chosen = {"labels": LABELS, "passes": 4, "batch_size": BATCH, "learning_rates": (0.1,), **options}
    return deep_finetune(context_for(encoder, dataset), **chosen)


def setting(encoder, network):
    """The problem, the data and the fresh start that deep_finetune trains with."""
    problem = replace(network_problem(encoder.problem, 10, LABELS), batch_size=BATCH)
    fresh = init_params({"encoder": MLPEncoder(problem, DeepNetwork.of(network).build({}))}, SEEDS)
    return problem, data_for(DIGITS, encoder.problem, SEEDS, n_train=LABELS), fresh


# -- from nothing -----------------------------------------------------------------------------------------------------
def test_from_nothing_is_supervised_training_of_the_same_network(rbm):
    """The harness's own supervised method on its own encoder, from the same start on the same batches."""
    problem, data, fresh = setting(rbm, "sigmoid")
    renamed = {f"encoder.hidden.{DEPTH - 1}": "encoder", "encoder": "classifier"}
    names = {n: f"{renamed.get(part, part)}.{last}" for n in fresh for part, _, last in [n.rpartition(".")]}

    class Given(type(registry().method("supervised_sigmoid"))):
        def start(self, net, mean, rng):
            return {names[n]: p.clone() for n, p in fresh.items()}

    same = replace(problem, depth=DEPTH, hidden=(), width=WIDTH)
    theirs = train(Given.build(HOW), same, data, SEEDS, 4).params
    ours = train(DeepNetwork.of("sigmoid").build(HOW), problem, data, SEEDS, 4, start=fresh).params
    for ours_name, theirs_name in names.items():
        torch.testing.assert_close(ours[ours_name], theirs[theirs_name])
    rows = small(rbm, network="sigmoid", start="nothing")
    for metric, part in (("finetuned_accuracy", "test"), ("finetuned_validation_accuracy", "validation")):
        right = []
        for i, own in enumerate(data.splits):
            one = Encoder(Given.build(HOW), same, {k: p[[i]] for k, p in theirs.items()}, (SEEDS[i],), "digits")
            where = getattr(own, part)
            logits = one.features(data.images[where])[0] @ theirs["classifier.weight"][i] + theirs["classifier.bias"][i]
            right.append(float((logits.argmax(-1) == data.labels[where]).double().mean()))
        assert values(rows, metric) == pytest.approx(right)


@pytest.mark.usefixtures("in_double")
def test_the_modern_network_is_torchs(rbm):
    """Linear, BatchNorm1d and ReLU, trained by torch's SGD on the same batches: the same weights and gradients."""
    problem, data, fresh = setting(rbm, RELU)
    ours = train(DeepNetwork.of(RELU).build(HOW), problem, data, SEEDS, 4, start=fresh)
    batches: list[list[torch.Tensor]] = [[] for _ in SEEDS]
    recorded = []

    def watch(session):
        for seed, indices in enumerate(session.order[(session.step - 1) % session.per_epoch]):
            batches[seed].append(indices)
        recorded.append(session.net.encoder.weight.grad.clone())

    train(DeepNetwork.of(RELU).build(HOW), problem, data, SEEDS, 4, start=fresh, watch=watch)
    for seed in range(len(SEEDS)):
        sizes = [problem.input_size] + [WIDTH] * DEPTH
        layers = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
        last = nn.Linear(WIDTH, 10)
        with torch.no_grad():
            for i, layer in enumerate([*layers, last]):
                name = f"encoder.hidden.{i}" if i < DEPTH else "encoder"
                layer.weight.copy_(fresh[f"{name}.weight"][seed].T)
                layer.bias.copy_(fresh[f"{name}.bias"][seed])
        net = nn.Sequential(*[part for layer in layers for part in (layer, nn.BatchNorm1d(WIDTH), nn.ReLU())], last)
        mean = to_unit(data.images[data.splits[seed].train]).flatten(1).mean(0)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, len(batches[seed]))
        for step, indices in enumerate(batches[seed]):
            optimizer.zero_grad()
            out = net(to_unit(data.images[indices]).flatten(1) - mean)
            nn.functional.cross_entropy(out, data.labels[indices]).backward()
            torch.testing.assert_close(last.weight.grad.T, recorded[step][seed], rtol=1e-7, atol=1e-9)
            optimizer.step()
            schedule.step()
        torch.testing.assert_close(last.weight.detach().T, ours.params["encoder.weight"][seed], rtol=1e-7, atol=1e-9)


def test_from_nothing_does_not_depend_on_the_stack(rbm, infomax):
    for network in ("sigmoid", RELU):
        one, other = (small(e, network=network, start="nothing") for e in (rbm, infomax))
        assert one == other
        assert one != small(rbm, network=network)


def test_glorots_start_is_uniform_with_his_variance():
    problem = Problem((1, 20, 20), 300, 10, 10, 10, backbone="mlp", depth=2, hidden=(200,))
    block = MLPEncoder(problem, DeepNetwork.of("sigmoid").build({}))
    start = block.init(torch.Generator().manual_seed(0))
    for name, fan in (("hidden.0", 400 + 200), ("", 200 + 300)):
        weight = start[f"{name}.weight".strip(".")]
        assert float(weight.abs().max()) == pytest.approx((6 / fan) ** 0.5, rel=0.01)
        assert float(weight.var()) == pytest.approx(2 / fan, rel=0.02)
        assert not start[f"{name}.bias".strip(".")].any()


# -- from a stack -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "settings"), [("rbm", {}), ("random_features", {"units": "sigmoid"})])
def test_as_trained_the_network_does_what_the_stack_did(name, settings):
    """With and without standardised inputs between the layers."""
    encoder = stack(name, **settings)
    assert ("encoder.1.scale" in encoder.params) == (name != "rbm")
    problem, data, fresh = setting(encoder, "sigmoid")
    params = under({**fresh, **folded(weights_of(encoder, fresh), encoder.params)}, "encoder")
    block = MLPEncoder(problem, DeepNetwork.of("sigmoid").build({}))
    images = data.images[:200]
    hidden = block.trunk(params, to_unit(images).expand(len(SEEDS), *images.shape))
    torch.testing.assert_close(hidden, encoder.features(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", ["sigmoid", RELU])
def test_rescaled_every_unit_has_mean_0_and_variance_1_and_its_direction(infomax, network):
    _, _, fresh = setting(infomax, network)
    data = data_for(DIGITS, infomax.problem, SEEDS)
    weights, kind = weights_of(infomax, fresh), DeepNetwork.of(network)
    layers = rescaled(weights, infomax.params, data, kind.activation)
    assert layers.keys() == {k for k in fresh if "hidden" in k and k.endswith(("weight", "bias"))}
    for seed, own in enumerate(data.splits):
        x = to_unit(data.images[own.train]).flatten(1)
        for i in range(DEPTH):
            weight, bias = (layers[f"encoder.hidden.{i}.{part}"][seed] for part in ("weight", "bias"))
            pre = x @ weight + bias
            torch.testing.assert_close(pre.mean(0), torch.zeros(WIDTH), atol=1e-4, rtol=0)
            torch.testing.assert_close(pre.var(0, correction=0), torch.ones(WIDTH), atol=1e-3, rtol=0)
            given = weights[i][seed] / (x.std(0, correction=0).unsqueeze(-1) if i else 1)
            cosine = nn.functional.cosine_similarity(weight, torch.where(given.isfinite(), given, 0.0), dim=0)
            torch.testing.assert_close(cosine, torch.ones(WIDTH), atol=1e-4, rtol=0)
            x = torch.sigmoid(pre) if network == "sigmoid" else torch.relu(pre)


def test_batch_norm_sees_no_scale_at_first(infomax):
    """So the rows of the first step are the same however a stack's units are scaled."""
    louder = infomax.with_params({"encoder.0.weight": 3 * infomax.params["encoder.0.weight"]})
    problem, data, fresh = setting(infomax, RELU)
    block = MLPEncoder(problem, DeepNetwork.of(RELU).build({}))
    images = to_unit(data.images[:64]).expand(len(SEEDS), 64, *data.images.shape[1:])
    one, other = (
        block.trunk(under({**fresh, **folded(weights_of(e, fresh), e.params)}, "encoder"), images)
        for e in (infomax, louder)
    )
    torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-3)


def test_a_unit_without_weights_begins_afresh(infomax):
    _, _, fresh = setting(infomax, RELU)
    weight = infomax.params["encoder.1.weight"].clone()
    weight[:, :, 2] = 0
    found = weights_of(infomax.with_params({"encoder.1.weight": weight}), fresh)[1]
    assert torch.equal(found[:, :, 2], fresh["encoder.hidden.1.weight"][:, :, 2])
    assert torch.equal(found[:, :, 3], weight[:, :, 3])


@pytest.mark.parametrize("start", ["as trained", "rescaled"])
def test_the_stack_is_left_as_it_was(rbm, start):
    before = {k: p.clone() for k, p in rbm.params.items()}
    first = small(rbm, start=start)
    assert all(torch.equal(p, rbm.params[k]) for k, p in before.items())
    assert small(rbm, start=start) == first


def test_images_less_their_mean_change_no_function(rbm):
    """With steps of nothing, the network as trained is the stack under a fresh classifier."""
    rows = small(rbm, start="as trained", learning_rates=(1e-30,))
    _, data, fresh = setting(rbm, "sigmoid")
    logits = rbm.features(data.images) @ fresh["encoder.weight"] + fresh["encoder.bias"].unsqueeze(1)
    test = data.splits[0].test
    right = (logits[:, test].argmax(-1) == data.labels[test]).double().mean(1)
    assert values(rows, "finetuned_accuracy") == pytest.approx(right.tolist())


# -- what is measured -------------------------------------------------------------------------------------------------
def test_watching_changes_nothing(rbm):
    problem, data, fresh = setting(rbm, "sigmoid")
    seen = []
    method = DeepNetwork.of("sigmoid").build(HOW)
    plain = train(method, problem, data, SEEDS, 2, start=fresh)
    watched = train(method, problem, data, SEEDS, 2, start=fresh, watch=lambda s: (seen.append(s.step), s.finished()))
    assert seen == list(range(1, 2 * (LABELS // BATCH) + 1))
    assert all(torch.equal(p, watched.params[k]) for k, p in plain.params.items())


def test_gradient_norms_are_those_of_the_first_batch(rbm):
    problem, data, fresh = setting(rbm, "sigmoid")
    method = DeepNetwork.of("sigmoid").build(HOW)
    firsts = []
    train(
        method, problem, data, SEEDS, 1, start=fresh, watch=lambda s: firsts.append(s.order[0]) if s.step == 1 else None
    )
    rows = small(rbm, start="nothing")
    for seed, batch in enumerate(firsts[0]):
        params = {k: p[seed].clone().requires_grad_() for k, p in under(fresh, "encoder").items()}
        mean = to_unit(data.images[data.splits[seed].train]).flatten(1).mean(0)
        logits = MLPEncoder(problem, method, mean).linear(params, to_unit(data.images[batch]))
        nn.functional.cross_entropy(logits, data.labels[batch]).backward()
        names = [*(f"hidden.{i}.weight" for i in range(DEPTH)), "weight"]
        own = [r for r in rows if r["metric"] == "gradient_norm" and r["seed"] == seed]
        assert [r["x"] for r in own] == [1, 2, 3, 4]
        assert [r["value"] for r in own] == pytest.approx([float(params[n].grad.norm()) for n in names], rel=1e-4)


def test_the_curve_ends_at_the_validation_error_and_halves_its_passes(rbm):
    rows = small(rbm, network=RELU, passes=8)
    curve = [r for r in rows if r["metric"] == "finetuning_error" and r["seed"] == 1]
    assert [r["x"] for r in curve] == pytest.approx([1 / 3, 2 / 3 + 1 / 3, 2, 4, 8], abs=1e-3)
    assert curve[-1]["value"] == pytest.approx(1 - values(rows, "finetuned_validation_accuracy")[1])


def test_each_seed_takes_the_rate_with_the_least_validation_error(rbm):
    rates = (1e-4, 0.5, 0.1)
    single = {rate: small(rbm, network=RELU, learning_rates=(rate,)) for rate in rates}
    both = small(rbm, network=RELU, learning_rates=rates)
    for i in range(len(SEEDS)):
        scores = {rate: values(rows, "finetuned_validation_accuracy")[i] for rate, rows in single.items()}
        best = min(rate for rate in rates if scores[rate] == max(scores.values()))
        assert values(both, "learning_rate")[i] == pytest.approx(best)
        for metric in ("finetuned_accuracy", "finetuned_validation_accuracy"):
            assert values(both, metric)[i] == values(single[best], metric)[i]


def test_a_rate_that_diverges_is_not_taken(rbm):
    rows = small(rbm, learning_rates=(1e38, 0.1), passes=8)
    assert values(rows, "learning_rate") == pytest.approx([0.1, 0.1])
    lost = small(rbm, learning_rates=(1e38,), passes=8)
    assert max(values(lost, "finetuned_accuracy")) == 0


def test_test_images_choose_nothing():
    encoder = stack("infomax_em", BOTH)
    together, first, second = (
        small(encoder, dataset, network=RELU, learning_rates=(0.01, 0.1)) for dataset in (BOTH, *PARTS)
    )
    for i in range(len(SEEDS)):
        one, other, both = (values(rows, "finetuned_accuracy")[i] for rows in (first, second, together))
        assert both == pytest.approx((FIRST * one + SECOND * other) / (FIRST + SECOND))
    rest = [[r for r in rows if r["metric"] != "finetuned_accuracy"] for rows in (first, second, together)]
    assert rest[0] == rest[1] == rest[2]


def test_fine_tuning_learns(infomax):
    rows = small(infomax, labels=0, passes=16, network=RELU)
    assert min(values(rows, "finetuned_accuracy")) > 0.9
    assert max(values(small(infomax, network=RELU), "finetuned_accuracy")) < min(values(rows, "finetuned_accuracy"))


def test_what_cannot_be_done_is_said(infomax, rbm):
    with pytest.raises(NotApplicable, match="not those of the sigmoid network"):
        small(infomax, start="as trained")
    assert small(rbm, start="as trained", network=RELU)
    with pytest.raises(NotApplicable, match="validation"):
        deep_finetune(context_for(rbm, DIGITS, validation=False))
    with pytest.raises(NotApplicable, match="stack"):
        deep_finetune(context_for(replace(rbm, problem=replace(rbm.problem, backbone="mlp")), DIGITS))
    other = replace(rbm, params={k.replace("bias", "offset"): p for k, p in rbm.params.items()})
    with pytest.raises(NotApplicable, match="no weights and biases"):
        small(other)
    for wrong in ({"network": "tanh"}, {"start": "trained"}):
        with pytest.raises(UserError, match="unknown"):
            small(rbm, **wrong)


def test_what_is_not_finite_is_wrong(rbm):
    problem, data, fresh = setting(rbm, "sigmoid")
    lost = {k: torch.full_like(p, torch.nan) for k, p in fresh.items()}
    assert not accuracy(DeepNetwork.of("sigmoid").build({}), problem, lost, data, "test").any()
