"""The main job: plan, run what is missing, write the table and the verdicts."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from infomax_bench.base.console import line_of, tell
from infomax_bench.base.errors import Faulty, UserError
from infomax_bench.base.progress import in_time, progress
from infomax_bench.base.sealed import SUM, sealed, write_twice
from infomax_bench.base.store import Manifest, Store
from infomax_bench.base.version import __version__
from infomax_bench.data.dataset import load
from infomax_bench.evaluations.declare import Pairwise
from infomax_bench.run import compare, engine, machine
from infomax_bench.run.decisions import decide_all, find_all, write_decisions
from infomax_bench.run.estimate import need_room, packed
from infomax_bench.run.planned import planned
from infomax_bench.run.recorded import recorded_hours
from infomax_bench.run.results import Results, machine_in_words, read_info, read_results, write_table
from infomax_bench.run.spent import Record, known_prices, of_outcome, remember
from infomax_bench.run.workers import Workers
from infomax_bench.stats.verdict import Verdict
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.cards import cards
from infomax_bench.study.cell import DEFAULTS, cell_of, request_of
from infomax_bench.study.plan import Entry, Planner
from infomax_bench.study.plugins import Registry
from infomax_bench.study.prices import Prices
from infomax_bench.study.suite import Suite
from infomax_bench.study.tasks import Task, tasks
from infomax_bench.study.tuned import Study

Watch = Callable[[int, int, float | None], None]
"""Is told how many jobs are done, of how many, and the seconds that are left, if they are known."""


@dataclass
class Run:
    """How a run went."""

    results: Results
    verdicts: list[Verdict]
    n_jobs: int
    """Jobs that had to be run; 0 if everything was there."""
    seconds: float
    failures: list[str] = field(default_factory=list)


def run(
    registry: Registry,
    suite: Suite,
    benchmarks: Sequence[Benchmark],
    root: Path,
    *,
    folders: Sequence[str] = (),
    device: str = "cpu",
    workers: Workers = Workers(),  # noqa: B008 - it is frozen
    quiet: bool = False,
    studies: Mapping[str, Study] | None = None,
    remembers: bool = False,
    watch: Watch | None = None,
) -> Run:
    """Runs what is missing of the benchmarks' grids into the results folder `root`, and reads the folder back.

    studies: what tuning found, for the report; the values that are used are the suite's. remembers: whether the user's
    cache is asked what such work took before, and told what it takes. watch: is told of each task that has ended.
    Raises UserError if the folder cannot be written, or if its disk has too little room for what is expected.
    """
    begin = time.perf_counter()
    planner = Planner(registry, device)
    store = Store(root)
    asked = planned(planner, suite, benchmarks, store)
    entries, keys, missing = asked.entries, asked.keys, asked.missing
    prices = known_prices(planner, datasets=suite.datasets) if remembers and missing else Prices()
    todo = tasks(entries, missing, planner, prices, asked.has_encoder)
    need_room(root, todo)
    store.prepare()
    todo, unreachable = _fetched(todo, planner)
    faults = [*planner.faults.values(), *unreachable]
    merged = partial(_merged, entries=entries, planner=planner, suite=suite)
    own_info = partial(_write_info, store, registry, suite, planner, studies or {})
    info, manifest = own_info(), store.update_manifest(merged)
    counted = f"{len(keys)} jobs, {len(keys) - len(missing)} of them done before; results in {root}"
    if todo and remembers and not workers.scheduler:
        counted += f"; {in_time(packed((task.cost for task in todo), workers.jobs), 'about ')} to go"
    _say(quiet, counted, *store.warnings, *(f"failed: {fault}" for fault in faults))
    of = (len(keys) - len(missing), len(keys), sum(task.cost for task in todo))
    record = _Record(root, begin, workers.jobs, info, remembers=remembers, watch=watch, of=of)
    failures = faults + (_work(todo, store, folders, device, workers, quiet, record) if todo else [])
    # from here on as this run knows it: another one on the folder may have written its own in the meantime
    manifest = store.update_manifest(partial(merged, known=manifest))
    every = [registry.benchmark(name) for name in registry.names("benchmarks")]
    groups, pairs = compare.groups_of(store, manifest, registry, every)
    n_compared, failed = _compare(groups, store, folders, device, workers, quiet)
    manifest = store.update_manifest(lambda old: {**merged(old, known=manifest), **pairs})
    info = own_info()
    with store.locked():  # so that of two runs that end at once neither writes a table without the other's rows
        results = read_results(root, {**store.manifest(), **manifest}, info)
        write_table(
            root / "measurements.csv", results
        )  # first: what is measured does not hang on what a benchmark makes of it
        verdicts = decide_all(results, every, suite.subject)
        findings = find_all(results, every, verdicts, suite.subject)
        write_decisions(root, verdicts, findings)
    _say(quiet, *results.untrained(suite.datasets))
    if todo:
        _say(quiet, f"{recorded_hours([results.cpu_seconds]):.2f} recorded hours in all that is in {root}")
    return Run(results, verdicts, len(missing) + n_compared, time.perf_counter() - begin, failures + failed)


def _compare(
    groups: Sequence[compare.Group], store: Store, folders: Sequence[str], device: str, workers: Workers, quiet: bool
) -> tuple[int, list[str]]:
    """Makes the comparisons of encoders with each other that are missing; returns how many jobs that took, and the
    failures."""
    todo = compare.unmade(groups, store)
    n_jobs = sum(len(group.others) for group in todo)
    if todo:
        _say(quiet, f"comparing encoders with each other: {n_jobs} jobs")
    root, own = store.root.resolve(), _for_others(folders)
    lost = partial(compare.lost, root=root, device=device)
    with closing(workers.map(compare.make, todo, root, root, own, device, lost=lost)) as made:
        failures = [failure for one in made for failure in one]
    if failures:
        store.log(f"failed: {failure}" for failure in failures)
    return n_jobs, failures


def _say(quiet: bool, *lines: str) -> None:
    if not quiet:
        tell(*lines)


def _work(
    todo: Sequence[Task],
    store: Store,
    folders: Sequence[str],
    device: str,
    workers: Workers,
    quiet: bool,
    record: _Record,
) -> list[str]:
    """Runs the tasks under a progress bar with the time left; returns the failures."""
    failures: list[str] = []
    open_tasks = {task.encoder_key: task.label for task in todo}
    with ExitStack() as stack:
        stack.callback(lambda: remember(record.spent))  # also of what is interrupted
        bar = stack.enter_context(progress(sum(task.cost for task in todo), quiet))
        bar.set_postfix_str(_running(open_tasks, len(todo), workers))
        root, own = store.root.resolve(), _for_others(folders)
        lost = partial(engine.lost, root=root, device=device)
        outcomes = stack.enter_context(closing(workers.map(engine.run_task, todo, root, root, own, device, lost=lost)))
        for outcome in outcomes:
            del open_tasks[outcome.task.encoder_key]
            bar.set_postfix_str(_running(open_tasks, len(todo), workers), refresh=False)
            bar.update(outcome.task.cost)
            record.add(outcome)
            done = f"done in {outcome.seconds:.1f} s: {outcome.task.label}"
            lines = [done, *(f"failed: {failure}" for failure in outcome.failures)]
            store.log([*lines, *outcome.warnings])
            for failure in outcome.failures:
                tqdm.write(line_of(f"failed: {failure}"), file=sys.stderr)
            for warning in outcome.warnings:
                if "\n" not in warning:  # tracebacks are in the log
                    tqdm.write(line_of(f"warning: {warning}"), file=sys.stderr)
            failures += outcome.failures
    return failures


def _for_others(folders: Sequence[str]) -> list[str]:
    """Folders as other processes and machines find them."""
    return [str(Path(folder).resolve()) for folder in folders]


def _running(open_tasks: dict[str, str], n: int, workers: Workers) -> str:
    """How many tasks are done, and the ones that workers are at: they are taken up in order."""
    at_work = f"on {workers.scheduler}" if workers.scheduler else "; ".join(list(open_tasks.values())[: workers.jobs])
    return line_of(f"[{n - len(open_tasks)}/{n}] {at_work}")


def _fetched(todo: Sequence[Task], planner: Planner) -> tuple[list[Task], list[str]]:
    """Loads every data set that a task needs, once, before any worker starts: a download shows its progress here, and
    one that fails is told in one line instead of failing in every job. Returns what can be done without those that
    cannot be had, and the lines.

    Raises UserError or OSError if none can be had.
    """
    targets = {request.target for task in todo for _, request in task.wanted if request.target}
    names = sorted(targets | {task.cell.dataset for task in todo})
    missing: dict[str, Exception] = {}
    for name in names:
        try:
            load(planner.dataset(name))
        except (UserError, OSError) as error:
            missing[name] = error
        except (Exception, SystemExit) as error:
            missing[name] = UserError(f"data set {name} does not load: {type(error).__name__}: {error}")
    if missing and len(missing) == len(names):
        raise missing[names[0]]
    able = [
        replace(task, wanted=[one for one in task.wanted if one[1].target not in missing])
        for task in todo
        if task.cell.dataset not in missing
    ]
    return [task for task in able if task.wanted], [f"without {name}: {error}" for name, error in missing.items()]


def _merged(
    old: Manifest, entries: Sequence[Entry], planner: Planner, suite: Suite, known: Manifest | None = None
) -> Manifest:
    """The manifest with this run's entries in it. Entries of other runs stay, marked if today's code and settings
    would give them another key. known: the same, made before, which tells of most."""
    new = {entry.slot: {**entry.as_json(), "current": True} for entry in entries}
    kept = {}
    for slot, entry in old.items():
        if slot not in new:
            same = (known or {}).get(slot)
            if same is None or same["key"] != entry["key"]:
                same = {**entry, "current": _is_current(entry, planner, suite)}
            kept[slot] = same
    return {**kept, **new}


def _is_current(entry: dict[str, Any], planner: Planner, suite: Suite) -> bool:
    try:
        if isinstance(planner.registry.evaluation(entry["request"]["evaluation"]), Pairwise):
            return bool(entry.get("current", True))  # as current as what it compares, which is seen later
        cell, request = cell_of(entry["cell"]), request_of(entry["request"])
        if cell.label in ("", DEFAULTS):  # another labelled cell has settings and a budget of its own
            native = cell.track == "native"
            budget = (suite.native if native else suite.epochs).get(cell.dataset, cell.epochs)
            backbone = "native" if native else cell.backbone  # as it was asked for, and tuned
            own = () if cell.label else suite.settings_of(cell.method, cell.dataset, backbone)
            cell = replace(cell, epochs=budget, batch_size=suite.batch_size, settings=own)
        return bool(planner.key(cell, request, tuple(entry["seeds"])) == entry["key"])
    except (UserError, Faulty, TypeError, ValueError, KeyError):
        return False


def _write_info(
    store: Store, registry: Registry, suite: Suite, planner: Planner, studies: Mapping[str, Study]
) -> dict[str, Any]:
    """run.json: how and on what; the cards of all methods and the data sets' facts, for the report. Returns it."""
    with store.locked():
        info = _info(read_info(store.root, store.warn), registry, suite, planner, studies)
        return _write_whole(store.root, info)


def _write_whole(root: Path, info: dict[str, Any]) -> dict[str, Any]:
    """Writes run.json; returns its content as it will be read."""
    text = sealed(info, indent=1)
    write_twice(root / "run.json", text)
    written: dict[str, Any] = json.loads(text)
    del written[SUM]
    return written


def _info(
    info: dict[str, Any], registry: Registry, suite: Suite, planner: Planner, studies: Mapping[str, Study]
) -> dict[str, Any]:
    """What run.json says, with this run's part of it anew."""
    methods = cards(registry, suite.drafts)
    tuning = {
        key: {**study.told(), "current": study.source == registry.get("methods", study.method).source}
        for key, study in studies.items()
        if key in suite.tuned
    }
    datasets = info.get("datasets", {})
    for name in suite.datasets:
        data = planner.dataset(name)
        verified = datasets.get(name, {}).get("verified") if data.verified is None else data.verified
        datasets[name] = {
            "summary": data.summary,
            "licence": data.licence,
            "citation": data.citation,
            "shape": list(data.shape),
            "classes": list(data.class_names),
            "factors": list(data.factor_names),
            "n_rest": data.n_rest,
            "n_test": data.n_test,
            "verified": verified,
        }
    info |= {
        "subject": suite.subject,
        "indicative": suite.indicative,
        "suite": asdict(suite),
        "methods": methods,
        "tuning": tuning,
        "datasets": datasets,
        "broken": {**registry.broken, **planner.faults},
        "machine": machine.machine(),
        "version": __version__,
        "git_sha": machine.git_sha(),
        "command": shlex.join(["infomax-bench", *sys.argv[1:]]),
    }
    info.setdefault("seconds", 0.0)
    info.setdefault("runs", [])
    return info


@dataclass
class _Record:
    """This run's entry in run.json, up to date whenever a task has ended: what is killed took its time too. A study run
    in pieces took the sum of their seconds."""

    root: Path
    begin: float
    n_workers: int = 1
    about: dict[str, Any] = field(default_factory=dict)
    """What run.json says of this run; another one on the folder may write its own there."""
    n_jobs: int = 0
    peaks: dict[int, int] = field(default_factory=dict)
    """Bytes, by worker, the last heard of last. Workers are replaced now and then, so that only the latest of them are
    alive; what these and this process needed at most, added up, is what the run needed."""
    peak: int = 0
    seconds: float = 0.0
    place: int | None = None
    remembers: bool = False
    """Whether the user's cache is told what the jobs took."""
    spent: list[Record] = field(default_factory=list)
    watch: Watch | None = None
    of: tuple[int, int, float] = (0, 0, 0.0)
    """Jobs that were done before, all jobs, and what the tasks are expected to cost."""
    cost: float = 0.0
    work: float = field(default_factory=time.perf_counter)
    """When the tasks began: after planning and downloads, which say nothing of the time that is left."""

    def add(self, outcome: engine.Outcome) -> None:
        self.n_jobs += len(outcome.task.wanted)
        self.spent += of_outcome(outcome, Store(self.root)) if self.remembers else []
        self.peaks[outcome.worker] = max(outcome.peak_bytes, self.peaks.pop(outcome.worker, 0))
        alive = dict(list(self.peaks.items())[-self.n_workers :])
        self.peak = max(self.peak, sum({os.getpid(): machine.peak_bytes(), **alive}.values()))
        before, self.seconds = self.seconds, round(time.perf_counter() - self.begin, 1)
        self.cost += outcome.task.cost
        if self.watch is not None:
            left = (time.perf_counter() - self.work) * (self.of[2] / self.cost - 1) if self.cost else None
            self.watch(self.of[0] + self.n_jobs, self.of[1], left)
        with Store(self.root).locked():
            info = read_info(self.root)
            if not info:  # taken away while the run goes on; what is lost is only the record of its time
                return
            did = {
                "command": self.about["command"],
                "git_sha": self.about["git_sha"],
                "seconds": self.seconds,
                "jobs": self.n_jobs,
                "machine": machine_in_words(self.about["machine"]),
                "peak_gib": round(self.peak / 2**30, 2),
            }
            runs = info.setdefault("runs", [])
            if self.place is None or self.place >= len(runs):
                self.place = len(runs)
                runs.append(did)
            runs[self.place] = did
            info["seconds"] = round(info.get("seconds", 0.0) + self.seconds - before, 1)
            _write_whole(self.root, info)
