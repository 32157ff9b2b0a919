"""Can a unit be named? How well single units line up with classes and with the factors that made the images.

Whatever is chosen (the concept that a unit stands for and its direction, the units of a sparse probe, which two units a
gap lies between, votes, trees) is chosen on training images; test images give the score. No number depends on the scale
of a unit; selectivity, information, the gaps and the trees do not depend on any increasing function of it either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from sklearn.ensemble import ExtraTreesClassifier
from torch import Tensor

from infomax_bench.base.streams import generator
from infomax_bench.evaluations.context import FeatureSet
from infomax_bench.evaluations.thresholds import NAMEABLE
from infomax_bench.numerics._ranks import (
    average_ranks,
    entropy,
    histograms,
    live_units,
    mutual_information,
    quantile_bins,
    ranks_among,
)
from infomax_bench.numerics._scale import mean_and_std, standardised
from infomax_bench.numerics.logistic import fit_logistic

BINS = 20
"""Quantile bins per unit for its information about factors (20 bins, as in Locatello et al. 2019)."""

TRAINING_IMAGES = 10_000
"""Images of a seed's training part that concepts and units are chosen on, if it has more: the first, whose order is
random."""

FIT_IMAGES = 4000
"""The first of them: what forests and sparse probes, which have a handful of weights, are fitted to."""

SPARSE_L2 = 1e-4
"""Weak, as so few units do not overfit; there is nothing to choose."""

TREES = 10
LEAF = 10
"""A forest for DCI: trees, and the fewest images in a leaf."""

VOTES = 2000
BATCH = 64
"""FactorVAE score: votes to train on and as many to test, and images for each (64, as in Locatello et al. 2019)."""


@dataclass(frozen=True)
class Part:
    """Images of one part, each seed's own. features: float `[S, N, K]`, raw; labels: int64 `[S, N]`; factors: int64
    `[S, N, F]`, values from 0, or None; live: which units are, bool `[S, K]`, or None for those that vary here."""

    features: Tensor
    labels: Tensor
    factors: Tensor | None = None
    live: Tensor | None = None

    def live_units(self) -> Tensor:
        return live_units(self.features) if self.live is None else self.live


def parts(data: FeatureSet) -> tuple[Part, Part]:
    """Training images, at most `TRAINING_IMAGES` of them, and all test images."""
    factors = None if data.factors is None else factor_codes(data.factors)[0]

    def part(images: Tensor) -> Part:
        features = torch.stack([own[i] for own, i in zip(data.features, images, strict=True)])
        return Part(features, data.labels[images], None if factors is None else factors[images], data.live())

    return part(data.part("train")[:, :TRAINING_IMAGES]), part(data.part("test"))


def factor_codes(factors: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Values of factors int64 `[N, F]` as numbers from 0, `[N, F]`, and the sorted values that they count."""
    pairs = [factor.unique(return_inverse=True) for factor in factors.unbind(-1)]
    return torch.stack([codes for _, codes in pairs], -1), [values for values, _ in pairs]


def concept_sizes(data: FeatureSet) -> list[int]:
    """The number of classes, and of values of each factor."""
    values = [] if data.factors is None else factor_codes(data.factors)[1]
    return [data.n_classes, *map(len, values)]


# -- concepts -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Names:
    """What every unit stands for, chosen on training images. All `[S, K]`.

    concept: int64, -1 for a unit that is dead in training; direction: float64, 1 if the unit fires for it, -1 if it
    falls silent.
    """

    concept: Tensor
    direction: Tensor


def concepts(labels: Tensor, factors: Tensor | None, sizes: Sequence[int]) -> Tensor:
    """Which concepts hold for each image, bool `[S, N, sum(sizes)]`: every class, then every value of every factor.

    labels: `[S, N]`; factors: `[S, N, F]` or None; sizes: the number of classes, and of values of each factor, which
    count from 0.
    """
    variables = labels[..., None] if factors is None else torch.cat([labels[..., None], factors], -1)
    codes = zip(variables.unbind(-1), sizes, strict=True)
    return torch.cat([code[..., None] == torch.arange(size, device=code.device) for code, size in codes], -1)


def margins(features: Tensor, member: Tensor) -> Tensor:
    """Area under the ROC curve of every unit as a detector of every concept, less a half: float64 `[S, M, K]`.

    features: `[S, N, K]`; member: bool `[S, N, M]`. Ties count half. In [-0.5, 0.5]: below 0, the unit falls silent for
    the concept; 0 for a concept with no image, or with all. Raises Diverged if a feature is not finite.
    """
    live_units(features)
    holds = member.double()
    size = holds.sum(1)[..., None]
    # Mann and Whitney's U, of all concepts and units at once: the ranks' sum within the concept above its minimum.
    above = holds.mT @ average_ranks(features) - size * (size + 1) / 2
    return (above / (size * (features.shape[1] - size)) - 0.5).nan_to_num(0)


def name_units(found: Tensor, live: Tensor) -> Names:
    """The concept with the largest AUROC, whichever way round: margins of training images `[S, M, K]`, live `[S, K]`.

    Of two that are as good (two classes mirror each other exactly), the one that the unit fires for.
    """
    best = (found.abs() + 1e-9 * (found > 0)).argmax(1)
    chosen = found.gather(1, best[:, None]).squeeze(1)
    return Names(best.where(live, -1), chosen.sign())


def selectivity(names: Names, found: Tensor) -> Tensor:
    """AUROC of each unit for its concept in its direction, float64 `[S, K]`, from margins of other images `[S, M, K]`.

    0.5 for a dead unit. On images that had no part in the choice, 0.5 on average for units that know nothing, and it
    may fall below.
    """
    chosen = found.gather(1, names.concept.clamp(min=0)[:, None]).squeeze(1)
    return (0.5 + names.direction * chosen).where(names.concept >= 0, 0.5)


@dataclass(frozen=True)
class Naming:
    """Units' names among classes alone, and among classes and factors' values, with their test AUROC `[S, K]` each."""

    live: Tensor
    by_class: Names
    class_auroc: Tensor
    by_concept: Names
    auroc: Tensor


def name_and_score(train: Part, test: Part, sizes: Sequence[int]) -> Naming:
    """Names every unit on training images and scores the name on test images. sizes: see `concepts`."""
    live = train.live_units()
    chosen_on = margins(train.features, concepts(train.labels, train.factors, sizes))
    scored_on = margins(test.features, concepts(test.labels, test.factors, sizes))
    classes = slice(0, sizes[0])
    by_class, by_concept = name_units(chosen_on[:, classes], live), name_units(chosen_on, live)
    return Naming(
        live, by_class, selectivity(by_class, scored_on[:, classes]), by_concept, selectivity(by_concept, scored_on)
    )


def nameability(naming: Naming, n_classes: int, threshold: float = NAMEABLE) -> dict[str, Tensor]:
    """How nameable the units are, float64 `[S]`.

    The rule: a unit is named after its concept, a class or a value of a factor, if it tells it from the rest with an
    AUROC of at least `threshold` on test images.

    - `unit_auroc`: mean over live units of the AUROC of their class; NaN if all are dead.
    - `nameable_units`: share of all K units, dead ones included, that are named.
    - `classes_named`: share of the classes that at least one unit tells from the rest as well as that.
    """
    nameable = naming.live & (naming.auroc >= threshold)
    tells = naming.live & (naming.class_auroc >= threshold)
    classes = torch.arange(n_classes, device=tells.device)
    named = ((naming.by_class.concept[..., None] == classes) & tells[..., None]).any(1)
    return {
        "unit_auroc": _mean(naming.class_auroc, naming.live),
        "nameable_units": nameable.double().mean(-1),
        "classes_named": named.double().mean(-1),
    }


def _mean(values: Tensor, live: Tensor) -> Tensor:
    return values.where(live, torch.nan).nanmean(-1)


# -- sparse probes --------------------------------------------------------------------------------------------


def sparse_units(x: Tensor, labels: Tensor, n_classes: int, k: int) -> Tensor:
    """The k units that tell each class together, one after another, int64 `[S, C, min(k, K)]`; x `[S, N, K]`,
    labels `[S, N]`.

    Orthogonal least squares (Chen, Billings and Luo 1989): each unit is the one that lowers the squared error of a
    linear fit of the class's indicator most. The first is that with the largest difference between the class's mean and
    the others' in standard deviations, the choice of Gurnee et al. 2023 (appendix A) for one neuron; a copy of a unit
    is never a second one.
    """
    centred = (x - x.mean(1, keepdim=True)).double()
    target = torch.nn.functional.one_hot(labels, n_classes).double()
    gram = centred.mT @ centred  # [S, K, K]
    covariance = (centred.mT @ target).mT  # [S, C, K], of every unit's residual with each class
    whole = gram.diagonal(dim1=1, dim2=2)[:, None].expand_as(covariance)
    left = whole.clone()  # the residual's sum of squares, once the chosen units are projected out
    out: list[Tensor] = []
    projections: list[Tensor] = []
    for _ in range(min(k, x.shape[2])):
        free = left > 1e-6 * whole
        gain = (covariance.square() / left).where(free, 0.0)
        for chosen in out:
            gain = gain.scatter(-1, chosen[..., None], -1.0)
        best = gain.argmax(-1)  # [S, C]
        index = best[..., None]
        row = gram.gather(1, best[..., None].expand(-1, -1, gram.shape[-1]))
        for p in projections:
            row = row - p * p.gather(-1, index)
        usable = free.gather(-1, index)
        p = torch.where(usable, row / left.gather(-1, index).clamp(min=1e-30).sqrt(), 0.0)
        covariance = covariance - p * covariance.gather(-1, index) / left.gather(-1, index).clamp(min=1e-30).sqrt()
        left = (left - p.square()).clamp(min=0)
        projections.append(p)
        out.append(best)
    return torch.stack(out, -1)


def sparse_probe(x: Tensor, labels: Tensor, x_test: Tensor, labels_test: Tensor, units: Tensor) -> Tensor:
    """Test accuracy `[S]` of classes told by k units each (Gurnee et al. 2023).

    x: `[S, N, K]`, standardised on training images; labels: `[S, N]`; units: int64 `[S, C, k]`, from `sparse_units`.
    Every class has its own logistic regression on its own k units, that class against the rest; the one with the
    largest log-odds wins.
    """
    classes = torch.arange(units.shape[1], device=x.device)
    chosen, held_out = (_columns(each, units) for each in (x, x_test))  # [S, C, N, k]
    is_class = (labels[:, None] == classes[:, None]).long()
    fit = fit_logistic(chosen.flatten(0, 1), is_class.flatten(0, 1), torch.tensor([SPARSE_L2]), 2)
    weight, bias = fit.weight[:, 0], fit.bias[:, 0]  # [S * C, k, 2], [S * C, 2]
    odds = (held_out.flatten(0, 1) @ weight.diff(dim=-1)).squeeze(-1) + bias.diff(dim=-1)
    return (odds.unflatten(0, units.shape[:2]).argmax(1) == labels_test).double().mean(-1)


def _columns(x: Tensor, units: Tensor) -> Tensor:
    """Features `[S, N, K]` of chosen units `[S, C, k]`, as `[S, C, N, k]`."""
    return torch.stack([own[:, chosen.flatten()].unflatten(1, chosen.shape).transpose(0, 1) for own, chosen in
                        zip(x, units, strict=True)])  # fmt: skip


# -- factors --------------------------------------------------------------------------------------------------


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
    - `sap` `[S]`: separated attribute predictability, the same gap between balanced accuracies when each unit's
      thresholds, here its bins, predict the factor's value (Kumar et al. 2018, section 3); at most 1 - 1 / values.
    - `best_factor` (int64 `[S, K]`) and `best_information` `[S, K]`: each unit's best-known factor, and how much it
      knows; -1 and 0 if dead.

    A factor that takes one value only has no information to give: NaN in `mig_by_factor`, left out of the means.
    Raises Diverged if a feature is not finite.
    """
    varying = live_units(train)
    live_units(test)
    live = varying if live is None else live
    train, test = (each.where(live[:, None], 0) for each in (train, test))
    bins, test_bins = (quantile_bins(r, BINS, train.shape[1]) for r in (average_ranks(train), ranks_among(train, test)))
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
        "sap": torch.stack(sap, -1).nanmean(-1),
        "best_information": scores.gather(-1, best[..., None]).squeeze(-1),
        "best_factor": best.where(live, -1),
    }


def _joint(bins: Tensor, factor: Tensor, n_values: int) -> Tensor:
    """How often a unit's bin and a factor's value meet: `[S, N, K]`, `[S, N]` -> int64 `[S, K, BINS, n_values]`."""
    return histograms(bins * n_values + factor[..., None], BINS * n_values).unflatten(-1, (BINS, n_values))


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


def importances(
    train: Tensor, train_factors: Tensor, test: Tensor, test_factors: Tensor, seeds: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """How much a forest that predicts a factor leans on each unit, and how often it is right.

    train, test: features `[S, N, K]`; factors: int64 `[S, N, F]`. Returns float64 importances `[S, K, F]` (of each
    factor at most 1 in sum) and accuracies on test images `[S, F]`. Extremely randomised trees (Geurts et al. 2006), in
    place of the far slower boosted trees of Locatello et al. 2019; like those, each split may use every unit, or a
    factor with a unit of its own would lean on others too. They see ranks among training images.
    """
    importance = torch.zeros(train.shape[0], train.shape[2], train_factors.shape[2], dtype=torch.float64)
    accuracy = torch.zeros(train.shape[0], train_factors.shape[2], dtype=torch.float64)
    train, train_factors = train[:, :FIT_IMAGES], train_factors[:, :FIT_IMAGES]
    inputs, test_inputs = average_ranks(train).float(), ranks_among(train, test).float()
    for s, seed in enumerate(seeds):
        for f in range(train_factors.shape[2]):
            draw = int(torch.randint(2**31 - 1, (), generator=generator(seed, f"dci.{f}")))
            trees = ExtraTreesClassifier(TREES, max_features=None, min_samples_leaf=LEAF, random_state=draw)
            trees.fit(inputs[s].numpy(), train_factors[s, :, f].numpy())
            importance[s, :, f] = torch.from_numpy(trees.feature_importances_)
            accuracy[s, f] = trees.score(test_inputs[s].numpy(), test_factors[s, :, f].numpy())
    return importance, accuracy


def dci(importance: Tensor) -> tuple[Tensor, Tensor]:
    """Disentanglement and completeness, float64 `[S]`, of importances `[S, K, F]` (Eastwood and Williams 2018, section
    2).

    Disentanglement is one less the entropy, in base F, of a unit's importances over factors, the mean over units
    weighted by their importance; completeness is one less the entropy, in base K, of a factor's over units, weighted
    alike. NaN if no unit has any importance.
    """
    weight = importance / importance.sum((-2, -1), keepdim=True)

    def one_less_entropy(dim: int) -> Tensor:
        shares = importance / importance.sum(dim, keepdim=True).clamp(min=1e-12)
        return 1 - torch.special.entr(shares).sum(dim) / max(math.log(importance.shape[dim]), 1e-12)

    return (weight.sum(-1) * one_less_entropy(-1)).sum(-1), (weight.sum(-2) * one_less_entropy(-2)).sum(-1)


def factor_vae_score(
    train: Tensor, train_factors: Tensor, test: Tensor, test_factors: Tensor, seeds: Sequence[int]
) -> Tensor:
    """The FactorVAE score (Kim and Mnih 2018, section 3), float64 `[S]`.

    train, test: features `[S, N, K]`; factors: int64 `[S, N, F]`. A vote fixes one factor's value, draws 64 images that
    have it, and goes to the unit that varies least, in units of its variance over training images; a unit stands for
    the factor that most of its votes come from. 2,000 votes among training images fit that; as many among test images
    give the share of votes whose factor is right. The draws belong to the seed and are the same for all methods. Units
    that vary equally little, such as ReLUs that are silent in a batch, share the vote. Dead units take no part, and
    neither does a factor with one value; NaN if none is left.
    """
    scores = []
    for features, factors, other, other_factors, seed in zip(
        train, train_factors, test, test_factors, seeds, strict=True
    ):
        live = live_units(features)
        varying = [f for f in range(factors.shape[1]) if (factors[:, f] != factors[0, f]).any()]
        if not live.any() or not varying:
            scores.append(torch.tensor(torch.nan, dtype=torch.float64))
            continue
        moments = mean_and_std(features[:, live])
        units, other_units = (standardised(each[:, live], *moments) for each in (features, other))
        cast, fixed = _votes(units, factors[:, varying], generator(seed, "votes.train"))
        tally = cast.mT @ torch.nn.functional.one_hot(fixed, len(varying)).double()
        cast, fixed = _votes(other_units, other_factors[:, varying], generator(seed, "votes.test"))
        scores.append(((cast @ tally).argmax(-1) == fixed).double().mean())
    return torch.stack(scores)


def _votes(features: Tensor, factors: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Shares of units in each vote, float64 `[VOTES, K]`, and the factor that was fixed, int64 `[VOTES]`."""
    fixed = torch.randint(factors.shape[1], (VOTES,), generator=rng)
    which, place = torch.rand(VOTES, generator=rng), torch.rand(VOTES, BATCH, generator=rng)
    images = torch.zeros(VOTES, BATCH, dtype=torch.long)
    for f, factor in enumerate(factors.unbind(-1)):
        order, size = factor.argsort(stable=True), factor.unique(return_counts=True)[1]
        own = fixed == f
        value = (which[own] * len(size)).long()
        first = size.cumsum(0) - size
        images[own] = order[first[value, None] + (place[own] * size[value, None]).long()]
    least = []
    for batch in images.split(200):
        outputs = features[batch]
        spread = (outputs - outputs[:, :1]).var(1)  # from the first, so that constant is exactly 0
        least.append(spread == spread.amin(-1, keepdim=True))
    shares = torch.cat(least).double()
    return shares / shares.sum(-1, keepdim=True), fixed


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
        "factor_alignment": _mean(by_factor["best_information"], live),
        "disentanglement": disentanglement,
        "completeness": completeness,
        "informativeness": accuracy.mean(-1),
        "factor_vae": factor_vae_score(*four, seeds),
    }
