"""How alike two encoders are: against formulas written out, and by what must not matter."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from infomax_bench.evaluations.representation import IMAGES, STEPS, chosen_images, quantised
from infomax_bench.evaluations.similarity import (
    NEIGHBOURS,
    compare,
    described,
    matched_correlation,
    matched_units,
    nearest,
    similarity,
    u_centred,
)
from infomax_bench.study.plugins import registry

MEASURES = ("cka", "mutual_neighbours", "matched_units")


def draw(seed, n=256, units=16):
    return np.random.default_rng(seed).normal(size=(n, units))


def between(x, y):
    return compare(described(x), described(y))


def rotation(seed, units):
    return np.linalg.qr(draw(seed, units, units))[0]


# -- CKA --------------------------------------------------------------------------------------------------------------
def standardised(x):
    return (x - x.mean(0)) / x.std(0)


def hsic_by_loops(k, other):
    """The U-statistic of HSIC: over all four different images (Song et al. 2012, theorem 2 written out)."""
    n, total = len(k), 0.0
    for i, j, q, r in itertools.permutations(range(n), 4):
        total += k[i, j] * (other[i, j] + other[q, r] - 2 * other[i, q])
    return total / (n * (n - 1) * (n - 2) * (n - 3))


def test_cka_is_the_ratio_of_u_statistics():
    x, y = standardised(draw(0, 9, 3)), standardised(draw(1, 9, 4) + draw(0, 9, 4))
    a, b = x @ x.T, y @ y.T
    expected = hsic_by_loops(a, b) / np.sqrt(hsic_by_loops(a, a) * hsic_by_loops(b, b))
    assert between(x, y)["cka"] == pytest.approx(expected, abs=1e-5)
    assert np.sum(u_centred(a) * u_centred(b)) / (9 * 6) == pytest.approx(hsic_by_loops(a, b), abs=1e-9)


def test_cka_is_the_formula_of_song():
    n = 12
    x, y = standardised(draw(0, n, 5)), standardised(draw(1, n, 5))
    a, b = (z @ z.T - np.diag(np.diag(z @ z.T)) for z in (x, y))
    one = np.ones(n)
    hsic = np.trace(a @ b) + (one @ a @ one) * (one @ b @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ a @ b @ one)
    assert np.sum(u_centred(x @ x.T) * u_centred(y @ y.T)) == pytest.approx(hsic, abs=1e-9)


def test_a_rotation_is_the_same_to_what_compares_images():
    """White features, since rotated units are standardised again."""
    x = np.linalg.qr(draw(0) - draw(0).mean(0))[0]
    same = between(x, 3 * x @ rotation(5, 16))
    assert same["cka"] == pytest.approx(1)
    assert same["mutual_neighbours"] == pytest.approx(1)
    assert same["matched_units"] < 0.7


@pytest.mark.parametrize("units", [4, 64, 400])
def test_independent_representations_are_not_alike_whatever_their_width(units):
    """Without the correction CKA of 400 units on 256 images would be 0.6, and matched units would be 0.19."""
    found = [between(draw(2 * i, units=units), draw(2 * i + 1, units=units)) for i in range(6)]
    for measure in MEASURES:
        assert np.mean([f[measure] for f in found]) == pytest.approx(0, abs=0.03), measure
    x, y = (standardised(draw(i, units=400)) for i in (0, 1))
    a, b = x @ x.T, y @ y.T
    assert np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b) > 0.55


# -- neighbours -------------------------------------------------------------------------------------------------------
def test_neighbours_are_those_of_a_sort():
    x = draw(0, 40, 3)
    found = nearest(x, 5)
    distance = np.linalg.norm(x[:, None] - x[None], axis=-1) + np.diag(np.full(40, np.inf))
    for i in range(40):
        assert set(np.flatnonzero(found[i])) == set(np.argsort(distance[i])[:5])
    assert np.array_equal(found.sum(1), np.full(40, 5.0))


def test_mutual_neighbours_are_the_overlap_less_chance():
    x, y = draw(0), draw(0) + 0.7 * draw(1)
    a, b = nearest(standardised(x), NEIGHBOURS), nearest(standardised(y), NEIGHBOURS)
    overlap, chance = np.mean(np.sum(a * b, axis=1) / NEIGHBOURS), NEIGHBOURS / 255
    assert between(x, y)["mutual_neighbours"] == pytest.approx((overlap - chance) / (1 - chance), abs=1e-5)
    independent = nearest(standardised(draw(7)), NEIGHBOURS)
    assert np.mean(np.sum(a * independent, axis=1) / NEIGHBOURS) == pytest.approx(chance, abs=0.015)


def test_the_order_of_images_makes_nothing_a_neighbour():
    """One unit that fires for few images leaves the others at the same distance: two of these must not agree."""
    rng = np.random.default_rng(0)
    x, y = ((rng.random((256, 1)) < 0.1).astype(float) for _ in range(2))
    assert abs(between(x, y)["mutual_neighbours"]) < 0.05
    assert between(x, x)["mutual_neighbours"] == pytest.approx(1)


# -- units ------------------------------------------------------------------------------------------------------------
def test_the_matching_is_the_best_of_all():
    x, y = standardised(draw(0, 30, 4)), standardised(draw(1, 30, 5))
    correlation = np.abs(np.corrcoef(x.T, y.T)[:4, 4:])
    best = max(correlation[range(4), list(p)].mean() for p in itertools.permutations(range(5), 4))
    assert matched_correlation(x, y) == pytest.approx(best)
    assert matched_correlation(y, x) == pytest.approx(best)


def test_matched_units_take_chance_off():
    x = standardised(draw(0, units=64))
    assert matched_correlation(x, standardised(draw(1, units=64))) > 0.13
    assert abs(matched_units(x, standardised(draw(1, units=64)))) < 0.02
    noisy = standardised(x + draw(2, units=64))
    assert matched_units(x, noisy) == pytest.approx((0.707 - 0.15) / 0.85, abs=0.015)


# -- invariances ------------------------------------------------------------------------------------------------------
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), units=st.integers(1, 12), others=st.integers(1, 12))
def test_order_sign_and_scale_of_units_and_order_of_encoders_do_not_matter(seed, units, others):
    x, rng = draw(seed, 40, units), np.random.default_rng(seed)
    y = draw(seed + 1, 40, others) + x @ rng.normal(size=(units, others))
    changed = (y * rng.choice([-2.0, 0.5, 30.0], others) + rng.normal(size=others))[:, rng.permutation(others)]
    before = between(x, y)
    assert between(x, changed) == pytest.approx(before, abs=1e-5)
    assert between(y, x) == pytest.approx(before, abs=1e-5)
    assert between(y, changed) == pytest.approx(dict.fromkeys(MEASURES, 1.0), abs=1e-5)
    assert all(value <= 1 + 1e-6 for value in before.values())


@pytest.mark.parametrize("dead", [0.0, 7.3])
def test_dead_units_are_left_out(dead):
    x, y = draw(0), draw(0) + draw(1)
    with_dead = np.concatenate([np.full((256, 3), dead), y], axis=1)
    assert between(x, with_dead) == pytest.approx(between(x, y), abs=1e-6)
    nothing = between(x, np.full((256, 3), dead))
    assert all(np.isnan(value) for value in nothing.values())


def test_few_images_are_no_error():
    assert set(between(draw(0, 5, 3), draw(1, 5, 3))) == set(MEASURES)
    assert np.isnan(between(draw(0, 3, 3), draw(1, 3, 3))["cka"])


# -- what is kept -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("units", [8, 64, 200])
def test_bytes_are_enough(units):
    """Rounding changes no similarity by more than the seeds do, sparse units included."""
    common = draw(0, IMAGES, 12) @ draw(1, 12, units)
    x = common + draw(2, IMAGES, units)
    y = np.maximum(common + 2 * draw(3, IMAGES, units) - 1, 0)
    bytes_ = [quantised(torch.from_numpy(a[None]))[0] for a in (x, y)]
    assert bytes_[0].dtype == np.int8
    assert between(*bytes_) == pytest.approx(between(x, y), abs=0.015)


def test_the_rarest_value_fits_and_a_dead_unit_is_zero():
    x = torch.zeros(1, IMAGES, 2)
    x[0, 3, 0] = 5.0
    x[..., 1] = 3.0
    found = quantised(x)
    assert found[0, 3, 0] == round(STEPS * (IMAGES - 1) ** 0.5) <= 127
    assert found[0, 4, 0] == round(-STEPS / (IMAGES - 1) ** 0.5)
    assert not found[..., 1].any()


def test_the_images_are_test_images_and_the_same_every_time():
    from infomax_bench.data.dataset import load

    dataset = registry().dataset("digits")
    chosen = chosen_images(dataset)
    assert len(set(chosen.tolist())) == len(chosen) == IMAGES
    assert load(dataset).test[chosen].all()


# -- pairs ------------------------------------------------------------------------------------------------------------
def test_seeds_are_compared_with_the_next_one_of_their_block():
    """The first with the second, ..., the last with the first; and nothing where one is missing."""
    kept = {
        "a": {"features": np.stack([draw(i, 32, 4) for i in range(5)]), "seeds": np.arange(5, 10)},
        "b": {"features": np.stack([draw(10 + i, 32, 4) for i in range(3)]), "seeds": np.array([5, 6, 9])},
    }
    rows = similarity(kept, {"a": ("a", "b"), "b": ("b",)}, 5)
    pairs = {(method, row["seed"], row["other"]) for method in rows for row in rows[method]}
    assert {p for p in pairs if p[2] == "a"} == {("a", s, "a") for s in range(5, 10)}
    assert {p for p in pairs if p[:1] == ("a",) and p[2] == "b"} == {("a", 5, "b"), ("a", 8, "b"), ("a", 9, "b")}
    assert {p for p in pairs if p[0] == "b"} == {("b", 5, "b"), ("b", 9, "b")}
    (value,) = (r["value"] for r in rows["a"] if (r["seed"], r["other"], r["metric"]) == (9, "b", "cka"))
    assert value == pytest.approx(between(draw(4, 32, 4), draw(10, 32, 4))["cka"], abs=1e-5)
    alone = {"a": {"features": draw(0, 32, 4)[None], "seeds": np.array([0])}}
    assert similarity(alone, {"a": ("a",)}, 5) == {"a": []}
