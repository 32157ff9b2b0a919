"""The batched probe against scikit-learn: same optimum, same answers, whatever is solved beside it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from infomax_bench.base.errors import Diverged
from infomax_bench.data.dataset import split
from infomax_bench.evaluations.context import FeatureSet
from infomax_bench.evaluations.probe import (
    few_shot,
    few_shot_draws,
    few_shot_neighbours,
    linear_probe,
)
from infomax_bench.numerics._objective import Objective
from infomax_bench.numerics._solver import PROMISE, complain, inverse
from infomax_bench.numerics.logistic import _minimise, fit_logistic
from infomax_bench.numerics.newton import newton


def blobs(n: int = 400, k: int = 6, classes: int = 3, seed: int = 0, correlated: bool = True):
    """Standardised, overlapping classes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    x = rng.normal(size=(n, k)) + 1.2 * rng.normal(size=(classes, k))[y]
    if correlated:
        x = x @ (np.eye(k) + rng.normal(size=(k, k)))
    x = (x - x.mean(0)) / x.std(0)
    return x.astype(np.float32), y


def sklearn_objective(x, y, l2):
    model = LogisticRegression(C=1 / (l2 * len(x)), tol=1e-8, max_iter=10_000).fit(x, y)
    log_p = model.predict_log_proba(x)
    return -log_p[np.arange(len(y)), y].mean() + l2 / 2 * (model.coef_**2).sum(), model


def newton_cholesky(x, y, l2):
    """The optimum by another library's second-order method, float64."""
    model = LogisticRegression(C=1 / (l2 * len(x)), solver="newton-cholesky", tol=1e-9, max_iter=1000).fit(x, y)
    log_p = np.log(np.maximum(model.predict_proba(x), 1e-300))
    return -log_p[np.arange(len(y)), y].mean() + l2 / 2 * (model.coef_**2).sum()


@pytest.mark.parametrize("l2", [1e-4, 1e-2, 1.0])
def test_objective_is_the_one_scikit_learn_finds(l2):
    x, y = blobs()
    expected, _ = sklearn_objective(x, y, l2)
    fit = fit_logistic(torch.tensor(x)[None], torch.tensor(y)[None], torch.tensor([l2]), 3)
    assert fit.objective.item() == pytest.approx(expected, rel=1e-4)


def test_probabilities_agree_with_scikit_learn():
    x, y = blobs(classes=4)
    _, model = sklearn_objective(x, y, 1e-2)
    fit = fit_logistic(torch.tensor(x)[None], torch.tensor(y)[None], torch.tensor([1e-2]), 4)
    p = fit.logits(torch.tensor(x)[None])[0, 0].softmax(-1).numpy()
    np.testing.assert_allclose(p, model.predict_proba(x), atol=3e-3)


def test_problems_do_not_disturb_each_other():
    """Each of several seeds and penalties ends where it ends alone."""
    data = [blobs(seed=s) for s in range(3)]
    x, y = torch.tensor(np.stack([d[0] for d in data])), torch.tensor(np.stack([d[1] for d in data]))
    l2 = torch.tensor([1e-4, 1e-2, 1.0])
    together = fit_logistic(x, y, l2, 3).objective
    for s in range(3):
        for r in range(3):
            alone = fit_logistic(x[s : s + 1], y[s : s + 1], l2[r : r + 1], 3).objective
            assert together[s, r].item() == pytest.approx(alone.item(), rel=1e-4)


def test_removed_features_are_as_if_they_had_never_been():
    x, y = blobs(k=8)
    keep = torch.ones(1, 2, 8)
    keep[0, 1, [1, 4, 5]] = 0
    fit = fit_logistic(torch.tensor(x)[None], torch.tensor(y)[None], torch.tensor([1e-3, 1e-3]), 3, keep)
    assert fit.weight[0, 1, [1, 4, 5]].abs().max() == 0
    left = keep[0, 1].bool()
    without = fit_logistic(torch.tensor(x)[None][:, :, left], torch.tensor(y)[None], torch.tensor([1e-3]), 3)
    assert fit.objective[0, 1].item() == pytest.approx(without.objective.item(), rel=1e-4)


def test_where_it_begins_does_not_matter():
    """From the whole probe, the probe without some features is the same as from nothing."""
    x, y = blobs()
    x, y, l2 = torch.tensor(x)[None], torch.tensor(y)[None], torch.tensor([1e-3])
    keep = torch.ones(1, 1, 6)
    keep[..., :2] = 0
    whole = fit_logistic(x, y, l2, 3)
    cold = fit_logistic(x, y, l2, 3, keep)
    warm = fit_logistic(x, y, l2, 3, keep, start=(whole.weight, whole.bias))
    assert warm.objective.item() == pytest.approx(cold.objective.item(), rel=1e-5)
    torch.testing.assert_close(warm.logits(x), cold.logits(x), atol=0.02, rtol=0.02)
    assert warm.weight[..., :2, :].abs().max() == 0


def test_collinear_and_dead_features_do_not_break_it():
    """Duplicated units and constant ones are what pruning meets; the optimum is that of scikit-learn."""
    x, y = blobs()
    x = np.concatenate([x, x[:, :3], np.zeros((len(x), 2), np.float32)], axis=1)
    expected, _ = sklearn_objective(x, y, 1e-3)
    fit = fit_logistic(torch.tensor(x)[None], torch.tensor(y)[None], torch.tensor([1e-3]), 3)
    assert fit.objective.item() == pytest.approx(expected, rel=1e-4)


@given(seed=st.integers(0, 10_000), l2=st.floats(1e-4, 1.0))
@settings(max_examples=15, deadline=None)
def test_duplicating_every_feature_is_half_the_penalty(seed, l2):
    """Two equal copies share a weight w as w/2 each, so their penalty is halved: l2 and l2/2 have the same optimum."""
    x, y = blobs(n=150, k=4, seed=seed)
    if len(np.unique(y)) < 3:
        return
    doubled = np.concatenate([x, x], axis=1)
    one = fit_logistic(torch.tensor(x)[None], torch.tensor(y)[None], torch.tensor([l2 / 2]), 3, tolerance=1e-5)
    two = fit_logistic(torch.tensor(doubled)[None], torch.tensor(y)[None], torch.tensor([l2]), 3, tolerance=1e-5)
    assert two.objective.item() == pytest.approx(one.objective.item(), rel=2e-4)


@pytest.mark.parametrize("shots", [1, 5, 20])
@pytest.mark.parametrize("k", [6, 40])
@pytest.mark.parametrize("l2", [1e-5, 1e-3, 1e-1])
def test_separable_few_shot_problems_reach_scikit_learns_optimum(shots, k, l2):
    """Their loss is tiny at a small L2, so a small gradient alone would not do."""
    x, y = blobs(k=k, seed=shots)
    pick = np.concatenate([np.flatnonzero(y == c)[:shots] for c in range(3)])
    x, y = x[pick], y[pick]
    expected, _ = sklearn_objective(x.astype(np.float64), y, l2)
    fit = fit_logistic(torch.tensor(x)[None], torch.tensor(y)[None], torch.tensor([l2]), 3)
    assert fit.objective.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("wide", [0, 10_000])
def test_few_images_reach_it_with_either_preconditioner(monkeypatch, wide):
    monkeypatch.setattr("infomax_bench.numerics.newton.WIDE", wide)
    x, y = blobs(n=90, k=30)
    expected, _ = sklearn_objective(x.astype(np.float64), y, 1e-4)
    fit = fit_logistic(torch.tensor(x)[None], torch.tensor(y)[None], torch.tensor([1e-4]), 3)
    assert fit.objective.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("l2", [1e-5, 1e-3, 1e-1])
@pytest.mark.parametrize("kind", ["correlated", "heavy tails", "duplicated and constant"])
def test_many_images_reach_scikit_learns_optimum(kind, l2):
    """Enough images for the first solution on a few of them; sorted by class, which must not matter."""
    x, y = blobs(n=17_000, k=8, classes=4)
    if kind == "heavy tails":
        x = np.exp(2 * x)
        x = (x - x.mean(0)) / x.std(0)
    elif kind == "duplicated and constant":
        x = np.concatenate([x, x[:, :4], np.zeros((len(x), 1), np.float32)], axis=1)
    rows = np.argsort(y, kind="stable")
    x, y = x[rows], y[rows]
    expected = newton_cholesky(x.astype(np.float64), y, l2)
    data = torch.tensor(x)[None], torch.tensor(y)[None], torch.tensor([l2]), 4
    fit = fit_logistic(*data)
    assert fit.objective.item() == pytest.approx(expected, rel=1e-4)
    assert torch.equal(fit.weight, fit_logistic(*data).weight)


def test_masks_of_many_images():
    """Problems that share an estimate of the Hessian, with and without some features."""
    x, y = blobs(n=17_000, k=8, classes=4)
    keep = torch.ones(1, 2, 8)
    keep[0, 1, 3:] = 0
    data = torch.tensor(x)[None], torch.tensor(y)[None], torch.tensor([1e-4, 1e-4]), 4
    fit = fit_logistic(*data, keep)
    for r, left in enumerate((slice(None), slice(3))):
        expected, _ = sklearn_objective(x[:, left].astype(np.float64), y, 1e-4)
        assert fit.objective[0, r].item() == pytest.approx(expected, rel=1e-4)
    assert fit.weight[0, 1, 3:].abs().max() == 0


def feature_set(n: int = 300, seeds: tuple[int, ...] = (0, 1)) -> FeatureSet:
    x, y = blobs(n)
    test = torch.arange(n) % 4 == 0
    features = torch.tensor(x)[None].repeat(len(seeds), 1, 1)
    return FeatureSet(features, torch.tensor(y), [split(test, s) for s in seeds], 3)


def test_probe_chooses_l2_on_validation_and_reports_test():
    """Changing every test label changes the reported number and nothing that was chosen."""
    data = feature_set()
    other = feature_set()
    other.labels = other.labels.clone()
    test = data.splits[0].test
    other.labels[test] = (other.labels[test] + 1) % 3
    a, b = linear_probe(data), linear_probe(other)
    assert torch.equal(a.l2, b.l2)
    assert torch.equal(a.weight, b.weight)
    assert not torch.equal(a.test, b.test)


def test_few_shot_draws_are_shared_by_all_methods_and_balanced():
    """They depend on the seed alone, hold each class equally often, and differ between seeds."""
    y = torch.arange(60) % 3
    a, b, c = (few_shot_draws(y, 5, 3, seed) for seed in (0, 0, 1))
    assert a is not None and b is not None and c is not None  # noqa: PT018
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    for draw in a:
        assert y[draw].bincount().tolist() == [5, 5, 5]
        assert len(draw.unique()) == len(draw)


def test_few_shot_of_a_class_that_is_too_small_has_no_result():
    assert few_shot(feature_set(60), (0, 1), shots=50) is None


@pytest.mark.parametrize(("shots", "k"), [(1, 1), (5, 5), (50, 5)])
def test_few_shot_neighbours_are_scikit_learns_on_the_same_draws(shots, k):
    data = feature_set(600)
    found = few_shot_neighbours(data, (0, 1), shots)
    assert found is not None
    for i, seed in enumerate((0, 1)):
        x, y = (getattr(data, name)("train")[i] for name in "xy")
        draws = few_shot_draws(y, shots, data.n_classes, seed)
        scores = [
            KNeighborsClassifier(k, algorithm="brute")
            .fit(x[own].numpy(), y[own].numpy())
            .score(data.x("test")[i].numpy(), data.y("test")[i].numpy())
            for own in draws
        ]
        assert found[i].item() == pytest.approx(np.mean(scores), abs=2 / data.x("test").shape[1])
    assert few_shot_neighbours(feature_set(60), (0, 1), shots=50) is None


def test_more_labels_help():
    data = feature_set(600)
    one, many = few_shot(data, (0, 1), 1), few_shot(data, (0, 1), 50)
    assert one is not None and many is not None  # noqa: PT018
    assert (many > one).all()


@pytest.mark.parametrize("n", [900, 3000])
@pytest.mark.parametrize("far", [1e2, 1e4, 1e6])
@pytest.mark.parametrize("l2", [1e-5, 1e-3, 1e-1])
def test_one_image_far_from_all_others_does_not_stop_it_short_of_the_optimum(n, far, l2):
    """It makes the first estimate of the Hessian wrong by its square, in its direction."""
    x, y = blobs(n, k=16, classes=4, correlated=False)
    x[5] = far
    x = ((x - x.mean(0, dtype=np.float64)) / x.std(0, dtype=np.float64)).astype(np.float32)
    best = newton_cholesky(x.astype(np.float64), y, l2)
    fit = fit_logistic(torch.tensor(x)[None], torch.tensor(y)[None], torch.tensor([l2]), 4)
    assert fit.objective.item() == pytest.approx(best, rel=PROMISE)
    assert fit.gap.item() <= PROMISE * fit.objective.item()


@pytest.mark.parametrize("l2", [1e-5, 1e-2])
def test_what_is_left_to_gain_is_bounded_wherever_it_stops(l2):
    """After every number of iterations, the bound is above what scikit-learn still gains; not solved, that is said."""
    x, y = blobs(1500, k=12, classes=3)
    best = newton_cholesky(x.astype(np.float64), y, l2)
    data = torch.tensor(x)[None], torch.tensor(y)[None], torch.tensor([l2]), 3
    bounds = []
    for iterations in (0, 1, 3, 100):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            w = torch.zeros(1, 1, 3, 13)
            objective = Objective(data[0], data[1], data[2], None, 3)
            _, loss, gap, _ = _minimise(objective, w, torch.arange(1500), 1e-4, 1e-5, iterations)
            complain(gap, loss)
        near = loss.item() - best < 0.01 * best  # the Newton decrement is what is left to gain near the optimum
        assert not near or loss.item() - best <= gap.item() * 1.1 + 1e-6 * best
        assert bool(caught) == (gap.item() > PROMISE * loss.item())
        bounds.append(gap.item() / loss.item())
    assert bounds[0] > PROMISE >= bounds[-1]


def test_large_problems_share_a_block_and_are_solved_a_few_at_a_time(monkeypatch):
    """As where features are wide, or classes many."""
    x, y = blobs(n=1300, k=20, classes=4)
    monkeypatch.setattr("infomax_bench.numerics.logistic.BLOCKS", 0)
    monkeypatch.setattr("infomax_bench.numerics.logistic.WEIGHTS", 2 * 4 * 20)
    keep = torch.ones(1, 5, 20)
    keep[0, 1, 3:] = keep[0, 4, :9] = 0
    l2 = torch.tensor([1e-5, 1e-4, 1e-3, 1e-2, 1e-4])
    fit = fit_logistic(torch.tensor(x)[None], torch.tensor(y)[None], l2, 4, keep)
    for r in range(5):
        left = keep[0, r].bool().numpy()
        expected = newton_cholesky(x[:, left].astype(np.float64), y, float(l2[r]))
        assert fit.objective[0, r].item() == pytest.approx(expected, rel=PROMISE)
    assert fit.weight[0, 1, 3:].abs().max() == 0


@pytest.mark.parametrize("n", [60, 1400])
def test_every_seed_has_its_own_l2(n):
    """Penalties `[S, R]`: of few images, and of more."""
    x, y = blobs(n=n, k=4)
    l2 = torch.tensor([[1e-3, 1e-1], [1e-1, 1e-2]])
    x, y = torch.tensor(x).expand(2, -1, -1), torch.tensor(y).expand(2, -1)
    together = fit_logistic(x, y, l2, 3).objective
    for s in range(2):
        for r in range(2):
            alone = fit_logistic(x[:1], y[:1], l2[s, r : r + 1], 3).objective
            assert together[s, r].item() == pytest.approx(alone.item(), rel=2 * PROMISE)


def test_a_start_far_out_is_no_worse_than_none():
    """Where every class is sure there is no curvature to go by, and the intercept bears no penalty."""
    x, y = blobs(n=60, k=4)
    ones = torch.cat([torch.tensor(x).double(), torch.ones(60, 1)], 1)[None]
    onehot = torch.nn.functional.one_hot(torch.tensor(y), 3).double().T[None]
    far = 1e4 * torch.randn(1, 3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    _, loss, gap, _ = newton(ones, onehot, torch.tensor([1e-4]), far, 1e-4, 400)
    assert loss.item() == pytest.approx(newton_cholesky(x.astype(np.float64), y, 1e-4), rel=PROMISE)
    assert gap.item() <= PROMISE * loss.item()


def test_dead_units_do_not_stop_the_solver():
    """50 of 64 units are constant."""
    rng = torch.Generator().manual_seed(0)
    x = torch.relu(torch.randn(4096, 64, generator=rng) @ torch.randn(64, 64, generator=rng))
    x = (x - x.mean(0)) / x.std(0)
    x[:, torch.randperm(64, generator=rng)[:50]] = 0
    y = (x @ torch.randn(64, 4, generator=rng)).argmax(1)
    fit = fit_logistic(x[None], y[None], torch.tensor([1e-3]), 4)
    expected, _ = sklearn_objective(x.double().numpy(), y.numpy(), 1e-3)
    assert float(fit.objective[0, 0]) == pytest.approx(expected, rel=1e-4)


def test_blocks_are_inverted_or_refused():
    """A NaN anywhere is an error, not a search for the diagonal that would help."""
    root = torch.randn(3, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    blocks = root @ root.mT + torch.eye(5)
    torch.testing.assert_close(inverse(blocks.clone()), torch.linalg.inv(blocks), rtol=1e-3, atol=1e-4)
    blocks[1, 0, 4] = blocks[1, 4, 0] = torch.nan
    with pytest.raises(Diverged, match="not finite"):
        inverse(blocks)


def test_a_hessian_that_rounding_spoils_changes_no_optimum(monkeypatch):
    """Its factor is then made again, with more on the diagonal."""
    x, y = blobs(n=2000, k=20)
    data = (torch.from_numpy(x)[None], torch.from_numpy(y)[None], torch.tensor([1e-2, 1e-3]), 3)
    keep = torch.ones(1, 2, 20)
    keep[:, 1, 5:] = 0
    expected = fit_logistic(*data, keep)
    factorise, failures = torch.linalg.cholesky_ex, []

    def spoilt(a):
        factor, info = factorise(a)
        if len(failures) < 2:
            failures.append(info)
            return torch.full_like(factor, torch.nan), info + 1
        return factor, info

    monkeypatch.setattr(torch.linalg, "cholesky_ex", spoilt)
    found = fit_logistic(*data, keep)
    assert len(failures) == 2
    torch.testing.assert_close(found.objective, expected.objective, rtol=1e-4, atol=0)  # as far as either is solved


def test_what_float32_cannot_solve_at_all_is_solved_in_float64(monkeypatch):
    """Far out, of tiny penalties, its Hessian is not finite."""
    x, y = blobs(60)
    own = torch.tensor(x)[None], torch.tensor(y)[None], torch.tensor([1e-7, 1e-2])
    expected = fit_logistic(*own, 3)

    def only_float64(*given):
        if given[-1] == torch.float32:
            raise Diverged("the probe's Hessian is not finite")
        return newton(*given)

    monkeypatch.setattr("infomax_bench.numerics.newton.newton", only_float64)
    torch.testing.assert_close(fit_logistic(*own, 3).objective, expected.objective, rtol=PROMISE, atol=0)
