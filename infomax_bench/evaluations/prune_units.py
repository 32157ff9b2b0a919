"""Pruning of units: how many can go before the features stop serving?

Units go one at a time, in four orders (`ORDERS`), all of them chosen on training images and independent of the
features' scale. Dead units go first and are counted apart: numbers and fractions of units are of the live ones. How a
probe is frozen and refitted stands in `refits`, what a prunable fraction is in `curves`.

**Best order.** "best/refitted" is what validation prefers, seed by seed: for the fraction, the order that prunes
furthest (of equals, the one with the largest area); for an accuracy, the order with the highest at that number of
units. The value is that order's on test. So no order that was tried would have been easier, and none is chosen by its
result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from infomax_bench.base.errors import NotApplicable
from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.curves import (
    PRUNABLE,
    Curve,
    accuracies,
    area,
    at,
    first_prunable,
    kept_share,
    last_prunable,
    loss,
    preferred,
    prunable_fraction,
)
from infomax_bench.evaluations.declare import Metric, Row, evaluation
from infomax_bench.evaluations.orders import ORDERS, dead_first, random_order
from infomax_bench.evaluations.probe import ACCURACY, shared_probe
from infomax_bench.evaluations.refits import (
    LEVELS,
    coarse_counts,
    frozen_curve,
    kept_numbers,
    refitted_accuracy,
    refitted_curves,
)

SHARED_OUT_LEVELS = (0.0, 0.2, 0.5, 0.8)


BEST = "best/refitted"
IN_ORDER = (*(f"{name}/{kind}" for kind in ("frozen", "refitted") for name in ORDERS), BEST)
REMOVED = "share of live units that are removed"
NOTHING = "there is nothing to remove"


@evaluation(
    version=8,
    seconds=5.5e-5,
    of_files=True,
    metrics=[
        ACCURACY.under(*IN_ORDER, "random/renormalised", x=REMOVED, at=LEVELS),
        PRUNABLE.under(*IN_ORDER, undefined=NOTHING),
        Metric("area", "area under the share of accuracy that is kept", protocols=IN_ORDER, undefined=NOTHING),
        Metric("kept", "accuracy, 1 for all units and 0 for chance", protocols=(BEST,), x=REMOVED, at=LEVELS),
        ACCURACY.under(BEST, name="accuracy_at_units", x="units that are left", at=(1, 2, 4, 8, 16, 32)),
        PRUNABLE.under(BEST, name="prunable_fraction_first", help="largest share before any removal costs more"),
        PRUNABLE.under(BEST, name="prunable_fraction_last", help="largest share that costs at most a point"),
        Metric("loss_noise", "standard error of the loss that ends the first", range=(0, 1)).under(
            BEST, undefined="there is one test image"
        ),
        Metric("dead_units", "share of units that are constant over training images", "lower", range=(0, 1)),
    ],
)
def prune_units(context: Context) -> list[Row]:
    """Accuracy as live units are removed, one at a time, in every order, probe frozen and refitted.

    Protocols are "ORDER/frozen", "ORDER/refitted" and "best/refitted".

    accuracy: at the fractions LEVELS (`x`), rounded down to units; prunable_fraction; area: under the curve of
    accuracy scaled so that the full features are 1 and chance is 0. Of "best/refitted" also kept: that scaled accuracy,
    at LEVELS; accuracy_at_units: with `x` units left (all live ones, if they are fewer); prunable_fraction_first,
    prunable_fraction_last and loss_noise: the standard error of the loss that ends the first. dead_units: their share.

    Raises NotApplicable for a method with a width of its own.
    """
    if context.encoder is not None and context.encoder.method.own_width():
        raise NotApplicable("has a width of its own, and encoders of equal width are pruned")
    data, probe = context.set, shared_probe(context)
    live, chance = data.live(), 1 / data.n_classes
    orders = {name: dead_first(order(context), live) for name, order in ORDERS.items()}
    rows = context.rows("dead_units", 1 - live.double().mean(1))
    for i, seed in enumerate(context.seeds):
        n_live, own = int(live[i].sum()), {name: order[i] for name, order in orders.items()}
        curves, found = refitted_curves(context, i, own), []
        for name, order in own.items():
            found += _of_order(f"{name}/frozen", frozen_curve(data, probe, i, order), n_live, chance)
        for name, curve in curves.items():
            found += _of_order(f"{name}/refitted", curve, n_live, chance)
        found += _of_best(curves, n_live, live.shape[1], chance)
        rows += [{"seed": seed, **row} for row in found]
    if context.encoder is not None and context.encoder.method.competitive:
        rows += _renormalised(context)
    return rows


def _row(protocol: str, metric: str, value: float, **where: float) -> Row:
    return {"metric": metric, "value": float(value), "protocol": protocol, **where}


def _shares(counts: Sequence[int], live: int) -> Tensor:
    """Numbers of live units removed as fractions of them, float64."""
    return torch.tensor(counts, dtype=torch.float64) / max(live, 1)


def _levels(live: int) -> Tensor:
    """LEVELS, rounded down to units."""
    return _shares([int(level * live + 1e-9) for level in LEVELS], live)


def _of_order(protocol: str, curve: Curve, live: int, chance: float) -> list[Row]:
    """What one order's curve says."""
    test = accuracies(curve.test)
    at_levels = zip(LEVELS, test[at(curve, _levels(live))].tolist(), strict=True)
    return [
        *(_row(protocol, "accuracy", value, x=level) for level, value in at_levels),
        _row(protocol, "prunable_fraction", prunable_fraction(test, curve.fraction)),
        _row(protocol, "area", area(test, curve.fraction, chance)),
    ]


def _of_best(curves: Mapping[str, Curve], live: int, width: int, chance: float) -> list[Row]:
    """What the orders that validation prefers say, of refitted probes."""

    def furthest(name: str) -> tuple[float, float]:
        """How far validation prunes, and the area."""
        validation, fraction = accuracies(curves[name].validation), curves[name].fraction
        return prunable_fraction(validation, fraction), area(validation, fraction, chance)

    row = partial(_row, "best/refitted")
    best = curves[max(curves, key=furthest)]
    test, fraction = accuracies(best.test), best.fraction
    first = first_prunable(test, fraction)
    ends = min(int(torch.searchsorted(fraction, first, right=True)), len(test) - 1)
    rows = [
        row("prunable_fraction", prunable_fraction(test, fraction)),
        row("prunable_fraction_first", first),
        row("prunable_fraction_last", last_prunable(test, fraction)),
        row("loss_noise", float(loss(best.test)[1][ends])),
    ]
    easiest = preferred(curves, _levels(live))
    kept = kept_share(easiest, easiest[0], chance)
    for level, value, share in zip(LEVELS, easiest.tolist(), kept.tolist(), strict=True):
        rows += [row("accuracy", value, x=level), row("kept", share, x=level)]
    coarse = _shares(coarse_counts(live, width), live)
    rows.append(row("area", area(preferred(curves, coarse), coarse, chance)))
    numbers = kept_numbers(width)
    left = preferred(curves, _shares([max(live - n, 0) for n in numbers], live))
    return rows + [row("accuracy_at_units", value, x=n) for n, value in zip(numbers, left.tolist(), strict=True)]


def _renormalised(context: Context) -> list[Row]:
    """Where units compete, the second protocol: those left share out anew, in the random order, probe refitted."""
    encoder, order = context.need_encoder(), random_order(context)
    rows = []
    for level in SHARED_OUT_LEVELS:
        units = order[:, int(level * order.shape[1] + 1e-9) :]
        fewer = replace(context, encoder=encoder.keep_units(units.sort(1).values), cache={})
        _, test = refitted_accuracy(fewer, shared_probe(context))
        rows += context.rows("accuracy", test, protocol="random/renormalised", x=level)
    return rows
