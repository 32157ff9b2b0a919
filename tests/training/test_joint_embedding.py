"""Joint-embedding objectives and the pieces that they share, against lightly, numpy and closed forms."""

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

import infomax_bench.data._torchvision  # noqa: F401 - makes torchvision, and so lightly, importable everywhere
from infomax_bench import (
    Augmentation,
    Batch,
    Method,
    Problem,
    correlation,
    covariance,
    cross_correlation,
    cross_entropy,
    follow,
    off_diagonal_sum_of_squares,
    projections,
    standardised,
)
from infomax_bench.base.streams import Rng
from infomax_bench.data.dataset import split
from infomax_bench.study.plugins import registry
from infomax_bench.training.data import Data
from infomax_bench.training.session import Session, named_terms, session_for

lightly_loss = pytest.importorskip("lightly.loss")

REGISTRY = registry()
NAMES = ["byol", "swav", "barlow_twins", "vicreg", "lejepa"]
SEEDS, B, P = 3, 24, 6


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def small(name: str) -> Method:
    """The method, for projections of P dimensions (SwAV then gets scores for P prototypes)."""
    return REGISTRY.method(name, {"projection": P})


def module_of(name: str):
    """The method's file, for its functions."""
    return sys.modules[REGISTRY.plugins["methods"][name].cls.__module__]


def terms_of(method: Method, views: torch.Tensor) -> dict[str, torch.Tensor]:
    """The loss terms `[S]` of the projections of each view, `[views, S, B, P]`; other heads change nothing."""
    net = SimpleNamespace(
        encoder=lambda a: a,
        projector=lambda a: a,
        predictor=lambda a: a,
        prototypes=lambda a: a,
        with_params=lambda _: net,
    )
    rng = Rng.of(range(views.shape[1]), "method")
    return named_terms(method.loss(net, Batch(images=views[0], views=tuple(views)), {}, rng))


def loss_of(method: Method, views: torch.Tensor) -> torch.Tensor:
    return torch.stack(list(terms_of(method, views).values())).sum(0)


def small_session(method: Method, seeds=(0, 1), n_steps: int = 8) -> Session:
    images = torch.randint(0, 256, (200, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    splits = [split(torch.arange(200) >= 180, seed) for seed in seeds]
    data = Data(images, torch.zeros(200, dtype=torch.int64), splits, Augmentation(shift=0.1, noise=0.05))
    problem = Problem((1, 8, 8), 16, 10, len(splits[0].train), batch_size=32)
    return session_for(method, problem, data, seeds, n_steps)


# -- what objectives share ------------------------------------------------------------------------------------


def test_correlations_and_covariances_are_numpys_for_every_seed():
    a, b = normal(2, SEEDS, B, P, dtype=torch.float64)
    for i in range(SEEDS):
        joint = torch.from_numpy(np.corrcoef(a[i].numpy(), b[i].numpy(), rowvar=False))
        torch.testing.assert_close(cross_correlation(a, b)[i], joint[:P, P:], rtol=1e-6, atol=1e-7)
        torch.testing.assert_close(correlation(a)[i], joint[:P, :P], rtol=1e-6, atol=1e-7)
        torch.testing.assert_close(covariance(a)[i], torch.from_numpy(np.cov(a[i].numpy(), rowvar=False)))


@pytest.mark.parametrize("value", [0.0, 0.1, -1000.3])
def test_a_unit_that_is_constant_in_the_batch_correlates_with_nothing_and_gets_no_gradient(value):
    """0.1 and 1000.3 differ from their own mean by rounding; scaled up to a deviation of 1, that would be noise."""
    a, b = normal(2, B, P)
    a[:, 0] = value
    a.requires_grad_()
    c = cross_correlation(a, b)
    assert torch.equal(c[0], torch.zeros(P))
    (c - 1).square().sum().backward()  # wants every correlation to be 1, also those that are 0
    assert a.grad.isfinite().all()
    assert torch.equal(a.grad[:, 0], torch.zeros(B))
    assert (a.grad[:, 1:] != 0).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100), shift=st.floats(-5, 5))
def test_correlation_ignores_the_scale_and_offset_of_units_and_the_order_of_images(seed, scale, shift):
    z = normal(B, P, seed=seed, dtype=torch.float64)
    changed = z[torch.randperm(B, generator=torch.Generator().manual_seed(seed))]
    changed[:, 0] = changed[:, 0] * scale + shift
    torch.testing.assert_close(correlation(changed), correlation(z), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(standardised(z).var(-2), torch.ones(P, dtype=torch.float64))


def test_squares_off_the_diagonal_are_summed_without_those_on_it():
    matrix = normal(SEEDS, P, P)
    expected = [((m - np.diag(np.diag(m))) ** 2).sum() for m in matrix.numpy()]
    np.testing.assert_allclose(off_diagonal_sum_of_squares(matrix), expected, rtol=1e-5)
    huge = torch.diag_embed(1e6 * normal(SEEDS, P)) + 1e-3 * torch.eye(P).roll(1, 0)
    torch.testing.assert_close(off_diagonal_sum_of_squares(huge), torch.full((SEEDS,), P * 1e-6))


def test_cross_entropy_is_torchs_for_every_seed():
    logits = 30 * normal(SEEDS, B, P)
    labels = torch.randint(0, P, (SEEDS, B), generator=torch.Generator().manual_seed(0))
    expected = torch.stack([F.cross_entropy(logits[i], labels[i]) for i in range(SEEDS)])
    torch.testing.assert_close(cross_entropy(logits, labels), expected)


def test_following_moves_copies_of_parameters_and_nothing_else():
    net = SimpleNamespace(params={"encoder.weight": normal(SEEDS, 4), "predictor.0.bias": normal(SEEDS, 2)})
    state = {"encoder.weight": normal(SEEDS, 4, seed=1), "queue": normal(3, seed=2)}
    before = {name: value.clone() for name, value in {**net.params, **state}.items()}
    new = net.params["encoder.weight"].clone()
    follow(state, net, 0.9)
    torch.testing.assert_close(state["encoder.weight"], 0.9 * before["encoder.weight"] + 0.1 * new)
    assert torch.equal(state["queue"], before["queue"])
    assert torch.equal(net.params["encoder.weight"], new)
    assert set(state) == {"encoder.weight", "queue"}


def test_batch_norm_sees_one_view_at_a_time():
    session = small_session(REGISTRY.method("vicreg"))
    first, second = session.batch().views
    alone = projections(session.net, [first])[0]
    assert torch.equal(projections(session.net, [first, second])[0], alone)
    assert torch.equal(projections(session.net, [first, 5 * second + 1])[0], alone)


# -- every objective ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_neither_the_order_of_images_nor_of_views_matters(name, seed):
    method, views = small(name), normal(2, SEEDS, B, P, seed=seed)
    order = torch.randperm(B, generator=torch.Generator().manual_seed(seed))
    expected = loss_of(method, views)
    assert expected.shape == (SEEDS,)
    torch.testing.assert_close(loss_of(method, views[:, :, order]), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(loss_of(method, views.flip(0)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_views_of_the_same_image_are_to_agree(name):
    """The same points cost less as their own other views than as those of their neighbours in the batch."""
    method, z = small(name), normal(SEEDS, B, P)
    own, others = loss_of(method, torch.stack([z, z])), loss_of(method, torch.stack([z, z.roll(1, dims=-2)]))
    assert (own < others).all()


@pytest.mark.parametrize("name", NAMES)
def test_projections_that_have_collapsed_give_finite_gradients(name):
    """All images at one point, at 0 and elsewhere; and all but one unit constant."""
    method = small(name)
    one = torch.zeros(2, 1, B, P)
    one[..., 0] = normal(2, 1, B)
    for views in (torch.zeros(2, 1, B, P), torch.full((2, 1, B, P), 0.1), one):
        views.requires_grad_()
        loss_of(method, views).sum().backward()
        assert views.grad.isfinite().all()
        assert views.grad.abs().max() < 1e3


# -- byol -----------------------------------------------------------------------------------------------------


@pytest.mark.oracle("byol")
def test_byols_loss_is_lightlys_with_a_target_that_has_fallen_behind():
    """Lightly's is minus the cosine; here, as in the paper, 2 - 2 cos, both ways."""
    session = small_session(REGISTRY.method("byol"))
    net, state, batch = session.net, session.state, session.batch()
    for name in state:
        state[name] += 0.1 * normal(*state[name].shape, seed=len(name))
    target = net.with_params(state)
    q = [net.predictor(net.projector(net.encoder(view))) for view in batch.views]
    z = [target.projector(target.encoder(view)) for view in batch.views]
    oracle = lightly_loss.NegativeCosineSimilarity()
    loss = session.method.loss(net, batch, state, session.rng)
    for i in range(2):
        expected = 4 + 2 * oracle(q[0][i], z[1][i]) + 2 * oracle(q[1][i], z[0][i])
        torch.testing.assert_close(loss[i], expected, rtol=1e-5, atol=1e-5)


def test_no_gradient_reaches_byols_target():
    session = small_session(REGISTRY.method("byol"))
    assert {name.split(".")[0] for name in session.state} == {"encoder", "projector"}
    for value in session.state.values():
        value.requires_grad_()
    session.method.loss(session.net, session.batch(), session.state, session.rng).sum().backward()
    assert all(value.grad is None for value in session.state.values())
    assert all(p.grad.abs().sum() > 0 for name, p in session.net.params.items() if name.endswith("weight"))


def test_byols_target_follows_on_a_cosine_that_ends_at_standing_still():
    session = small_session(REGISTRY.method("byol", {"target_momentum": 0.9}), n_steps=8)
    for step in range(8):
        before = {name: value.clone() for name, value in session.state.items()}
        session.advance()
        keep = 1 - 0.1 * (math.cos(math.pi * step / 8) + 1) / 2
        for name, old in before.items():
            torch.testing.assert_close(session.state[name], keep * old + (1 - keep) * session.net.params[name])
    assert keep > 0.99


def test_mocos_keys_follow_at_a_constant_rate():
    session = small_session(REGISTRY.method("moco", {"key_momentum": 0.9, "queue": 32}))
    before = {name: session.state[name].clone() for name in session.net.params}
    session.advance()
    for name, old in before.items():
        torch.testing.assert_close(session.state[name], 0.9 * old + 0.1 * session.net.params[name])


# -- swav -----------------------------------------------------------------------------------------------------


@pytest.mark.oracle("swav")
@pytest.mark.parametrize("crops", [2, 4])
def test_swavs_loss_is_lightlys(crops):
    """Views beyond the second are predicted from, but are not themselves assigned."""
    method = REGISTRY.method("swav", {"crops": crops, "temperature": 0.2, "epsilon": 0.07})
    assert method.views == crops
    scores = F.normalize(normal(crops, SEEDS, B, P), dim=-1)
    oracle = lightly_loss.SwaVLoss(temperature=0.2, sinkhorn_epsilon=0.07)
    loss = loss_of(method, scores)
    for i in range(SEEDS):
        expected = oracle(list(scores[:2, i]), list(scores[2:, i]))
        torch.testing.assert_close(loss[i], expected.squeeze(), rtol=1e-4, atol=1e-5)


def test_swavs_assignments_are_lightlys_and_get_no_gradient():
    """The gradient is then that of a cross-entropy with fixed targets, (softmax - target) / (T B), over two pairs."""
    from lightly.loss.swav_loss import sinkhorn as oracle

    scores = F.normalize(normal(2, 1, B, P), dim=-1)
    assigned = module_of("swav").sinkhorn(scores, 0.05, 3)
    for i in range(2):
        torch.testing.assert_close(assigned[i, 0], oracle(scores[i, 0]), rtol=1e-4, atol=1e-6)
    scores.requires_grad_()
    loss_of(REGISTRY.method("swav"), scores).sum().backward()
    expected = (torch.softmax(scores.detach() / 0.1, -1) - assigned.flip(0)) / (0.1 * B) / 2
    torch.testing.assert_close(scores.grad, expected, rtol=1e-4, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), epsilon=st.floats(1e-3, 1.0))
def test_assignments_are_distributions_that_share_out_the_prototypes(seed, epsilon):
    """Also where exp(score / epsilon) is more than a float holds."""
    sinkhorn = module_of("swav").sinkhorn
    scores = F.normalize(normal(SEEDS, B, P, seed=seed), dim=-1)
    assigned = sinkhorn(scores, epsilon, 3)
    torch.testing.assert_close(assigned.sum(-1), torch.ones(SEEDS, B), rtol=1e-4, atol=1e-4)
    many = sinkhorn(scores, max(epsilon, 0.1), 200)
    torch.testing.assert_close(many.sum(-2), torch.full((SEEDS, P), B / P), rtol=1e-2, atol=1e-2)
    order = torch.randperm(P, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(sinkhorn(scores[..., order], epsilon, 3), assigned[..., order], rtol=1e-3, atol=1e-4)


def test_prototypes_are_trained_and_stay_at_unit_norm():
    session = small_session(REGISTRY.method("swav", {"prototypes": 10, "learning_rate": 0.1}))
    before = session.net.prototypes.weight.detach().clone()
    assert before.shape == (2, 128, 10)
    torch.testing.assert_close(before.norm(dim=-2), torch.ones(2, 10))
    for _ in range(3):
        session.advance()
    after = session.net.prototypes.weight
    torch.testing.assert_close(after.norm(dim=-2).detach(), torch.ones(2, 10))
    assert (after - before).abs().max() > 0.01
    scores = session.net.prototypes(normal(2, B, 128))
    assert scores.abs().max() <= 1  # cosines


# -- barlow twins and vicreg ----------------------------------------------------------------------------------


@pytest.mark.oracle("barlow_twins")
def test_barlow_twins_loss_is_lightlys():
    views = normal(2, SEEDS, B, P) @ normal(P, P, seed=1)
    loss = loss_of(REGISTRY.method("barlow_twins", {"redundancy": 0.02}), views)
    for i in range(SEEDS):
        expected = lightly_loss.BarlowTwinsLoss(0.02)(views[0, i], views[1, i])
        torch.testing.assert_close(loss[i], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.oracle("vicreg")
def test_vicregs_loss_is_lightlys():
    views = 0.5 * normal(2, SEEDS, B, P) @ normal(P, P, seed=1)
    weights = {"invariance": 20.0, "variance": 30.0, "decorrelation": 2.0, "projection": P}
    loss = loss_of(REGISTRY.method("vicreg", weights), views)
    for i in range(SEEDS):
        expected = lightly_loss.VICRegLoss(20.0, 30.0, 2.0)(views[0, i], views[1, i])
        torch.testing.assert_close(loss[i], expected, rtol=1e-5, atol=1e-5)


def test_what_collapse_costs():
    """All images at one point: every correlation is missing, and so is every deviation (but for VICReg's epsilon)."""
    point = torch.full((2, 1, B, P), 0.3)
    twins = terms_of(REGISTRY.method("barlow_twins"), point)
    assert (twins["invariance"].item(), twins["redundancy"].item()) == (P, 0)
    vicreg = terms_of(REGISTRY.method("vicreg"), point)
    assert vicreg["variance"].item() == pytest.approx(25 * 0.99, rel=1e-5)
    assert vicreg["invariance"].item() == 0
    assert vicreg["covariance"].item() < 1e-12


# -- lejepa ---------------------------------------------------------------------------------------------------


@pytest.mark.oracle("lejepa")
def test_lejepas_loss_is_lightlys_on_the_same_directions(monkeypatch):
    from lightly.loss.lejepa_loss import SIGReg, lejepa_invariance_loss

    method, views = (
        REGISTRY.method("lejepa", {"projection": P, "directions": 32, "gaussianity": 0.2}),
        normal(2, 2, B, P),
    )
    terms = terms_of(method, views)
    directions = Rng.of(range(2), "method").normal(P, 32)
    oracle = SIGReg(num_vectors=32)
    for i in range(2):
        own = directions[i] / directions[i].norm(dim=0)
        monkeypatch.setattr(oracle, "_generate_unit_vectors", lambda *_, own=own, **__: own)
        torch.testing.assert_close(terms["gaussianity"][i], 0.2 * oracle(views[:, i]), rtol=1e-4, atol=1e-5)
        expected = 0.8 * lejepa_invariance_loss(all_proj=views[:, i], global_proj=views[:, i])
        torch.testing.assert_close(terms["prediction"][i], expected)


@pytest.mark.parametrize("spread", [0.2, 1.0, 3.0])
def test_the_epps_pulley_statistic_is_the_integral_in_its_definition(spread):
    x = spread * normal(B, 5, dtype=torch.float64) + 0.3
    t = np.linspace(-3, 3, 6001)
    error = np.abs(np.exp(1j * x.numpy()[..., None] * t).mean(0) - np.exp(-(t**2) / 2)) ** 2
    expected = B * np.trapezoid(error * np.exp(-(t**2) / 2), t)
    np.testing.assert_allclose(module_of("lejepa").epps_pulley(x.float()), expected, rtol=0.01)


def test_the_epps_pulley_statistic_is_smallest_for_normal_samples():
    """Of normal samples its mean is the integral of (1 - exp(-t^2)) exp(-t^2 / 2), whatever their size."""
    statistic = module_of("lejepa").epps_pulley
    t = torch.linspace(-3, 3, 1001)
    floor = torch.trapezoid((1 - torch.exp(-(t**2))) * torch.exp(-(t**2) / 2), t).item()
    for n in (20, 100):
        x = normal(n, 5_000)
        assert statistic(x).mean().item() == pytest.approx(floor, rel=0.05)
    assert statistic(x.sign()).mean() > 5 * floor  # the same mean and variance, another distribution
    assert statistic(2 * x).mean() > 5 * floor
    assert statistic(x + 1).mean() > 5 * floor
    assert statistic(0 * x).mean() > 5 * floor
