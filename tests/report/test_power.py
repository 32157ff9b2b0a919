"""What could have been seen: the differences that verdicts would have shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from infomax_bench.report.power import deviation, power
from infomax_bench.stats.datasets import Layout, bounds


def test_the_power_behind_a_verdict_is_told(decided):
    verdicts, _ = decided
    table = power(verdicts)
    assert {line[0] for line in table.lines} == {v.title for v in verdicts if v.n_datasets > 1}
    values = np.array([1.0, 3.0, 2.0, 0.0])
    found = bounds(values, Layout(np.arange(4)))
    four = replace(verdicts[0], effect=found.mean, ci_low=found.low, ci_high=found.high, n_datasets=4)
    assert deviation(four) == pytest.approx(values.std(ddof=1))
    (line,) = power([four]).lines
    assert float(line[5]) < float(line[4]), "ten show a smaller one"
    assert power([replace(four, n_datasets=1)]) is None
