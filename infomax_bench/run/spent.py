"""What was spent before: by the jobs of results folders, and by all runs of this user, which the cache remembers.

A record says of one training, or one evaluation, of a block of encoders what it was and what it took; `study/prices.py`
makes prices of them. Of the cache's file nothing depends but times: it is read if it is whole, and else made anew.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from infomax_bench.base import older
from infomax_bench.base.errors import Faulty, UserError
from infomax_bench.base.places import user_cache
from infomax_bench.base.status import Status
from infomax_bench.base.store import Job, Store, digest, write_text
from infomax_bench.run.engine import Outcome
from infomax_bench.run.machine import make_of_cpu
from infomax_bench.study.cell import Cell, Request, cell_of, request_of
from infomax_bench.study.plan import Planner
from infomax_bench.study.plugins import home
from infomax_bench.study.prices import Cost, Prices, Spent, priced

MOST = 50_000
"""Records that the cache keeps, the latest."""
PLAIN: dict[str, Any] = {"track": "", "label": "", "settings": (), "tags": (), "n_seeds": 0}
"""What a cell has that its price does not depend on; hyperparameters too, roughly."""


@dataclass(frozen=True)
class Record:
    """A training (no request) or an evaluation of a block of encoders, and what it took; see `Spent`."""

    cell: Cell
    request: Request | None
    n_seeds: int
    cost: Cost
    device: str
    cpu: str
    when: str
    alone: bool = False

    @property
    def identity(self) -> str:
        return digest([asdict(self.cell), self.request and asdict(self.request), self.n_seeds, self.device, self.cpu])

    def spent(self, planner: Planner) -> Spent:
        """As prices take it. Raises what `priced` does."""
        item = priced(planner, self.cell, self.request, self.n_seeds)
        return Spent(item, self.cost, self.cpu, self.when, self.alone)


# -- from jobs ---------------------------------------------------------------------------------------------------------
def of_job(cell: Cell, request: Request, n_seeds: int, job: Job, disk: float) -> list[Record]:
    """What a job says of its evaluation, and of the training of its encoders. disk: the bytes of its files."""
    stamp = {name: str(job.stamp.get(name) or "") for name in ("device", "cpu", "created")}
    plain, (device, cpu, when) = replace(cell, **PLAIN), stamp.values()
    cpu_seconds = _number(job.stamp.get("cpu_seconds"))
    on_cpu = device == "cpu" and math.isfinite(cpu_seconds)
    cost = Cost(cpu_seconds if on_cpu else job.seconds, _number(job.stamp.get("peak_bytes")), disk)
    nothing = job.status != Status.OK or cost.seconds == 0  # as where a data set has no factors to ask for
    found = [Record(plain, request, n_seeds, cost, device, cpu, when, nothing)]
    training = Cost(_training_seconds(job, n_seeds), math.nan, _number(job.stamp.get("encoder_bytes")))
    if job.status == Status.OK and math.isfinite(training.seconds):
        found.append(Record(plain, None, n_seeds, training, device, cpu, when))
    return found


def _training_seconds(job: Job, n_seeds: int) -> float:
    """What training all encoders of a job took; older jobs tell it in a row, if at all."""
    if "training_seconds" in job.stamp:
        return _number(job.stamp["training_seconds"])
    name = older.mapping()["training"]
    return next((n_seeds * _number(row.get("value")) for row in job.rows if row["metric"] == name), math.nan)


def _number(value: Any) -> float:
    """A stamp's number, which may be somebody else's; NaN for anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else math.nan


def of_folder(root: Path, planner: Planner) -> Iterator[Record]:
    """What the jobs that a results folder lists say, the newest of each last."""
    store, old = Store(root), {one for one, _ in planner.registry.declared(older.mapping()["training"])}
    for entry in {entry["key"]: entry for entry in store.manifest().values()}.values():
        cell, request = cell_of(entry["cell"]), request_of(entry["request"])
        if (packed := store.packed.head(entry["key"])) and not store.job_path(entry["key"]).exists():
            job = store.packed.job(entry["key"]) if request.evaluation in old else packed[0]
            disk = store.packed.size(entry["key"])
        elif (loose := store.read_job(entry["key"])) is not None:
            job, disk = loose, _size(store, entry["key"])
        else:
            continue
        yield from of_job(cell, request, len(entry["seeds"]), job, disk)


def _size(store: Store, key: str) -> int:
    """Bytes of a job's files."""
    return sum(path.stat().st_size for path in (store.job_path(key), store.arrays_path(key)) if path.exists())


def of_outcome(outcome: Outcome, store: Store) -> Iterator[Record]:
    """What the jobs of a task took that a worker has just done."""
    task = outcome.task
    for key, request in task.wanted:
        if key in outcome.jobs:
            yield from of_job(task.cell, request, len(task.seeds), outcome.jobs[key], _size(store, key))


# -- the cache ---------------------------------------------------------------------------------------------------------
def _book() -> Path | None:
    folder = user_cache()
    return folder and folder / "prices.json"


def remembered() -> dict[str, Record]:
    """What the cache has, by identity; {} if that is nothing, or damaged. What another version wrote and this one does
    not understand is left out."""
    try:
        content = list(json.loads((_book() or Path()).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
    records = []
    for line in content:
        with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
            records.append(_read(line))
    return {record.identity: record for record in records}


def _read(line: Mapping[str, Any]) -> Record:
    request = line["request"] and request_of(line["request"])
    cost = Cost(*(math.nan if value is None else float(value) for value in line["cost"]))
    return Record(**{**line, "cell": cell_of({**PLAIN, **line["cell"]}), "request": request, "cost": cost})


def remember(records: Iterable[Record]) -> None:
    """Adds records to the cache, which keeps the latest of each piece of work."""
    new, book = {record.identity: record for record in records}, _book()
    if not new or book is None:
        return
    with contextlib.suppress(OSError):  # it only tells times
        book.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{book}.lock"):
            kept = sorted({**remembered(), **new}.values(), key=lambda record: record.when)[-MOST:]
            write_text(book, json.dumps([_line(record) for record in kept]))


def _line(record: Record) -> dict[str, Any]:
    cell = {name: value for name, value in asdict(record.cell).items() if name not in PLAIN}
    cost = [value if math.isfinite(value) else None for value in record.cost]
    return {**vars(record), "cell": cell, "request": record.request and asdict(record.request), "cost": cost}


# -- prices ------------------------------------------------------------------------------------------------------------
def known_prices(planner: Planner, folders: Iterable[Path] = (), datasets: Collection[str] = ()) -> Prices:
    """Prices by what the cache has, and by the jobs of results folders, on this make of CPU.

    datasets: those that may be asked for their size; of others only those that are told by a name alone, as a data set
    that takes an argument may have to be fetched for that.
    """
    records = [*(record for root in folders for record in of_folder(root, planner)), *remembered().values()]
    spent = []
    for record in records:
        of = {record.cell.dataset, (record.request and record.request.target) or record.cell.dataset}
        if record.device != planner.device or any(":" in name and name not in datasets for name in of):
            continue
        with contextlib.suppress(UserError, Faulty, TypeError, ValueError, LookupError, AttributeError, SystemExit):
            spent.append(record.spent(planner))
    return Prices(spent, make_of_cpu())


def brought_results() -> list[Path]:
    """The packed results that come with the project."""
    return sorted(path.parents[1] for path in (home() / "results").glob("*/packed/index.json"))
