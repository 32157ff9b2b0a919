"""The interpretability metrics against scikit-learn and on representations whose score is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score, roc_auc_score

from infomax_bench.errors import Diverged
from infomax_bench.evaluate._ranks import average_ranks, quantile_bins
from infomax_bench.evaluate.interpret import BINS, class_alignment, factor_alignment, interpretability


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_labels(n: int, classes: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(classes, (n,), generator=generator(seed))


def units(labels: torch.Tensor, seed: int = 0, k: int = 7) -> torch.Tensor:
    """Two seeds of units that know something of the labels, half of them rectified, `[2, N, k]`; the last is dead."""
    tuning = torch.randn(2, int(labels.max()) + 1, k, generator=generator(seed))
    features = tuning[:, labels] + torch.randn(2, len(labels), k, generator=generator(seed + 1))
    features[..., ::2] = features[..., ::2].relu()
    features[..., -1] = 0.3
    return features


def grid(*sizes: int, repeats: int = 3) -> torch.Tensor:
    """Every combination of factor values, so that the factors are exactly independent: int64 `[N, F]`."""
    return torch.cartesian_prod(*[torch.arange(size) for size in sizes]).repeat(repeats, 1)


# -- classes --------------------------------------------------------------------------------------------------


def test_auroc_equals_sklearns_best_class_with_ties_and_in_either_direction():
    labels = random_labels(400, 5)
    features = units(labels)
    found = class_alignment(features, labels)
    for s in range(2):
        for k in range(features.shape[-1] - 1):
            scores = [roc_auc_score((labels == c).numpy(), features[s, :, k].numpy()) for c in range(5)]
            either = [max(score, 1 - score) for score in scores]
            assert found["auroc"][s, k].item() == pytest.approx(max(either), abs=1e-12)
            assert found["best_class"][s, k] == np.argmax(either)


def test_a_dead_unit_names_nothing():
    labels = random_labels(100, 3)
    found = class_alignment(units(labels), labels)
    assert (found["auroc"][:, -1] == 0.5).all()
    assert (found["best_class"][:, -1] == -1).all()


def test_of_two_classes_a_unit_is_named_after_the_one_it_fires_for():
    labels = torch.tensor([0, 1] * 20)
    found = class_alignment(torch.stack([labels, 1 - labels], -1)[None].float(), labels)
    assert found["auroc"].tolist() == [[1, 1]]
    assert found["best_class"].tolist() == [[1, 0]]


def test_a_class_without_images_is_no_ones_best():
    labels = torch.tensor([0, 3] * 20)
    found = class_alignment(units(labels), labels)
    assert set(found["best_class"].unique().tolist()) <= {-1, 0, 3}
    assert (class_alignment(units(labels), torch.zeros_like(labels))["auroc"] == 0.5).all()


def test_duplicating_every_unit_leaves_its_selectivity():
    labels = random_labels(200, 4)
    once = units(labels)
    found = class_alignment(once.repeat(1, 1, 2), labels)
    for name, value in class_alignment(once, labels).items():
        assert torch.equal(found[name], value.repeat(1, 2)), name


# -- factors --------------------------------------------------------------------------------------------------


def test_information_equals_sklearns():
    factors = torch.stack([random_labels(600, 4), 10 * random_labels(600, 9, seed=1) - 30], -1)
    features = units(factors[:, 0])
    found = factor_alignment(features, factors)
    bins = quantile_bins(average_ranks(features), BINS)
    for s, k, f in np.ndindex(2, features.shape[-1] - 1, 2):
        values = factors[:, f].numpy()
        expected = mutual_info_score(bins[s, :, k].numpy(), values) / mutual_info_score(values, values)
        assert found["information"][s, k, f].item() == pytest.approx(expected, abs=1e-12)
    assert torch.equal(found["best_information"], found["information"].amax(-1))
    assert torch.equal(found["best_factor"][:, :-1], found["information"][:, :-1].argmax(-1))
    assert found["information"][:, -1].abs().max() < 1e-12
    assert (found["best_factor"][:, -1] == -1).all()


def test_the_factors_themselves_are_perfectly_aligned_in_any_order_and_direction():
    factors = grid(3, 4, 10)
    found = factor_alignment((factors[:, [2, 0, 1]] * torch.tensor([-3, 1, 7]))[None].float(), factors)
    assert found["mig_by_factor"][0].tolist() == pytest.approx([1, 1, 1])
    assert found["mig"].item() == pytest.approx(1)
    assert found["sap"].item() == pytest.approx(np.mean([1 - 1 / 3, 1 - 1 / 4, 1 - 1 / 10]))
    assert found["best_factor"].tolist() == [[2, 0, 1]]
    assert found["best_information"][0].tolist() == pytest.approx([1, 1, 1])


def test_a_rotation_hides_the_factors():
    factors = grid(6, 6, 6)
    centred = factors.float() - 2.5
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=generator(0))).Q
    found = factor_alignment((centred @ rotation)[None], factors)
    assert found["mig"] < 0.3
    assert found["sap"] < 0.3


def test_duplicated_factors_leave_no_gap():
    factors = grid(3, 4)
    found = factor_alignment(factors.repeat(1, 2)[None].float(), factors)
    assert found["mig"].item() == pytest.approx(0, abs=1e-12)
    assert found["sap"].item() == pytest.approx(0, abs=1e-12)


def test_noise_knows_nothing():
    factors = grid(3, 4, 10, repeats=40)
    found = factor_alignment(torch.randn(3, len(factors), 8, generator=generator(0)), factors)
    assert found["mig"].max() < 0.005
    assert found["sap"].max() < 0.02
    assert found["information"].max() < 0.02


def test_a_single_unit_is_compared_with_chance():
    factors = grid(4, 5)
    found = factor_alignment(factors[None, :, :1].float(), factors)
    assert found["mig_by_factor"][0].tolist() == pytest.approx([1, 0], abs=1e-12)
    assert found["sap"].item() == pytest.approx((1 - 1 / 4) / 2)


def test_a_factor_that_never_varies_is_left_out():
    factors = grid(3, 4)
    fixed = torch.cat([factors, torch.full_like(factors[:, :1], 7)], -1)
    found = factor_alignment(factors[None].float(), fixed)
    assert found["mig_by_factor"][0, -1].isnan()
    assert found["information"][..., -1].abs().max() < 1e-9
    assert found["mig"].item() == pytest.approx(1)
    assert found["sap"].item() == pytest.approx((2 / 3 + 3 / 4) / 2)


# -- summaries ------------------------------------------------------------------------------------------------


def test_the_rule_for_a_name_is_the_threshold():
    labels = torch.tensor([0, 1, 2, 3] * 25)
    detector = (labels == 2).float()
    noisy = detector.clone()
    noisy[labels == 2] = (torch.arange(25) < 15).float()  # AUROC (15 + 10 / 2) / 25 = 0.8
    features = torch.stack([detector, -detector, noisy, torch.ones(100)], -1)[None]
    found = interpretability(features, labels)
    assert found["unit_auroc"].item() == pytest.approx((1 + 1 + 0.8) / 3)
    assert found["nameable_units"].item() == 2 / 4
    assert found["classes_named"].item() == 1 / 4
    assert interpretability(features, labels, threshold=0.75)["nameable_units"].item() == 3 / 4


def test_classes_named_counts_only_classes_that_are_there():
    labels = torch.tensor([1, 4, 6] * 20)
    features = torch.stack([labels == 1, labels == 4], -1)[None].float()
    assert interpretability(features, labels)["classes_named"].item() == pytest.approx(2 / 3)


def test_all_units_dead():
    labels = random_labels(50, 3)
    found = interpretability(torch.zeros(2, 50, 4), labels, factors=labels[:, None])
    for name in ("nameable_units", "classes_named", "mig", "sap"):
        assert found[name].abs().max() < 1e-12, name
    assert found["unit_auroc"].isnan().all()
    assert found["factor_alignment"].isnan().all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), data=st.data())
def test_the_scale_and_the_order_of_units_do_not_matter(seed, data):
    labels = random_labels(150, 4, seed)
    features = units(labels, seed)
    k = features.shape[-1]
    scales = torch.tensor(data.draw(st.lists(st.floats(1e-6, 1e6), min_size=k, max_size=k)))
    order = data.draw(st.permutations(range(k)))
    factors = torch.stack([labels, random_labels(150, 3, seed + 1)], -1)
    changed = (features * scales)[..., order]
    before, after = (interpretability(each, labels, factors, threshold=0.8) for each in (features, changed))
    for name, value in before.items():
        assert value.shape == (2,)
        assert value.dtype == torch.float64
        assert torch.allclose(after[name], value, atol=1e-9), name
    assert torch.equal(class_alignment(changed, labels)["auroc"], class_alignment(features, labels)["auroc"][:, order])


def test_features_that_are_not_finite_are_refused():
    labels = random_labels(50, 3)
    features = units(labels)
    features[0, 0, 0] = torch.nan
    with pytest.raises(Diverged, match="not finite"):
        interpretability(features, labels)
