"""A thousand simulated studies for every pattern of truth and kind of noise, of as many seeds as the documented preset
has for its sweeps and for the rest: no call is false in more than 67."""

from __future__ import annotations

import pytest
from tests.simulation import false_calls, most

STUDIES = 1000


@pytest.mark.parametrize("n_seeds", [5, 10])
def test_false_calls_of_a_thousand_studies(n_seeds):
    assert most(STUDIES) == 67
    counts = false_calls(STUDIES, n_seeds)
    for (key, outcome, pattern, noise), (false, _) in sorted(counts.items(), key=lambda item: -item[1][0])[:10]:
        print(f"\n{false:4d} of {STUDIES} {outcome}: {', against '.join(key)}; {pattern}, {noise}", end="")
    assert not {what: n for what, (n, _) in counts.items() if n > most(STUDIES)}
