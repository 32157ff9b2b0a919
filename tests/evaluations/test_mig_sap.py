"""Information about factors and its gaps, against scikit-learn and on units whose scores are known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, mutual_info_score

from infomax_bench.evaluations.factor_vae import factor_vae_score
from infomax_bench.evaluations.interpretability import factor_scores
from infomax_bench.evaluations.mig_sap import BINS, factor_alignment
from infomax_bench.evaluations.parts import factor_codes
from infomax_bench.numerics._ranks import average_ranks, quantile_bins, ranks_among
from tests.evaluations.units import alike, generator, grid, halves, random_labels, units


def test_the_gaps_are_between_units_that_training_images_chose():
    factors = grid(4, 5)[None]
    perfect = factors.float()
    swapped = perfect.flip(-1)
    found = factor_alignment(perfect, factors, swapped, factors)
    assert found["mig"].item() == pytest.approx(-1)
    assert found["best_factor"].tolist() == [[0, 1]]
    assert found["best_information"][0].tolist() == pytest.approx([0, 0], abs=1e-12)
    assert found["sap"].item() == pytest.approx(0, abs=1e-12)  # thresholds come from training images: both at chance


def test_units_that_tie_in_training_have_no_order_in_the_gaps():
    factors = grid(4, 5)[None]
    train = factors[..., [0, 1, 1]].float()  # two units know the second factor alike, until the test
    test = torch.cat([train[..., :2], torch.zeros_like(train[..., :1])], -1)
    found = factor_alignment(train, factors, test, factors)
    other = factor_alignment(train, factors, test[..., [0, 2, 1]], factors)
    assert found["mig_by_factor"][0].tolist() == pytest.approx([1, 0], abs=1e-12)
    for measure in ("mig", "sap"):
        assert found[measure].item() == pytest.approx(other[measure].item(), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), levels=st.sampled_from([2, 5, 50]))
def test_ranks_among_others_count_what_is_below(seed, levels):
    reference, others = (torch.randint(levels, (2, n, 3), generator=generator(seed + n)).float() for n in (40, 25))
    assert torch.equal(ranks_among(reference, reference), average_ranks(reference))
    found = ranks_among(reference, others + 0.5 * (seed % 2))
    for s, i, k in np.ndindex(*found.shape):
        value = others[s, i, k] + 0.5 * (seed % 2)
        below, equal = (reference[s, :, k] < value).sum(), (reference[s, :, k] == value).sum()
        assert found[s, i, k].item() == below.item() + (equal.item() + 1) / 2
    bins = quantile_bins(found, BINS, 40)
    assert bins.min() >= 0
    assert bins.max() < BINS


def test_information_equals_sklearns_on_test_images_in_bins_of_training_images():
    factors = torch.stack([random_labels(1200, 4), random_labels(1200, 9, seed=1)], -1)
    train, test = halves(units(factors[:, 0]), factors[:, 0], factors)
    found = factor_alignment(train.features, train.factors, test.features, test.factors)
    bins = quantile_bins(average_ranks(train.features), BINS)
    test_bins = quantile_bins(ranks_among(train.features, test.features), BINS, 600)
    information = np.zeros((2, 6, 2))
    for s, k, f in np.ndindex(*information.shape):
        for p, b in ((train, bins), (test, test_bins)):
            values = p.factors[s, :, f].numpy()
            value = mutual_info_score(b[s, :, k].numpy(), values) / mutual_info_score(values, values)
            if p is train:
                information[s, k, f] = value
        assert found["information"][s, k, f].item() == pytest.approx(value, abs=1e-12)
    assert np.array_equal(found["best_factor"][:, :-1].numpy(), information.argmax(-1))
    chosen = found["information"].gather(-1, found["best_factor"].clamp(min=0)[..., None]).squeeze(-1)
    assert torch.equal(found["best_information"], chosen)
    assert found["information"][:, -1].abs().max() < 1e-12
    assert (found["best_factor"][:, -1] == -1).all()


def test_sap_equals_sklearns_balanced_accuracy_of_bins_that_vote():
    factor = random_labels(1000, 4)
    train, test = halves(units(factor)[:1], factor, factor[:, None])
    found = factor_alignment(train.features, train.factors, test.features, test.factors)
    bins = quantile_bins(average_ranks(train.features), BINS)[0].numpy()
    test_bins = quantile_bins(ranks_among(train.features, test.features), BINS, 500)[0].numpy()
    y, y_test = train.labels[0].numpy(), test.labels[0].numpy()
    scores = []
    for k in range(6):
        share = np.array([[np.mean(bins[y == v, k] == b) for v in range(4)] for b in range(BINS)])
        guess = share.argmax(-1)
        scores.append([balanced_accuracy_score(t, guess[b[:, k]]) for t, b in ((y, bins), (y_test, test_bins))])
    scores = np.array(scores)
    first, second = np.argsort(-scores[:, 0])[:2]
    assert found["sap"].item() == pytest.approx(scores[first, 1] - scores[second, 1], abs=1e-12)


def test_the_factors_themselves_are_perfectly_aligned_in_any_order_and_direction():
    factors = grid(3, 4, 10)
    features = (factors[:, [2, 0, 1]] * torch.tensor([-3, 1, 7]))[None].float()
    found = factor_alignment(*alike(features, factors))
    assert found["mig_by_factor"][0].tolist() == pytest.approx([1, 1, 1])
    assert found["mig"].item() == pytest.approx(1)
    assert found["sap"].item() == pytest.approx(np.mean([1 - 1 / 3, 1 - 1 / 4, 1 - 1 / 10]))
    assert found["best_factor"].tolist() == [[2, 0, 1]]
    assert found["best_information"][0].tolist() == pytest.approx([1, 1, 1])


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), data=st.data())
def test_every_score_of_permuted_bent_factors_is_perfect_on_images_that_were_not_seen(seed, data):
    factors = grid(3, 4, 10, repeats=10)
    order = data.draw(st.permutations(range(3)))
    sign = torch.tensor(data.draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=3, max_size=3)))
    features = (sign * (factors[:, list(order)].float() + 1) ** 3)[None]
    found = factor_scores(*halves(features, factors[:, 0], factors), [seed])
    for metric in ("mig", "factor_alignment", "factor_vae"):
        assert (found[metric] - 1).abs().max() < 0.02, metric


def test_a_rotation_hides_the_factors():
    factors = grid(6, 6, 6, repeats=10)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=generator(0))).Q
    features = ((factors.float() - 2.5) @ rotation)[None]
    found = factor_scores(*halves(features, factors[:, 0], factors), [0])
    assert found["mig"][:, 0] < 0.3
    assert found["sap"][:, 0] < 0.3
    assert found["factor_vae"] < 0.85


def test_noise_knows_nothing():
    factors = grid(3, 4, 10, repeats=40)
    train, test = halves(torch.randn(3, len(factors), 8, generator=generator(0)), factors[:, 0], factors)
    found = factor_scores(train, test, [0, 1, 2])
    assert found["mig"][:, 0].abs().max() < 0.01
    assert found["sap"][:, 0].abs().max() < 0.05
    assert found["factor_alignment"].max() < 0.05
    assert (found["factor_vae"] - 1 / 3).abs().max() < 0.05  # the rate of the most frequent of three factors


def test_duplicated_factors_leave_no_gap():
    factors = grid(3, 4)
    found = factor_alignment(*alike(factors.repeat(1, 2)[None].float(), factors))
    assert found["mig"].item() == pytest.approx(0, abs=1e-12)
    assert found["sap"].item() == pytest.approx(0, abs=1e-12)


def test_a_single_unit_is_compared_with_chance():
    factors = grid(4, 5)
    found = factor_alignment(*alike(factors[None, :, :1].float(), factors))
    assert found["mig_by_factor"][0].tolist() == pytest.approx([1, 0], abs=1e-12)
    assert found["sap"].item() == pytest.approx((1 - 1 / 4) / 2)


def test_a_factor_that_never_varies_is_left_out():
    factors = grid(3, 4)
    fixed = torch.cat([factors, torch.zeros_like(factors[:, :1])], -1)
    found = factor_alignment(*alike(factors[None].float(), fixed))
    assert found["mig_by_factor"][0, -1].isnan()
    assert found["information"][..., -1].abs().max() < 1e-9
    assert found["mig"].item() == pytest.approx(1)
    assert found["sap"].item() == pytest.approx((2 / 3 + 3 / 4) / 2)
    assert found["sap_by_factor"][0].tolist() == pytest.approx([2 / 3, 3 / 4, np.nan], nan_ok=True)
    assert factor_vae_score(*alike(factors[None].float(), fixed), [0]).item() == pytest.approx(1, abs=0.01)


def test_factor_codes_count_the_values_that_there_are():
    codes, values = factor_codes(torch.tensor([[7, -30], [9, -30], [7, 5]]))
    assert codes.tolist() == [[0, 0], [1, 0], [0, 1]]
    assert [v.tolist() for v in values] == [[7, 9], [-30, 5]]
