"""Sprites are what their factors say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from infomax_bench.data.dataset import Images, load
from tests.data.plugin_files import plugin

LEVELS = (5, 3, 8, 14, 14)


@pytest.fixture(scope="module")
def sprites() -> Images:
    return load(plugin("sprites")())


@pytest.fixture(scope="module")
def by_factor(sprites: Images) -> torch.Tensor:
    """The images as `[shape, scale, orientation, x, y, H, W]`, put there by their factors."""
    out = torch.zeros(*LEVELS, 24, 24, dtype=torch.uint8)
    assert sprites.factors is not None
    out[tuple(sprites.factors.T)] = sprites.images[:, 0]
    return out


def test_sprites_are_a_full_factorial(sprites: Images) -> None:
    """Every combination of factors occurs once, and the class is the first factor."""
    assert sprites.factors is not None
    assert len(sprites.factors) == np.prod(LEVELS) == 23_520
    assert tuple((sprites.factors.amax(0) + 1).tolist()) == LEVELS
    assert len(sprites.factors.unique(dim=0)) == len(sprites.factors)
    assert torch.equal(sprites.labels, sprites.factors[:, 0])
    assert len(plugin("sprites").factor_names) == len(LEVELS)


def test_sprites_are_all_different(sprites: Images) -> None:
    """Factors can be told from the image: no figure has a symmetry, and none vanishes when small."""
    assert len({image.tobytes() for image in sprites.images.numpy()}) == len(sprites.images)


def test_coarse_sprites_are_those_at_every_other_position(sprites: Images) -> None:
    kind = plugin("sprites")("coarse")
    coarse = load(kind)
    assert coarse.factors is not None
    assert sprites.factors is not None
    assert tuple((coarse.factors.amax(0) + 1).tolist()) == (*LEVELS[:3], 7, 7)
    assert len(coarse.factors.unique(dim=0)) == len(coarse.factors) == kind.n_rest + kind.n_test == 5_880
    even = (sprites.factors[:, 3:] % 2 == 0).all(1)
    assert torch.equal(coarse.images, sprites.images[even])
    assert torch.equal(coarse.factors * torch.tensor([1, 1, 1, 2, 2]), sprites.factors[even])
    assert kind.captions(coarse) == [c for c, e in zip(plugin("sprites")().captions(sprites), even, strict=True) if e]


def test_sprites_move_as_their_factors_say(by_factor: torch.Tensor) -> None:
    """One step of x is one pixel to the right, one of y is one pixel down, and nothing else changes."""
    assert torch.equal(by_factor[:, :, :, 1:, :, :, 1:], by_factor[:, :, :, :-1, :, :, :-1])
    assert torch.equal(by_factor[:, :, :, :, 1:, 1:, :], by_factor[:, :, :, :, :-1, :-1, :])


def test_sprites_are_entirely_inside(by_factor: torch.Tensor) -> None:
    """No position cuts anything off, and the area depends on shape and scale only (orientation up to rounding)."""
    area = by_factor.sum((-2, -1), dtype=torch.int64).double()
    assert (area == area[:, :, :, :1, :1]).all()
    area = area[..., 0, 0]
    assert ((area / area.mean(2, keepdim=True) - 1).abs() < 0.01).all()
    assert (area[:, 1:] > 1.3 * area[:, :-1]).all()


def test_sprites_turn_as_their_factors_say(by_factor: torch.Tensor) -> None:
    """Two steps of orientation are a quarter turn counter-clockwise, pixel by pixel."""
    patches = by_factor[:, :, :, 0, 0, :11, :11].float()
    turned = torch.rot90(patches[:, :, 0], 1, (-2, -1))
    assert (turned - patches[:, :, 2]).abs().max() <= 1


def test_no_sprite_is_another_ones_mirror_image(by_factor: torch.Tensor) -> None:
    """An augmentation that happens to mirror could never turn one class into another."""
    patches = by_factor[:, 2, :, 0, 0, :11, :11].float().flatten(-2)
    mirrored = by_factor[:, 2, :, 0, 0, :11, :11].float().flip(-1).flatten(-2)
    distance = torch.cdist(patches.flatten(0, 1), mirrored.flatten(0, 1)).view(5, 8, 5, 8)
    for i in range(5):
        for j in range(5):
            assert i == j or distance[i, :, j].min() > 500


def test_masks_are_the_bright_pixels(sprites: Images) -> None:
    """The mask is figure against ground."""
    assert sprites.masks is not None
    assert sprites.masks.dtype == torch.bool
    assert torch.equal(sprites.masks, sprites.images[:, 0] >= 128)
    assert sprites.masks.flatten(1).sum(1).min() >= 8
