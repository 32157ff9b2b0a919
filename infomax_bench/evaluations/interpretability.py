"""What do the units mean? Names, sparse probes, and the factors that made the images.

Whatever is chosen (the concept that a unit stands for and its direction, the units of a sparse probe, which two units a
gap lies between, votes, trees) is chosen on training images; test images give the score. No number depends on the scale
of a unit; selectivity, information, the gaps and the trees do not depend on any increasing function of it either.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor

from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.dci import dci, importances
from infomax_bench.evaluations.declare import Metric, Row, evaluation
from infomax_bench.evaluations.factor_vae import factor_vae_score
from infomax_bench.evaluations.mig_sap import factor_alignment
from infomax_bench.evaluations.naming import mean_of_live, nameability, naming
from infomax_bench.evaluations.parts import FIT_IMAGES, TRAINING_IMAGES, Part, parts
from infomax_bench.evaluations.sparse import sparse_probe, sparse_units
from infomax_bench.evaluations.thresholds import SPARSE

_Score = partial(Metric, better="higher", range=(-1, 1))


@evaluation(
    name="interpretability",
    version=4,
    seconds=1.5e-5,
    of_files=True,
    metrics=[
        _Score("unit_auroc", "how well the best concept of a unit explains it, mean over units", range=(0, 1)),
        _Score("nameable_units", "share of units that one concept explains", range=(0, 1)),
        _Score("classes_named", "share of classes that some unit stands for", range=(0, 1)),
        _Score("sparse_accuracy", "accuracy of a probe of few units", range=(0, 1), x="units of a class", at=SPARSE),
        _Score("factor_alignment", "how nearly every factor has a unit of its own", undefined="no factor varies"),
        _Score("mig", "gap between the two most informative units for a factor", undefined="no factor varies"),
        _Score("sap", "gap between the two most predictive units for a factor", undefined="no factor varies"),
        _Score("disentanglement", "how nearly a unit is about one factor (DCI)", undefined="nothing is told"),
        _Score("completeness", "how nearly a factor is told by one unit (DCI)", undefined="nothing is told"),
        _Score("informativeness", "how well units tell factors (DCI)", undefined="no factor varies"),
        _Score("factor_vae", "the FactorVAE score", undefined="no factor varies"),
    ],
)
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


def factor_scores(train: Part, test: Part, seeds: Sequence[int]) -> dict[str, Tensor]:
    """What units say about the factors, float64 `[S]`: see `factor_alignment`, `dci` and `factor_vae_score`.

    - `mig`, `sap`: the gaps between the best and the second best unit for a factor.
    - `factor_alignment`: mean over live units of the normalised information about the factor they stand for.
    - `disentanglement`, `completeness`, `informativeness`: DCI; the last is the accuracy, mean over factors.
    - `factor_vae`: the FactorVAE score.
    """
    assert train.factors is not None
    assert test.factors is not None
    four = train.features, train.factors, test.features, test.factors
    live = train.live_units()
    by_factor = factor_alignment(*four, live)
    importance, accuracy = importances(*four, seeds)
    disentanglement, completeness = dci(importance)
    return {
        "mig": by_factor["mig"],
        "sap": by_factor["sap"],
        "factor_alignment": mean_of_live(by_factor["best_information"], live),
        "disentanglement": disentanglement,
        "completeness": completeness,
        "informativeness": accuracy.mean(-1),
        "factor_vae": factor_vae_score(*four, seeds),
    }
