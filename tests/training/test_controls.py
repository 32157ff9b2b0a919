"""The classical controls and the density models, against numpy, scikit-learn and torch."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA, FastICA
from sklearn.mixture import GaussianMixture
from torch.distributions import Bernoulli, Normal, kl_divergence

from infomax_bench import Batch, Budget, Method, Net, Problem, Rng, bernoulli_nll, gaussian_kl, reparameterised
from infomax_bench.data.dataset import split
from infomax_bench.models.backbones import build_blocks
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.session import session_for
from tests.training.few_digits import (
    IMAGES,
    PROBLEM,
    SEEDS,
    TEST,
    X,
    data_of,
    encoder_of,
    method_named,
    module_of,
    net_of,
)


def fitted(name: str, x: torch.Tensor, width: int, **changes) -> tuple[Method, Net]:
    """The method fitted to float32 vectors `[N, D]`, which need not be bytes."""
    method = method_named(name, **changes)
    problem = Problem((1, 1, x.shape[1]), width, 2, len(x), 50)
    blocks = build_blocks(problem, method, {})
    images = x.view(-1, 1, 1, x.shape[1])
    rng = Rng.of([0], "method", stacked=False)
    params = method.fit(Net(problem, blocks, {}), images, None, Budget(80, len(x)), rng)
    return method, Net(problem, blocks, params)


# -- sources from mixtures ------------------------------------------------------------------------------------


def mixture(n=4000, k=5, d=9) -> tuple[torch.Tensor, np.ndarray]:
    """Images `[N, D]` that mix k independent heavy-tailed sources, and the mixing matrix `[k, D]`."""
    rng = np.random.default_rng(0)
    sources = rng.laplace(size=(n, k)) / np.sqrt(2)
    mixing = rng.normal(size=(k, d))
    return torch.from_numpy(3 + sources @ mixing).float(), mixing


def amari(unmixing: np.ndarray, mixing: np.ndarray) -> float:
    """Amari's distance, in [0, 1], of `mixing @ unmixing` from a scaled permutation; 0 if sources are recovered."""
    p = np.abs(mixing @ unmixing)
    k = len(p)
    rows, columns = p.sum(1) / p.max(1) - 1, p.sum(0) / p.max(0) - 1
    return float((rows.sum() + columns.sum()) / (2 * k * (k - 1)))


@pytest.mark.parametrize("name", ["ica", "bell_sejnowski_infomax"])
def test_independent_sources_are_recovered(name):
    x, mixing = mixture()
    _, net = fitted(name, x, 5)
    assert amari(net.encoder.weight.numpy(), mixing) < 0.03


def test_whitening_alone_recovers_no_sources():
    """What the test above can fail on: any rotation of the sources is as white as they are."""
    x, mixing = mixture()
    _, net = fitted("pca_whitening", x, 5)
    assert amari(net.encoder.weight.numpy(), mixing) > 0.2


@pytest.mark.oracle("ica")
def test_ica_finds_scikit_learns_components():
    x, _ = mixture()
    _, net = fitted("ica", x, 5)
    ours = net.encoder(x.view(-1, 1, 1, 9)).numpy()
    theirs = FastICA(5, whiten="unit-variance", random_state=1).fit_transform(x.double().numpy())
    agreement = np.abs(np.corrcoef(ours, theirs, rowvar=False)[:5, 5:])
    np.testing.assert_allclose(np.sort(agreement.max(1)), 1, atol=1e-3)
    np.testing.assert_allclose(ours.std(0), 1, atol=1e-2)
    np.testing.assert_allclose(ours.mean(0), 0, atol=1e-4)


@pytest.mark.oracle("bell_sejnowski_infomax")
def test_the_natural_gradient_is_that_of_the_joint_entropy():
    """Autograd's gradient of log |det W| + E sum_j log y_j (1 - y_j), times W^T W."""
    g = torch.Generator().manual_seed(0)
    z = torch.randn(40, 5, generator=g, dtype=torch.float64)
    w = torch.randn(5, 5, generator=g, dtype=torch.float64).requires_grad_()  # u = W z + b
    b = torch.randn(5, generator=g, dtype=torch.float64).requires_grad_()
    y = torch.sigmoid(z @ w.T + b)
    entropy = torch.linalg.slogdet(w)[1] + (y * (1 - y)).log().sum(1).mean()
    of_w, of_b = torch.autograd.grad(entropy, (w, b))
    relative, slope = module_of("bell_sejnowski_infomax").natural_gradient(z, w.T.detach(), b.detach())
    torch.testing.assert_close((w.T @ relative).T.detach(), (of_w @ w.T @ w).detach())
    torch.testing.assert_close(slope, of_b)


def test_the_joint_entropy_rises_and_its_maximum_is_stationary():
    """Where it arrives the outputs of the whole data satisfy E (1 - 2 y) u^T = -1: the natural gradient is 0."""
    x, _ = mixture()
    _, net = fitted("bell_sejnowski_infomax", x, 5)
    u = net.encoder(x.view(-1, 1, 1, 9))
    moment = (1 - 2 * torch.sigmoid(u)).T @ u / len(u)
    torch.testing.assert_close(moment, -torch.eye(5), rtol=0, atol=0.06)


@pytest.mark.parametrize("name", ["ica", "bell_sejnowski_infomax", "pca_whitening"])
def test_directions_in_which_images_do_not_vary_are_dead_units(name):
    """Nine units for images of five dimensions: five say something, none of them blown-up rounding."""
    x, _ = mixture()
    _, net = fitted(name, x, 9)
    features = net.encoder(x.view(-1, 1, 1, 9))
    assert (features.std(0) > 0.5).tolist() == [True] * 5 + [False] * 4
    assert torch.equal(features[:, 5:], torch.zeros(len(x), 4))


@pytest.mark.oracle("pca_whitening")
def test_whitening_is_scikit_learns():
    encoder = encoder_of(method_named("pca_whitening"))
    for i, own in enumerate(split(TEST, seed) for seed in SEEDS):
        oracle = PCA(12, whiten=True, svd_solver="full").fit(X[own.train].flatten(1).double().numpy())
        features = encoder.features(IMAGES)[i].numpy()
        np.testing.assert_allclose(features, oracle.transform(X.flatten(1).double().numpy()), atol=1e-4)
        np.testing.assert_allclose(np.cov(features[own.train], rowvar=False), np.eye(12), atol=1e-3)


def test_whitening_is_pca_after_standardisation():
    """So a probe, which standardises, sees the same features; only a unit's scale and nothing else is different."""
    plain, white = (encoder_of(method_named(name)).features(IMAGES) for name in ("pca", "pca_whitening"))
    standard = [(f - f.mean(1, keepdim=True)) / f.std(1, keepdim=True) for f in (plain, white)]
    torch.testing.assert_close(*standard, rtol=1e-3, atol=1e-3)
    assert plain.std(1).max() / plain.std(1).min() > 2


# -- mixture of Gaussians -------------------------------------------------------------------------------------


def as_scikit_learns(encoder: Encoder, seed: int) -> GaussianMixture:
    """scikit-learn's mixture with the parameters that our encoder keeps."""
    means, precision = (encoder.params[f"encoder.{name}"][seed].double().numpy().T for name in ("weight", "precision"))
    normalised = encoder.params["encoder.bias"][seed].double().numpy()
    oracle = GaussianMixture(len(means), covariance_type="diag")
    oracle.means_, oracle.covariances_, oracle.precisions_cholesky_ = means, 1 / precision, np.sqrt(precision)
    oracle.weights_ = np.exp(normalised + 0.5 * np.log(2 * np.pi / precision).sum(1))
    return oracle


@pytest.mark.oracle("gmm")
def test_the_mixtures_features_are_scikit_learns_responsibilities():
    encoder, shares = encoder_of(method_named("gmm")), encoder_of(method_named("gmm_responsibilities"))
    for i in range(2):
        oracle = as_scikit_learns(encoder, i)
        assert oracle.weights_.sum() == pytest.approx(1, abs=1e-4)
        x = X.flatten(1).double().numpy()
        expected = oracle.predict_proba(x)
        np.testing.assert_allclose(encoder.features(IMAGES)[i].exp().numpy(), expected, atol=1e-3)
        np.testing.assert_allclose(shares.features(IMAGES)[i].numpy(), expected, atol=1e-3)
        joint = oracle._estimate_weighted_log_prob(x)
        np.testing.assert_allclose(
            encoder.features(IMAGES)[i], joint - np.logaddexp.reduce(joint, 1)[:, None], rtol=1e-3, atol=0.01
        )


def test_the_mixture_is_a_fixed_point_of_em():
    """The moments of its own images under its responsibilities are its parameters, as far as EM was taken."""
    encoder = encoder_of(method_named("gmm"), epochs=100)
    own = split(TEST, 0)
    x = X[own.train].flatten(1).double().numpy()
    oracle = as_scikit_learns(encoder, 0)
    r = oracle.predict_proba(x)
    means = r.T @ x / r.sum(0)[:, None]
    variances = r.T @ x**2 / r.sum(0)[:, None] - means**2 + encoder.method.floor
    np.testing.assert_allclose(oracle.weights_, r.mean(0), atol=5e-3)
    np.testing.assert_allclose(oracle.means_, means, atol=0.02)
    np.testing.assert_allclose(oracle.covariances_, variances, atol=5e-3)


def test_components_that_are_left_share_out_what_others_leave():
    encoder = encoder_of(method_named("gmm_responsibilities"))
    units = torch.tensor([[0, 3, 4, 7], [1, 2, 5, 11]])
    left = encoder.features(IMAGES).gather(2, units.unsqueeze(1).expand(-1, len(IMAGES), -1))
    fewer = encoder.keep_units(units).features(IMAGES)
    certain = left.sum(-1) > 1e-3
    torch.testing.assert_close(fewer[certain], (left / left.sum(-1, keepdim=True))[certain], rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(fewer.sum(-1), torch.ones(2, len(IMAGES)))


def test_a_mixture_is_fitted_to_as_many_images_as_it_says():
    few = encoder_of(method_named("gmm", images=50))
    assert not torch.equal(few.params["encoder.weight"], encoder_of(method_named("gmm")).params["encoder.weight"])
    assert method_named("gmm", images=8).unavailable(PROBLEM)
    assert not method_named("gmm").unavailable(PROBLEM)


@pytest.mark.parametrize("name", ["ica", "bell_sejnowski_infomax", "pca", "pca_whitening", "gmm"])
def test_more_units_than_there_can_be_are_declared(name):
    method = method_named(name)
    assert method.unavailable(replace(PROBLEM, width=700))
    if name != "gmm":
        assert method.unavailable(replace(PROBLEM, width=65))
        assert not method.unavailable(replace(PROBLEM, width=64))


@pytest.mark.parametrize("width", [1, 2, 64])
@pytest.mark.parametrize("name", ["ica", "bell_sejnowski_infomax", "pca_whitening", "infomax_em_responsibilities"])
def test_any_width_gives_finite_features(name, width):
    """One unit, and as many as there are pixels, three of which never vary."""
    method = method_named(name)
    assert encoder_of(method, replace(PROBLEM, width=width)).features(IMAGES).isfinite().all()


# -- variational autoencoders ---------------------------------------------------------------------------------


def normal(*shape: int, seed=0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_divergence_from_a_standard_normal_is_torchs():
    mean, log_variance = normal(2, 7, 4), normal(2, 7, 4, seed=1)
    oracle = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(torch.zeros(4), torch.ones(4))).sum(-1)
    torch.testing.assert_close(gaussian_kl(mean, log_variance), oracle)


def test_the_likelihood_of_binary_pixels_is_torchs():
    logits, x = normal(3, 5, 9), (normal(3, 5, 9, seed=1) > 0).double()
    torch.testing.assert_close(bernoulli_nll(logits, x), -Bernoulli(logits=logits).log_prob(x).sum(-1))


def test_draws_have_their_mean_and_variance_and_pass_gradients_back():
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, math.log(4.0)]])
    mean.requires_grad_()
    log_variance.requires_grad_()
    z = reparameterised(mean.expand(100_000, 2), log_variance.expand(100_000, 2), Rng.of([0], "draws", stacked=False))
    torch.testing.assert_close(z.mean(0), mean[0], rtol=0, atol=0.03)
    torch.testing.assert_close(z.var(0), log_variance.exp()[0], rtol=0.03, atol=0)
    of_mean, of_log = torch.autograd.grad(z.square().mean(0).sum(), (mean, log_variance))  # E z^2 = mu^2 + sigma^2
    torch.testing.assert_close(of_mean, 2 * mean, rtol=0.02, atol=0.02)
    torch.testing.assert_close(of_log, log_variance.exp(), rtol=0.03, atol=0)


@pytest.mark.oracle("variational_autoencoder")
@pytest.mark.parametrize("backbone", ["linear", "mlp"])
def test_the_variational_loss_is_the_negative_evidence_lower_bound(backbone):
    """In numpy, from the parts of the net and the same draw."""
    problem = replace(PROBLEM, backbone=backbone, depth=1 if backbone == "linear" else 2)
    method = method_named("variational_autoencoder")
    net = net_of(method, problem)
    batch = Batch(images=X[:50].expand(2, 50, 1, 8, 8))
    reconstruction, divergence = method.loss(net, batch, {}, Rng.of(SEEDS, "method")).values()
    noise = Rng.of(SEEDS, "method").normal(50, 12).numpy()
    mean = net.encoder(batch.images).numpy()
    log_variance = net.log_variance(net.encoder.trunk(batch.images)).numpy()
    z = mean + np.exp(log_variance / 2) * noise
    p = 1 / (1 + np.exp(-net.decoder(torch.from_numpy(z)).double().numpy()))
    x = batch.x.double().numpy()
    np.testing.assert_allclose(reconstruction, -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(-1).mean(-1), rtol=1e-4)
    expected = (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(-1).mean(-1) / 2
    np.testing.assert_allclose(divergence, expected, rtol=1e-4)
    assert torch.equal(method.features(net, batch.images), net.encoder(batch.images))


@pytest.mark.oracle("beta_tcvae")
def test_the_three_divergences_are_the_variational_one():
    """Information + total correlation + dimensions = log q(z|x) - log p(z), whatever the estimate of q(z)."""
    mean, log_variance = normal(2, 30, 4), 0.3 * normal(2, 30, 4, seed=1)
    draws = [reparameterised(mean, log_variance, Rng.of([i, 99 + i], "draws")).double() for i in range(500)]
    divergences = module_of("beta_tcvae").divergences
    totals = []
    for z in draws:
        total = sum(divergences(z, mean, log_variance, 600))
        own = Normal(mean, (0.5 * log_variance).exp()).log_prob(z).sum(-1)
        prior = Normal(torch.zeros(4), torch.ones(4)).log_prob(z).sum(-1)
        torch.testing.assert_close(total, (own - prior).mean(-1))
        totals.append(total)
    torch.testing.assert_close(torch.stack(totals).mean(0), gaussian_kl(mean, log_variance).mean(-1), rtol=0.04, atol=0)


def test_the_total_correlation_is_the_minibatch_weighted_estimate():
    """Equation 5 of the paper, by enumeration in numpy."""
    n_train, mean, log_variance = 600, normal(8, 3).numpy(), 0.3 * normal(8, 3, seed=1).numpy()
    z = mean + np.exp(log_variance / 2) * normal(8, 3, seed=2).numpy()
    density = np.array(
        [
            [
                np.exp(-0.5 * (z[i] - mean[j]) ** 2 / np.exp(log_variance[j]))
                / np.sqrt(2 * np.pi * np.exp(log_variance[j]))
                for j in range(8)
            ]
            for i in range(8)
        ]
    )
    joint = np.log(density.prod(2).sum(1) / (n_train * 8))
    marginals = np.log(density.sum(1) / (n_train * 8))
    args = [torch.from_numpy(a) for a in (z, mean, log_variance)]
    information, correlation, dimensions = module_of("beta_tcvae").divergences(*args, n_train)
    own = np.log(np.array([density[i, i].prod() for i in range(8)]))
    prior = (-0.5 * z**2 - 0.5 * np.log(2 * np.pi)).sum(1)
    assert information.item() == pytest.approx((own - joint).mean())
    assert correlation.item() == pytest.approx((joint - marginals.sum(1)).mean())
    assert dimensions.item() == pytest.approx((marginals.sum(1) - prior).mean())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_copies_of_a_unit_have_more_total_correlation_than_independent_ones(seed):
    """By as much as the entropy of what is shared, up to the estimate from a batch."""
    z = normal(400, 2, seed=seed)
    log_variance = torch.full_like(z, -3.0)
    copies = z[:, :1].expand(-1, 2)
    divergences = module_of("beta_tcvae").divergences
    noise = (0.5 * log_variance).exp() * normal(400, 2, seed=seed + 1)
    apart, together = (float(divergences(mean + noise, mean, log_variance, 400)[1]) for mean in (z, copies))
    assert together > apart + 0.5


def test_beta_one_is_the_variational_autoencoder_and_more_beta_pays_more_for_correlation():
    plain, one, four = (
        method_named("variational_autoencoder"),
        *(method_named("beta_tcvae", beta=b) for b in (1.0, 4.0)),
    )
    net = net_of(plain)
    batch = Batch(images=X[:50].expand(2, 50, 1, 8, 8))
    terms = [method.loss(net, batch, {}, Rng.of(SEEDS, "method")) for method in (plain, one, four)]
    assert torch.equal(terms[0]["reconstruction"], terms[1]["reconstruction"])
    differ = [name for name in terms[1] if not torch.equal(terms[1][name], terms[2][name])]
    assert len(differ) == 1
    torch.testing.assert_close(terms[2][differ[0]], 4 * terms[1][differ[0]])

    def divergence(method: Method, draws: int) -> torch.Tensor:
        rng = Rng.of(SEEDS, "method")
        losses = [method.loss(net, batch, {}, rng) for _ in range(draws)]
        rest = [sum(v for k, v in loss.items() if k != "reconstruction") for loss in losses]
        return torch.stack(rest).mean(0)

    torch.testing.assert_close(divergence(one, 200), divergence(plain, 1), rtol=0.05, atol=0.02)


@pytest.mark.parametrize("name", ["variational_autoencoder", "beta_tcvae"])
@pytest.mark.parametrize("backbone", ["mlp", "convnet"])
def test_what_is_frozen_has_the_objective_of_what_was_trained(name, backbone):
    """Held-out objectives are measured with the frozen encoder: the heads on its trunk must see what they saw."""
    problem = replace(PROBLEM, backbone=backbone, depth=2 if backbone == "mlp" else 1)
    method = method_named(name)
    session = session_for(method, problem, data_of(), SEEDS, 4)
    for _ in range(4):
        session.advance()
    batch = session.batch()
    with torch.no_grad():
        training = method.loss(session.net, batch, {}, Rng.of(SEEDS, "test"))
        frozen = Net(problem, build_blocks(problem, method, method.heads(problem)), session.finished())
        after = method.loss(frozen, batch, {}, Rng.of(SEEDS, "test"))
    for term in training:
        torch.testing.assert_close(after[term], training[term], rtol=1e-3, atol=1e-3)
