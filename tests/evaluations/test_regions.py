"""Regions, curves of the loss and spread over seeds: against scikit-learn, scipy, hand-computed cases, invariances."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from infomax_bench.base.errors import NotApplicable
from infomax_bench.data.dataset import load
from infomax_bench.evaluations.context import Context, FeatureSet, context_for
from infomax_bench.evaluations.dynamics import dynamics, rises, settled
from infomax_bench.evaluations.regions import (
    cluster,
    looked_at,
    owners,
    ownership,
    purity,
    reference_regions,
    regions,
    relative_entropy,
    scores,
)
from infomax_bench.stats.spread import deviation, deviation_ratio
from infomax_bench.study.cell import Cell
from infomax_bench.study.plan import problem_for
from infomax_bench.study.plugins import registry
from infomax_bench.training.data import data_for
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.trainer import train

REGISTRY = registry()
DIGITS = REGISTRY.dataset("digits")
ALL = torch.ones(3, dtype=torch.bool)


def context(name="kmeans", seeds=(0, 1), width=10, epochs=2) -> Context:
    method = REGISTRY.method(name)
    problem = problem_for(Cell(name, "digits", width, epochs, 128), DIGITS)
    data = data_for(DIGITS, problem, seeds, needs=method.needs)
    trained = train(method, problem, data, seeds, epochs)
    facts = {
        "seeds": list(seeds),
        "n_steps": trained.n_steps,
        "log_steps": trained.log_steps,
        "log": {k: v.tolist() for k, v in trained.log.items()},
    }
    return context_for(Encoder(method, problem, trained.params, tuple(seeds), "digits", (False,) * 2, facts), DIGITS)


def given_features(context: Context, make) -> Context:
    """The context with features `make(labels, regions by k-means of the seed)` on all test images."""
    encoder = context.need_encoder()
    before = context.set
    made = torch.zeros(len(context.seeds), *before.features.shape[1:])
    for i, seed in enumerate(context.seeds):
        test = before.splits[i].test
        found = reference_regions((type(DIGITS), None), seed, True, made.shape[-1])
        made[i] = torch.rand(made.shape[1:], generator=torch.Generator().manual_seed(i))
        made[i][test] = make(before.labels[test], *(torch.from_numpy(f).long() for f in found)).float()
    own = FeatureSet(made, before.labels, before.splits, 10)
    return Context(context.seeds, lambda _: own, encoder, DIGITS)


def of(rows, metric, protocol="") -> list[float]:
    return [r["value"] for r in rows if r["metric"] == metric and r.get("protocol", "") == protocol]


def one_hot(owner, k=10, high=10.0):
    return high * torch.nn.functional.one_hot(owner, k)


# -- whose an image is ----------------------------------------------------------------------------------------------


def test_responsibilities_of_distances_shares_logarithms_and_scores():
    d = torch.tensor([[0.0, 1.0, 2.0], [3.0, 0.5, 0.5]])
    r = torch.softmax(-d, dim=1)
    for features, distances in ((d, True), (r, False), (r, True), (r.log(), False), (-d, False)):
        torch.testing.assert_close(torch.softmax(scores(features, distances), dim=1), r)


def test_entropy_is_scipys_over_its_largest():
    d = torch.tensor([[0.0, 1.0, 2.0], [3.0, 0.5, 0.5], [0.0, 0.0, 0.0]])
    by_hand = stats.entropy(torch.softmax(-d, dim=1).T.numpy()).mean() / math.log(3)
    assert relative_entropy(-d) == pytest.approx(by_hand, rel=1e-6)
    assert relative_entropy(torch.zeros(4, 7)) == pytest.approx(1)
    assert relative_entropy(1e4 * torch.eye(5)) == pytest.approx(0)
    assert relative_entropy(torch.eye(5).log()) == 0  # shares that are exactly 0
    assert relative_entropy(torch.rand(4, 1)) == 0


def test_the_nearest_unit_owns_an_image_and_ties_are_drawn():
    score = -torch.tensor([[0.0, 1.0, 2.0], [5.0, 4.0, 3.0], [1.0, 0.0, 1.0]])
    owner, candidates = owners(score, ALL, 0)
    assert owner.tolist() == [0, 2, 1]
    assert candidates.tolist() == [1, 1, 1]
    score = torch.tensor([[1.0, 1.0, 0.0]]).repeat(4000, 1)
    owner, candidates = owners(score, ALL, 0)
    assert (candidates == 2).all()
    assert np.bincount(owner, minlength=3) == pytest.approx([2000, 2000, 0], abs=150)
    assert owners(score, ALL, 0)[0].tolist() == owner.tolist(), "the draw belongs to the seed"


def test_a_dead_unit_owns_nothing():
    """A distance that is always 0 is a perfect match of everything, and says nothing."""
    score = -torch.tensor([[0.0, 0.5, 2.0], [0.0, 3.0, 1.0]])
    owner, candidates = owners(score, torch.tensor([False, True, True]), 0)
    assert owner.tolist() == [1, 2]
    assert candidates.tolist() == [1, 1]
    owner, candidates = owners(score, torch.zeros(3, dtype=torch.bool), 0)
    assert (owner.tolist(), candidates.tolist()) == ([0, 0], [1, 1])
    assert ownership(owner, torch.zeros(3, dtype=torch.bool))["coverage"] == 0


def test_coverage_and_effective_owners_by_hand():
    found = ownership(np.array([0, 0, 1, 1, 3, 3]), torch.ones(6, dtype=torch.bool))
    assert found == pytest.approx({"coverage": 0.5, "effective_owners": 0.5})
    found = ownership(np.array([0, 0, 0, 1]), torch.ones(2, dtype=torch.bool))
    assert found["effective_owners"] == pytest.approx(math.exp(stats.entropy([0.75, 0.25])) / 2)
    assert ownership(np.zeros(9, dtype=int), torch.ones(4, dtype=torch.bool)) == {
        "coverage": 0.25,
        "effective_owners": 0.25,
    }


def test_purity_by_hand():
    """Of owner 0's images two of three are a's, of owner 1's all are b's."""
    assert purity(np.array([0, 0, 0, 1, 1]), np.array([7, 7, 3, 3, 3])) == pytest.approx(4 / 5)
    assert purity(np.arange(5), np.zeros(5)) == 1


# -- the evaluation -------------------------------------------------------------------------------------------------


def test_units_that_are_the_clusters_agree_with_them_fully():
    base = context()
    rows = regions(given_features(base, lambda y, kmeans, mixture: one_hot(kmeans)))
    assert of(rows, "agreement", "k-means") == pytest.approx([1, 1])
    assert of(rows, "purity", "k-means") == pytest.approx([1, 1])
    assert of(rows, "agreement", "mixture") != pytest.approx([1, 1])
    rows = regions(given_features(base, lambda y, kmeans, mixture: 10 - one_hot(mixture)), distances=True)
    assert of(rows, "agreement", "mixture") == pytest.approx([1, 1])
    rows = regions(given_features(base, lambda y, kmeans, mixture: one_hot(y)))
    assert of(rows, "agreement", "classes") == pytest.approx([1, 1])
    assert of(rows, "purity", "classes") == pytest.approx([1, 1])
    assert of(rows, "coverage") == pytest.approx([1, 1])
    assert of(rows, "effective_owners") == pytest.approx([1, 1], abs=0.01)
    assert of(rows, "relative_responsibility_entropy") == pytest.approx([0, 0], abs=0.01)


def test_random_owners_agree_as_chance_does():
    """Where mutual information that is not adjusted would be far above 0: 40 regions of 360 images."""
    base = context(width=40)
    draw = lambda y, *_: torch.rand(len(y), 40, generator=torch.Generator().manual_seed(5))  # noqa: E731
    rows = regions(given_features(base, draw))
    for what in ("classes", "k-means", "mixture"):
        assert of(rows, "agreement", what) == pytest.approx([0, 0], abs=0.05)
    assert of(rows, "contested") == [0, 0]


def test_the_order_of_units_does_not_matter():
    base = context()
    order = torch.randperm(10, generator=torch.Generator().manual_seed(1))
    draw = lambda y, *_: torch.rand(len(y), 10, generator=torch.Generator().manual_seed(5))  # noqa: E731
    one, other = (regions(given_features(base, f)) for f in (draw, lambda *a: draw(*a)[:, order]))
    assert [r["value"] for r in one] == pytest.approx([r["value"] for r in other], abs=1e-6)


def test_against_scikit_learn_on_a_trained_encoder():
    base = context("infomax_em")
    rows = regions(base, distances=True)
    for i, seed in enumerate(base.seeds):
        d = base.set.features[i][base.set.splits[i].test]
        live = base.set.live()[i]
        owner = owners(-d, live, seed)[0]
        y = base.set.labels[base.set.splits[i].test].numpy()
        assert of(rows, "agreement", "classes")[i] == pytest.approx(adjusted_mutual_info_score(y, owner))
        by_hand = stats.entropy(torch.softmax(-d.double(), dim=1).T.numpy()).mean() / math.log(10)
        assert of(rows, "relative_responsibility_entropy")[i] == pytest.approx(by_hand, rel=1e-5)
    assert len(rows) == 2 * (6 + 3 * 3)
    assert rows == regions(base, distances=True)


def test_before_the_relu_nothing_is_contested():
    """A linear layer's x W + b by hand; where features are not its ReLU there is no such reading."""
    base = context("infomax_em")
    rows = regions(base, distances=True)
    for i, seed in enumerate(base.seeds):
        test = base.set.splits[i].test
        d, params = base.set.features[i][test], base.need_encoder().params
        assert of(rows, "contested")[i] == pytest.approx(((d == d.amin(1, keepdim=True)).sum(1) > 1).double().mean())
        assert of(rows, "candidates")[i] == pytest.approx((d == d.amin(1, keepdim=True)).double().mean())
        x = load(DIGITS).images[test].flatten(1) / 255
        nearest = (x @ params["encoder.weight"][i] + params["encoder.bias"][i]).argmin(1).numpy()
        clusters = reference_regions((type(DIGITS), None), seed, True, 10)[0]
        by_hand = adjusted_mutual_info_score(clusters, nearest)
        assert of(rows, "agreement_before_relu", "k-means")[i] == pytest.approx(by_hand, abs=1e-6)
    for name, distances in (("infomax_em", False), ("infomax_softmax", True), ("kmeans", True), ("rbm", True)):
        assert not of(regions(context(name), distances), "agreement_before_relu", "k-means")


def test_kmeans_own_units_agree_with_kmeans_more_than_an_untrained_encoder_does():
    learned, fresh = (np.mean(of(regions(context(n)), "agreement", "k-means")) for n in ("kmeans", "random_features"))
    assert learned > fresh + 0.2


def test_features_without_images_have_no_regions():
    with pytest.raises(NotApplicable, match="images"):
        regions(Context((0,), lambda _: None, None, None))


def test_clusters_that_are_apart_are_found_by_both():
    x, y = make_blobs(600, n_features=4, centers=5, cluster_std=0.3, random_state=1)
    kmeans, mixture = cluster(x[:400] / 10, x[400:] / 10, 5, seed=0)
    for found in (kmeans, mixture):
        assert adjusted_rand_score(y[400:], found) == pytest.approx(1)


def test_the_mixture_sees_what_kmeans_cannot():
    """A narrow Gaussian within a broad one: k-means halves the space between the means."""
    rng = np.random.default_rng(0)
    y = np.arange(2000) % 2
    x = np.where(y[:, None] == 0, rng.normal(0, 0.05, (2000, 2)), rng.normal(0.3, 0.5, (2000, 2)))
    kmeans, mixture = cluster(x[:1500], x[1500:], 2, seed=0)
    assert adjusted_rand_score(y[1500:], kmeans) < 0.4
    assert adjusted_rand_score(y[1500:], mixture) > 0.8


def test_the_references_depend_on_the_seed_and_not_on_test_images():
    key = (type(DIGITS), None)
    reference_regions.cache_clear()
    first = reference_regions(key, 0, True, 7)
    reference_regions.cache_clear()
    assert all((a == b).all() for a, b in zip(first, reference_regions(key, 0, True, 7), strict=True))
    assert (reference_regions(key, 1, True, 7)[0] != first[0]).any()
    x = load_digits().data / 16
    for whole, part in zip(cluster(x[:900], x[900:], 7, 0), cluster(x[:900], x[1000:], 7, 0), strict=True):
        assert (whole[100:] == part).all()


def test_more_units_than_images_make_as_many_clusters_as_images():
    kmeans, mixture = cluster(np.random.default_rng(0).random((5, 3)), np.zeros((4, 3)), 9, seed=0)
    assert len(kmeans) == len(mixture) == 4


def test_the_choice_of_test_images_is_fixed_and_without_repetition():
    assert looked_at(300).tolist() == list(range(300))
    chosen = looked_at(10_000)
    assert len(chosen.unique()) == 2000
    assert torch.equal(chosen, looked_at(10_000))


# -- curves of the loss ---------------------------------------------------------------------------------------------


def test_when_a_loss_has_settled_by_hand():
    share = torch.tensor([0.2, 0.4, 0.6, 0.8, 1.0])
    loss = torch.tensor(
        [
            [10.0, 5.0, 0.4, 0.1, 0.0],  # within 0.5 of 0 from the third on
            [10.0, 0.0, 0.0, 6.0, 0.0],  # it had been there, and left again
            [1.0, 1.0, 1.0, 1.0, 1.0],
            [0.0, 3.0, 9.9, 9.8, 10.0],  # it rises: whatever it does, it settles
            [10.0, 8.0, 6.0, 4.0, 2.0],
        ]
    ).double()
    assert settled(loss, share).tolist() == pytest.approx([0.6, 1.0, 0.2, 0.6, 1.0])
    assert rises(loss).tolist() == pytest.approx([0, 0.6, 0, 0.99 + 0.02, 0])


@given(st.lists(st.floats(-50, 50), min_size=5, max_size=5), st.floats(0.1, 9), st.floats(-9, 9))
def test_neither_depends_on_the_unit_of_the_loss_or_on_a_constant(values, scale, shift):
    loss, share = torch.tensor([[round(v, 1) for v in values]]).double(), torch.linspace(0.2, 1, 5)
    changed = scale * loss + shift
    assert rises(changed).item() == pytest.approx(rises(loss).item(), abs=1e-6)
    near = ((loss - loss[:, -1:]).abs() - 0.05 * (loss[:, :1] - loss[:, -1:]).abs()).abs().min()
    if near > 1e-6 or (loss == loss[0, 0]).all():
        assert settled(changed, share).item() == settled(loss, share).item()


def test_the_curves_are_the_trainers():
    base = context("infomax_em")
    rows = dynamics(base)
    facts = base.need_encoder().facts
    loss = torch.tensor(list(facts["log"].values())).double().sum(0)
    assert of(rows, "settled_after") == settled(loss, torch.tensor(facts["log_steps"]) / facts["n_steps"]).tolist()
    assert all(0 < v <= 1 for v in of(rows, "settled_after"))
    with pytest.raises(NotApplicable):
        dynamics(context("kmeans"))


# -- spread ---------------------------------------------------------------------------------------------------------


def test_a_deviation_and_its_interval_are_the_textbooks():
    """n = 5, s^2 = 2.5: chi-square quantiles of 4 degrees of freedom are 0.4844 and 11.1433."""
    found = deviation([1, 2, 3, 4, 5])
    assert (found.value, found.n) == (pytest.approx(math.sqrt(2.5)), 5)
    assert found.low == pytest.approx(math.sqrt(4 * 2.5 / 11.1433), rel=1e-4)
    assert found.high == pytest.approx(math.sqrt(4 * 2.5 / 0.4844), rel=1e-4)
    assert math.isnan(deviation([1.0]).value)


@given(st.integers(0, 10_000))
def test_the_ratios_interval_is_that_of_pitman_and_morgans_test(seed):
    """It leaves 1 out exactly where x + y and x - y are correlated at the level."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=8) * rng.uniform(0.3, 3)
    y = rng.normal(size=8) + rng.uniform(-1, 1) * x
    found = deviation_ratio(x, y)
    p = stats.pearsonr(x + y, x - y).pvalue
    assert (found.low > 1 or found.high < 1) == (p < 0.05)
    assert found.value == pytest.approx(x.std() / y.std())
    back = deviation_ratio(y, x)
    assert (back.low, back.high) == (pytest.approx(1 / found.high), pytest.approx(1 / found.low))


def test_the_ratios_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        x, common = rng.normal(size=5), rng.normal(size=5)
        found = deviation_ratio(2 * (x + common), rng.normal(size=5) + common)
        held += found.low <= 2 <= found.high
    assert held / 2000 == pytest.approx(0.95, abs=0.015)


def test_a_ratio_of_nothing_is_unbounded():
    for x, y in (([1.0, 2.0], [1.0, 3.0]), ([1.0] * 6, [1, 2, 3, 4, 5, 6]), ([1, 2, 3, 4, 5, 6], [1.0] * 6), ([], [])):
        found = deviation_ratio(x, y)
        assert (found.low, found.high) == (0.0, math.inf)
    with pytest.raises(ValueError, match="paired"):
        deviation_ratio([1.0], [1.0, 2.0])
