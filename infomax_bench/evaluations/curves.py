"""What a curve of accuracy after removals says: the prunable fraction, the area, what is kept.

**Prunable fraction.** The share of all numbers of removals (1, 2, ..., all live units) that cost at most TOLERATED_LOSS
of test accuracy. Where accuracy only falls, that is the largest fraction whose removal costs no more. No curve is
smoothed or made monotone. One seed's loss is itself uncertain, and the share takes that evenly, since chance adds to it
as it takes away; the two other readings do not, and stand beside it: `first_prunable` stops at the first loss, which
comes too soon by chance the more places are measured, and would favour a claim that nothing can be pruned;
`last_prunable` is the largest fraction that costs no more whatever smaller ones cost, which chance makes too large.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from infomax_bench.evaluations.declare import Metric

TOLERATED_LOSS = 0.01
"""The accuracy that a prunable fraction may cost."""

PRUNABLE = Metric(
    "prunable_fraction", "share of all removals that cost at most a point of test accuracy", "lower", range=(0, 1)
)


@dataclass(frozen=True)
class Curve:
    """How one seed's probe answers after removals.

    fraction: of live units (or of weights) removed, float64 `[R]`, ascending from 0; validation, test: which images
    are classified rightly, bool `[R, n]`.
    """

    fraction: Tensor
    validation: Tensor
    test: Tensor

    def sorted(self) -> Curve:
        index = self.fraction.argsort(stable=True)
        return Curve(self.fraction[index], self.validation[index], self.test[index])


def accuracies(right: Tensor) -> Tensor:
    """Accuracy, float64 `[R]`."""
    return right.double().mean(1)


def loss(right: Tensor) -> tuple[Tensor, Tensor]:
    """What each level costs of the accuracy of the first, and the standard error of that paired difference, `[R]`."""
    difference = right[:1].double() - right.double()
    n = right.shape[1]
    noise = difference.std(1) / n**0.5 if n > 1 else torch.full_like(difference[:, 0], torch.nan)  # unknown
    return difference.mean(1), noise


def tolerable(curve: Tensor, tolerated: float = TOLERATED_LOSS) -> Tensor:
    """Which levels cost no more than that of the first, bool `[R]`."""
    return curve >= curve[:1] - tolerated - 1e-12


def prunable_fraction(curve: Tensor, fraction: Tensor, tolerated: float = TOLERATED_LOSS) -> float:
    """The share of removals that cost at most `tolerated`; both `[R]`, fractions ascending from 0.

    A number of removals that was not measured counts as the next larger one that was. NaN if there is nothing to
    remove: a collapsed encoder is not one that cannot be pruned.
    """
    if len(curve) < 2:
        return torch.nan
    return round(float((fraction.diff() * tolerable(curve, tolerated)[1:]).sum()), 12)  # as exact as the fractions


def first_prunable(curve: Tensor, fraction: Tensor, tolerated: float = TOLERATED_LOSS) -> float:
    """The largest fraction up to which no level costs more than `tolerated`; both `[R]`, fractions ascending from 0."""
    return float(fraction[int(tolerable(curve, tolerated).long().cumprod(0).sum()) - 1])


def last_prunable(curve: Tensor, fraction: Tensor, tolerated: float = TOLERATED_LOSS) -> float:
    """The largest fraction that costs at most `tolerated`, whatever smaller ones cost."""
    return float(fraction[tolerable(curve, tolerated)][-1])


def kept_share(curve: Tensor, full: Tensor, chance: float) -> Tensor:
    """Accuracy on a scale where that of the full features is 1 and chance is 0."""
    return (curve - chance) / (full - chance).clamp_min(1e-3)


def area(curve: Tensor, fraction: Tensor, chance: float) -> float:
    """Area under the share that is kept, over the fractions `[R]`: 1 if nothing is ever lost."""
    span = float(fraction[-1] - fraction[0])
    return float(torch.trapezoid(kept_share(curve, curve[0], chance), fraction)) / span if span else torch.nan


def at(curve: Curve, fractions: Tensor) -> Tensor:
    """The positions in a curve of fractions that it was measured at."""
    index = torch.searchsorted(curve.fraction, fractions)
    assert torch.equal(curve.fraction[index], fractions), "not measured there"
    return index


def preferred(curves: Mapping[str, Curve], fractions: Tensor) -> Tensor:
    """Test accuracy, at each of the fractions `[M]`, in the order whose accuracy there is highest on validation."""
    places = [(curve, at(curve, fractions)) for curve in curves.values()]
    validation = torch.stack([accuracies(curve.validation[index]) for curve, index in places])
    test = torch.stack([accuracies(curve.test[index]) for curve, index in places])
    return test.gather(0, validation.argmax(0, keepdim=True))[0]
