"""Measures of the features themselves: how redundant are they, and what do the units mean?"""

from __future__ import annotations

from infomax_bench.evaluations.context import Context, Row
from infomax_bench.evaluations.interpret import (
    FIT_IMAGES,
    TRAINING_IMAGES,
    Naming,
    concept_sizes,
    factor_scores,
    name_and_score,
    nameability,
    parts,
    sparse_probe,
    sparse_units,
)
from infomax_bench.evaluations.redundancy import redundancy
from infomax_bench.evaluations.thresholds import SPARSE


def measure_redundancy(context: Context) -> list[Row]:
    """Entropy of each output, total correlation, correlations, effective rank, dead units, nonlinear dependence."""
    values = redundancy(context.set.raw("test"), context.set.live())
    return [row for metric, v in values.items() for row in context.rows(metric, v)]


def measure_interpretability(context: Context) -> list[Row]:
    """How well single units stand for classes and for ground-truth factors where they are known, and how well a few
    units tell a class (`sparse_accuracy`; `x` is the number of units for each class)."""
    data = context.set
    named = naming(context)
    values = nameability(named, data.n_classes)
    if data.factors is not None:
        values |= factor_scores(*parts(data), context.seeds)
    rows = [row for metric, v in values.items() for row in context.rows(metric, v)]
    x, y = (values_of("train")[:, :TRAINING_IMAGES] for values_of in (data.x, data.y))
    units = sparse_units(x, y, data.n_classes, max(SPARSE))
    for k in SPARSE:
        accuracy = sparse_probe(x[:, :FIT_IMAGES], y[:, :FIT_IMAGES], data.x("test"), data.y("test"), units[..., :k])
        rows += context.rows("sparse_accuracy", accuracy, x=k)
    return rows


def naming(context: Context) -> Naming:
    """What each unit of a context stands for, found once for all evaluations."""
    named: Naming = context.once("naming", lambda: name_and_score(*parts(context.set), concept_sizes(context.set)))
    return named
