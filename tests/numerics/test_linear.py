"""Ridge regression and linear discriminants in closed form, against scikit-learn and by their invariances."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score

from infomax_bench.base.errors import NotApplicable
from infomax_bench.data.dataset import Split
from infomax_bench.evaluations import linear
from infomax_bench.evaluations.context import FeatureSet
from infomax_bench.evaluations.linear import (
    CHOOSE_ON,
    MOST,
    LinearMap,
    Moments,
    best,
    discriminants,
    group_means,
    r2,
    ridge,
    seeds_of,
)

L2 = (1e-4, 1e-2, 1.0)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def correlated(n: int = 300, k: int = 6, seed: int = 0) -> torch.Tensor:
    """Features of other scales and means, two of them copies."""
    x = normal(n, k, seed=seed) @ normal(k, k, seed=seed + 1) + 3
    x[:, 1] = 2 * x[:, 0]
    return x


def feature_set(features: torch.Tensor, labels: torch.Tensor, n_splits: int = 2, **more) -> FeatureSet:
    """Half of the images train, a quarter validates, a quarter tests; every seed its own order."""
    n = features.shape[1]
    splits = []
    for seed in range(n_splits):
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
        splits.append(Split(order[: n // 2], order[n // 2 : 3 * n // 4], order[3 * n // 4 :]))
    return FeatureSet(features, labels, splits, int(labels.max()) + 1, **more)


def test_ridge_equals_sklearns_for_every_target_and_l2():
    x, y = correlated(), normal(300, 4, seed=5) + correlated(seed=7)[:, :4]
    for found, l2 in zip(ridge(Moments.of(x), y, L2), L2, strict=True):
        expected = Ridge(alpha=len(x) * l2, solver="svd").fit(x.numpy(), y.numpy())
        assert found.l2 == l2
        assert np.allclose(found.weight.numpy().T, expected.coef_, atol=2e-5)
        assert np.allclose(found(x).numpy(), expected.predict(x.numpy()), atol=1e-4)


def test_discriminants_equal_sklearns_linear_discriminant_analysis():
    codes = torch.arange(300) % 5
    codes[:40] = 0  # values are not equally frequent
    x = normal(300, 6) + normal(5, 6, seed=3)[codes]
    (found,) = discriminants(Moments.of(x), codes, 5, [1e-9])
    expected = LinearDiscriminantAnalysis(solver="lsqr").fit(x.numpy(), codes.numpy())
    logits = found(x) - found(x)[:, :1]
    own = expected.decision_function(x.numpy())
    assert np.allclose(logits.numpy(), own - own[:, :1], atol=1e-3)


@pytest.mark.parametrize("shrinkage", [0.01, 0.3])
def test_l2_of_discriminants_is_sklearns_shrinkage_where_values_are_equally_frequent(shrinkage):
    codes = torch.arange(300) % 5
    x = normal(300, 6) + normal(5, 6, seed=3)[codes]
    expected = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(x.numpy(), codes.numpy())
    within = (x - group_means(x, codes, 5)[codes]).double()
    level = float((within.T @ within / len(x)).trace()) / 6
    (found,) = discriminants(Moments.of(x), codes, 5, [shrinkage / (1 - shrinkage) * level])
    assert (found(x).argmax(1).numpy() == expected.predict(x.numpy())).all()


def test_a_value_that_no_training_image_has_is_never_guessed():
    codes = torch.arange(100) % 2
    (found,) = discriminants(Moments.of(normal(100, 3)), codes, 4, [1e-3])
    assert set(found(normal(500, 3, seed=9)).argmax(1).tolist()) <= {0, 1}


def test_a_map_that_knows_everything_is_perfect_even_where_nothing_varies_within_a_value():
    codes = torch.arange(60) % 4
    x = torch.nn.functional.one_hot(codes, 4).float()
    (found,) = discriminants(Moments.of(x), codes, 4, [1e-5])
    assert (found(x).argmax(1) == codes).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), angle=st.floats(0, 6.3))
def test_a_rotation_of_the_features_changes_no_prediction(seed, angle):
    x, y, codes = correlated(120, 4, seed), normal(120, 2, seed=seed + 1), torch.arange(120) % 3
    turned = x.clone()
    turned[:, 0], turned[:, 2] = (
        np.cos(angle) * x[:, 0] - np.sin(angle) * x[:, 2],
        np.sin(angle) * x[:, 0] + np.cos(angle) * x[:, 2],
    )
    for a, b in zip(ridge(Moments.of(x), y, L2), ridge(Moments.of(turned), y, L2), strict=True):
        assert torch.allclose(a(x), b(turned), atol=1e-3)
    for a, b in zip(
        discriminants(Moments.of(x), codes, 3, L2), discriminants(Moments.of(turned), codes, 3, L2), strict=True
    ):
        assert torch.allclose(a(x), b(turned), atol=1e-2)


def test_r2_is_sklearns_weighted_by_variance():
    truth, guess = normal(50, 3) * torch.tensor([1.0, 5.0, 0.1]), normal(50, 3, seed=1)
    expected = r2_score(truth.numpy(), guess.numpy(), multioutput="variance_weighted")
    assert r2(truth, guess) == pytest.approx(expected, abs=1e-6)
    assert r2(truth, truth) == 1
    assert r2(truth, truth.mean(0).expand_as(truth)) == pytest.approx(0, abs=1e-6)
    assert np.isnan(r2(torch.ones(5, 1), torch.zeros(5, 1)))


def test_of_equally_good_maps_the_one_with_the_strongest_l2_is_chosen():
    maps = [LinearMap(torch.eye(1) * w, torch.zeros(1), l2) for w, l2 in ((1.0, 0.1), (2.0, 1.0), (2.0, 2.0))]
    assert best(maps, torch.ones(3, 1), lambda guess: float(guess.mean())).l2 == 2.0
    with pytest.raises(ValueError, match="no map"):
        best([], torch.ones(3, 1), float)


def test_maps_are_fitted_to_training_images_chosen_on_validation_and_blind_to_test():
    labels = torch.arange(400) % 3
    features = (normal(400, 5) + normal(3, 5, seed=2)[labels])[None].repeat(2, 1, 1)
    target = features[0] @ normal(5, 2, seed=4) + normal(400, 2, seed=5)
    one = seeds_of(feature_set(features, labels))
    spoilt, wrong, other = features.clone(), labels.clone(), target.clone()
    for s, seed in enumerate(one):
        spoilt[s, seed.images["test"]] += 100
    test = one[0].images["test"]
    wrong[test], other[test] = 0, -7.0
    (first, _), (second, _) = one, seeds_of(feature_set(spoilt, labels))
    assert torch.equal(first.regression(lambda i: target[i]).weight, second.regression(lambda i: other[i]).weight)
    assert torch.equal(first.classifier(labels, 3).weight, second.classifier(wrong, 3).weight)


def test_the_l2_is_the_one_that_validation_prefers():
    labels = torch.arange(80) % 2
    noisy = feature_set(normal(1, 80, 30), labels, 1)  # 40 training images and nothing to learn
    (seed,) = seeds_of(noisy)
    target = normal(80, 1, seed=9)
    grid = (1e-6, 10.0)
    assert seed.regression(lambda i: target[i], grid).l2 == 10.0
    (clear,) = seeds_of(feature_set(target[None] + 0, labels, 1))
    assert clear.regression(lambda i: target[i], grid).l2 == 1e-6


def test_within_groups_a_regression_is_that_on_features_and_groups_together():
    labels = torch.arange(400) % 4
    features = (normal(400, 3) + normal(4, 3, seed=1)[labels])[None]
    target = features[0] @ torch.tensor([1.0, -2.0, 0.5]) + normal(4, seed=2)[labels] + 0.3 * normal(400, seed=3)
    (seed,) = seeds_of(feature_set(features, labels, 1))
    train, test = seed.images["train"], seed.images["test"]
    means = group_means(target[train], labels[train], 4)
    left = (target - means[labels]).unsqueeze(1)
    within = seed.within(labels)
    found = within.regression(lambda i: left[i], (1e-9,))(within.x["test"])[:, 0] + means[labels[test]]
    x = torch.cat([features[0], torch.nn.functional.one_hot(labels, 4)], 1).numpy()
    expected = LinearRegression().fit(x[train], target[train].numpy()).predict(x[test])
    assert np.allclose(found.numpy(), expected, atol=1e-4)


def test_without_validation_images_there_is_no_choice():
    data = feature_set(normal(1, 40, 2), torch.arange(40) % 2, 1)
    data.splits[0] = replace(data.splits[0], validation=torch.zeros(0, dtype=torch.long))
    with pytest.raises(NotApplicable, match="validation"):
        seeds_of(data)


def test_large_data_sets_are_cut_at_the_same_place_for_all():
    n = 2 * MOST + 400
    labels = torch.arange(n) % 2
    (seed,) = seeds_of(feature_set(normal(1, n, 2), labels, 1))
    assert len(seed.moments.x) == len(seed.images["train"]) == MOST
    assert len(seed.x["validation"]) == len(seed.images["validation"]) == CHOOSE_ON
    assert len(seed.x["test"]) == n // 4


def test_targets_are_worked_on_in_parts_and_the_parts_do_not_matter(monkeypatch):
    """Memory is bounded by AT_ONCE, whatever the number of images and of targets: no array of more is made."""
    x, y = normal(60, 4), normal(60, 7, seed=1)
    whole = [(one.weight, one.bias, r2(y, one(x))) for one in ridge(Moments.of(x), y, L2)]
    monkeypatch.setattr(linear, "AT_ONCE", 20)
    assert max(part.numel() for parts in linear.in_parts(x, y) for part in parts) <= 20
    for one, (weight, bias, score) in zip(ridge(Moments.of(x), y, L2), whole, strict=True):
        assert torch.allclose(one.weight, weight, atol=1e-6)
        assert torch.allclose(one.bias, bias, atol=1e-6)
        assert r2(y, one(x)) == pytest.approx(score, abs=1e-6)
