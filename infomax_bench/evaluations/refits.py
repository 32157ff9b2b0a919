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

from collections.abc import Mapping, Sequence

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
"""Which validation and which test images R probes of each seed classify rightly, bool `[S, R, n]`; their weight
`[S, R, K, C]` and bias `[S, R, C]`."""


class Refits:
    """Refits of the probes of some seeds to fewer units."""

    def __init__(self, data: FeatureSet, seeds: slice) -> None:
        self.x, self.y = data.x("train")[seeds], data.y("train")[seeds]
        self.n_classes = data.n_classes
        self.parts = [(data.x(part)[seeds], data.y(part)[seeds]) for part in ("validation", "test")]
        self.moments = torch.stack([x.T @ x / len(x) for x in self.x])

    def __call__(self, keep: Tensor, l2: Tensor, weight: Tensor, bias: Tensor) -> Fitted:
        """Probes on the units of masks `[S, R, K]`, at l2 `[S, R]`, which begin from probes on more units, weight
        `[S, R, K, C]` and bias `[S, R, C]`."""
        at_once = max(8, min(64, AT_ONCE // (len(keep) * keep.shape[2] ** 2)))
        columns = (part.split(at_once, dim=1) for part in (keep, l2, weight, bias))
        return joined([self._some(*some) for some in zip(*columns, strict=True)])

    def _some(self, keep: Tensor, l2: Tensor, weight: Tensor, bias: Tensor) -> Fitted:
        fit = fit_logistic(self.x, self.y, l2, self.n_classes, keep, start=(self.carried(weight, keep), bias))
        validation, test = (
            torch.stack([answers(*own) for own in zip(x, y, fit.weight, fit.bias, strict=True)]) for x, y in self.parts
        )
        return validation, test, fit.weight, fit.bias

    def carried(self, weight: Tensor, keep: Tensor) -> Tensor:
        """Where refits begin: class scores of weights `[S, R, K, C]` as the units kept `[S, R, K]` predict them best,
        by regression."""
        kept, moments = keep.unsqueeze(-1), self.moments.unsqueeze(1)
        a = moments * (kept * kept.mT) + torch.diag_embed(1 - keep + 1e-3)
        return torch.cholesky_solve(kept * (moments @ weight), torch.linalg.cholesky(a))


def joined(parts: Sequence[Fitted]) -> Fitted:
    """One set of probes after another."""
    validation, test, weight, bias = (torch.cat(part, dim=1) for part in zip(*parts, strict=True))
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


def refitted_curves(context: Context, orders: Mapping[str, Tensor]) -> list[dict[str, Curve]]:
    """Each seed's refitted probe's answers as units go in each order `[S, K]`, the dead ones first."""
    data, probe = context.set, shared_probe(context)
    live, width = data.live().sum(1), data.features.shape[2]
    coarse = [coarse_counts(n, width) for n in live.tolist()]

    def fitted(
        refits: Refits, seeds: slice, asked: Mapping[str, Tensor], starts: Mapping[str, tuple[Tensor, Tensor]]
    ) -> dict[str, Fitted]:
        """The probes after numbers of removals `[S, R]` in each order, together: they share products with the
        features."""
        removed = {name: counts + (width - live[seeds]).unsqueeze(1) for name, counts in asked.items()}
        masks = torch.cat([torch.stack([*map(kept_after, orders[name][seeds], removed[name])]) for name in asked], 1)
        l2 = probe.l2[seeds, None] * masks.sum(2).clamp_min(1) / live[seeds, None].clamp_min(1)
        weight, bias = (torch.cat([starts[name][i] for name in asked], 1) for i in range(2))
        sizes = [counts.shape[1] for counts in asked.values()]
        parts = [part.split(sizes, dim=1) for part in refits(masks, l2, weight, bias)]
        return dict(zip(asked, zip(*parts, strict=True), strict=True))

    longest = max(map(len, coarse))  # the last number again, where a seed has fewer
    everyone, padded = slice(None), torch.tensor([own + own[-1:] * (longest - len(own)) for own in coarse])
    refits, begin, along = Refits(data, everyone), dict.fromkeys(orders, (probe.weight, probe.bias)), []
    for counts in padded.split(LEVELS_AT_ONCE, dim=1):
        n = counts.shape[1]
        starts = {
            name: (weight.unsqueeze(1).expand(-1, n, -1, -1), bias.unsqueeze(1).expand(-1, n, -1))
            for name, (weight, bias) in begin.items()
        }
        along.append(fitted(refits, everyone, dict.fromkeys(orders, counts), starts))
        begin = {name: (weight[:, -1], bias[:, -1]) for name, (*_, weight, bias) in along[-1].items()}
    first = {name: joined([found[name] for found in along]) for name in orders}

    def curves(seed: int) -> dict[str, Curve]:
        """Of one seed, with single units where its decision could fall."""
        own, known = slice(seed, seed + 1), torch.tensor(coarse[seed])
        found = {name: [part[seed, : len(known)] for part in first[name]] for name in orders}
        asked = {name: torch.tensor([undecided(known, found[name][0], int(live[seed]))]).long() for name in orders}
        before = {name: torch.searchsorted(known, counts[0]) - 1 for name, counts in asked.items()}
        more = {}
        if any(counts.numel() for counts in asked.values()):
            starts = {name: (found[name][2][i][None], found[name][3][i][None]) for name, i in before.items()}
            more = fitted(Refits(data, own), own, asked, starts)
        result = {}
        for name in orders:
            parts = [(known, *found[name][:2])]
            if more:
                parts.append((asked[name][0], *(part[0] for part in more[name][:2])))
            counts, validation, test = (torch.cat(part) for part in zip(*parts, strict=True))
            result[name] = Curve(counts.double() / live[seed].clamp_min(1), validation, test).sorted()
        return result

    return [curves(seed) for seed in range(len(coarse))]


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
