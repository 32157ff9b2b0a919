"""Augmentation: what it may change, what it must not, and whose random numbers it uses."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from infomax_bench.base.streams import Rng
from infomax_bench.data.augment import Augmentation

STRONG = Augmentation(scale=(0.5, 1.1), shift=0.1, rotate=30, flip=True, brightness=0.5, contrast=0.5, noise=0.1)
EACH = [
    Augmentation(scale=(0.5, 0.9)),
    Augmentation(shift=0.2),
    Augmentation(rotate=40),
    Augmentation(flip=True),
    Augmentation(brightness=0.4),
    Augmentation(contrast=0.4),
    Augmentation(noise=0.1),
]


def pictures(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def one(seed: int = 0) -> Rng:
    return Rng.of([seed], "views", stacked=False)


def test_default_changes_nothing() -> None:
    """A data set that names no augmentation gets its own pixels back, exactly."""
    images = pictures(5, 3, 8, 8)
    assert torch.equal(Augmentation()(images, one()), images)


@pytest.mark.parametrize("augmentation", EACH, ids=str)
def test_a_part_or_all_can_be_left_out(augmentation: Augmentation) -> None:
    """What is left of one part is nothing, and of several the others."""
    [part] = augmentation.parts()
    assert augmentation.without(part) == augmentation.without("all") == Augmentation()
    both = Augmentation(scale=(0.5, 1.0), shift=0.1, noise=0.1)
    if part in both.parts():
        assert set(both.without(part).parts()) == set(both.parts()) - {part}


@pytest.mark.parametrize("augmentation", EACH, ids=str)
def test_each_parameter_does_something(augmentation: Augmentation) -> None:
    """Every single parameter changes images, and two views differ."""
    images, rng = pictures(16, 1, 8, 8), one()
    first, second = augmentation(images, rng), augmentation(images, rng)
    assert not torch.equal(first, images)
    assert not torch.equal(first, second)


@given(
    scale=st.tuples(st.floats(0.2, 1.3), st.floats(0.2, 1.3)).map(lambda pair: (min(pair), max(pair))),
    shift=st.floats(0, 0.5),
    rotate=st.floats(0, 180),
    flip=st.booleans(),
    brightness=st.floats(0, 1),
    contrast=st.floats(0, 1),
    noise=st.floats(0, 1),
    shape=st.sampled_from([(4, 1, 8, 8), (3, 3, 5, 9), (2, 4, 1, 8, 8)]),
)
@settings(max_examples=50, deadline=None)
def test_shape_and_range_are_kept(shape: tuple[int, ...], **parameters: object) -> None:
    """Whatever the parameters, images stay images: the same shape, finite, in [0, 1]."""
    rng = Rng.of(range(shape[0]), "views") if len(shape) == 5 else one()
    out = Augmentation(**parameters)(pictures(*shape), rng)  # type: ignore[arg-type]
    assert out.shape == shape
    assert out.dtype == torch.float32
    assert out.min() >= 0
    assert out.max() <= 1


def test_batched_seeds_equal_each_alone() -> None:
    """What a seed sees does not depend on which seeds are trained beside it."""
    images = pictures(3, 6, 2, 8, 8)
    together = STRONG(images, Rng.of([7, 8, 9], "views"))
    for i, seed in enumerate((7, 8, 9)):
        torch.testing.assert_close(together[i], STRONG(images[i], one(seed)), rtol=0, atol=1e-6)


def test_same_stream_same_views() -> None:
    """Augmentation draws from the stream it is given, and from nothing else."""
    images = pictures(6, 1, 8, 8)
    first = STRONG(images, one(3))
    torch.manual_seed(1)
    assert torch.equal(first, STRONG(images, one(3)))
    assert not torch.equal(first, STRONG(images, one(4)))


@pytest.mark.parametrize("augmentation", [a for a in EACH if not a.flip], ids=str)
def test_each_image_has_its_own_parameters(augmentation: Augmentation) -> None:
    """Copies of one image are all augmented differently."""
    out = augmentation(pictures(1, 1, 8, 8).expand(10, -1, -1, -1), one())
    assert len(out.flatten(1).unique(dim=0)) == 10


def test_channels_move_together() -> None:
    """A grey image with three channels stays grey."""
    images = pictures(8, 1, 8, 8).expand(-1, 3, -1, -1)
    out = dataclasses.replace(STRONG, noise=0)(images, one())
    assert torch.equal(out, out[:, :1].expand_as(out))


def test_flip_is_a_mirror() -> None:
    """With flips alone, every image is itself or its mirror image, about half of them each."""
    images = pictures(400, 1, 7, 10)
    out = Augmentation(flip=True)(images, one())
    same = (out - images).abs().flatten(1).amax(1) < 1e-4
    mirrored = (out - images.flip(-1)).abs().flatten(1).amax(1) < 1e-4
    assert (same ^ mirrored).all()
    assert 150 < same.sum() < 250


def test_crops_stay_inside() -> None:
    """A crop never shows what is outside the image: a white image stays white."""
    white = torch.ones(200, 1, 16, 16)
    out = Augmentation(scale=(0.3, 0.9))(white, one())
    assert out.min() > 1 - 1e-5


def test_what_comes_in_from_outside_is_black() -> None:
    """A figure at the edge is not smeared over what a shift uncovers."""
    white = torch.ones(200, 1, 16, 16)
    out = Augmentation(shift=0.25)(white, one())
    assert set(out.round(decimals=5).unique().tolist()) == {0.0, 1.0}
    assert 0 in out[:, 0, 0, 0]


def test_shift_stays_within_its_bound() -> None:
    """A shift of 0.25 moves a dot by at most a quarter of the side, and nearly as far both ways."""
    dot = torch.zeros(500, 1, 20, 20)
    dot[:, 0, 9:11, 9:11] = 1
    out = Augmentation(shift=0.25)(dot, one())[:, 0]
    x = (out.sum(1) * torch.arange(20)).sum(1) / out.sum((1, 2)) - 9.5
    assert x.abs().max() < 5.01
    assert x.min() < -4.5
    assert x.max() > 4.5


@pytest.mark.parametrize(("height", "width"), [(41, 41), (31, 61)])
def test_rotation_keeps_distances(height: int, width: int) -> None:
    """Rotation is rigid, also where the sides differ: a dot stays at its distance from the centre."""
    dot = torch.zeros(200, 1, height, width)
    dot[:, 0, height // 2 - 1 : height // 2 + 2, width // 2 + 9 : width // 2 + 12] = 1
    out = Augmentation(rotate=60)(dot, one())[:, 0]
    mass = out.sum((1, 2))
    x = (out.sum(1) * torch.arange(width)).sum(1) / mass - width // 2
    y = (out.sum(2) * torch.arange(height)).sum(1) / mass - height // 2
    assert (torch.hypot(x, y) - 10).abs().max() < 0.3
    angle = torch.rad2deg(torch.atan2(y, x))
    assert angle.abs().max() < 61
    assert angle.min() < -50
    assert angle.max() > 50


def test_noise_has_its_standard_deviation() -> None:
    """Noise is in units of the full intensity range."""
    out = Augmentation(noise=0.05)(torch.full((50, 1, 20, 20), 0.5), one())
    assert math.isclose(float(out.std()), 0.05, rel_tol=0.05)
