"""What data sets show: the level at no difference, published numbers, and simulated studies."""

from __future__ import annotations

import numpy as np
import pytest

from infomax_bench.stats.datasets import ERROR, MIN_DATASETS, Layout, bounds
from infomax_bench.stats.power import POWER, detectable, power


def test_power_grows_with_data_sets_and_effects_and_is_the_level_at_none():
    assert power(0.0, 1.0, 10) == pytest.approx(ERROR)
    shares = power(1.0, 1.0, np.arange(2, 40))
    assert (shares[: MIN_DATASETS - 2] == 0).all()
    assert (np.diff(shares[MIN_DATASETS - 2 :]) > 0).all()
    assert power(1e9, 1.0, MIN_DATASETS) == 1.0
    assert (power(1.0, 0.0, 5), power(-1.0, 0.0, 5)) == (1.0, 0.0)


def test_the_power_of_a_one_sided_t_test_is_cohens():
    """Table 2.3.2 of Cohen (1988) has 27 pairs for a medium effect at 5 % one-sided and 80 %."""
    assert power(0.5, 1.0, 26) < 0.8 < power(0.5, 1.0, 27)


def test_the_detectable_difference_is_seen_in_four_studies_of_five():
    rng, n = np.random.default_rng(0), 9
    seen = detectable(0.4, n)
    assert power(seen, 0.4, n) == pytest.approx(POWER)
    low = bounds(rng.normal(seen, 0.4, (4000, n)), Layout(np.arange(n))).low
    assert (low > 0).mean() == pytest.approx(POWER, abs=0.02)
    assert detectable(0.4, MIN_DATASETS - 1) == np.inf
