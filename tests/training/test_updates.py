"""Learning rules that are no gradient: the harness adds their updates, at its rate, and refuses what is none."""

import pytest
import torch

from infomax_bench import ONE_LAYER, Card, Method
from infomax_bench.base.errors import UserError
from infomax_bench.study.plugins import load_file
from infomax_bench.training.session import SIZE, session_for
from infomax_bench.training.trainer import train
from tests.training.few_digits import PROBLEM, SEEDS, data_of


class Drift(Method):
    """Every weight moves by the mean of its pixel; biases by 1."""

    card = Card(family="test", objective="none", prevents="nothing", paper="none")
    backbones = ONE_LAYER

    def update(self, net, batch, state, rng):
        mean = batch.x.mean(-2)
        return {
            "encoder.weight": mean.unsqueeze(-1).expand_as(net.encoder.weight),
            "encoder.bias": torch.ones_like(net.encoder.bias),
        }


def session(method=None, seeds=SEEDS, n_steps=10):
    return session_for(method or Drift(), PROBLEM, data_of().take(range(len(seeds))), seeds, n_steps)


def test_parameters_move_by_the_rate_times_the_update_and_its_size_is_logged():
    one = session(Drift(learning_rate=0.5))
    before = {name: p.detach().clone() for name, p in one.net.params.items()}
    size = one.advance()[SIZE]
    moved = {name: p.detach() - before[name] for name, p in one.net.params.items()}
    torch.testing.assert_close(moved["encoder.bias"], torch.full_like(moved["encoder.bias"], 0.5))
    flat = torch.cat([m.flatten(1) for m in moved.values()], dim=1)
    torch.testing.assert_close(size, flat.norm(dim=1) / 0.5)


def test_the_rate_follows_the_schedule():
    one = session(Drift(schedule="cosine", learning_rate=1.0))
    start = one.net.encoder.bias.detach().clone()
    steps = []
    for _ in range(10):
        one.advance()
        steps.append(float((one.net.encoder.bias - start).detach()[0, 0]))
    rates = torch.tensor(steps).diff(prepend=torch.zeros(1))
    torch.testing.assert_close(rates, 0.5 * (1 + torch.cos(torch.pi * torch.arange(10) / 10)))


@pytest.mark.usefixtures("in_double")
def test_seeds_move_alike_alone_and_together_and_one_at_a_time():
    together, alone = train(Drift(), PROBLEM, data_of(), SEEDS, 1), session(seeds=SEEDS[:1], n_steps=12)
    for _ in range(12):
        alone.advance()
    torch.testing.assert_close(
        together.params["encoder.weight"][:1], alone.net.encoder.weight.detach(), rtol=1e-5, atol=1e-6
    )
    one_by_one = type("OneByOne", (Drift,), {"batched": False})()
    apart = train(one_by_one, PROBLEM, data_of(), SEEDS, 1)
    torch.testing.assert_close(apart.params["encoder.weight"], together.params["encoder.weight"], rtol=1e-5, atol=1e-6)
    assert apart.log.keys() == {SIZE}


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        (lambda net: {"weight": net.encoder.weight}, "'weight'; its parameters are encoder.weight, encoder.bias"),
        (lambda net: {"encoder.bias": net.encoder.weight}, r"by \(2, 64, 12\), and it is \(2, 12\)"),
        (lambda net: {"encoder.bias": net.encoder.bias.sum(0)}, r"keep the leading dimension, of seeds"),
    ],
)
def test_what_is_no_change_of_parameters_is_refused_by_name(change, culprit):
    wrong = type("Wrong", (Drift,), {"update": lambda self, net, *_: change(net)})
    with pytest.raises(ValueError, match=culprit):
        session(wrong()).advance()


def test_there_is_no_optimiser_to_tune_or_to_set():
    assert "learning_rate" in Drift.search_space()
    with pytest.raises(UserError, match="momentum means nothing"):
        Drift.build({"momentum": 0.9})
    assert Drift.build({"momentum": 0.0, "schedule": "cosine"}).schedule == "cosine"


def test_a_file_says_in_one_place_what_is_learned(tmp_path):
    path = tmp_path / "both.py"
    path.write_text(
        "from infomax_bench import Card, Method\nclass Both(Method):\n"
        "    card = Card(family='f', objective='o', prevents='p', paper='q')\n"
        "    def loss(self, *_): ...\n    def update(self, *_): ...\n"
    )
    _, own, _ = load_file(path)
    with pytest.raises(TypeError, match="defines loss and update: one of them"):
        own["both"].hook()


def test_start_draws_from_a_stream_of_the_seed():
    """Whoever is beside it; and what else is drawn stays what it was."""

    class Started(Drift):
        def start(self, net, mean, rng):
            return {"encoder.weight": rng.normal_like(net.encoder.weight)}

    def state(self, net, rng):
        return {"drawn": rng.normal(3), "none": rng.zeros(2, 3)}

    started, plain = (session(type("S", (cls,), {"state": state})()) for cls in (Started, Drift))
    alone = session(type("S", (Started,), {"state": state})(), seeds=SEEDS[1:])
    torch.testing.assert_close(started.net.encoder.weight[1:], alone.net.encoder.weight)
    assert not torch.equal(*started.net.encoder.weight)
    assert torch.equal(started.state["drawn"], plain.state["drawn"])
    assert torch.equal(started.state["none"], torch.zeros(2, 2, 3))
