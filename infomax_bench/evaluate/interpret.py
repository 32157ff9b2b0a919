"""Can a unit be named? How well single units line up with classes and with the factors that made the images.

Everything is read from ranks, so a unit may be rescaled, or bent by any increasing function, without changing a number.
"""

from __future__ import annotations

import torch
from torch import Tensor

from infomax_bench.evaluate._ranks import (
    average_ranks,
    entropy,
    histograms,
    live_units,
    mutual_information,
    quantile_bins,
)

BINS = 20
"""Quantile bins per unit for its information about factors (20 bins, as in Locatello et al. 2019)."""

NAMEABLE = 0.9
"""A unit is nameable if one class explains it: the AUROC of that class against the rest is at least this."""


def class_alignment(features: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Each unit as a detector of one class.

    features: `[S, N, K]`; labels: int64 `[N]`, at least 0. Returns, per unit,

    - `auroc`, float64 `[S, K]`: area under the ROC curve of the unit's best class against the rest, max(a, 1 - a) so
      that a unit that falls silent for a class detects it too; ties count half. In [0.5, 1]; 0.5 for a dead unit.
      It is the best of C: units that know nothing score a little above 0.5.
    - `best_class`, int64 `[S, K]`: that class; -1 for a dead unit.

    Raises Diverged if a feature is not finite.
    """
    live = live_units(features)
    member = torch.nn.functional.one_hot(labels).double()
    size = member.sum(0)[:, None]
    # Mann and Whitney's U, of all classes and units at once: the ranks' sum within the class above its minimum.
    above = member.T @ average_ranks(features) - size * (size + 1) / 2
    margin = (above / (size * (len(labels) - size)) - 0.5).nan_to_num(0)  # 0 / 0: a class with no image, or with all
    auroc = 0.5 + margin.abs()
    # Two classes mirror each other exactly: then the unit is named after the one it fires for.
    best = (auroc + 1e-9 * (margin > 0)).argmax(1)
    return {
        "auroc": auroc.amax(1).where(live, 0.5),
        "best_class": best.where(live, -1),
    }


def factor_alignment(features: Tensor, factors: Tensor) -> dict[str, Tensor]:
    """Information that single units hold about the ground-truth factors.

    features: `[S, N, K]`; factors: int64 `[N, F]`, each a discrete variable. Units are cut into 20 quantile bins, so
    a factor of more than 20 equally likely values is not fully recovered even by a perfect unit. Returns float64

    - `information` `[S, K, F]`: mutual information of unit and factor over the factor's entropy, in [0, 1]. The
      plug-in estimate, as published: a unit that knows nothing shows about (bins - 1)(values - 1) / 2N nats.
    - `mig_by_factor` `[S, F]`: mutual information gap, the best unit's information less the second best's
      (Chen et al. 2018, section 4.1); `mig` `[S]`: its mean over factors.
    - `sap` `[S]`: separated attribute predictability, the same gap between balanced accuracies when each unit's
      thresholds, here its bins, predict the factor's value (Kumar et al. 2018, section 3); at most 1 - 1 / values.
    - `best_information` `[S, K]` and `best_factor` (int64 `[S, K]`): each unit's best-known factor; 0 and -1 if dead.

    A factor that takes one value only has no information to give: NaN in `mig_by_factor`, left out of the means.
    Raises Diverged if a feature is not finite.
    """
    live = live_units(features)
    bins = quantile_bins(average_ranks(features.where(live[:, None], 0)), BINS)
    information, mig, sap = [], [], []
    for factor in factors.T:
        values, codes = factor.unique(return_inverse=True)
        counts = histograms(bins * len(values) + codes[:, None], BINS * len(values)).unflatten(-1, (BINS, -1))
        frequency = codes.bincount()
        uncertainty = entropy(frequency)
        known = mutual_information(counts) / uncertainty.clamp(min=1e-12)
        accuracy = (counts.double() / frequency).amax(-1).sum(-1) / len(values)
        unknown = 0 if len(values) > 1 else torch.nan
        information.append(known)
        mig.append(_gap(known, 0) + unknown)
        sap.append(_gap(accuracy, 1 / len(values)) + unknown)
    per_unit = torch.stack(information, -1)
    best = per_unit.max(-1)
    return {
        "information": per_unit,
        "mig_by_factor": torch.stack(mig, -1),
        "mig": torch.stack(mig, -1).nanmean(-1),
        "sap": torch.stack(sap, -1).nanmean(-1),
        "best_information": best.values,
        "best_factor": best.indices.where(live, -1),
    }


def _gap(scores: Tensor, chance: float) -> Tensor:
    """By how much the best of the units `[S, K]` beats the second best, `[S]`; a missing second is at chance."""
    first, second = torch.nn.functional.pad(scores, (0, 1), value=chance).topk(2).values.unbind(-1)
    return first - second


def interpretability(
    features: Tensor, labels: Tensor, factors: Tensor | None = None, threshold: float = NAMEABLE
) -> dict[str, Tensor]:
    """How nameable the units are, per seed: float64 `[S]` from features `[S, N, K]`.

    The rule: a unit is named after its best class if it tells that class from the rest with an AUROC of at least
    `threshold`, 0.9 unless a caller says otherwise.

    - `unit_auroc`: mean over live units of the best class's AUROC; NaN if all are dead.
    - `nameable_units`: share of all K units, dead ones included, that are named.
    - `classes_named`: share of the classes among `labels` after which at least one unit is named.

    And with factors `[N, F]`, see `factor_alignment`:

    - `mig`, `sap`: the gaps between the best and the second best unit for a factor.
    - `factor_alignment`: mean over live units of the normalised information about their best factor.

    Raises Diverged if a feature is not finite.
    """
    live = live_units(features)
    by_class = class_alignment(features, labels)
    nameable = live & (by_class["auroc"] >= threshold)
    classes = labels.unique()
    named = ((by_class["best_class"][..., None] == classes) & nameable[..., None]).any(1)
    summary = {
        "unit_auroc": _mean(by_class["auroc"], live),
        "nameable_units": nameable.double().mean(-1),
        "classes_named": named.double().mean(-1),
    }
    if factors is not None:
        by_factor = factor_alignment(features, factors)
        summary["mig"] = by_factor["mig"]
        summary["sap"] = by_factor["sap"]
        summary["factor_alignment"] = _mean(by_factor["best_information"], live)
    return summary


def _mean(values: Tensor, live: Tensor) -> Tensor:
    return values.where(live, torch.nan).nanmean(-1)
