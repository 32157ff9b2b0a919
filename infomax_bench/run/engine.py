"""What a worker does: one task, with one thread, so that the numbers do not depend on how many others there are."""

from __future__ import annotations

import contextlib
import logging
import math
import multiprocessing
import os
import textwrap
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from infomax_bench.base.errors import Diverged, NotApplicable, UserError
from infomax_bench.base.status import Status
from infomax_bench.base.store import Job, Store, replacing
from infomax_bench.evaluations.context import Context, context_for
from infomax_bench.evaluations.declare import Evaluation
from infomax_bench.numerics.products import fast_products
from infomax_bench.run.machine import forget_peak, peak_bytes, stamp
from infomax_bench.study.cell import Request
from infomax_bench.study.plan import Planner, problem_for
from infomax_bench.study.plugins import Registry, registry, reread
from infomax_bench.study.tasks import Task
from infomax_bench.training.data import data_for
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.trainer import Trained, train

AT_ONCE = 1 << 26
"""Numbers of features (a quarter of a GiB) of the seeds that are evaluated together."""

THREADS = 1
"""Threads of one job, fixed: the order of a sum, and so the last digit, depends on it."""


@dataclass
class Outcome:
    """What a worker tells of a task: how it went, and lines for the log."""

    task: Task
    seconds: float = 0.0
    worker: int = 0
    peak_bytes: int = 0
    """The most memory that the worker, a process of that number, had for the task (or so far, where it cannot tell)."""
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    """What was kept, by key, without its rows."""


def trained_encoder(task: Task, plugins: Registry, device: str) -> Encoder:
    """Trains the block of encoders that a task asks for."""
    cell = task.cell
    dataset = plugins.dataset(cell.dataset)
    method = plugins.method(cell.method, dict(cell.settings))
    problem = problem_for(cell, dataset)
    reason = method.unavailable(problem)  # before the data is loaded
    if reason is not None:
        raise NotApplicable(reason)
    data = data_for(dataset, problem, task.seeds, cell.validation, cell.n_train, method.needs, cell.without)
    trained = train(method, problem, data, task.seeds, cell.epochs, device)
    facts = facts_of(trained, task.seeds, cell.epochs)
    return Encoder(method, problem, trained.params, task.seeds, cell.dataset, tuple(trained.diverged), facts)


def facts_of(trained: Trained, seeds: Sequence[int], epochs: int) -> dict[str, Any]:
    """What is worth knowing about a training, as JSON values."""
    return {
        "seconds": trained.seconds,
        "seeds": list(seeds),
        "n_steps": trained.n_steps,
        "epochs": epochs,
        "log_steps": trained.log_steps,
        "log": {name: _rounded(values) for name, values in trained.log.items()},
    }


def _rounded(values: torch.Tensor) -> list[list[float]]:
    """Six digits are enough to draw a curve."""
    return [[float(f"{v:.6g}") for v in seed] for seed in values.tolist()]


def encoder_of(task: Task, store: Store, plugins: Registry, device: str, notes: list[str]) -> Encoder:
    """The task's encoders, from disk if they are there and whole, trained and stored otherwise."""
    path = store.encoder_path(task.encoder_key)
    if path.exists():
        try:
            encoder = Encoder.load(path, plugins.get("methods", task.cell.method).cls, task.encoder_key)
            _need_same(encoder, task, plugins, path)
            return encoder
        except ValueError as error:
            notes.append(f"{error}; trained again")
    encoder = trained_encoder(task, plugins, device)
    with replacing(path) as temporary:
        encoder.save(temporary, task.encoder_key)
    return encoder


def _need_same(encoder: Encoder, task: Task, plugins: Registry, path: Path) -> None:
    """Raises ValueError if an encoder is not what the task asks for: files of format 1 do not have their key."""
    cell, data = task.cell, plugins.dataset(task.cell.dataset)
    moved = data.identity != data.label  # a folder is the same wherever it lies
    wanted = {
        "method": cell.method,
        "settings": plugins.method(cell.method, dict(cell.settings)).settings(),
        "problem": problem_for(cell, data),
        "seeds": tuple(task.seeds),
        "data set": encoder.dataset if moved else cell.dataset,
        "number of seeds": len(task.seeds),
    }
    found = {
        "method": encoder.method.name,
        "settings": encoder.method.settings(),
        "problem": encoder.problem,
        "seeds": encoder.seeds,
        "data set": encoder.dataset,
        "number of seeds": len(encoder.diverged),
    }
    for what, value in wanted.items():
        if found[what] != value:
            raise ValueError(f"{path}: its {what} is {found[what]}, not {value}")


@contextlib.contextmanager
def one_job() -> Iterator[None]:
    """THREADS threads in torch, and in scikit-learn and numpy; fast products."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        with threadpool_limits(THREADS), fast_products():
            yield
    finally:
        torch.set_num_threads(before)


def same_plugins(used: Mapping[str, str], data: Mapping[str, str], folders: Sequence[str]) -> Registry:
    """The plug-ins, if their sources and the data sets' keys are those of whoever planned the job; see `Task`.

    Raises UserError if they are not: a worker may be older than what it is to do, or on a machine with other files.
    """
    plugins = registry(folders)
    if _edited(plugins, used) or _changed(plugins, data):
        reread()
        plugins = registry(folders)
    if edited := _edited(plugins, used):
        raise UserError(f"{edited} was edited while the run went on, or is another on the worker's machine; run again")
    if changed := _changed(plugins, data):
        raise UserError(f"data set {changed} was changed while the run went on, or is another there; run again")
    return plugins


def _edited(plugins: Registry, used: Mapping[str, str]) -> str:
    """The first plug-in that has another source, or is gone; "" if there is none."""
    for where, source in used.items():
        kind, _, name = where.partition("/")
        found = plugins.plugins[kind].get(name)
        if found is None or found.source != source:
            return where
    return ""


def _changed(plugins: Registry, data: Mapping[str, str]) -> str:
    """The first data set that has another key; "" if there is none."""
    planner = Planner(plugins, "")
    return next((name for name, key in data.items() if planner.data_key(name) != key), "")


def lost(task: Task, reason: str, root: Path, device: str) -> Outcome:
    """Records that a task's worker ended before it had done all; what it did is kept."""
    store, outcome = Store(root), Outcome(task, failures=[f"{task.label}: {reason}"])
    for key, _ in task.wanted:
        if not store.done(key, task.seeds):
            _write(store, key, Job([], Status.FAILED, reason, retry=True), device)
    return outcome


def run_task(task: Task, root: Path, folders: Sequence[str], device: str) -> Outcome:
    """Trains or loads one block of encoders and makes every evaluation that is wanted of it. Never raises."""
    forget_peak()
    with one_job():
        outcome = _run_task(task, root, folders, device)
    outcome.worker, outcome.peak_bytes = os.getpid(), peak_bytes()
    return outcome


def _run_task(task: Task, root: Path, folders: Sequence[str], device: str) -> Outcome:
    warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
    if multiprocessing.current_process().name != "MainProcess":  # which has loaded the data, and told what is to be
        logging.getLogger("infomax_bench").setLevel(logging.ERROR)
    begin = time.perf_counter()
    store, outcome = Store(root), Outcome(task)
    try:
        plugins = same_plugins(task.used, task.data, folders)
        targets = {name: plugins.dataset(name) for name in {r.target or task.cell.dataset for _, r in task.wanted}}
        encoder = encoder_of(task, store, plugins, device, outcome.warnings)
    except (Exception, SystemExit) as error:
        job = _failed(error, outcome, task.label)
        for key, _ in task.wanted:
            outcome.jobs[key] = _write(store, key, job, device)
        outcome.seconds = time.perf_counter() - begin
        return outcome
    about = _about(encoder)
    lost = [seed for seed, bad in zip(encoder.seeds, encoder.diverged, strict=True) if bad]
    if lost:
        outcome.failures.append(f"{task.label}: training diverged for seeds {', '.join(map(str, lost))}")
    whole = encoder.take([i for i, bad in enumerate(encoder.diverged) if not bad])
    by_target: dict[str, list[tuple[str, Request]]] = {}
    for key, request in task.wanted:
        by_target.setdefault(request.target or task.cell.dataset, []).append((key, request))
    diverged = {"value": math.nan, "status": Status.DIVERGED, "reason": "training diverged"}
    for target, wanted in by_target.items():
        dataset = targets[target]
        jobs = {
            key: Job([{"seed": seed, "metric": request.evaluation, **diverged} for seed in lost])
            for key, request in wanted
        }
        groups = seed_groups(len(whole.seeds), (dataset.n_rest + dataset.n_test) * whole.problem.width)
        for group in groups:
            context = context_for(whole.take(group), dataset, task.cell.validation, device)
            for key, request in wanted:
                if jobs[key].status == Status.OK:
                    label = f"{task.label}: {request.evaluation}" + (f" on {request.target}" if request.target else "")
                    work = plugins.evaluation(request.evaluation), dict(request.options)
                    jobs[key] = _evaluated(jobs[key], key, work, context, store, outcome, label)
                if group is groups[-1]:
                    outcome.jobs[key] = _write(store, key, jobs[key], device, about)
            context.cache.clear()  # features are large, and what refers to itself waits for the collector
    outcome.seconds = time.perf_counter() - begin
    return outcome


def seed_groups(n_seeds: int, numbers: int) -> list[list[int]]:
    """Positions of seeds that are evaluated together, each with so many numbers of features; one empty group for none.

    Evaluations measure every seed on its own, so the groups change nothing but the memory.
    """
    size = max(1, AT_ONCE // numbers)
    return [list(range(first, min(first + size, n_seeds))) for first in range(0, n_seeds, size)] or [[]]


def _evaluated(
    job: Job,
    key: str,
    work: tuple[Evaluation, dict[str, Any]],
    context: Context,
    store: Store,
    outcome: Outcome,
    label: str,
) -> Job:
    """The job with what one evaluation, with its options, says of the context's seeds; or the job that says why there
    is no result."""
    clocks = time.perf_counter, time.process_time  # the other tells nothing of who else is at work on the machine
    before = [job.seconds, job.stamp.get("cpu_seconds", 0.0)]
    begun = [clock() for clock in clocks]
    evaluation, options = work
    try:
        rows, arrays = evaluation(context, **options) if context.seeds else ([], {})
        if arrays and not job.arrays:
            job.arrays = store.write_arrays(key, arrays)  # most show the first seed alone
        elif arrays and evaluation.per_seed:
            job.arrays = store.write_arrays(key, _joined(store.read_arrays(key, job.arrays), arrays))
        job.rows += rows
    except (Exception, SystemExit) as error:
        job = _failed(error, outcome, label)
    job.seconds, cpu_seconds = (b + clock() - at for b, clock, at in zip(before, clocks, begun, strict=True))
    job.stamp["cpu_seconds"] = round(cpu_seconds, 3)
    return job


def _failed(error: BaseException, outcome: Outcome, label: str) -> Job:
    """The job that records why there is no result."""
    if isinstance(error, NotApplicable):
        return Job([], Status.NOT_APPLICABLE, str(error))
    status = Status.DIVERGED if isinstance(error, Diverged) else Status.FAILED
    expected = isinstance(error, Diverged | UserError)
    reason = str(error) if expected else f"{type(error).__name__}: {error}"
    reason = textwrap.shorten(reason, 300, placeholder=" ...")  # on one line; the log has the traceback
    outcome.failures.append(f"{label}: {reason}")
    if not expected:
        outcome.warnings.append("".join(traceback.format_exception(error)).rstrip())
    return Job([], status, reason, retry=status == Status.FAILED)


def _about(encoder: Encoder) -> dict[str, Any]:
    """What is stamped on the jobs of a block of encoders: parameters of one; of all of them, the seconds that training
    took (of the CPU; of the clock on a GPU) and the bytes that they are."""
    return {
        "n_parameters": encoder.n_parameters,
        "training_seconds": encoder.facts.get("seconds"),
        "encoder_bytes": sum(p.numel() * p.element_size() for p in encoder.params.values()),
    }


def _write(store: Store, key: str, job: Job, device: str, about: Mapping[str, Any] | None = None) -> Job:
    """Keeps a job; returns it without its rows."""
    what = about or {"n_parameters": None}
    job.stamp |= {**stamp(device), "peak_bytes": peak_bytes(), **what}
    store.write_job(key, job)
    return replace(job, rows=[], stamp=dict(job.stamp))


def _joined(first: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    return {name: np.concatenate([first[name], more[name]]) for name in first}
