"""What is drawn is what it says, pixel by pixel, and its causes have the distribution that they are to have."""

from __future__ import annotations

import functools
import hashlib

import numpy as np
import pytest
import torch
from scipy import stats

from infomax_bench.data import drawn
from infomax_bench.data.dataset import Images, load
from tests.data.plugin_files import module, plugin

DIGESTS = {
    "bars": "77fc636960aef57c",
    "dead_leaves": "bfd1c10c81e0993a",
    "glyphs": "b3e0ffa622960b19",
    "linked": "db0c76af6a3bb223",
    "sprites": "7b69df60cb6c2e4d",
}


@functools.cache
def made(name: str) -> tuple[Images, np.ndarray]:
    """A whole data set, drawn once, and its factors."""
    found = plugin(name)().load()
    assert found.factors is not None
    return found, found.factors.numpy()


@pytest.mark.parametrize("name", DIGESTS)
def test_pixels_labels_and_factors_are_the_same_everywhere(name: str) -> None:
    """Results of different machines are about one data set: every byte is what it was when the digest was kept."""
    dataset, (data, factors) = plugin(name)(), made(name)
    assert data.images.shape[1:] == dataset.shape
    assert int(data.test.sum()) == dataset.n_test >= 2_500
    assert int((~data.test).sum()) == dataset.n_rest >= 12_000 - dataset.n_test
    assert factors.shape[1] == len(dataset.factor_names)
    found = hashlib.sha256()
    for part in (data.images, data.labels, data.test, torch.from_numpy(factors)):
        found.update(part.numpy().tobytes())
    assert found.hexdigest()[:16] == DIGESTS[name]


@pytest.mark.parametrize("name", ["bars", "dead_leaves", "glyphs", "linked"])
def test_few_are_a_quarter(name: str) -> None:
    """The mode keeps every class and factor, on both sides."""
    few, every = plugin(name)("few"), plugin(name)()
    data = few.load()
    assert len(data.images) == few.n_rest + few.n_test == (every.n_rest + every.n_test) // 4
    assert int(data.test.sum()) == few.n_test
    for part in (data.test, ~data.test):
        assert data.labels[part].unique().tolist() == list(range(few.n_classes))
    assert data.factors is not None
    sizes = [len(words) for words in few.factor_words.values()]
    assert [int(own.max()) + 1 for own in data.factors.T][-len(sizes) :] == sizes


def test_the_class_of_sprites_may_be_their_scale() -> None:
    """Another question about the same images and the same division, in the same words."""
    shapes, scales = plugin("sprites")("coarse"), plugin("sprites")("coarse:scale")
    one, other = load(shapes), load(scales)
    assert one.factors is not None
    assert torch.equal(one.images, other.images)
    assert torch.equal(one.test, other.test)
    assert torch.equal(other.labels, one.factors[:, 1])
    assert scales.class_names == ("small", "medium", "large")
    assert shapes.captions(one) == scales.captions(other)


# -- drawing ------------------------------------------------------------------------------------------------------


def test_coverage_is_the_share_of_samples() -> None:
    inside = np.zeros((4, 8), dtype=bool)
    inside[:, :4] = True
    inside[0, 4:6] = True
    assert drawn.coverage(inside, samples=4).tolist() == [[255, 32]]


def test_a_disc_has_its_area_where_it_is_put() -> None:
    """Radius, and offsets to the right and down, are in pixels."""
    disc = drawn.drawn(lambda x, y: x**2 + y**2 < 1, 16, radius=4.0, x=2.0, y=-3.0) / 255
    middles = np.arange(16) + 0.5
    assert disc.sum() == pytest.approx(np.pi * 16, rel=0.005)
    assert (disc.sum(0) @ middles / disc.sum(), disc.sum(1) @ middles / disc.sum()) == pytest.approx((10, 5), abs=0.01)


@pytest.mark.parametrize("figure", drawn.FIGURES.values(), ids=drawn.FIGURES)
def test_figures_lie_in_the_unit_disc(figure: drawn.Figure) -> None:
    """A turned one is never cut off."""
    x, y = np.meshgrid(*2 * [np.linspace(-1.5, 1.5, 301)])
    assert not figure(x, y)[x**2 + y**2 > 1].any()


def test_outlines_are_filled_as_matplotlib_does() -> None:
    """Holes are empty, strokes are full, and what overlaps is full."""
    from matplotlib.path import Path

    glyphs = module("glyphs")
    edges = drawn.outline(glyphs.FILES[0], "B") / 100
    ours = drawn.filled(edges, 24, samples=1)
    x, y = np.meshgrid(np.arange(24) + 0.5, 23.5 - np.arange(24))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    starts = np.flatnonzero(np.r_[True, (edges[1:, 0] != edges[:-1, 1]).any(1)])
    winding = np.zeros(len(points), dtype=int)
    for part in np.split(edges, starts[1:]):
        area = float(np.sum(part[:, 0, 0] * part[:, 1, 1] - part[:, 1, 0] * part[:, 0, 1]))
        winding += int(np.sign(area)) * Path(part[:, 0]).contains_points(points)
    assert (ours.ravel() != 0).tolist() == (winding != 0).tolist()
    two = np.concatenate([edges, edges + np.array([1, 0])])
    assert (drawn.filled(two, 24, samples=1) >= ours).all()


# -- causes -------------------------------------------------------------------------------------------------------


def independent(a: np.ndarray, b: np.ndarray) -> float:
    """The p-value of a chi-square test of independence."""
    return float(stats.chi2_contingency(stats.contingency.crosstab(a, b).count).pvalue)


def test_bars_are_independent_causes() -> None:
    """Each is there a quarter of the time, and no pair tells of each other; the picture is their union."""
    data, bars = made("bars")
    n = len(bars)
    assert bars.shape == (16_000, 16)
    on = bars.sum(0)
    assert stats.chi2.sf((((on - n / 4) ** 2) / (n * 3 / 16)).sum(), 16) > 0.01
    pairs = [independent(bars[:, i], bars[:, j]) for i in range(16) for j in range(i)]
    assert min(pairs) > 0.01 / len(pairs)
    assert stats.kstest(pairs, "uniform").pvalue > 0.01
    rows, columns = bars[:, :8, None], bars[:, None, 8:]
    assert np.array_equal(data.images[:, 0].numpy(), 255 * (rows | columns))
    assert data.labels.tolist() == bars[:, :8].sum(1).clip(max=4).tolist()
    shares = np.bincount(data.labels) / n
    assert shares == pytest.approx([0.100, 0.267, 0.311, 0.208, 0.114], abs=0.01)


def test_no_picture_of_bars_is_on_both_sides() -> None:
    """Test asks for combinations that were never seen, though many pictures occur more than once."""
    data, bars = made("bars")
    pictures = bars @ (1 << np.arange(16))
    test = data.test.numpy()
    assert not set(pictures[test]) & set(pictures[~test])
    assert len(set(pictures)) < len(pictures)


def test_linked_causes_follow_the_copula() -> None:
    """Size, x and y are uniform and correlate by 0.7 as normal scores; shape and orientation tell nothing of them."""
    data, factors = made("linked")
    shape, size, orientation, x, y = factors.T
    for one in (size, x, y):
        assert stats.chisquare(np.bincount(one)).pvalue > 0.01
        assert independent(shape, one) > 0.01
        assert independent(orientation, one) > 0.01
    ends = np.clip(stats.norm.ppf(np.linspace(0, 1, 9)), -9, 9)
    both = stats.multivariate_normal(cov=[[1, 0.7], [0.7, 1]])
    shares = np.diff(np.diff(both.cdf(np.stack(np.meshgrid(ends, ends), axis=-1)), axis=0), axis=1)
    for one, other in ((size, x), (size, y), (x, y)):
        counts = np.bincount(8 * one + other, minlength=64)
        assert stats.chisquare(counts, shares.ravel() / shares.sum() * len(one)).pvalue > 0.001
    assert torch.equal(data.labels, torch.from_numpy(shape))


def test_linked_sprites_lie_where_they_say() -> None:
    """Size is area, and x and y are where the ink is."""
    data, factors = made("linked")
    ink = data.images[:, 0].double().numpy()
    area, places = ink.sum((1, 2)), np.arange(24)
    centre = ink.sum(1) @ places / area, ink.sum(2) @ places / area
    for own, told in ((area**0.5, factors[:, 1]), (centre[0], factors[:, 3]), (centre[1], factors[:, 4])):
        within = [stats.spearmanr(own[factors[:, 0] == k], told[factors[:, 0] == k]).statistic for k in range(5)]
        assert min(within) > 0.9


def test_dead_leaves_have_the_statistics_of_natural_images() -> None:
    """Power falls as the square of frequency, and neighbours differ as much in images of half the size; classes differ
    in neither greys nor the number of images."""
    data, _ = made("dead_leaves")
    images = data.images[:, 0].double().numpy()
    window = np.hanning(26)[1:-1]
    seen = (images - images.mean((1, 2), keepdims=True)) * np.outer(window, window)
    power = (np.abs(np.fft.fft2(seen)) ** 2).mean(0)
    frequency = np.rint(24 * np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(24)])))
    rings = np.arange(2, 8)
    slope = np.polyfit(np.log(rings), np.log([power[frequency == ring].mean() for ring in rings]), 1)[0]
    assert slope == pytest.approx(-2, abs=0.3)
    halved = images.reshape(-1, 12, 2, 12, 2).mean((2, 4))
    assert np.diff(halved).var() / np.diff(images).var() == pytest.approx(1, abs=0.2)
    assert data.labels.bincount().tolist() == 4 * [3_136]
    assert [images[data.labels == k].mean() for k in range(4)] == pytest.approx(4 * [127.5], abs=2)


def test_glyphs_are_made_by_all_their_factors() -> None:
    """Every value of every factor occurs with every letter, hardly two images of one letter are alike, and letters are
    entirely inside, where x and y say."""
    data, factors = made("glyphs")
    kind, labels = plugin("glyphs"), data.labels.numpy()
    sizes = [len(kind.factor_words[name]) for name in kind.factor_names]
    assert labels.tolist() == np.repeat(np.arange(26), 600).tolist()
    assert len({(*row, label) for *row, label in zip(*factors.T, labels, strict=True)}) == len(labels)
    for own, size in zip(factors.T, sizes, strict=True):
        assert np.unique(np.stack([labels, own]), axis=1).shape[1] == 26 * size
        assert stats.chisquare(np.bincount(own)).pvalue > 0.01
    images = data.images[:, 0].numpy()
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) > 15_550
    left = np.where(images.any(1), np.arange(28), 99).min(1)
    right = np.where(images.any(1), np.arange(28), -1).max(1)
    assert np.abs((left + right) / 2 - 10.5 - factors[:, 3]).max() <= 1
    assert left.min() >= 0
    assert right.max() <= 27
