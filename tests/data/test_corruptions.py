"""Corruptions of images: against scipy, torchvision and torch.roll, by their own definitions, and in their draws."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

from infomax_bench.data import _torchvision  # noqa: F401 - makes the next import work
from infomax_bench.data.corruptions import LEVELS, SEVERITIES, TRUNCATE, blur_matrix, corrupt
from infomax_bench.evaluations.thresholds import CORRUPTIONS


def floats(n=6, channels=1, height=12, width=9, seed=0):
    return torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(seed))


def whole(*shape, seed=0):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def test_the_names_of_the_protocols_are_those_of_the_levels():
    assert tuple(LEVELS) == CORRUPTIONS
    assert all(len(levels) == len(SEVERITIES) for levels in LEVELS.values())


# -- each against its oracle ------------------------------------------------------------------------------------------
def test_blur_is_scipys_gaussian_filter():
    images = floats(channels=3)
    for severity, level in zip(SEVERITIES, LEVELS["blur"], strict=True):
        (found,) = corrupt(images, "blur", 0, (severity,))
        sigma = (0, 0, level * 9, level * 9)  # of the shorter side
        expected = ndimage.gaussian_filter(images.numpy(), sigma, mode="mirror", truncate=TRUNCATE)
        assert np.allclose(found, expected, atol=1e-5)


def test_blur_is_torchvisions():
    from torchvision.transforms.functional import gaussian_blur

    images = floats(height=16, width=16)
    sigma = LEVELS["blur"][4] * 16
    size = 2 * int(TRUNCATE * sigma + 0.5) + 1
    assert torch.allclose(corrupt(images, "blur", 0, (5,))[0], gaussian_blur(images, [size, size], [sigma, sigma]))


@given(n=st.integers(1, 40), sigma=st.floats(0.05, 8))
@settings(deadline=None, max_examples=40)
def test_a_blur_keeps_a_constant_and_is_scipys_however_wide(n, sigma):
    matrix = blur_matrix(n, sigma)
    assert torch.allclose(matrix.sum(1), torch.ones(n, dtype=torch.float64))
    line = np.random.default_rng(0).random(n)
    assert matrix.numpy() @ line == pytest.approx(
        ndimage.gaussian_filter1d(line, sigma, mode="mirror", radius=int(TRUNCATE * sigma + 0.5)), abs=1e-9
    )


def rolled(image, down, right):
    """The image `[C, H, W]` shifted, with zeros where something would come in from the other side."""
    out = torch.roll(image, (down, right), (-2, -1))
    height, width = image.shape[-2:]
    rows, columns = torch.arange(height) - down, torch.arange(width) - right
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    return out * inside


def test_a_shift_is_a_roll_that_loses_what_leaves():
    images = whole(60, 3, 10, 20).clamp(min=1)
    for severity, level in zip(SEVERITIES, LEVELS["shift"], strict=True):
        (found,) = corrupt(images, "shift", 3, (severity,))
        sizes = [sorted({int(level * n), int(level * n) + 1}) for n in (10, 20)]
        for image, moved in zip(images, found, strict=True):
            ways = [
                (i * a, j * b)
                for i, j in itertools.product((-1, 0, 1), repeat=2)
                if (i, j) != (0, 0)
                for a in sizes[0]
                for b in sizes[1]
            ]
            assert any(torch.equal(moved, rolled(image, *way)) for way in ways), severity


def test_shifts_go_every_way_and_are_as_long_as_they_should_be_on_average():
    n, side = 4000, 8
    images = torch.zeros(n, 1, 3 * side, 3 * side)
    images[..., 12, 12] = 1
    level = LEVELS["shift"][1]  # 1.92 pixels of 24
    (found,) = corrupt(images, "shift", 0, (2,))
    where = torch.nonzero(found[:, 0])
    assert len(where) == n
    by = where[:, 1:] - 12
    assert len(set(map(tuple, by.sign().tolist()))) == 8
    longest = by.abs().amax(1).double()
    assert longest.mean().item() == pytest.approx(level * 24, abs=0.02)


def test_noise_is_gaussian_of_its_level_and_clipped():
    grey = torch.full((50, 3, 20, 20), 0.5)
    out = corrupt(grey, "noise", 0)
    for found, level in zip(out, LEVELS["noise"], strict=True):
        assert found.min() >= 0
        assert found.max() <= 1
        # clipping at half of the range to either side: the variance of a censored normal
        edge = 0.5 / level
        z = stats.norm
        inner = z.cdf(edge) - z.cdf(-edge) - 2 * edge * z.pdf(edge)
        sd = level * (inner + 2 * edge**2 * z.sf(edge)) ** 0.5
        assert found.std().item() == pytest.approx(sd, rel=0.01)
        assert found.mean().item() == pytest.approx(0.5, abs=0.01)
    pixels = (out[0] - 0.5).flatten(1)
    assert np.corrcoef(pixels[:10])[np.triu_indices(10, 1)] == pytest.approx(0, abs=0.12), "not the same for all images"


def test_contrast_draws_every_channel_to_its_mean():
    images = floats(channels=3)
    mean = images.mean((-2, -1), keepdim=True)
    for found, level in zip(corrupt(images, "contrast", 0), LEVELS["contrast"], strict=True):
        assert torch.allclose(found, mean + level * (images - mean), atol=1e-6)


def test_occlusion_is_a_square_of_the_mean_colour_that_grows():
    side, n = 16, 300
    images = floats(n, 3, side, side)
    mean = images.mean((-2, -1), keepdim=True)
    before = torch.zeros(n, side, side, dtype=torch.bool)
    for found, level in zip(corrupt(images, "occlusion", 5), LEVELS["occlusion"], strict=True):
        hidden = (found != images).any(1)
        assert torch.equal(found, torch.where(hidden[:, None], mean, images))
        sizes = []
        for patch in hidden:
            rows, columns = torch.nonzero(patch.any(1)).flatten(), torch.nonzero(patch.any(0)).flatten()
            assert patch[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
            assert len(rows) == len(columns) == patch.sum() ** 0.5
            sizes.append(len(rows))
        assert np.mean(sizes) == pytest.approx(level * side, abs=0.12)
        assert set(sizes) <= {int(level * side), int(level * side) + 1}
        assert (hidden | before == hidden).all(), "a greater patch hides what the smaller one hid"
        before = hidden


def test_occlusion_may_be_anywhere_whatever_its_size():
    """Of the two sizes that a patch of 2.4 pixels may have, each is as likely at every place of 8 pixels."""
    images = floats(8000, 1, 8, 8)
    hidden = (corrupt(images, "occlusion", 0, (2,))[0] != images).any(1)
    side = hidden.any(2).sum(1)
    assert side.double().mean().item() == pytest.approx(2.4, abs=0.03)
    for axis in (1, 2):
        first = hidden.any(3 - axis).int().argmax(1)
        for length in (2, 3):
            counts = first[side == length].bincount()
            assert len(counts) == 8 - length + 1
            assert stats.chisquare(counts).pvalue > 1e-4


# -- what all of them promise -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("images", [whole(5, 1, 8, 8), whole(4, 3, 7, 11), floats(), floats(2, 3, 1, 1)])
def test_shape_type_and_range_stay_and_severity_0_changes_nothing(name, images):
    before = images.clone()
    found = corrupt(images, name, 1, (0, 5, 0))
    assert torch.equal(images, before), "the images given are left alone"
    assert found.shape == (3, *images.shape)
    assert found.dtype == images.dtype
    assert torch.equal(found[0], images)
    assert torch.equal(found[2], images)
    assert found.double().min() >= 0
    assert found.double().max() <= (255 if images.dtype == torch.uint8 else 1)


@given(
    name=st.sampled_from(CORRUPTIONS),
    channels=st.sampled_from([1, 3]),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    seed=st.integers(0, 1000),
)
@settings(deadline=None, max_examples=60)
def test_any_size_of_image_in_bytes_is_the_float_result_rounded(name, channels, height, width, seed):
    images = whole(3, channels, height, width, seed=seed)
    found = corrupt(images, name, seed)
    expected = 255 * corrupt(images.float() / 255, name, seed)
    assert (found.float() - expected).abs().max() <= 0.5 + 1e-3


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_draws_belong_to_the_seed(name):
    images = whole(6, 1, 12, 12)
    all_of_them = corrupt(images, name, 7)
    torch.manual_seed(123)  # nothing outside matters
    for i, severity in enumerate(SEVERITIES):
        assert torch.equal(corrupt(images, name, 7, (severity,))[0], all_of_them[i])
    assert torch.equal(corrupt(images, name, 8), all_of_them) == (name in ("blur", "contrast"))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_damage_grows_with_severity_on_average(name):
    """Mean squared difference to smooth images, such as real ones are."""
    images = torch.from_numpy(ndimage.gaussian_filter(floats(100, 1, 16, 16).numpy(), (0, 0, 1, 1))) * 2 - 0.5
    images = images.clamp(0, 1)
    damage = (corrupt(images, name, 0) - images).square().mean((1, 2, 3, 4))
    assert damage[0] > 0
    assert (damage.diff() > 0).all()


def test_what_there_is_not_is_refused():
    with pytest.raises(KeyError):
        corrupt(floats(), "snow", 0)
    with pytest.raises(ValueError, match="severities are 0 to 5, not 6"):
        corrupt(floats(), "noise", 0, (6,))
