"""How long encoders are trained with fewer images."""

import pytest

from infomax_bench.study.amounts import passes_for


@pytest.mark.parametrize(("updates", "images"), [(1000, 100), (1000, 1123), (20_000, 50_000), (1250, 64)])
def test_passes_come_near_the_updates_that_are_asked_for(updates, images):
    """Of powers of two, and three times these, the nearest is never further than by the root of three halves."""
    made = passes_for(updates, images, 128) * (images // min(128, images))
    assert 1 / 1.2248 < made / updates < 1.2248


def test_passes_double_at_points_that_are_measured():
    assert [passes_for(n, 128, 128) for n in (1, 3, 5, 100)] == [1, 3, 6, 96]
