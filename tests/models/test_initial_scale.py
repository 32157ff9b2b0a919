"""The scale of fresh weights: it does what it says, and is nowhere to be seen where it does nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
import torch

from infomax_bench.base.store import digest
from infomax_bench.check.promise import Skipped
from infomax_bench.check.small import N_CLASSES, data_of, problem_of
from infomax_bench.cli.new import HOOKS
from infomax_bench.cli.template import filled
from infomax_bench.models.blocks import Problem, init_params
from infomax_bench.study.cell import Cell
from infomax_bench.study.plan import Planner, make_suite
from infomax_bench.study.plugins import home, registry
from infomax_bench.study.presets import load_presets
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.method import LATER
from infomax_bench.training.session import session_for
from infomax_bench.training.trainer import train

REGISTRY = registry()
NAMES = REGISTRY.names("methods")
NAME = "initial_scale"


def start(name: str, scale: float, backbone: str = "linear"):
    method = REGISTRY.method(name, {NAME: scale})
    problem = problem_of(method, backbone=backbone)
    return session_for(method, problem, data_of(problem, [0, 1]), [0, 1])


# -- where it is 1 it is not there ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_at_its_default_it_is_no_setting_and_it_is_never_tuned(name):
    plugin = REGISTRY.get("methods", name)
    assert NAME not in REGISTRY.method(name).settings()
    assert NAME not in REGISTRY.method(name, {NAME: 1.0}).settings()
    assert REGISTRY.method(name, {NAME: 3.0}).settings()[NAME] == 3.0
    assert NAME not in plugin.cls.search_space(plugin.settings)


def test_a_methods_other_settings_are_all_there():
    method = REGISTRY.method("infomax_em")
    assert set(method.settings()) == set(method.parameters()) - set(LATER)
    assert {"learning_rate", "centred", "lambda_tc", "lambda_lse"} <= set(method.settings())


def test_keys_are_what_they_were_and_differ_with_the_scale():
    """The digest of settings without the name is the one that results were kept under."""
    planner, cell = Planner(REGISTRY, "cpu"), Cell("infomax_em", "digits", 8, 2, 128)
    plain = planner.encoder_key(cell, (0,))
    method = REGISTRY.method("infomax_em")
    before = {k: getattr(method, k) for k in method.parameters() if k != NAME}
    later = ("track", "label", "tags", "settings", "n_seeds", "hidden", "n_train", "without")
    own = {k: v for k, v in asdict(cell).items() if k not in later}
    import infomax_bench.training.trainer as trainer

    assert plain == digest(
        {
            "cell": own,
            "settings": before,
            "source": REGISTRY.get("methods", "infomax_em").source,
            "seeds": (0,),
            "data": planner.data_key("digits"),
            "device": "cpu",
            "torch": torch.__version__.split("+")[0],
            "harness": trainer.VERSION,
        }
    )
    assert planner.encoder_key(replace(cell, settings=((NAME, 1.0),)), (0,)) == plain
    assert planner.encoder_key(replace(cell, settings=((NAME, 3.0),)), (0,)) != plain


def test_no_template_or_record_of_a_run_names_it():
    suite = make_suite(REGISTRY, load_presets(home() / "benchmarks")["quick"])
    assert NAME not in "".join(filled("methods", "mine", hooks) for hooks in HOOKS)
    assert NAME not in json.dumps(asdict(suite), default=str)


@pytest.mark.parametrize("name", ["infomax_em", "rbm", "moco", "random_features"])
def test_numbers_are_what_they_were(name):
    """Fresh parameters are those of `init_params`, bit for bit."""
    method = REGISTRY.method(name)
    problem = problem_of(method)
    session = session_for(method, problem, data_of(problem, [0, 1]), [0, 1])
    fresh = init_params(session.net.blocks, [0, 1])
    assert torch.equal(session.net.params["encoder.weight"], fresh["encoder.weight"])
    assert torch.equal(session.net.params["encoder.bias"], fresh["encoder.bias"])


# -- where it is not ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "backbone"),
    [("infomax_em", "linear"), ("autoencoder", "mlp"), ("autoencoder", "convnet"), ("rbm", "stack")],
)
def test_weights_are_scaled_and_nothing_else(name, backbone):
    one, three = (start(name, scale, backbone).net.params for scale in (1.0, 3.0))
    scaled = {k for k, p in one.items() if not torch.equal(p, three[k])}
    for k in scaled:
        torch.testing.assert_close(three[k], 3 * one[k])
    assert scaled == {k for k, p in one.items() if k.startswith("encoder.") and k.endswith("weight") and p.dim() > 2}
    assert scaled
    assert any(k.endswith("bias") for k in one)


def test_every_layer_of_a_stack_and_what_is_fitted_begin_scaled():
    """`random_features` is its start: a linear layer's pre-activations less its bias grow by the factor."""
    method, big = (REGISTRY.method("random_features", {NAME: scale}) for scale in (1.0, 5.0))
    problem = problem_of(method)
    a, b = (train(m, problem, data_of(problem, [0]), [0], 1).params for m in (method, big))
    torch.testing.assert_close(b["encoder.weight"], 5 * a["encoder.weight"])
    stack = replace(problem_of(REGISTRY.method("infomax_em"), backbone="stack"), depth=2)
    data = data_of(stack, [0])
    still = {"learning_rate": 1e-12}
    own, scaled = (
        train(REGISTRY.method("infomax_em", {**still, NAME: x}), stack, data, [0], 1).params for x in (1.0, 3.0)
    )
    for layer in "01":
        torch.testing.assert_close(
            scaled[f"encoder.{layer}.weight"], 3 * own[f"encoder.{layer}.weight"], rtol=1e-4, atol=1e-6
        )


def test_it_changes_what_is_learned_and_survives_the_disk(tmp_path):
    method = REGISTRY.method("infomax_em", {NAME: 10.0})
    problem = Problem((1, 8, 8), 6, N_CLASSES, 692, 16)
    trained = train(method, problem, data_of(problem, [0]), [0], 1)
    plain = train(REGISTRY.method("infomax_em"), problem, data_of(problem, [0]), [0], 1)
    assert not torch.allclose(trained.params["encoder.weight"], plain.params["encoder.weight"], atol=1e-3)
    path = tmp_path / "e.safetensors"
    Encoder(method, problem, trained.params, (0,), "check").save(path)
    assert Encoder.load(path, type(method)).method.initial_scale == 10.0


def test_all_methods_can_begin_scaled():
    for name in ("simclr", "kmeans", "gmm", "vicreg", "pixels"):
        method = REGISTRY.method(name, {NAME: 3.0})
        try:
            problem = problem_of(method)
        except Skipped:
            continue
        trained = train(method, problem, data_of(problem, [0]), [0], 1)
        assert all(p.isfinite().all() for p in trained.params.values())
