"""Amounts at which encoders are compared, and how long they are trained with fewer images."""

import pytest

from infomax_bench.study.amounts import amounts, ends, passes_for, sizes
from infomax_bench.study.suite import Suite


@pytest.mark.parametrize(("updates", "images"), [(1000, 100), (1000, 1123), (20_000, 50_000), (1250, 64)])
def test_passes_come_near_the_updates_that_are_asked_for(updates, images):
    """Of powers of two, and three times these, the nearest is never further than by the root of three halves."""
    made = passes_for(updates, images, 128) * (images // min(128, images))
    assert 1 / 1.2248 < made / updates < 1.2248


def test_passes_double_at_points_that_are_measured():
    assert [passes_for(n, 128, 128) for n in (1, 3, 5, 100)] == [1, 3, 6, 96]


def suite(width=16, **changes):
    more = {"n_train": {"d": 16_000}, "scaled": {"d": 3}, "sweep_seeds": 5}
    return Suite(
        "test", ("a",), ("d",), {"d": 8}, width, (8, 16, 32), tuple(range(10)), 128, "a", **{**more, **changes}
    )


def test_methods_are_compared_at_all_of_a_resource_and_at_less():
    found = amounts(suite(), "d")
    assert [(of, n) for of, n, _ in found] == [
        *(("images", n) for n in (1000, 4000, 16_000)),
        *(("passes", n) for n in (8, 4, 2)),
        *(("width", n) for n in (8, 16, 32)),
    ]
    changes = {(of, n): own for of, n, own in found}
    assert changes["images", 4000] == {"n_train": 4000, "epochs": 32, "n_seeds": 5}
    assert changes["images", 16_000] == changes["width", 16] == {}, "as all encoders are, and with all seeds"
    assert changes["passes", 2] == {"epochs": 2}
    assert changes["width", 8] == {"width": 8, "n_seeds": 5}
    assert [(of, n) for of, n, _ in amounts(suite(), "d", level=True)] == [("images", 16_000), ("passes", 8)]


def test_ends_are_the_least_and_the_most_and_the_suites_own_width():
    assert [(of, n) for of, n, _ in ends(suite(width=8), "d")] == [
        ("width", 8),
        ("width", 32),
        ("images", 1000),
        ("images", 16_000),
    ]
    assert [n for _, n, _ in ends(suite(scaled={}), "d")] == [8, 16, 32]


def test_sizes_go_from_a_thousand_to_all():
    assert sizes(50_000, 4, 256) == [1000, 3684, 13572, 50_000]
    assert sizes(1_122, 2, 256) == [256, 1_122]
    assert sizes(200, 3, 256) == [200]
