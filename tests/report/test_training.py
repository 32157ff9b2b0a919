"""When a loss counts as still falling."""

from __future__ import annotations

import json

import numpy as np
import pytest

from infomax_bench.report.training import sparks, still_falling
from infomax_bench.study.claims import Claims


def test_how_much_a_loss_still_falls():
    assert still_falling(np.linspace(1, 0, 101)[None]) == pytest.approx(0.1)
    assert still_falling(np.r_[np.linspace(1, 0, 51), np.zeros(50)][None]) == 0
    assert np.isnan(still_falling(np.ones((2, 20))))


def test_small_curves_are_scaled_each_to_its_own_range_with_the_subject_first():
    falls, diverged = np.array([[3.0, 2.0, 1.0], [3.0, 2.5, 1.0]]), np.array([[3.0, np.nan, np.inf]])
    told = sparks(
        {("z", "one"): falls, ("a", "one"): diverged}, [("z", "one")], Claims("z", "quick", {}, True), {"a": 2}
    )
    assert (told["panels"], told["lines"], told["tones"]) == (["one"], ["z", "a"], [0, 2])
    assert told["rows"]["line"] == [1, 0]
    assert told["rows"]["curves"] == [[[0, None, None]], [[99, 50, 0], [99, 74, 0]]]
    assert told["rows"]["marked"] == [0, 1]
    json.dumps(told, allow_nan=False)
