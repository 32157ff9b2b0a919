"""What do the units mean? Names, sparse probes, and the factors that made the images.

Whatever is chosen (the concept that a unit stands for and its direction, the units of a sparse probe, which two units a
gap lies between, votes) is chosen on training images; test images give the score. No number depends on the scale of a
unit; selectivity, information and the gaps do not depend on any increasing function of it either.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.declare import Metric, Row, evaluation
from infomax_bench.evaluations.factor_vae import factor_vae_score
from infomax_bench.evaluations.mig_sap import factor_alignment
from infomax_bench.evaluations.naming import mean_of_live, nameability, naming
from infomax_bench.evaluations.parts import FIT_IMAGES, TRAINING_IMAGES, Part, of_factors, parts
from infomax_bench.evaluations.sparse import sparse_probe, sparse_units
from infomax_bench.evaluations.thresholds import SPARSE

_Score = partial(Metric, better="higher", range=(-1, 1))
_OfFactors = partial(_Score, by="factor of the data set", undefined="no factor varies")


@evaluation(
    name="interpretability",
    version=5,
    seconds=1.5e-5,
    of_files=True,
    metrics=[
        _Score("unit_auroc", "how well the best concept of a unit explains it, mean over units", range=(0, 1)),
        _Score("nameable_units", "share of units that one concept explains", range=(0, 1)),
        _Score("classes_named", "share of classes that some unit stands for", range=(0, 1)),
        _Score("sparse_accuracy", "accuracy of a probe of few units", range=(0, 1), x="units of a class", at=SPARSE),
        _Score("factor_alignment", "how nearly every factor has a unit of its own", undefined="no factor varies"),
        _OfFactors("mig", "gap between the two most informative units for a factor, and its mean"),
        _OfFactors("sap", "gap between the two most predictive units for a factor, and its mean"),
        _Score("factor_vae", "the FactorVAE score", undefined="no factor varies"),
    ],
)
def measure_interpretability(context: Context) -> list[Row]:
    """How well single units stand for classes and for ground-truth factors where they are known, and how well a few
    units tell a class (`sparse_accuracy`; `x` is the number of units for each class)."""
    data = context.set
    named = naming(context)
    rows = [row for metric, v in nameability(named, data.n_classes).items() for row in context.rows(metric, v)]
    if data.factors is not None:
        for metric, v in factor_scores(*parts(data), context.seeds).items():
            rows += of_factors(context, metric, v)
    x, y = (values_of("train")[:, :TRAINING_IMAGES] for values_of in (data.x, data.y))
    units = sparse_units(x, y, data.n_classes, max(SPARSE))
    for k in SPARSE:
        accuracy = sparse_probe(x[:, :FIT_IMAGES], y[:, :FIT_IMAGES], data.x("test"), data.y("test"), units[..., :k])
        rows += context.rows("sparse_accuracy", accuracy, x=k)
    return rows


def factor_scores(train: Part, test: Part, seeds: Sequence[int]) -> dict[str, Tensor]:
    """What units say about the factors, float64: see `factor_alignment` and `factor_vae_score`.

    - `mig`, `sap` `[S, 1 + F]`: the gaps between the best and the second best unit for a factor, their mean first.
    - `factor_alignment` `[S]`: mean over live units of the normalised information about the factor they stand for.
    - `factor_vae` `[S]`: the FactorVAE score.
    """
    assert train.factors is not None
    assert test.factors is not None
    four = train.features, train.factors, test.features, test.factors
    live = train.live_units()
    found = factor_alignment(*four, live)
    gaps = {gap: torch.cat([found[gap].unsqueeze(-1), found[f"{gap}_by_factor"]], -1) for gap in ("mig", "sap")}
    return {
        **gaps,
        "factor_alignment": mean_of_live(found["best_information"], live),
        "factor_vae": factor_vae_score(*four, seeds),
    }
