"""Decoders of images and figures, samples, and the two-sample statistic, against double loops and closed forms."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.metrics import jaccard_score, r2_score

import infomax_bench as ib
from infomax_bench.base.errors import NotApplicable
from infomax_bench.evaluations.context import Context, context_for
from infomax_bench.evaluations.decoding import (
    SAMPLERS,
    SHOWN,
    Source,
    alone,
    decoding,
    gaussian,
    mask_iou,
    pca_r2,
    segmentation,
    threshold,
    yardstick,
)
from infomax_bench.evaluations.linear import Moments, Seed, seeds_of
from infomax_bench.numerics.two_sample import BANDWIDTHS, distances, median_distance, mmd
from infomax_bench.study.plugins import registry
from tests.numerics.test_linear import feature_set, normal


def rows_of(rows, metric):
    return {row.get("protocol", ""): row["value"] for row in rows if row["metric"] == metric}


@pytest.fixture(scope="module")
def pca_on_sprites():
    encoder = ib.pretrain("pca", "sprites:coarse", width=16, seeds=[0])
    return context_for(encoder, registry().dataset("sprites:coarse"))


@pytest.fixture(scope="module")
def decoded(pca_on_sprites):
    return decoding(pca_on_sprites)


def source(dataset: str = "digits", seed: int = 0) -> Source:
    found = registry().dataset(dataset)
    return Source((type(found), found.argument), found.shape, seed, True)


# -- the two-sample statistic -----------------------------------------------------------------------------------------
def test_the_statistic_is_that_of_a_double_loop():
    a, b, scale = normal(7, 3), normal(5, 3, seed=1) + 0.5, 1.3

    def k(x, y):
        squared = sum((float(p) - float(q)) ** 2 for p, q in zip(x, y, strict=True))
        return sum(math.exp(-squared / (2 * (w * scale) ** 2)) for w in BANDWIDTHS) / len(BANDWIDTHS)

    own = sum(k(a[i], a[j]) for i in range(7) for j in range(7) if i != j) / (7 * 6)
    other = sum(k(b[i], b[j]) for i in range(5) for j in range(5) if i != j) / (5 * 4)
    across = sum(k(x, y) for x in a for y in b) / (7 * 5)
    assert mmd(a, b, scale) == pytest.approx(own + other - 2 * across, abs=1e-6)
    assert mmd(a, b, scale) == pytest.approx(mmd(b, a, scale), abs=1e-6)


def test_distances_and_their_median():
    a, b = normal(6, 4), normal(9, 4, seed=1)
    assert torch.allclose(distances(a, b).sqrt(), torch.cdist(a, b), atol=1e-4)
    assert median_distance(a) == pytest.approx(float(torch.pdist(a).sort().values[7]), abs=1e-4)  # of 15


def test_the_statistic_is_zero_on_average_for_one_distribution_and_sees_another():
    same = [mmd(normal(60, 2, seed=s), normal(60, 2, seed=1000 + s), 1.5) for s in range(60)]
    assert abs(np.mean(same)) < 3 * np.std(same) / 60**0.5
    assert min(same) < 0
    assert mmd(normal(60, 2), 2 * normal(60, 2, seed=1), 1.5) > 3 * np.std(same)


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(0.01, 100), shift=st.floats(-10, 10))
def test_the_statistic_with_the_median_distance_does_not_depend_on_scale(scale, shift):
    a, b = normal(20, 3), normal(20, 3, seed=1) + 1
    moved = [scale * (x + shift) for x in (a, b)]
    assert mmd(*moved, median_distance(moved[0])) == pytest.approx(mmd(a, b, median_distance(a)), abs=2e-3)


# -- figures ----------------------------------------------------------------------------------------------------------
def test_intersection_over_union_of_hand_made_masks():
    truth = torch.tensor([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]).bool()
    guess = torch.tensor([[1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]).bool()
    assert mask_iou(truth, guess).tolist() == pytest.approx([1 / 3, 1, 1, 0])
    drawn = torch.rand(5, 40, generator=torch.Generator().manual_seed(0))
    for t, g, found in zip(drawn > 0.6, drawn.flip(0) > 0.4, mask_iou(drawn > 0.6, drawn.flip(0) > 0.4), strict=True):
        assert found.item() == pytest.approx(jaccard_score(t, g))


def test_the_threshold_is_the_best_one():
    truth = torch.tensor([[True, True, False, False]])
    assert threshold(truth, torch.tensor([[0.42, 0.41, 0.38, 0.1]])) == pytest.approx(0.4)
    assert threshold(truth, torch.tensor([[0.9, 0.9, 0.1, 0.1]])) == pytest.approx(0.1)  # of equals the lowest


def test_a_figure_that_the_features_hold_is_found_and_one_that_they_do_not_is_as_good_as_one_mask():
    masks = torch.rand(4000, 12, generator=torch.Generator().manual_seed(0)) > torch.linspace(0.1, 0.9, 12)
    for features, skilful in ((normal(1, 4000, 3), False), (masks[None].float(), True)):
        (seed,) = seeds_of(feature_set(features, torch.arange(4000) % 2, 1))
        _, _, iou, usual = segmentation(seed, masks)
        assert iou == pytest.approx(1 if skilful else usual, abs=0.02)
        assert 0.3 < usual < 0.9


# -- the image --------------------------------------------------------------------------------------------------------
def test_as_many_principal_components_explain_what_sklearns_do():
    digits = source()
    train, test = (digits.pixels(digits.part(name)).numpy() for name in ("train", "test"))
    for width in (1, 5):
        model = PCA(width, svd_solver="full").fit(train)
        expected = r2_score(test, model.inverse_transform(model.transform(test)), multioutput="variance_weighted")
        assert pca_r2(digits, width) == pytest.approx(expected, abs=1e-4)
    assert pca_r2(digits, 64) == pca_r2(digits, 500) == pytest.approx(1, abs=1e-6)


def test_principal_components_as_features_reconstruct_as_well_as_they_can(decoded):
    rows, _ = decoded
    found = rows_of(rows, "reconstruction")
    assert found[""] == pytest.approx(found["pca"], abs=2e-3)
    assert rows_of(rows, "reconstruction_of_pca")[""] == pytest.approx(found[""] / found["pca"])


def test_no_features_beat_principal_components_on_the_training_images():
    """Eckart and Young: whatever the features, a linear decoder of K of them draws in K dimensions."""
    digits = registry().dataset("digits")
    context = context_for(ib.pretrain("infomax_em", "digits", width=8, seeds=[0], epochs=2), digits)
    (seed,) = seeds_of(context.set)
    pixels = source().pixels
    train = pixels(seed.images["train"])
    guess = seed.regression(pixels, (1e-6,))(seed.moments.x)
    model = PCA(8, svd_solver="full").fit(train.numpy())
    bound = ((train.numpy() - model.inverse_transform(model.transform(train.numpy()))) ** 2).sum()
    assert float((train - guess).square().sum()) > bound


# -- samples ----------------------------------------------------------------------------------------------------------
def seed_of(x: torch.Tensor) -> Seed:
    return Seed(Moments.of(x), {}, {})


def test_samples_have_the_moments_that_they_are_drawn_with():
    x = normal(3000, 3) @ torch.tensor([[1.0, 0.8, 0.0], [0.0, 0.6, 0.0], [0.0, 0.0, 2.0]]) + 5
    rng = torch.Generator().manual_seed(0)
    joint, single = gaussian(seed_of(x), 20_000, rng), alone(seed_of(x), 20_000, rng)
    assert torch.allclose(joint.T.cov(), x.T.cov(), atol=0.1)
    assert torch.allclose(single.T.cov(), torch.diag(x.var(0)), atol=0.1)
    for drawn in (joint, single):
        assert torch.allclose(drawn.mean(0), x.mean(0), atol=0.1)
    assert all(set(single[:, k].tolist()) <= set(x[:, k].tolist()) for k in range(3))


def test_dead_units_stay_dead_in_samples():
    x = torch.cat([normal(100, 1), torch.zeros(100, 2)], 1)
    for sampler in SAMPLERS.values():
        drawn = sampler(seed_of(x), 50, torch.Generator().manual_seed(0))
        assert drawn[:, 1:].abs().max() < 0.01
        assert drawn[:, 0].std() > 0.5


def test_the_yardstick_is_one_for_unrelated_pixels_and_about_zero_for_images():
    for name in ("digits", "sprites:coarse"):
        ruler, where = yardstick(source(name)), source(name)
        train = where.pixels(where.part("train"))
        n = len(ruler.points["test"])
        assert ruler.distance(train[:n]) == pytest.approx(0, abs=0.03)
        unrelated = alone(seed_of(train), n, torch.Generator().manual_seed(5))
        assert ruler.distance(unrelated) == pytest.approx(1, abs=0.1)
        assert ruler.distance(train.mean(0).expand(n, -1)) > 1
    assert yardstick(source()) is yardstick(source())


def test_what_is_decoded_lies_where_it_should(decoded):
    rows, _ = decoded
    far = rows_of(rows, "sample_distance")
    assert far["images"] == pytest.approx(0, abs=0.02)
    assert far["images"] <= far["decoded"] < min(far["gaussian"], far["alone"])
    assert far["chosen"] in (far["gaussian"], far["alone"])
    masks = rows_of(rows, "mask_iou")
    assert 0 < masks["mean"] < masks[""] < 1
    assert rows_of(rows, "mask_skill")[""] == pytest.approx((masks[""] - masks["mean"]) / (1 - masks["mean"]))


def test_pictures_are_kept_and_the_same_every_time(pca_on_sprites, decoded):
    rows, pictures = decoded
    assert {n: a.shape for n, a in pictures.items()} == {
        **dict.fromkeys(("images", "decoded", "gaussian", "alone"), (SHOWN, 1, 24, 24)),
        **dict.fromkeys(("masks", "segmented"), (SHOWN, 24, 24)),
    }
    assert all(a.dtype == np.uint8 for a in pictures.values())
    again, drawn = decoding(pca_on_sprites)
    assert again == rows
    assert all(np.array_equal(drawn[name], pictures[name]) for name in pictures)


def test_without_masks_there_are_none_and_features_alone_decode_nothing():
    context = context_for(ib.pretrain("pixels", "digits", width=64, seeds=[0]), registry().dataset("digits"))
    rows, pictures = decoding(context)
    assert not rows_of(rows, "mask_iou")
    assert set(pictures) == {"images", "decoded", "gaussian", "alone"}
    assert rows_of(rows, "reconstruction")[""] == pytest.approx(1, abs=1e-3)
    assert np.abs(pictures["images"].astype(int) - pictures["decoded"]).max() <= 2
    with pytest.raises(NotApplicable):
        decoding(Context((0,), lambda _: context.set))
