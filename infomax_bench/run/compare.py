"""Encoders against each other: the end of a run, when what was kept of each is there.

A comparison is made of all methods that were measured alike (one benchmark, track, data set, width, label and block of
seeds), whichever run measured them. Each method's rows about its pairs are one job, keyed by the jobs it was made from,
so that nothing is made twice, and a method that comes later is compared with those that are there.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from infomax_bench.base.errors import UserError
from infomax_bench.base.status import Status
from infomax_bench.base.store import Job, Manifest, Store, digest
from infomax_bench.evaluations.declare import Pairwise
from infomax_bench.run.engine import one_job
from infomax_bench.run.machine import forget_peak, peak_bytes, stamp
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.plan import BLOCK
from infomax_bench.study.plugins import Registry, registry
from infomax_bench.training.method import Method


@dataclass(frozen=True)
class Group:
    """Encoders that are compared with each other. Plain data: it travels.

    inputs: method -> key of what was kept of it; others: method -> whom it is compared with; keys: method -> its job;
    seeds: method -> its seeds.
    """

    comparison: str
    label: str
    width: int
    inputs: dict[str, str]
    others: dict[str, tuple[str, ...]]
    keys: dict[str, str]
    seeds: dict[str, tuple[int, ...]]

    @property
    def cost(self) -> int:
        """In proportion to the time, about."""
        return self.width * sum(map(len, self.others.values()))


def groups_of(
    store: Store, manifest: Manifest, registry: Registry, benchmarks: Iterable[Benchmark]
) -> tuple[list[Group], Manifest]:
    """All comparisons that the benchmarks make of what the manifest lists; and their own entries, which are those of
    what they compare under another evaluation's name and key."""
    compares = {b.name: b.compares for b in benchmarks if b.compares}
    of = {name: registry.comparison(name).of for name in compares.values()}
    alike: dict[tuple[Any, ...], Manifest] = {}
    anywhere: dict[tuple[Any, ...], Manifest] = {}
    for slot, entry in manifest.items():
        name = compares.get(entry["benchmark"])
        if name is None or entry["request"]["evaluation"] != of[name]:
            continue
        cell, job = entry["cell"], store.read_job(entry["key"], entry["seeds"])
        own_width = _own_width(registry, cell["method"])
        if own_width is None or job is None or job.status != Status.OK or not job.arrays:
            continue
        where = (
            name,
            entry["benchmark"],
            cell["track"],
            cell["dataset"],
            entry["request"]["target"] or cell["dataset"],
            cell["backbone"],
            cell["depth"],
            cell["label"],
            entry["seeds"][0] // BLOCK,
        )
        if own_width:
            anywhere.setdefault(where, {})[slot] = entry
        else:
            alike.setdefault((*where, cell["width"]), {})[slot] = entry
    groups, entries = [], {}
    for where, own in alike.items():
        group = _group(registry.comparison(where[0]), own, anywhere.get(where[:-1], {}))
        groups.append(group)
        for slot, entry in own.items():
            request = {**entry["request"], "evaluation": group.comparison, "options": []}
            renamed = slot.removesuffix(entry["request"]["evaluation"]) + group.comparison
            entries[renamed] = {**entry, "request": request, "key": group.keys[entry["cell"]["method"]]}
    return groups, entries


def _own_width(registry: Registry, name: str) -> bool | None:
    """Whether the method has a width of its own; None if it is gone."""
    try:
        cls: type[Method] = registry.get("methods", name).cls
    except UserError:
        return None
    return cls.own_width()


def _group(comparison: Pairwise, own: Manifest, anywhere: Manifest) -> Group:
    """Each pair once, with the method whose name comes first; each method with itself too."""
    inputs = {entry["cell"]["method"]: entry["key"] for entry in (*own.values(), *anywhere.values())}
    names = sorted(entry["cell"]["method"] for entry in own.values())
    others = {m: (*names[i:], *sorted(set(inputs) - set(names))) for i, m in enumerate(names)}
    keys = {
        method: digest(
            {
                "comparison": comparison.name,
                "version": comparison.version,
                "block": BLOCK,
                "of": inputs[method],
                "with": {other: inputs[other] for other in compared},
            }
        )
        for method, compared in others.items()
    }
    cell = next(iter(own.values()))["cell"]
    label = f"{comparison.name} on {cell['dataset']}, width {cell['width']}"
    label += f", {cell['label']}" * bool(cell["label"])
    seeds = {entry["cell"]["method"]: tuple(entry["seeds"]) for entry in own.values()}
    return Group(comparison.name, label, cell["width"], inputs, others, keys, seeds)


def unmade(groups: Iterable[Group], store: Store) -> list[Group]:
    """What is missing of the groups, the longest first."""
    left = [
        replace(
            group, others={m: own for m, own in group.others.items() if not store.done(group.keys[m], group.seeds[m])}
        )
        for group in groups
    ]
    return sorted((group for group in left if group.others), key=lambda group: -group.cost)


def make(group: Group, root: Path, folders: Sequence[str], device: str) -> list[str]:
    """Makes the group's jobs; returns what failed, in words. Never raises. device: where the encoders were trained."""
    store, failures = Store(root), []
    forget_peak()
    begin, cpu_begin = time.perf_counter(), time.process_time()
    try:
        with one_job():
            wanted = {other for own in group.others.values() for other in own} | set(group.others)
            kept = {method: _kept(store, group.inputs[method], method) for method in sorted(wanted)}
            rows = registry(folders).comparison(group.comparison).compare(kept, group.others, BLOCK)
        jobs = {method: Job(rows[method]) for method in group.others}
    except (Exception, SystemExit) as error:
        reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        reason = textwrap.shorten(reason, 300, placeholder=" ...")
        jobs = _failed(group, reason)
        failures.append(f"{group.label}: {reason}")
    _write(group, jobs, store, device, (time.perf_counter() - begin, time.process_time() - cpu_begin))
    return failures


def _kept(store: Store, key: str, method: str) -> dict[str, Any]:
    """What was kept of a method. Raises UserError if it is not what was written."""
    job = store.read_job(key)
    if job is None or not store.has_arrays(key, job):
        raise UserError(f"what was kept of {method} is damaged; a run of it makes that again")
    return store.read_arrays(key, job.arrays)


def lost(group: Group, reason: str, root: Path, device: str) -> list[str]:
    """Records that the group's worker ended before it was made; returns the failure."""
    _write(group, _failed(group, reason), Store(root), device)
    return [f"{group.label}: {reason}"]


def _failed(group: Group, reason: str) -> dict[str, Job]:
    return {method: Job([], Status.FAILED, reason, retry=True) for method in group.others}


def _write(
    group: Group, jobs: dict[str, Job], store: Store, device: str, took: tuple[float, float] = (0.0, 0.0)
) -> None:
    """Keeps the jobs. took: seconds of the clock and of the CPU, for all of them."""
    job_seconds, cpu_seconds = (seconds / len(jobs) for seconds in took)
    for method, job in jobs.items():
        of = store.read_job(group.inputs[method])
        job.seconds = job_seconds
        own = {"cpu_seconds": round(cpu_seconds, 3), "peak_bytes": peak_bytes()}
        job.stamp = {**stamp(device), **own, "n_parameters": of and of.stamp.get("n_parameters")}
        store.write_job(group.keys[method], job)
