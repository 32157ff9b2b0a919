"""What features tell of factors, and what their variance is due to: perfect, ignorant and hand-made features."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

import infomax_bench as ib
from infomax_bench.base.errors import Diverged, NotApplicable
from infomax_bench.evaluations.context import Context, context_for
from infomax_bench.evaluations.factors import above_chance, decodability, factors, quantity_r2, variables
from infomax_bench.evaluations.invariance import explained_shares, invariance, views_of, within_share
from infomax_bench.evaluations.linear import seeds_of
from infomax_bench.evaluations.probe import L2_GRID
from infomax_bench.evaluations.properties import PROPERTIES, measure, properties_of
from infomax_bench.study.plugins import registry
from tests.numerics.test_linear import feature_set, normal


def grid(*sizes: int, repeats: int = 1) -> torch.Tensor:
    """Every combination of factor values, shuffled: int64 `[N, F]`."""
    whole = torch.cartesian_prod(*[torch.arange(size) for size in sizes]).repeat(repeats, 1)
    return whole[torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))]


def known(features: torch.Tensor, values: torch.Tensor, names=("shape", "x", "y")):
    """A context of one seed on features `[N, K]`; the label is the first factor."""
    data = feature_set(features[None].float(), values[:, 0], 1, factors=values, factor_names=names)
    return Context((0,), lambda _: data)


def rows_of(rows, metric):
    return {row.get("protocol", ""): row["value"] for row in rows if row["metric"] == metric}


# -- decodability -----------------------------------------------------------------------------------------------------
def test_perfect_factors_decode_perfectly_whatever_their_order_scale_and_mixture():
    values = grid(5, 4, 3, repeats=10)
    mixed = values.float() @ normal(3, 3) * torch.tensor([1e-3, 1.0, 1e3]) + 7
    for features in (values, mixed, torch.cat([mixed, torch.zeros(len(values), 2)], 1)):
        found = rows_of(factors(known(features, values)), "decodability")
        assert list(found) == ["class", "x", "y"]
        assert list(found.values()) == pytest.approx([1, 1, 1])


def test_features_that_are_independent_of_the_factors_decode_at_chance():
    values = torch.stack([torch.randint(k, (4000,), generator=torch.Generator().manual_seed(k)) for k in (5, 4, 3)], 1)
    found = rows_of(factors(known(normal(4000, 8), values)), "decodability")
    assert list(found.values()) == pytest.approx([0, 0, 0], abs=0.05)


def test_a_supervised_code_has_a_gap():
    values = grid(5, 4, 3, repeats=10)
    only_the_label = torch.nn.functional.one_hot(values[:, 0], 5) + 0.1 * normal(len(values), 5)
    found = rows_of(factors(known(only_the_label, values)), "decodability")
    assert found["class"] == pytest.approx(1)
    assert max(found["x"], found["y"]) < 0.15


def test_a_circular_factor_is_told_from_its_sine_and_cosine():
    values = grid(5, 8, 3, repeats=5)
    angle = values[:, 1] * (2 * np.pi / 8)
    features = torch.stack([angle.cos(), angle.sin()], 1)
    assert rows_of(factors(known(features, values)), "decodability")["x"] == pytest.approx(1)


def test_above_chance_is_what_it_says():
    train, truth = torch.tensor([2, 2, 2, 1]), torch.tensor([2, 2, 1, 0])
    assert above_chance(train, truth, torch.tensor([2, 2, 2, 2])) == 0
    assert above_chance(train, truth, truth) == 1
    assert above_chance(train, truth, torch.tensor([2, 2, 1, 1])) == pytest.approx((0.75 - 0.5) / 0.5)
    assert above_chance(train, truth, 2 - truth) == pytest.approx((0.25 - 0.5) / 0.5)
    assert np.isnan(above_chance(train, torch.full((4,), 2), truth))


@settings(max_examples=15, deadline=None)
@given(scale=st.lists(st.floats(1e-3, 1e3), min_size=4, max_size=4), shift=st.floats(-10, 10))
def test_decodability_does_not_depend_on_the_scale_of_a_unit(scale, shift):
    values = grid(4, 3, repeats=10)
    features = torch.cat([values + normal(len(values), 2), normal(len(values), 2, seed=1)], 1)
    scaled = features * torch.tensor(scale) + shift
    one, other = (feature_set(f[None], values[:, 0], 1, factors=values) for f in (features, scaled))
    for a, b in zip(variables(one), variables(other), strict=True):
        assert decodability(*seeds_of(one), a) == pytest.approx(decodability(*seeds_of(other), b), abs=0.02)


def test_the_factor_that_is_the_label_is_not_counted_twice_and_names_may_lack():
    values = grid(5, 4, 3)
    relabelled = torch.stack([(values[:, 0] + 2) % 5 * 10, values[:, 1], values[:, 2]], 1)
    data = feature_set(normal(1, 60, 2), values[:, 0], 1, factors=relabelled)
    assert [(v.name, v.size) for v in variables(data)] == [("class", 5), ("factor 2", 4), ("factor 3", 3)]
    coarse = feature_set(normal(1, 60, 2), values[:, 0] // 2, 1, factors=values)
    assert [v.name for v in variables(coarse)] == ["class", "factor 1", "factor 2", "factor 3"]
    assert [v.name for v in variables(feature_set(normal(1, 60, 2), values[:, 0], 1))] == ["class"]


def test_a_quantitys_r2_is_sklearns():
    x = normal(1, 400, 5)
    truth = (x[0] @ torch.arange(5.0) + normal(400, seed=2)).double()
    (seed,) = seeds_of(feature_set(x, torch.arange(400) % 2, 1))
    train, test = seed.images["train"], seed.images["test"]
    expected = max(
        (
            (model := Ridge(alpha=len(train) * l2).fit(seed.moments.x, truth[train])).score(
                seed.x["validation"], truth[seed.images["validation"]]
            ),
            r2_score(truth[test], model.predict(seed.x["test"])),
        )
        for l2 in L2_GRID
    )[1]
    assert quantity_r2(seed, truth) == pytest.approx(expected, abs=1e-5)


def test_factors_whose_words_are_numbers_are_quantities():
    sprites = registry().dataset("sprites:coarse")
    assert set(sprites.quantities) == {"x", "y"}
    assert sprites.quantities["x"] == [1, 3, 5, 7, 9, 11, 13]
    assert registry().dataset("digits").quantities == {}


# -- properties -------------------------------------------------------------------------------------------------------
def test_properties_of_a_hand_made_image():
    image = torch.zeros(1, 1, 4, 6, dtype=torch.uint8)
    image[0, 0, 1, 1], image[0, 0, 3, 5] = 255, 255  # at (1, 1) and (5, 3)
    ink, width, height, slant = measure(image)[0].tolist()
    assert (ink, width, height) == pytest.approx((2 / 24, 2, 1))
    assert slant == pytest.approx(2 * 1 / 1)  # two to the right for one down
    assert measure(image.flip(3))[0, 3] == pytest.approx(-slant)


def test_properties_ignore_the_place_and_black_images_have_none():
    image = torch.zeros(3, 1, 9, 9, dtype=torch.uint8)
    patch = torch.randint(0, 255, (4, 4), generator=torch.Generator().manual_seed(0)).byte()
    image[0, 0, :4, :4], image[1, 0, 5:, 3:7] = patch, patch
    found = measure(image)
    assert torch.allclose(found[0], found[1])
    assert found[2].tolist() == [0, 0, 0, 0]
    line = torch.zeros(1, 1, 5, 5, dtype=torch.uint8)
    line[0, 0, 2] = 9
    assert measure(line)[0, 2:].tolist() == [0, 0]
    assert torch.allclose(measure(image.expand(-1, 3, -1, -1)), found)


def test_pixels_tell_all_of_the_ink_within_a_class():
    encoder = ib.pretrain("pixels", "digits", width=64, seeds=[0])
    found = rows_of(factors(context_for(encoder, registry().dataset("digits"))), "property_r2")
    assert list(found) == list(PROPERTIES)
    assert found["ink"] > 0.999
    assert properties_of(registry().dataset("digits")).shape == (1797, 4)


# -- variance ---------------------------------------------------------------------------------------------------------
def test_features_that_ignore_the_augmentation_are_invariant_and_noise_is_not():
    image = normal(2, 200, 1, 6).expand(-1, -1, 5, -1)
    noise = normal(2, 200, 5, 6, seed=1)
    assert within_share(image).tolist() == [0, 0]
    assert within_share(noise).tolist() == pytest.approx([1, 1], abs=0.05)
    assert within_share(image + noise).tolist() == pytest.approx([0.5, 0.5], abs=0.05)
    both = torch.cat([image, noise, torch.ones_like(noise)], -1)  # dead units take no part
    assert within_share(both).tolist() == pytest.approx([0.5, 0.5], abs=0.03)
    assert within_share(torch.ones(1, 4, 3, 2)).isnan().all()
    with pytest.raises(Diverged):
        within_share(both / 0)


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(1e-3, 1e3), shift=st.floats(-100, 100))
def test_shares_of_variance_do_not_depend_on_scale(scale, shift):
    views = normal(1, 40, 1, 3) + 0.5 * normal(1, 40, 4, 3, seed=1)
    assert within_share(scale * views + shift).item() == pytest.approx(within_share(views).item(), abs=1e-3)
    codes = (torch.arange(40) % 4)[None]
    features = views[:, :, 0] + codes[..., None]
    moved = explained_shares(scale * features + shift, codes, 4)
    assert moved.item() == pytest.approx(explained_shares(features, codes, 4).item(), abs=1e-3)


def test_shares_of_factors_are_those_of_a_sum_of_independent_parts():
    values = grid(5, 4, 8, repeats=20)
    codes = [values[None, :, f] for f in range(3)]
    parts = [3.0 * values[:, 0], 1.0 * values[:, 1]]
    unit = (sum(parts) + 2 * normal(len(values)))[None, :, None]
    total = float(unit.var())
    for f, part in enumerate(parts):
        assert explained_shares(unit, codes[f], 8).item() == pytest.approx(float(part.var()) / total, abs=0.02)
    assert explained_shares(unit, codes[2], 8).item() == pytest.approx(0, abs=0.01)
    assert explained_shares(codes[0].float()[..., None], codes[0], 8).item() == pytest.approx(1)


def test_shares_of_factors_are_not_inflated_by_many_values():
    codes = torch.arange(60)[None] % 30
    values = torch.cat([explained_shares(normal(1, 60, 50, seed=s), codes, 30) for s in range(5)])
    assert values.mean().item() == pytest.approx(0, abs=0.08)


def test_invariance_of_an_encoder_adds_up_and_needs_one():
    sprites = registry().dataset("sprites:coarse")
    context = context_for(ib.pretrain("random_features", "sprites:coarse", width=16, seeds=[0, 1]), sprites)
    rows = invariance(context)
    shares = [row for row in rows if row["metric"] == "variance_share"]
    assert {row["protocol"] for row in shares} == {"class", "scale", "orientation", "x", "y", "rest"}
    for seed in (0, 1):
        assert sum(row["value"] for row in shares if row["seed"] == seed) == pytest.approx(1)
    moved = [row["value"] for row in rows if row["metric"] == "augmentation_share"]
    assert len(moved) == 2
    assert 0.1 < min(moved) <= max(moved) < 0.9
    assert torch.equal(views_of(sprites, (1, 24, 24)), views_of(sprites, (1, 24, 24)))
    with pytest.raises(NotApplicable):
        invariance(Context((0,), lambda _: context.set))
