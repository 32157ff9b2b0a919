"""What InfoMax is made of: with EM, without it, and with a softmax in its place; and where stacks of others begin."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from infomax_bench import Batch, log_odds
from infomax_bench.training.session import named_terms
from tests.training.few_digits import IMAGES, PROBLEM, encoder_of, method_named


def distances(seed: int, n=20, k=6) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, k, generator=g, dtype=torch.float64) @ torch.randn(k, k, generator=g, dtype=torch.float64)


def terms_of(name: str, outputs: torch.Tensor, **changes) -> dict[str, torch.Tensor]:
    """The loss terms of a method as a function of its encoder's outputs alone."""
    net = SimpleNamespace(encoder=lambda images: images)
    return named_terms(method_named(name, **changes).loss(net, Batch(images=outputs), {}, None))


def test_the_features_of_em_proper_are_the_gradient_of_its_log_sum_exp():
    d = distances(0).requires_grad_()
    terms_of("infomax_em_responsibilities", d)["attraction"].backward()
    net = SimpleNamespace(encoder=lambda images: images)
    features = method_named("infomax_em_responsibilities").features(net, d.detach())
    torch.testing.assert_close(features, d.grad)


def test_responsibilities_are_learned_by_the_same_training_and_compete():
    distance, share = encoder_of(method_named("infomax_em")), encoder_of(method_named("infomax_em_responsibilities"))
    assert all(torch.equal(share.params[name], p) for name, p in distance.params.items())
    torch.testing.assert_close(share.features(IMAGES[:9]), torch.softmax(-distance.features(IMAGES[:9]), -1))
    assert share.method.competitive
    assert not distance.method.competitive


def test_infomax_is_not_attracted_to_anything():
    """Nothing of EM is left: its loss is the other two terms of infomax_em, and so is its gradient."""
    d = distances(1).requires_grad_()
    terms, whole = terms_of("infomax", d), terms_of("infomax_em", d)
    [without] = torch.autograd.grad(sum(terms.values()), d)
    [expected] = torch.autograd.grad(whole["volume"] + whole["redundancy"], d)
    assert terms.get("attraction", 0) == 0
    torch.testing.assert_close(sum(terms.values()), whole["volume"] + whole["redundancy"])
    torch.testing.assert_close(without, expected)


@pytest.mark.parametrize(
    ("name", "one"),
    [("dbn", "rbm"), ("stacked_denoising_autoencoder", "denoising_autoencoder"), ("infomax_em_stacked", "infomax_em")],
)
def test_a_greedy_stack_begins_as_the_method_that_it_stacks(name, one):
    stacked, single = method_named(name), method_named(one)
    assert stacked.backbones == ("stack",)
    assert (stacked.native.backbone, stacked.native.depth) == ("stack", 3)
    deep = encoder_of(stacked, replace(PROBLEM, backbone="stack", depth=3, hidden=(20, 16)))
    assert deep.features(IMAGES[:5]).shape == (2, 5, 12)
    layer = encoder_of(single, replace(PROBLEM, width=20))
    assert torch.equal(deep.params["encoder.0.weight"], layer.params["encoder.weight"])


@pytest.mark.parametrize("name", ["rbm", "denoising_autoencoder"])
def test_visible_biases_begin_at_the_log_odds_of_the_pixels(name):
    mean = torch.tensor([0.0, 0.2, 0.5, 1.0])
    [start] = method_named(name).start(None, mean, None).values()
    expected = torch.log(torch.tensor([0.01 / 0.99, 0.2 / 0.8, 1.0, 0.99 / 0.01]))
    torch.testing.assert_close(start, expected)
    torch.testing.assert_close(log_odds(mean), expected)


def test_softmax_outputs_share_every_image_out():
    features = encoder_of(method_named("infomax_softmax")).features(IMAGES[:50])
    torch.testing.assert_close(features.sum(-1), torch.ones(2, 50))
    assert (features >= 0).all()


def test_the_softmax_objective_is_gaussian_entropy_and_squared_correlation():
    a = distances(2)
    z = np.exp(a.numpy())
    z /= z.sum(1, keepdims=True)
    corr = np.corrcoef(z, rowvar=False)
    entropy, redundancy = terms_of("infomax_softmax", a, lambda_tc=0.3).values()
    assert -entropy.item() == pytest.approx(np.log(2 * np.pi * np.e * z.var(0, ddof=1)).sum() / 2, rel=1e-4)
    assert redundancy.item() == pytest.approx(0.3 * ((corr - np.diag(np.diag(corr))) ** 2).sum(), rel=1e-4)
    oracle = torch.stack([Normal(0.0, float(s)).entropy() for s in z.std(0, ddof=1)]).sum()
    assert -entropy.item() == pytest.approx(float(oracle), rel=1e-4)


def test_the_softmax_objective_prefers_a_balanced_partition_to_collapse():
    """One-hot outputs that use all units alike are better than one unit for everything, and than no commitment."""
    k = 6
    balanced = 30 * torch.eye(k).repeat(4, 1)
    collapsed = torch.cat([balanced[:1].expand(23, k), balanced[1:2]])
    undecided = 0.01 * balanced
    losses = [float(sum(terms_of("infomax_softmax", a).values())) for a in (balanced, collapsed, undecided)]
    assert losses[0] == min(losses)
