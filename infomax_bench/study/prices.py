"""What work costs: seconds, memory and disk of a training or an evaluation, by what the same or its kin took before.

Of every piece of work there is a rough price that follows from its size (`Item.rough`). What it took before corrects
that, or else what its kin did: what is most like it (of the same method and data set, else of the same data set, of the
same backbone, ...), between those of smaller and of larger size. Nothing here has a part in any number but times: the
order of tasks, the time left, and what `run --dry-run` tells.
"""

from __future__ import annotations

import heapq
import itertools
import math
import statistics
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from infomax_bench.evaluations.declare import Pairwise
from infomax_bench.models.backbones import encoding_of
from infomax_bench.study.cell import Cell, Request
from infomax_bench.study.plan import Planner, problem_for

Kin = tuple[Hashable, ...]
"""What pieces of work have in common."""
NEAREST = 5
"""Kin of no larger size, and as many of larger, of whose means a price is made."""
COMPARED = 5
"""Pieces of work done on two makes of CPU, after which times of the one are told in those of the other."""
LEAST = 1e-3
"""Seconds; less is not told apart from nothing."""
PROCESS = 5.5e8
"""Bytes of a process that has torch."""
TOGETHER = 1 << 26
"""Numbers of features that are measured together, about; half a dozen copies of them are there at a time."""
READ = 2e-9
"""Seconds a byte of images that any training takes, however short: copies, and the mean image."""
SEEDS_TOGETHER = 1.7
"""A training of S seeds takes as long as S + so many: `infomax_em` on MNIST, 1, 5 and 10 seeds."""


class Cost(NamedTuple):
    """What work takes, NaN where it is not known: core-seconds; bytes of its process at the peak; bytes on disk."""

    seconds: float = math.nan
    memory: float = math.nan
    disk: float = math.nan


@dataclass(frozen=True)
class Item:
    """A piece of work. kin: what it shares with others, from all that determines its price to what any such
    work is; the last but one is its sort. rough: nowhere 0."""

    kin: tuple[Kin, ...]
    rough: Cost


@dataclass(frozen=True)
class Spent:
    """A piece of work that was done. cpu: the make of CPU; when: ISO 8601; "" where that is unknown. alone: its price
    is none for its kin, as where there turned out to be nothing to measure."""

    item: Item
    cost: Cost
    cpu: str = ""
    when: str = ""
    alone: bool = False


class Price(NamedTuple):
    """cost: nowhere NaN. recorded: whether its time is that of the same work, done before."""

    cost: Cost
    recorded: bool


class Prices:
    """The price of any piece of work, by what was done before; times are those of a make of CPU."""

    def __init__(self, spent: Iterable[Spent] = (), cpu: str = "") -> None:
        here: dict[Kin, Spent] = {}
        elsewhere: dict[Kin, Spent] = {}
        for one in spent:
            of, own = here if one.cpu == cpu else elsewhere, one.item.kin[0]
            if own not in of or one.when >= of[own].when:
                of[own] = one
        paces = _paces(here, elsewhere)
        self._known: dict[tuple[int, Kin], list[tuple[float, float]]] = defaultdict(list)
        for one in {**elsewhere, **here}.values():
            pace = 1.0 if one.cpu == cpu else paces.get(one.item.kin[-2], paces.get((), 1.0))
            cost = one.cost._replace(seconds=one.cost.seconds * pace)
            for i, (rough, real) in enumerate(zip(one.item.rough, cost, strict=True)):
                if math.isfinite(real):
                    for kin in one.item.kin[: 1 if one.alone else None]:
                        self._known[i, kin].append((math.log(rough), real / rough))

    def of(self, item: Item) -> Price:
        """The price of a piece of work."""
        factors = [self._factor(i, item) for i in range(len(item.rough))]
        cost = Cost(*(rough * factor for rough, factor in zip(item.rough, factors, strict=True)))
        return Price(cost, (0, item.kin[0]) in self._known)

    def _factor(self, i: int, item: Item) -> float:
        """How many times as much as roughly told its nearest kin cost."""
        size = math.log(item.rough[i])
        known = next((self._known[i, kin] for kin in item.kin if (i, kin) in self._known), [])
        smaller = _nearest(size, [one for one in known if one[0] <= size])
        larger = _nearest(size, [one for one in known if one[0] > size])
        sides = [tuple(map(statistics.fmean, zip(*side, strict=True))) for side in (smaller, larger) if side]
        if len(sides) < 2:  # all of them are smaller, or larger, or there is none
            return sides[0][1] if sides else 1.0
        (low, before), (high, after) = sides
        share = (size - low) / (high - low)  # what takes long for its size when small does less so when large
        return math.exp((1 - share) * math.log(max(before, LEAST)) + share * math.log(max(after, LEAST)))


def _nearest(size: float, known: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The nearest in size, and all that are as near as the last of them."""
    if len(known) <= NEAREST:
        return known
    far = heapq.nsmallest(NEAREST, (abs(own - size) for own, _ in known))[-1]
    return [one for one in known if abs(one[0] - size) <= far]


def _paces(here: Mapping[Kin, Spent], elsewhere: Mapping[Kin, Spent]) -> dict[Kin, float]:
    """How many times as long work takes here: of each sort of work that was done in both places, and () for all."""
    ratios = defaultdict(list)
    for own in here.keys() & elsewhere.keys():
        ratio = here[own].cost.seconds / max(elsewhere[own].cost.seconds, LEAST)
        if ratio > 0:  # not NaN either
            for sort in (here[own].item.kin[-2], ()):
                ratios[sort].append(ratio)
    return {sort: statistics.median(found) for sort, found in ratios.items() if len(found) >= COMPARED}


# -- work --------------------------------------------------------------------------------------------------------------
def priced(planner: Planner, cell: Cell, request: Request | None, n_seeds: int) -> Item:
    """The training of a block of encoders (None), or one evaluation of it, as something that has a price.

    Raises what plug-ins do that are not there any more, or cannot be built.
    """
    if request is None:
        return _training(planner, cell, n_seeds)
    if isinstance(planner.registry.evaluation(request.evaluation), Pairwise):
        return _comparison(cell, request, n_seeds)
    return _evaluation(planner, cell, request, n_seeds)


def _base(dataset: str) -> str:
    """A data set without its argument: its other versions are like it."""
    return dataset.partition(":")[0]


def _training(planner: Planner, cell: Cell, n_seeds: int) -> Item:
    """The training of a block of encoders."""
    method = planner.registry.method(cell.method, dict(cell.settings))
    problem = problem_for(cell, planner.dataset(cell.dataset))
    products = sum(a * b for a, b in itertools.pairwise((problem.input_size, *problem.widths)))
    seconds = problem.n_train * 1e-4
    if not method.fitted():
        pixels = problem.input_size * encoding_of(cell.backbone).seconds_per_pixel
        seconds = problem.n_train * cell.epochs * (pixels or 3e-6 + 8e-11 * products) * (1 + method.views)
    how = "fitted" if method.fitted() else "by steps"
    amounts = (cell.width, cell.depth, cell.hidden, problem.n_train, cell.epochs, cell.batch_size, n_seeds)
    kin = (
        ("a training", cell.method, cell.dataset, cell.backbone, *amounts),
        ("a training", cell.method, _base(cell.dataset), cell.backbone),
        ("a training", cell.method, cell.backbone),
        ("a training", how, cell.backbone),
        ("a training", how),
        ("a training",),
    )
    together = (n_seeds + SEEDS_TOGETHER) * 5 / (5 + SEEDS_TOGETHER)
    images = planner.dataset(cell.dataset).n_rest * problem.input_size
    return Item(kin, Cost(seconds * together + READ * images, PROCESS + 2 * images, 4 * products * n_seeds))


def _evaluation(planner: Planner, cell: Cell, request: Request, n_seeds: int) -> Item:
    """One evaluation of a block of encoders."""
    declared = planner.registry.evaluation(request.evaluation)
    target = planner.dataset(request.target or cell.dataset)
    seconds = declared.rough_seconds(target.n_train, cell.width) * n_seeds
    if again := dict(request.options).get("epochs"):
        seconds += declared.trainings * _training(planner, replace(cell, epochs=again), n_seeds).rough.seconds
    name, options, base = request.evaluation, str(request.options), _base(target.label)
    kin = (
        (name, options, cell.method, cell.dataset, target.label, cell.backbone, cell.width, cell.depth, n_seeds),
        (name, options, cell.method, base, cell.backbone),
        (name, options, base, cell.backbone, cell.width),
        (name, options, base, cell.backbone),
        (name, options, cell.backbone),
        (name, options),
        (name, base),
        (name,),
        ("any evaluation",),
    )
    images = target.n_rest + target.n_test
    memory = PROCESS + 2 * images * math.prod(target.shape) + 24 * min(images * cell.width * n_seeds, TOGETHER)
    return Item(kin, Cost(seconds, memory, 500.0 * n_seeds))


def _comparison(cell: Cell, request: Request, n_seeds: int) -> Item:
    """What compares the encoders of one method with the others'."""
    kin = (
        (request.evaluation, cell.method, cell.dataset, cell.backbone, cell.width, n_seeds),
        (request.evaluation, cell.dataset, cell.width),
        (request.evaluation,),
        ("any comparison",),
    )
    return Item(kin, Cost(1e-3 * cell.width * n_seeds, PROCESS, 5e3 * n_seeds))
