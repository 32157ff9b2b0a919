"""Whether measured numbers agree with published ones: every kind, at its edges."""

from __future__ import annotations

import pytest

from infomax_bench.stats.agreement import agreement
from infomax_bench.stats.intervals import interval


@pytest.mark.parametrize(
    ("kind", "bounds", "published", "ours", "outcome"),
    [
        ("equal", (0.9, 0.9), (0.0, 1), [0.9045], "agrees"),  # half a percent of the value, whatever the seeds
        ("equal", (0.9, 0.9), (0.0, 1), [0.9046], "differs"),
        ("equal", (-100, -100), (0.0, 1), [-100.4, -100.4], "agrees"),
        ("equal", (-100, -100), (0.0, 1), [-100.6, -100.6], "differs"),
        ("equal", (0, 0), (0.0, 1), [0.0], "agrees"),
        ("equal", (0, 0), (0.0, 1), [0.001], "differs"),
        ("equal", (0.9, 0.9), (0.02, 3), [0.92], "undecided"),  # a test needs a spread of ours
        ("equal", (0.9, 0.9), (0.02, 3), [0.92, 0.93, 0.91], "agrees"),
        ("equal", (0.9, 0.9), (0.002, 3), [0.92, 0.921, 0.919], "differs"),
        ("equal", (0.9, 0.9), (0.002, 3), [0.903, 0.9031, 0.9029], "agrees"),  # surely other, but as near
        ("range", (0.9, 0.92), (0.0, 1), [0.92], "agrees"),
        ("range", (0.9, 0.92), (0.0, 1), [0.921], "differs"),
        ("range", (0.9, 0.92), (0.0, 1), [0.925, 0.921, 0.929], "agrees"),  # the interval overlaps it
        ("range", (0.9, 0.92), (0.0, 1), [0.925, 0.926, 0.9255], "differs"),
        ("range", (0.9, 0.92), (0.0, 1), [0.895, 0.894, 0.8945], "differs"),
        ("at least", (0.97, 0.97), (0.0, 1), [0.96, 0.98], "agrees"),
        ("at least", (0.97, 0.97), (0.0, 1), [0.96, 0.979], "differs"),
        ("above", (0, 0), (0.0, 1), [0.1], "undecided"),
        ("above", (0, 0), (0.0, 1), [0.1, 0.11, 0.12], "agrees"),
        ("above", (0, 0), (0.0, 1), [0.1, -0.11, 0.12], "differs"),
        ("equal", (0.9, 0.9), (0.0, 1), [], "not run"),
    ],
)
def test_a_number_agrees_by_the_rule_of_its_kind(kind, bounds, published, ours, outcome):
    spread, n = published
    assert agreement(kind, bounds, spread, n, interval(ours)) == outcome
