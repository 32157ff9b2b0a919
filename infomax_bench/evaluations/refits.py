"""The probe as units go: frozen after every single removal, refitted where the decision could fall.

A unit is removed by replacing its feature by the training mean (0 after standardisation).

**Probe.** *Frozen*, its accuracy is known after every single removal. *Refitted*, it is fitted again to the units left,
to the optimum of the linear probe's objective on all training images. Its L2 is what validation chose for the whole
probe, in proportion to the share of live units that is left: as a prior on weights it then allows class scores the same
variance, however many units they are made of. (At a fixed L2, removing one of two copies would double the penalty on
what they say; choosing it anew at every step would add the noise of that choice to every loss.)

**Where refits are made.** At coarse numbers of units (`coarse_counts`), the same for all; then at every single unit
(of 128 and more, at every 64th of them; of more than 256, at every 16th) where the decision could fall: from the last
coarse number up to which the loss on validation is surely tolerated, to the first where it is surely not. *Surely*
means by SURE standard errors of the paired difference between the two probes' answers on the validation images. Test
images choose nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from infomax_bench.evaluations.context import Context, FeatureSet
from infomax_bench.evaluations.curves import TOLERATED_LOSS, Curve, loss
from infomax_bench.evaluations.orders import kept_after
from infomax_bench.evaluations.probe import Probe, accuracy, shared_probe
from infomax_bench.numerics.logistic import fit_logistic

LEVELS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Fractions of the live units at which curves are reported."""

SURE = 1.0
"""Standard errors by which validation must keep to the limit, or miss it, for single units not to be looked at."""

FINEST = 64
"""Single units are resolved up to twice as many live ones less one; of more, steps of this share of them."""

WIDE, FINEST_OF_WIDE = 256, 16
"""Of more units than so many, steps of this share, as each refit then takes as long as hundreds of narrow ones."""

LEVELS_AT_ONCE = 4
"""Neighbouring numbers of removals whose probes are fitted together; those after them begin where these ended."""

AT_ONCE = 1 << 23
"""Entries of the second-moment matrices of the problems that are fitted together."""

SCORES = 1 << 26
"""Class scores that are made together."""


def kept_numbers(width: int) -> list[int]:
    """Powers of two below the width: the numbers of units at which methods are compared."""
    return [1 << i for i in range((width - 1).bit_length())]


def coarse_counts(live: int, width: int) -> list[int]:
    """The numbers of live units removed that are looked at in any case, ascending."""
    by_level = {int(level * live + 1e-9) for level in LEVELS}
    return sorted(by_level | {max(live - n, 0) for n in kept_numbers(width)} | {live})


def undecided(removed: Tensor, right: Tensor, live: int) -> list[int]:
    """The numbers between coarse ones at which the loss may become too large, by validation answers `[R, n]`."""
    value, noise = loss(right)
    surely = (value + SURE * noise <= TOLERATED_LOSS + 1e-12).long().cumprod(0)
    low = int(surely.sum()) - 1
    lost = torch.nonzero(value - SURE * noise > TOLERATED_LOSS).flatten()
    lost = lost[lost > low]
    high = int(lost[0]) if len(lost) else len(removed) - 1
    known = set(removed.tolist())
    step = max(1, live // (FINEST if live <= WIDE else FINEST_OF_WIDE))
    return [n for n in range(int(removed[max(low, 0)]) + step, int(removed[high]), step) if n not in known]


Fitted = tuple[Tensor, Tensor, Tensor, Tensor]
"""Which validation and which test images R probes classify rightly, bool `[R, n]`; their weight `[R, K, C]`
and bias `[R, C]`."""


class Refits:
    """Refits of one seed's probe to fewer units.

    How many steps they take depends on the seed: together, all would wait for the slowest.
    """

    def __init__(self, data: FeatureSet, seed: int) -> None:
        """seed: its position."""
        one = slice(seed, seed + 1)
        self.x, self.y = data.x("train")[one], data.y("train")[one]
        self.n_classes = data.n_classes
        self.parts = [(data.x(part)[seed], data.y(part)[seed]) for part in ("validation", "test")]
        self.moments = self.x[0].T @ self.x[0] / self.x.shape[1]

    def __call__(self, keep: Tensor, l2: Tensor, weight: Tensor, bias: Tensor) -> Fitted:
        """Probes on the units of masks `[R, K]`, at l2 `[R]`, which begin from probes on more units, weight `[R, K, C]`
        and bias `[R, C]`."""
        at_once = max(8, min(64, AT_ONCE // keep.shape[1] ** 2))
        parts = [self._some(*some) for some in zip(*(a.split(at_once) for a in (keep, l2, weight, bias)), strict=True)]
        return joined(parts)

    def _some(self, keep: Tensor, l2: Tensor, weight: Tensor, bias: Tensor) -> Fitted:
        start = self.carried(weight, keep)[None], bias[None]
        fit = fit_logistic(self.x, self.y, l2, self.n_classes, keep[None], start=start)
        weight, bias = fit.weight[0], fit.bias[0]
        validation, test = (answers(x, y, weight, bias) for x, y in self.parts)
        return validation, test, weight, bias

    def carried(self, weight: Tensor, keep: Tensor) -> Tensor:
        """Where refits begin: class scores of weights `[R, K, C]` as the units kept `[R, K]` predict them best,
        by regression."""
        kept = keep.unsqueeze(-1)
        a = self.moments * (kept * kept.mT) + torch.diag_embed(1 - keep + 1e-3)
        return torch.cholesky_solve(kept * (self.moments @ weight), torch.linalg.cholesky(a))


def joined(parts: Sequence[Fitted]) -> Fitted:
    """One set of probes after another."""
    validation, test, weight, bias = (torch.cat(part) for part in zip(*parts, strict=True))
    return validation, test, weight, bias


def answers(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Which images `[n, K]` each of R probes `[R, K, C]`, `[R, C]` classifies rightly, bool `[R, n]`."""
    at_once = max(1, SCORES // (len(x) * weight.shape[2]))
    return torch.cat([_answers(x, y, *some) for some in zip(weight.split(at_once), bias.split(at_once), strict=True)])


def _answers(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    r, k, c = weight.shape
    scores = x @ weight.permute(1, 0, 2).reshape(k, r * c) + bias.reshape(r * c)
    return (scores.view(-1, r, c).argmax(-1) == y.unsqueeze(1)).T


def frozen_curve(data: FeatureSet, probe: Probe, seed: int, order: Tensor) -> Curve:
    """The frozen probe's answers after every single removal of a live unit. `order` has the dead ones first."""
    live = int(data.live()[seed].sum())
    weight, y = probe.weight[seed], data.y("test")[seed]
    x = data.x("test")[seed].T.contiguous()
    scores = probe.bias[seed].repeat(len(y), 1)
    right = [scores.argmax(1) == y]
    for unit in reversed(order[len(order) - live :].tolist()):  # from none on, which costs one product in all
        right.append(scores.addr_(x[unit], weight[unit]).argmax(1) == y)
    test = torch.stack(right[::-1])
    fraction = torch.arange(live + 1, dtype=torch.float64) / max(live, 1)
    return Curve(fraction, test.new_empty(live + 1, 0), test)


def refitted_curves(context: Context, seed: int, orders: dict[str, Tensor]) -> dict[str, Curve]:
    """The refitted probe's answers as one seed's units go in each order `[K]`, the dead ones first."""
    data, probe = context.set, shared_probe(context)
    live, width = int(data.live()[seed].sum()), data.features.shape[2]
    coarse, dead = torch.tensor(coarse_counts(live, width)), width - live
    refits = Refits(data, seed)

    def fitted(asked: dict[str, Tensor], starts: dict[str, tuple[Tensor, Tensor]]) -> dict[str, Fitted]:
        """The probes after numbers of removals `[R]` in each order, together: they share products with the features."""
        masks = torch.cat([kept_after(orders[name], counts + dead) for name, counts in asked.items()])
        l2 = probe.l2[seed] * masks.sum(1).clamp_min(1) / max(live, 1)
        weight, bias = (torch.cat([starts[name][i] for name in asked]) for i in range(2))
        sizes = [len(counts) for counts in asked.values()]
        return dict(
            zip(asked, zip(*(part.split(sizes) for part in refits(masks, l2, weight, bias)), strict=True), strict=True)
        )

    begin = dict.fromkeys(orders, (probe.weight[seed], probe.bias[seed]))
    along: list[dict[str, Fitted]] = []
    for counts in coarse.split(LEVELS_AT_ONCE):
        n = len(counts)
        starts = {name: (weight.expand(n, -1, -1), bias.expand(n, -1)) for name, (weight, bias) in begin.items()}
        along.append(fitted(dict.fromkeys(orders, counts), starts))
        begin = {name: (weight[-1], bias[-1]) for name, (*_, weight, bias) in along[-1].items()}
    first = {name: joined([found[name] for found in along]) for name in orders}
    asked = {name: torch.tensor(undecided(coarse, right, live)).long() for name, (right, *_) in first.items()}
    before = {name: torch.searchsorted(coarse, counts) - 1 for name, counts in asked.items()}
    stages = [(dict.fromkeys(orders, coarse), first)]
    if any(map(len, asked.values())):
        stages.append(
            (asked, fitted(asked, {name: (first[name][2][i], first[name][3][i]) for name, i in before.items()}))
        )
    curves = {}
    for name in orders:
        counts = torch.cat([counts[name] for counts, _ in stages])
        validation, test = (torch.cat([found[name][i] for _, found in stages]) for i in range(2))
        curves[name] = Curve(counts.double() / max(live, 1), validation, test).sorted()
    return curves


def refitted_accuracy(changed: Context, probe: Probe) -> tuple[Tensor, Tensor]:
    """Validation and test accuracy `[S]` of the probe fitted to all the features of a changed encoder."""
    data, width, before = changed.set, changed.set.features.shape[2], probe.weight.shape[1]
    weight = probe.weight if before == width else probe.weight.new_zeros(len(probe.weight), width, data.n_classes)
    l2, start = (probe.l2 * width / before).unsqueeze(1), (weight.unsqueeze(1), probe.bias.unsqueeze(1))
    fit = fit_logistic(data.x("train"), data.y("train"), l2, data.n_classes, start=start)
    validation, test = (
        accuracy(fit.logits(data.x(part)), data.y(part).unsqueeze(1)).squeeze(1) for part in ("validation", "test")
    )
    return validation, test
