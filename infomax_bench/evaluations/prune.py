"""Pruning of units and weights: how much can go before the features stop serving?

**Removal.** A unit is removed by replacing its feature by the training mean (0 after standardisation). Units go one at
a time, in four orders (`ORDERS`), all of them chosen on training images and independent of the features' scale. Dead
units go first and are counted apart: numbers and fractions of units are of the live ones.

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

**Prunable fraction.** The share of all numbers of removals (1, 2, ..., all live units) that cost at most TOLERATED_LOSS
of test accuracy. Where accuracy only falls, that is the largest fraction whose removal costs no more. No curve is
smoothed or made monotone. One seed's loss is itself uncertain, and the share takes that evenly, since chance adds to it
as it takes away; the two other readings do not, and stand beside it: `prunable_fraction_first` stops at the first loss,
which comes too soon by chance the more places are measured, and would favour a claim that nothing can be pruned;
`prunable_fraction_last` is the largest fraction that costs no more whatever smaller ones cost, which chance makes too
large. `loss_noise` is the standard error of the loss that ends the first.

**Best order.** "best/refitted" is what validation prefers, seed by seed: for the fraction, the order that prunes
furthest (of equals, the one with the largest area); for an accuracy, the order with the highest at that number of
units. The value is that order's on test. So no order that was tried would have been easier, and none is chosen by its
result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from infomax_bench.base.errors import NotApplicable
from infomax_bench.data.dataset import images_as
from infomax_bench.evaluations.context import Context, FeatureSet, Row
from infomax_bench.evaluations.orders import ORDERS, dead_first, kept_after, random_order
from infomax_bench.evaluations.probe import Probe, accuracy, shared_probe
from infomax_bench.numerics.logistic import fit_logistic
from infomax_bench.training.trainer import mean_images

LEVELS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Fractions of the live units at which curves are reported."""
WEIGHT_LEVELS = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95)
BISECTIONS = 3
"""Halvings, by validation, of the interval between two weight levels in which the loss becomes too large."""
SHARED_OUT_LEVELS = (0.0, 0.2, 0.5, 0.8)
TOLERATED_LOSS = 0.01
"""The accuracy that a prunable fraction may cost."""
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


# -- curves -----------------------------------------------------------------------------------------------------------
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


def mean(right: Tensor) -> Tensor:
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


# -- probes -----------------------------------------------------------------------------------------------------------
Fitted = tuple[Tensor, Tensor, Tensor, Tensor]
"""Which validation and which test images R probes classify rightly, bool `[R, n]`; their weight `[R, K, C]`
and bias `[R, C]`."""


class Refits:
    """Refits of one seed's probe to fewer units, or to other features."""

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


# -- evaluations ------------------------------------------------------------------------------------------------------
def prune_units(context: Context) -> list[Row]:
    """Accuracy as live units are removed, one at a time, in every order, probe frozen and refitted.

    Protocols are "ORDER/frozen", "ORDER/refitted" and "best/refitted"; what these and the measures mean is said above.

    accuracy: at the fractions LEVELS (`x`), rounded down to units; prunable_fraction; area: under the curve of
    accuracy scaled so that the full features are 1 and chance is 0. Of "best/refitted" also kept: that scaled accuracy,
    at LEVELS; accuracy_at_units: with `x` units left (all live ones, if they are fewer); prunable_fraction_first,
    prunable_fraction_last and loss_noise. dead_units: their share.

    Raises NotApplicable for a method with a width of its own.
    """
    if context.encoder is not None and context.encoder.method.own_width():
        raise NotApplicable("has a width of its own, and encoders of equal width are pruned")
    data, probe = context.set, shared_probe(context)
    live = data.live()
    width, chance = live.shape[1], 1 / data.n_classes
    orders = {name: dead_first(order(context), live) for name, order in ORDERS.items()}
    rows = context.rows("dead_units", 1 - live.double().mean(1))
    for i, seed in enumerate(context.seeds):
        n_live = int(live[i].sum())

        def row(protocol: str, metric: str, value: float, seed: int = seed, **where: float) -> None:
            rows.append({"seed": seed, "metric": metric, "value": float(value), "protocol": protocol, **where})

        levels = torch.tensor([int(level * n_live + 1e-9) / max(n_live, 1) for level in LEVELS], dtype=torch.float64)
        numbers = kept_numbers(width)
        left = torch.tensor([max(n_live - n, 0) / max(n_live, 1) for n in numbers], dtype=torch.float64)
        own = {name: order[i] for name, order in orders.items()}
        curves = refitted_curves(context, i, own)
        for kind in ("frozen", "refitted"):
            for name in ORDERS:
                curve = frozen_curve(data, probe, i, own[name]) if kind == "frozen" else curves[name]
                test = mean(curve.test)
                for level, value in zip(LEVELS, test[at(curve, levels)].tolist(), strict=True):
                    row(f"{name}/{kind}", "accuracy", value, x=level)
                row(f"{name}/{kind}", "prunable_fraction", prunable_fraction(test, curve.fraction))
                row(f"{name}/{kind}", "area", area(test, curve.fraction, chance))

        def furthest(name: str, curves: dict[str, Curve] = curves) -> tuple[float, float]:
            """How far validation prunes, and the area."""
            validation, fraction = mean(curves[name].validation), curves[name].fraction
            return prunable_fraction(validation, fraction), area(validation, fraction, chance)

        best = curves[max(ORDERS, key=furthest)]
        test = mean(best.test)
        first = first_prunable(test, best.fraction)
        row("best/refitted", "prunable_fraction", prunable_fraction(test, best.fraction))
        row("best/refitted", "prunable_fraction_first", first)
        row("best/refitted", "prunable_fraction_last", last_prunable(test, best.fraction))
        ends = min(int(torch.searchsorted(best.fraction, first, right=True)), len(test) - 1)
        row("best/refitted", "loss_noise", float(loss(best.test)[1][ends]))
        easiest = preferred(curves, levels)
        kept = kept_share(easiest, easiest[0], chance)
        for level, value, share in zip(LEVELS, easiest.tolist(), kept.tolist(), strict=True):
            row("best/refitted", "accuracy", value, x=level)
            row("best/refitted", "kept", share, x=level)
        coarse = torch.tensor(coarse_counts(n_live, width), dtype=torch.float64) / max(n_live, 1)
        row("best/refitted", "area", area(preferred(curves, coarse), coarse, chance))
        for n, value in zip(numbers, preferred(curves, left).tolist(), strict=True):
            row("best/refitted", "accuracy_at_units", value, x=n)
    if context.encoder is not None and context.encoder.method.competitive:
        rows += _renormalised(context)
    return rows


def at(curve: Curve, fractions: Tensor) -> Tensor:
    """The positions in a curve of fractions that it was measured at."""
    index = torch.searchsorted(curve.fraction, fractions)
    assert torch.equal(curve.fraction[index], fractions), "not measured there"
    return index


def preferred(curves: dict[str, Curve], fractions: Tensor) -> Tensor:
    """Test accuracy, at each of the fractions `[M]`, in the order whose accuracy there is highest on validation."""
    places = [(curve, at(curve, fractions)) for curve in curves.values()]
    validation = torch.stack([mean(curve.validation[index]) for curve, index in places])
    test = torch.stack([mean(curve.test[index]) for curve, index in places])
    return test.gather(0, validation.argmax(0, keepdim=True))[0]


def _renormalised(context: Context) -> list[Row]:
    """Where units compete, the second protocol: those left share out anew, in the random order, probe refitted."""
    encoder, order = context.need_encoder(), random_order(context)
    rows = []
    for level in SHARED_OUT_LEVELS:
        units = order[:, int(level * order.shape[1] + 1e-9) :]
        fewer = replace(context, encoder=encoder.keep_units(units.sort(1).values), cache={})
        _, test = refitted(fewer, shared_probe(context))
        rows += context.rows("accuracy", test, protocol="random/renormalised", x=level)
    return rows


def refitted(changed: Context, probe: Probe) -> tuple[Tensor, Tensor]:
    """Validation and test accuracy `[S]` of the probe fitted to all the features of a changed encoder."""
    data, found = changed.set, []
    width = data.features.shape[2]
    for i, (weight, bias) in enumerate(zip(probe.weight, probe.bias, strict=True)):
        begin = weight if len(weight) == width else weight.new_zeros(width, data.n_classes)
        l2 = probe.l2[i : i + 1] * width / len(weight)
        found.append(Refits(data, i)(torch.ones(1, width), l2, begin[None], bias[None])[:2])
    validation, test = (torch.cat([mean(part) for part in parts]) for parts in zip(*found, strict=True))
    return validation, test


def prune_weights(context: Context) -> list[Row]:
    """Accuracy as the encoder's weights are removed, the smallest of each unit first, probe frozen and refitted.

    Weights are those of the map of images less their mean over training: a bias that took up the mean image gives back
    what belongs to a weight that goes, so that each unit's pre-activation of the mean image stays as it was.

    Fractions are WEIGHT_LEVELS, and for each seed those that BISECTIONS halvings visit between the last level that
    validation tolerates, refitted, and the first that it does not. `prunable_fraction` is as for units.
    """
    encoder = context.need_encoder()
    assert context.target is not None, "an encoder's context has images"
    images = images_as(context.target, encoder.problem.input_shape).flatten(1)
    average = mean_images(images, [s.train for s in context.set.splits])
    zero = torch.zeros(len(context.seeds), dtype=torch.float64)
    measured = [(zero + level, *_without(context, zero + level, average)) for level in WEIGHT_LEVELS]
    for _ in range(BISECTIONS):
        fractions, _, validation, _ = _ascending(measured)
        halves = []
        for x, y in zip(fractions.T, validation.T, strict=True):
            holds = int(tolerable(y).long().cumprod(0).sum()) - 1
            halves.append((x[holds] + (x[holds + 1] if holds + 1 < len(x) else 1.0)) / 2)
        middle = torch.stack(halves)
        measured.append((middle, *_without(context, middle, average)))
    rows = []
    for level, (_, frozen, _, refitted) in zip(WEIGHT_LEVELS, measured, strict=False):
        rows += context.rows("accuracy", frozen, protocol="magnitude/frozen", x=level)
        rows += context.rows("accuracy", refitted, protocol="magnitude/refitted", x=level)
    fractions, frozen, _, refitted = _ascending(measured)
    for kind, curve in (("frozen", frozen), ("refitted", refitted)):
        values = [prunable_fraction(y, x) for x, y in zip(fractions.T, curve.T, strict=True)]
        rows += context.rows("prunable_fraction", torch.tensor(values), protocol=f"magnitude/{kind}")
    return rows


def _ascending(measured: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Levels `[R, S]` put in the order of each seed's fractions, which come first."""
    parts = [torch.stack(part) for part in zip(*measured, strict=True)]
    index = parts[0].argsort(dim=0, stable=True)
    return tuple(part.gather(0, index) for part in parts)


def _without(context: Context, fraction: Tensor, average: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Accuracy `[S]` without a fraction `[S]` of the weights: frozen on test; refitted on validation, and on test.

    average: the mean training image, `[S, D]`.
    """
    encoder, probe = context.need_encoder(), shared_probe(context)
    pruned = encoder.map_weights(partial(without_smallest, fraction=fraction), average)
    if all(torch.equal(pruned.params[name], p) for name, p in encoder.params.items()):  # only zeros were removed
        return probe.test, probe.validation, probe.test
    own = replace(context, encoder=pruned, cache={})
    test = context.set.standardised(own.set.raw("test"))  # the frozen probe keeps the scaling it was fitted with
    scores = test @ probe.weight + probe.bias.unsqueeze(1)
    return (accuracy(scores, own.set.y("test")), *refitted(own, probe))


def without_smallest(weight: Tensor, fraction: Tensor) -> Tensor:
    """A weight `[S, n_in, n_out]` with the smallest share of each unit's incoming weights, `[S]`, set to 0."""
    n = (fraction * weight.shape[1] + 1e-9).floor()
    rank = weight.abs().argsort(1).argsort(1)
    return weight.masked_fill(rank < n.view(-1, 1, 1), 0.0)
