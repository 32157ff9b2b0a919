"""What single units know about the factors that made the images: information, and two gaps between the best two (MIG,
SAP)."""

from __future__ import annotations

import torch
from torch import Tensor

from infomax_bench.numerics._ranks import (
    average_ranks,
    entropy,
    histograms,
    live_units,
    mutual_information,
    quantile_bins,
    ranks_among,
)

BINS = 20
"""Quantile bins per unit for its information about factors (20 bins, as in Locatello et al. 2019)."""


def factor_alignment(
    train: Tensor, train_factors: Tensor, test: Tensor, test_factors: Tensor, live: Tensor | None = None
) -> dict[str, Tensor]:
    """Information that single units hold about the ground-truth factors.

    train, test: features `[S, N, K]`; factors: int64 `[S, N, F]`, values from 0; live: bool `[S, K]`, or None for the
    units that vary in train. Units are cut at their 20 quantiles of training images, so a factor of more than 20
    equally likely values is not fully recovered even by a perfect unit. Units are chosen on training images and what
    they score is of test images; on one and the same sample the gaps are the published ones. float64, but for
    best_factor:

    - `information` `[S, K, F]`: mutual information of unit and factor over the factor's entropy, in [0, 1]. The
      plug-in estimate, as published: a unit that knows nothing shows about (bins - 1)(values - 1) / 2N nats.
    - `mig_by_factor` `[S, F]`: mutual information gap, the best unit's information less the second best's
      (Chen et al. 2018, section 4.1); `mig` `[S]`: its mean over factors.
    - `sap_by_factor` `[S, F]`, and `sap` `[S]`, its mean: separated attribute predictability, the same gap between
      balanced accuracies when each unit's thresholds, here its bins, predict the factor's value (Kumar et al. 2018,
      section 3); at most 1 - 1 / values.
    - `best_factor` (int64 `[S, K]`) and `best_information` `[S, K]`: each unit's best-known factor, and how much it
      knows; -1 and 0 if dead.

    A factor that takes one value only has no information to give: NaN by factor, left out of the means.
    Raises Diverged if a feature is not finite.
    """
    varying = live_units(train)
    live_units(test)
    live = varying if live is None else live
    train, test = (each.where(live[:, None], 0) for each in (train, test))
    ranks = average_ranks(train), ranks_among(train, test)
    bins, test_bins = (quantile_bins(each, BINS, train.shape[1]).mT.contiguous() for each in ranks)  # [S, K, N]
    chosen_on, information, mig, sap = [], [], [], []
    for factor, test_factor in zip(train_factors.unbind(-1), test_factors.unbind(-1), strict=True):
        n_values = 1 + int(torch.maximum(factor.max(), test_factor.max()))
        counts, test_counts = _joint(bins, factor, n_values), _joint(test_bins, test_factor, n_values)
        known, test_known = _normalised_information(counts), _normalised_information(test_counts)
        accuracy, test_accuracy = _balanced_accuracies(counts, test_counts)
        unknown = 0 if (test_counts.sum(-2)[:, 0] > 0).sum(-1).min() > 1 else torch.nan
        chosen_on.append(known)
        information.append(test_known)
        mig.append(_gap(known, test_known, 0) + unknown)
        sap.append(_gap(accuracy, test_accuracy, 1 / n_values) + unknown)
    scores = torch.stack(information, -1)
    best = torch.stack(chosen_on, -1).argmax(-1)
    return {
        "information": scores,
        "mig_by_factor": torch.stack(mig, -1),
        "mig": torch.stack(mig, -1).nanmean(-1),
        "sap_by_factor": torch.stack(sap, -1),
        "sap": torch.stack(sap, -1).nanmean(-1),
        "best_information": scores.gather(-1, best[..., None]).squeeze(-1),
        "best_factor": best.where(live, -1),
    }


def _joint(bins: Tensor, factor: Tensor, n_values: int) -> Tensor:
    """How often a unit's bin and a factor's value meet: `[S, K, N]`, `[S, N]` -> int64 `[S, K, BINS, n_values]`."""
    counts = histograms((bins * n_values).add_(factor[:, None]).mT, BINS * n_values)
    return counts.view(*counts.shape[:-1], BINS, n_values)


def _normalised_information(counts: Tensor) -> Tensor:
    return mutual_information(counts) / entropy(counts.sum(-2)).clamp(min=1e-12)


def _balanced_accuracies(counts: Tensor, test_counts: Tensor) -> tuple[Tensor, Tensor]:
    """Balanced accuracies `[S, K]` on training and test images of the value that each bin stands for in training."""
    shares, test_shares = (c / c.sum(-2, keepdim=True).clamp(min=1) for c in (counts.double(), test_counts.double()))
    guess = shares.argmax(-1, keepdim=True)
    values = [(c.sum(-2)[:, 0] > 0).sum(-1, keepdim=True) for c in (counts, test_counts)]
    return (
        shares.gather(-1, guess).sum((-2, -1)) / values[0],
        test_shares.gather(-1, guess).sum((-2, -1)) / values[1],
    )


def _gap(chosen_on: Tensor, scores: Tensor, chance: float) -> Tensor:
    """By how much the unit that was best on training images beats the one that was second, `[S]`, from `[S, K]` of
    training and of test images; a missing second is at chance. Of units that tie in training none goes before another:
    their mean score counts, so two that share the first place have no gap."""
    if chosen_on.shape[-1] == 1:
        chosen_on, scores = (torch.nn.functional.pad(each, (0, 1), value=chance) for each in (chosen_on, scores))
    places = chosen_on.topk(2).values[..., None]  # [S, 2, 1]
    ties = ((chosen_on[:, None] - places).abs() < 1e-12).to(scores)
    first, second = ((ties * scores[:, None]).sum(-1) / ties.sum(-1)).unbind(-1)
    return first - second
