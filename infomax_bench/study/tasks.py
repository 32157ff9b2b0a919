"""What workers do: blocks of encoders, each with the evaluations that are missing of it, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from infomax_bench.study.cell import Cell, Request
from infomax_bench.study.plan import Entry, Planner, problem_for
from infomax_bench.study.prices import Price, Prices, priced


@dataclass
class Task:
    """One block of encoders to train or to load, and the evaluations that are missing. Plain data: it travels."""

    cell: Cell
    seeds: tuple[int, ...]
    encoder_key: str
    used: dict[str, str] = field(default_factory=dict)
    """The hashes of its plug-ins' files when its keys were made, by kind and name ("methods/pca")."""
    data: dict[str, str] = field(default_factory=dict)
    """The keys of its data sets then."""
    wanted: list[tuple[str, Request]] = field(default_factory=list)
    cost: float = 1.0
    memory: float = 0.0
    disk: float = 0.0
    """About how many core-seconds it takes, how many bytes its process, and how many bytes what it keeps; `prices`."""

    @property
    def label(self) -> str:
        return f"{self.cell.method} on {self.cell.dataset}, width {self.cell.width}"


def tasks(
    entries: Iterable[Entry],
    missing: Iterable[str],
    planner: Planner,
    prices: Prices | None = None,
    trained: Callable[[str], bool] = lambda key: False,
) -> list[Task]:
    """Groups the entries whose keys are missing by encoder, the longest first: that packs workers best.

    prices: what is known of them, else they are rough. trained: whether the encoders of a key are there."""
    absent = set(missing)
    grouped: dict[str, Task] = {}
    for entry in entries:
        if entry.key not in absent:
            continue
        task = grouped.setdefault(entry.encoder_key, Task(entry.cell, entry.seeds, entry.encoder_key))
        task.used |= planner.used(entry.cell, entry.request.evaluation)
        if (entry.key, entry.request) not in task.wanted:
            task.wanted.append((entry.key, entry.request))
        for name in (entry.cell.dataset, entry.request.target or entry.cell.dataset):
            task.data[name] = planner.data_key(name)
    for task in grouped.values():
        parts = parts_of(task, planner, prices or Prices(), trained(task.encoder_key))
        task.cost, task.disk = (math.fsum(price.cost[i] for _, price in parts) for i in (0, 2))
        task.memory = max((price.cost.memory for _, price in parts), default=0.0)
    return sorted(grouped.values(), key=lambda t: -t.cost)


def parts_of(task: Task, planner: Planner, prices: Prices, trained: bool) -> list[tuple[Request | None, Price]]:
    """What a task consists of, and the price of each: the training (None) if its encoders are not there, and the
    evaluations. Of what a method says it cannot do there is nothing."""
    method = planner.registry.method(task.cell.method, dict(task.cell.settings))
    try:
        reason = method.unavailable(problem_for(task.cell, planner.dataset(task.cell.dataset)))
    except (Exception, SystemExit):  # it will be told when it is run
        reason = None
    if reason is not None:
        return []
    wanted = [*([] if trained else [None]), *(request for _, request in task.wanted)]
    return [(one, prices.of(priced(planner, task.cell, one, len(task.seeds)))) for one in wanted]
