"""What a run would do and take, before it begins: nothing is trained, loaded or written."""

from __future__ import annotations

import heapq
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from infomax_bench.base.errors import UserError
from infomax_bench.base.progress import in_time
from infomax_bench.base.store import Job, Store
from infomax_bench.run import compare
from infomax_bench.run.planned import Planned
from infomax_bench.run.tuning import SEEDS, plans
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.cell import cell_of, request_of
from infomax_bench.study.plan import Planner
from infomax_bench.study.prices import PROCESS, Price, Prices, priced
from infomax_bench.study.suite import Suite
from infomax_bench.study.tasks import Task, parts_of, tasks
from infomax_bench.study.tuned import Study

RESULT = 2e5
"""Bytes that reading a job back takes while the tables are written, about."""
TABLE = 2.0
"""Bytes of measurements.csv for each byte of the jobs, about."""


@dataclass
class Line:
    """A part of a run: how many jobs it has, how many of them are there, and what the others take.

    seconds: of one core; recorded: those of them whose work was done before; memory: bytes of a process, at most.
    """

    part: str
    jobs: int = 0
    there: int = 0
    seconds: float = 0.0
    recorded: float = 0.0
    memory: float = 0.0
    disk: float = 0.0

    def add(self, price: Price) -> None:
        self.seconds += price.cost.seconds
        self.recorded += price.cost.seconds * price.recorded
        self.memory = max(self.memory, price.cost.memory)
        self.disk += price.cost.disk

    def shown(self) -> dict[str, str]:
        """As a row of a table."""
        share = f"{self.recorded / self.seconds:.0%}" if self.seconds else ""
        left = self.jobs > self.there
        return {
            "part": self.part,
            "jobs": f"{self.jobs:,}",
            "there": f"{self.there:,}",
            "core time": in_time(self.seconds) if left else "",
            "recorded": share if left else "",
            "memory": in_bytes(self.memory) if left else "",
            "disk": in_bytes(self.disk) if left and self.disk else "",
        }


@dataclass
class Estimate:
    """What a run would take. wall: seconds on so many workers, 0 where nobody knows how many there are."""

    lines: list[Line] = field(default_factory=list)
    wall: float = 0.0
    memory: float = 0.0
    disk: float = 0.0

    @property
    def total(self) -> Line:
        """Of all lines; blocks of encoders are no jobs."""
        jobs, there = (sum(getattr(line, name) for line in self.lines[1:]) for name in ("jobs", "there"))
        seconds, recorded = (sum(getattr(line, name) for line in self.lines) for name in ("seconds", "recorded"))
        return Line("total", jobs, there, seconds, recorded)


def estimate(
    planner: Planner,
    asked: Planned,
    benchmarks: Sequence[Benchmark],
    prices: Prices,
    n_workers: int | None,
) -> Estimate:
    """A line for training, one for each benchmark, and one for the comparisons at the end. What two benchmarks ask for
    is the first one's. n_workers: None where a cluster has them."""
    todo = tasks(asked.entries, asked.missing, planner, prices, asked.has_encoder)
    missing, names = set(asked.missing), [benchmark.name for benchmark in benchmarks]
    training = Line("training (blocks of encoders)")
    lines = {name: Line(name) for name in names}
    of_key = {entry.key: entry.benchmark for entry in reversed(asked.entries)}
    for key, name in of_key.items():
        lines[name].jobs += 1
        lines[name].there += key not in missing
    encoders = {entry.encoder_key for entry in asked.entries}
    untrained = {task.encoder_key for task in todo if not asked.has_encoder(task.encoder_key)}
    training.jobs, training.there = len(encoders), len(encoders - untrained)
    for task in todo:
        parts = parts_of(task, planner, prices, task.encoder_key not in untrained)
        for request, price in parts:
            key = next((key for key, own in task.wanted if own == request), "")
            (lines[of_key[key]] if key else training).add(price)
    compared, groups = _compared(planner, asked, prices)
    found = Estimate([training, *lines.values(), *([compared] if compared.jobs else [])])
    found.disk = sum(line.disk for line in found.lines) + TABLE * sum(line.disk for line in found.lines[1:])
    found.memory = PROCESS + sum(heapq.nlargest(n_workers or 1, (task.memory for task in todo)))
    found.memory = max(found.memory, PROCESS + RESULT * found.total.jobs)
    if n_workers is not None:
        found.wall = packed(([task.cost for task in todo]), n_workers) + packed(groups, n_workers)
    return found


class _AsIfDone(Store):
    """A results folder as it will be when all that is missing is there."""

    def __init__(self, asked: Planned) -> None:
        super().__init__(asked.store.root)
        self.missing = set(asked.missing)

    def read_job(self, key: str, seeds: Sequence[int] | None = None) -> Job | None:
        return Job([], arrays="to be made") if key in self.missing else super().read_job(key, seeds)


def _compared(planner: Planner, asked: Planned, prices: Prices) -> tuple[Line, list[float]]:
    """The comparisons of encoders with each other, and the core-seconds of each group of them."""
    plugins, line = planner.registry, Line("comparisons")
    every = [plugins.benchmark(name) for name in plugins.names("benchmarks")]
    compared = {benchmark.name for benchmark in every if benchmark.compares}
    own = {entry.slot: entry.as_json() for entry in asked.entries if entry.benchmark in compared}
    manifest = {**asked.store.manifest(), **own}
    groups, entries = compare.groups_of(_AsIfDone(asked), manifest, plugins, every)
    by_key = {entry["key"]: entry for entry in entries.values()}
    costs = []
    for group in groups:
        cost = line.seconds
        for method, key in group.keys.items():
            line.jobs += 1
            if asked.store.done(key, group.seeds[method]):
                line.there += 1
                continue
            entry = by_key[key]
            request = request_of(entry["request"])
            line.add(prices.of(priced(planner, cell_of(entry["cell"]), request, len(entry["seeds"]))))
        costs.append(line.seconds - cost)
    return line, costs


def packed(costs: Iterable[float], n_workers: int) -> float:
    """When the last of some tasks ends, each begun as soon as a worker is free, the longest first."""
    ends = [0.0] * n_workers
    for cost in sorted(costs, reverse=True):
        heapq.heapreplace(ends, ends[0] + cost)
    return max(ends)


def tuning(
    planner: Planner,
    suite: Suite,
    trials: int,
    studies: Mapping[str, Study],
    prices: Prices,
    backbones: Sequence[str] | None = None,
) -> Estimate:
    """What tuning would take, a line for each data set: the studies that are not there for today's code; none where
    there is nothing to tune."""
    asked = partial(plans, planner.registry, suite, trials, SEEDS, backbones=backbones, planner=planner, prices=prices)
    try:
        every = asked({}, True)
        left = {plan.key for plan in asked(studies, False)}
    except UserError:
        return Estimate()
    lines: dict[str, Line] = {}
    for plan in every:
        line = lines.setdefault(plan.cell.dataset, Line(plan.cell.dataset))
        line.jobs += 1
        line.there += plan.key not in left
        line.seconds += plan.cost if plan.key in left else 0.0
    return Estimate([Line("tuning"), *(lines[name] for name in suite.datasets if name in lines)])


# -- room --------------------------------------------------------------------------------------------------------------
def free_bytes(root: Path) -> float:
    """Room on the disk of a folder, which need not be there."""
    there = next(path for path in (root.absolute(), *root.absolute().parents) if path.exists())
    return float(shutil.disk_usage(there).free)


def need_room(root: Path, todo: Iterable[Task]) -> None:
    """Raises UserError if what tasks keep takes more room than there is."""
    needed, free = sum(task.disk for task in todo), free_bytes(root)
    if needed > free:
        raise UserError(
            f"{root}: the run takes about {in_bytes(needed)} of disk, and {in_bytes(free)} are free; make room "
            "('infomax-bench cache' shows what may go), choose another folder by --results, or run less"
        )


# -- words -------------------------------------------------------------------------------------------------------------
def in_bytes(number: float) -> str:
    """ "12 MB", "3.4 GB"."""
    for unit, size in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12)):
        if number < 999.5 * size or unit == "TB":
            return f"{number / size:.{int(number < 9.95 * size and unit not in ('kB', 'MB'))}f} {unit}"
    raise AssertionError


def in_words(found: Estimate, n_workers: int | None, root: Path) -> str:
    """All of it on one line."""
    total = found.total
    left = total.jobs - total.there
    if not left:
        return f"{total.jobs:,} jobs, all there: nothing to run in {root}"
    known = f"{total.recorded / total.seconds:.0%}" if total.seconds else "none"
    cores = f"{in_time(found.wall, 'about ')} with {n_workers} workers, " if n_workers is not None else ""
    return (
        f"{total.jobs:,} jobs, {total.there:,} there: {cores}{in_time(total.seconds)} of one core ({known} by recorded "
        f"prices of the same, the rest estimated from its nearest kin); {in_bytes(found.memory)} of memory at most; "
        f"{in_bytes(found.disk)} of disk ({in_bytes(free_bytes(root))} are free)"
    )
