"""Images of one data set in the shape of another."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from infomax_bench.data.dataset import convert


@given(
    channels=st.sampled_from([(1, 1), (1, 3), (3, 1), (3, 3)]),
    sizes=st.lists(st.integers(1, 40), min_size=4, max_size=4),
    value=st.integers(0, 255),
)
@settings(max_examples=50, deadline=None)
def test_conversion_keeps_constants(channels: tuple[int, int], sizes: list[int], value: int) -> None:
    """The shape is the one asked for, and a plain grey image stays exactly as bright as it was."""
    images = torch.full((2, channels[0], *sizes[:2]), value, dtype=torch.uint8)
    shape = (channels[1], *sizes[2:])
    out = convert(images, shape)
    assert out.shape == (2, *shape)
    assert out.dtype == torch.uint8
    assert out.is_contiguous()
    assert (out == value).all()


def test_conversion_to_the_same_shape_changes_nothing() -> None:
    """An encoder on its own data set sees the original pixels."""
    images = torch.randint(0, 256, (3, 3, 8, 8), dtype=torch.uint8)
    assert torch.equal(convert(images, (3, 8, 8)), images)


def test_conversion_is_per_image() -> None:
    """An image's conversion does not depend on the others, nor on how the work is cut into parts."""
    images = torch.randint(0, 256, (4097, 3, 6, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    out = convert(images, (1, 4, 4))
    assert torch.equal(out[4090:], convert(images[4090:], (1, 4, 4)))


def test_conversion_repeats_grey_and_weighs_colour() -> None:
    """Grey to RGB and back is the identity; pure colours get their luma."""
    grey = torch.randint(0, 256, (4, 1, 5, 5), dtype=torch.uint8)
    assert torch.equal(convert(convert(grey, (3, 5, 5)), (1, 5, 5)), grey)
    pure = (255 * torch.eye(3)).to(torch.uint8).view(3, 3, 1, 1)
    assert convert(pure, (1, 1, 1)).flatten().tolist() == [76, 150, 29]


def test_conversion_antialiases() -> None:
    """Fine stripes become grey when reduced, not stripes of another width."""
    stripes = torch.tensor([0, 255], dtype=torch.uint8).repeat(1, 1, 32, 16)
    assert (convert(stripes, (1, 8, 8)).float() - 127.5).abs().max() < 12


def test_conversion_refuses_strange_channels() -> None:
    """Two channels have no meaning here."""
    with pytest.raises(ValueError, match="from 2 to 3 channels"):
        convert(torch.zeros(1, 2, 4, 4, dtype=torch.uint8), (3, 4, 4))
