"""Measures of the features themselves, on the test images: how redundant are they, and what do the units mean?"""

from __future__ import annotations

from infomax_bench.evaluate.context import Context, Row
from infomax_bench.evaluate.interpret import interpretability
from infomax_bench.evaluate.redundancy import redundancy


def measure_redundancy(context: Context) -> list[Row]:
    """Entropy of each output, total correlation, correlations, effective rank, dead units, nonlinear dependence."""
    values = redundancy(context.set.raw("test"))
    return [row for metric, v in values.items() for row in context.rows(metric, v)]


def measure_interpretability(context: Context) -> list[Row]:
    """How well single units stand for single classes, and for single ground-truth factors where they are known."""
    data = context.set
    test = data.splits[0].test
    factors = None if data.factors is None else data.factors[test]
    values = interpretability(data.raw("test"), data.labels[test], factors)
    return [row for metric, v in values.items() for row in context.rows(metric, v)]
