"""Can a unit be named? How well single units tell one class, or one value of a factor, from the rest.

The concept that a unit stands for, and in which direction, is chosen on training images; test images give the score.
No number depends on any increasing function of a unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.parts import Part, concept_sizes, parts
from infomax_bench.evaluations.thresholds import NAMEABLE
from infomax_bench.numerics._ranks import average_ranks, live_units


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
        "unit_auroc": mean_of_live(naming.class_auroc, naming.live),
        "nameable_units": nameable.double().mean(-1),
        "classes_named": named.double().mean(-1),
    }


def naming(context: Context) -> Naming:
    """What each unit of a context stands for, found once for all evaluations."""
    named: Naming = context.once("naming", lambda: name_and_score(*parts(context.set), concept_sizes(context.set)))
    return named


def mean_of_live(values: Tensor, live: Tensor) -> Tensor:
    """Mean over live units `[S]` of values `[S, K]`; NaN if all are dead."""
    return values.where(live, torch.nan).nanmean(-1)
