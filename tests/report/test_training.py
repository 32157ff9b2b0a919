"""When a loss counts as still falling."""

from __future__ import annotations

import numpy as np
import pytest

from infomax_bench.report.training import still_falling


def test_how_much_a_loss_still_falls():
    assert still_falling(np.linspace(1, 0, 101)[None]) == pytest.approx(0.1)
    assert still_falling(np.r_[np.linspace(1, 0, 51), np.zeros(50)][None]) == 0
    assert np.isnan(still_falling(np.ones((2, 20))))
