"""Equal tuning: the same number of trials for every method, over the space that it declares, on validation images.

A study is one method on one data set and one backbone, at the preset's width and the epochs of its track; which there
are, the benchmarks' encoders say. Its first trial is the
method's defaults; the others are proposed by optuna's TPE. A trial's score is the validation accuracy of the linear
probe, a mean over a few seeds; the test images take no part. What is chosen is kept in `results/tuned/PRESET.json`,
with every trial, and is what `run` uses from then on.
"""

from __future__ import annotations

import math
import textwrap
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from infomax_bench.base.console import line_of, tell
from infomax_bench.base.errors import Diverged, Faulty, NotApplicable, UserError
from infomax_bench.base.progress import progress
from infomax_bench.base.store import digest
from infomax_bench.evaluations.context import context_for
from infomax_bench.evaluations.probe import linear_probe
from infomax_bench.run.engine import one_job, same_plugins
from infomax_bench.run.spent import known_prices
from infomax_bench.run.workers import Workers
from infomax_bench.study.cell import Cell, Request, study_key
from infomax_bench.study.plan import Planner, make_suite, problem_for
from infomax_bench.study.plugins import Registry
from infomax_bench.study.presets import Preset
from infomax_bench.study.prices import Prices, priced
from infomax_bench.study.suite import Suite
from infomax_bench.study.tuned import Study, Trial, add_study, read_studies, write_studies
from infomax_bench.training.data import data_for
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.trainer import train

PROBE = "linear_probe"
"""The evaluation whose validation accuracy is a trial's score."""


@dataclass(frozen=True)
class Plan:
    """One study to be made. Plain data: it travels."""

    cell: Cell
    backbone: str
    """As it was asked for: "native" where `cell` has the method's own."""
    n_trials: int
    n_seeds: int
    source: str
    identity: str
    used: dict[str, str] = field(default_factory=dict, compare=False)
    data: dict[str, str] = field(default_factory=dict, compare=False)
    """The hashes of its plug-ins' files and the key of its data set when it was planned; see `Task`."""
    cost: float = field(default=1.0, compare=False)

    @property
    def key(self) -> str:
        return study_key(self.cell.method, self.cell.dataset, self.backbone)


@dataclass(frozen=True)
class Failure:
    """A study that could not be made, and why."""

    key: str
    reason: str


def propose(trial: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    """optuna's next values for the fields: a pair of numbers is a range, anything else a list of values."""
    values = {}
    for name, one in fields.items():
        search, log = one.metadata["search"], one.metadata["log"]
        if len(search) == 2 and all(isinstance(v, int) and not isinstance(v, bool) for v in search):
            values[name] = trial.suggest_int(name, *search, log=log)
        elif len(search) == 2 and all(isinstance(v, float) for v in search):
            values[name] = float(f"{trial.suggest_float(name, *search, log=log):.4g}")
        else:
            values[name] = trial.suggest_categorical(name, list(search))
    return values


def score(plugins: Registry, cell: Cell, seeds: Sequence[int], device: str) -> float:
    """Mean validation accuracy of the linear probe over the seeds; 0 for a seed that diverged."""
    method, dataset = plugins.method(cell.method, dict(cell.settings)), plugins.dataset(cell.dataset)
    problem = problem_for(cell, dataset)
    data = data_for(dataset, problem, seeds, needs=method.needs)
    trained = train(method, problem, data, seeds, cell.epochs, device)
    encoder = Encoder(method, problem, trained.params, tuple(seeds), cell.dataset, tuple(trained.diverged))
    whole = encoder.take([i for i, bad in enumerate(encoder.diverged) if not bad])
    try:
        probed = linear_probe(context_for(whole, dataset).set) if whole.seeds else None
    except Diverged:
        return 0.0
    return 0.0 if probed is None else float(probed.validation.sum()) / len(seeds)


def make_study(plan: Plan, folders: Sequence[str], device: str) -> Study | Failure:
    """All trials of one study, one after another; or why there are none."""
    try:
        with one_job():
            plugins = same_plugins(plan.used, plan.data, folders)
            return _make_study(plan, plugins, device)
    except (Exception, SystemExit) as error:
        reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        return Failure(plan.key, textwrap.shorten(reason, 300, placeholder=" ..."))


def lost(plan: Plan, reason: str) -> Failure:
    """What stands for a study whose worker ended before it."""
    return Failure(plan.key, reason)


def _make_study(plan: Plan, plugins: Registry, device: str) -> Study:
    import optuna

    warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    begin = time.perf_counter()
    cell, seeds = plan.cell, list(range(plan.n_seeds))
    plugin = plugins.get("methods", cell.method)
    fields = plugin.cls.search_space(plugin.settings)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=5))
    study.enqueue_trial({name: getattr(plugins.method(cell.method), name) for name in fields})  # the defaults first
    trials: list[Trial] = []
    problem = "" if fields else "declares nothing to tune"
    try:
        for _ in range(plan.n_trials if fields else 0):
            asked = study.ask()
            settings = propose(asked, fields)
            found = score(plugins, replace(cell, settings=tuple(sorted(settings.items()))), seeds, device)
            study.tell(asked, found)
            trials.append(Trial(settings, round(found, 6)))
    except NotApplicable as error:
        problem, trials = str(error), []
    return Study(
        cell.method,
        cell.dataset,
        plan.backbone,
        cell.width,
        cell.epochs,
        cell.batch_size,
        plan.n_seeds,
        tuple(trials),
        round(time.perf_counter() - begin, 1),
        plan.source,
        plan.identity,
        problem,
    )


# -- the command -------------------------------------------------------------------------------------------------------
def plans(
    plugins: Registry,
    suite: Suite,
    trials: int,
    seeds: int,
    studies: Mapping[str, Study],
    again: bool,
    backbones: Sequence[str] | None = None,
    planner: Planner | None = None,
    prices: Prices | None = None,
) -> list[Plan]:
    """The studies that are missing, the longest first: of every encoder at the suite's width that a benchmark trains
    with a method's own settings. A study is there if all that its scores depend on is what it was, and the number of
    trials too. prices: what is known of them."""
    planner, prices = planner or Planner(plugins, "cpu"), prices or Prices()
    cells: dict[str, Cell] = {}
    for name in plugins.names("benchmarks"):
        for cell, _ in plugins.benchmark(name).asked(suite):
            if not cell.label and cell.width == suite.width:
                cells.setdefault(study_key(cell.method, cell.dataset, cell.backbone), cell)
    wanted = {}
    for key, asked in cells.items():
        plugin = plugins.get("methods", asked.method)
        try:
            cell = planner.resolve(replace(asked, settings=()))
            if cell.backbone in plugin.cls.backbones and (not backbones or asked.backbone in backbones):
                wanted[key] = asked, cell, plugin, planner.encoder_key(cell, tuple(range(seeds)))
        except Faulty as error:
            planner.faults[asked.method] = str(error)
    if not wanted and not planner.faults:
        encoders = f" with encoders {', '.join(backbones)}" if backbones else ""
        raise UserError(f"nothing to tune: preset {suite.preset} trains none of these methods{encoders}")
    found, probe = [], plugins.evaluation(PROBE)
    for key, (asked, cell, plugin, encoder_key) in wanted.items():
        old = studies.get(key)
        identity = digest([encoder_key, probe.version])
        same = old is not None and old.identity == identity
        if same and old is not None and (old.problem or len(old.trials) == trials) and not again:
            continue
        work = (priced(planner, cell, one, seeds) for one in (None, Request(PROBE)))
        cost = trials * sum(prices.of(item).cost.seconds for item in work)
        own = planner.used(cell, PROBE), {cell.dataset: planner.data_key(cell.dataset)}
        found.append(Plan(cell, asked.backbone, trials, seeds, plugin.source, identity, *own, cost))
    return sorted(found, key=lambda p: -p.cost)


def tune(
    plugins: Registry,
    preset: Preset,
    path: Path,
    *,
    brought: Path | None = None,
    methods: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    backbones: Sequence[str] | None = None,
    trials: int = 12,
    seeds: int = 2,
    folders: Sequence[str] = (),
    device: str = "cpu",
    workers: Workers = Workers(),  # noqa: B008 - it is frozen
    again: bool = False,
    quiet: bool = False,
    remembers: bool = False,
) -> dict[str, Study]:
    """Makes the studies that are missing, keeps each in `path` as it ends, and returns all there are.

    brought: studies that a new file begins with, so that methods that were tuned elsewhere stay tuned. remembers:
    whether the user's cache is asked what such work took before.
    Raises UserError at the end if some could not be made.
    """
    if trials < 1 or seeds < 1:
        raise UserError("trials and seeds are at least 1")
    suite = make_suite(plugins, preset, methods=methods, datasets=datasets)
    planner = Planner(plugins, "cpu")
    prices = known_prices(planner, datasets=suite.datasets) if remembers else None
    begins = brought if brought is not None and not path.exists() else None
    studies = read_studies(begins or path)
    todo = plans(plugins, suite, trials, seeds, studies, again, backbones, planner, prices)
    failures = list(planner.faults.values())
    path.parent.mkdir(parents=True, exist_ok=True)
    if begins:
        write_studies(path, studies)
    if not quiet:
        tell(f"{len(todo)} studies of {trials} trials each; tuned values in {path}")
    with ExitStack() as stack:
        bar = stack.enter_context(progress(math.fsum(p.cost for p in todo), quiet))
        costs = {p.key: p.cost for p in todo}
        own = [str(Path(folder).resolve()) for folder in folders]  # for other machines
        made = stack.enter_context(
            closing(workers.map(make_study, todo, path.parent.resolve(), own, device, lost=lost))
        )
        for study in made:
            if isinstance(study, Study):
                add_study(path, study)
            else:
                failures.append(f"{study.key}: {study.reason}")
            bar.set_postfix_str(line_of(study.key), refresh=False)
            bar.update(costs[study.key])
    if failures:
        tell(*(f"failed: {failure}" for failure in failures[:-1]))
        raise UserError(f"{failures[-1]}; {len(failures)} not tuned, what was is kept in {path}")
    return read_studies(path)
