"""Equal tuning: the same trials for every method, over the space that it declares, on validation images.

A study is one method on one data set and one backbone, at the preset's width and the epochs of its track; which there
are, the benchmarks' encoders say. A setting's score is the validation accuracy of the linear probe, a mean over a few
seeds and, where the preset has a data set that is held out, over this one and that: what is chosen is to serve at home
and elsewhere. The test images of neither take part. How a setting is chosen by scores, `choice.py` says. It is kept in
`results/tuned/PRESET.json`, with all that was tried, and is what `run` uses from then on.
"""

from __future__ import annotations

import math
import textwrap
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from infomax_bench.base.console import line_of, tell
from infomax_bench.base.errors import Diverged, Faulty, NotApplicable, UserError
from infomax_bench.base.progress import progress
from infomax_bench.base.store import digest
from infomax_bench.data.dataset import Dataset, Split, images_as, load, split
from infomax_bench.evaluations.context import FeatureSet
from infomax_bench.evaluations.probe import linear_probe
from infomax_bench.run import choice
from infomax_bench.run.engine import one_job, same_plugins
from infomax_bench.run.spent import known_prices
from infomax_bench.run.workers import Workers
from infomax_bench.study.cell import Cell, Request, study_key
from infomax_bench.study.plan import Planner, make_suite, problem_for
from infomax_bench.study.plugins import Registry
from infomax_bench.study.presets import Preset
from infomax_bench.study.prices import Prices, priced
from infomax_bench.study.suite import Suite
from infomax_bench.study.tuned import Final, Study, Trial, add_study, read_studies, write_studies
from infomax_bench.training.data import data_for
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.trainer import train

PROBE = "linear_probe"
"""The evaluation whose validation accuracy is a setting's score."""
SEEDS = 1


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
    held_out: str = ""
    used: dict[str, str] = field(default_factory=dict, compare=False)
    data: dict[str, str] = field(default_factory=dict, compare=False)
    """The hashes of its plug-ins' files and the keys of its data sets when it was planned; see `Task`."""
    cost: float = field(default=1.0, compare=False)

    @property
    def key(self) -> str:
        return study_key(self.cell.method, self.cell.dataset, self.backbone)


@dataclass(frozen=True)
class Failure:
    """A study that could not be made, and why."""

    key: str
    reason: str


def score(
    plugins: Registry, cell: Cell, seeds: Sequence[int], device: str, held_out: str = "", n_train: int = 0
) -> float:
    """Mean validation accuracy of the linear probe over the seeds, and over the cell's data set and the one that is
    held out; 0 for a seed that diverged. n_train: training images of encoder and probes, at most; 0 is all."""
    method, dataset = plugins.method(cell.method, dict(cell.settings)), plugins.dataset(cell.dataset)
    cell = replace(cell, n_train=n_train if 0 < n_train < dataset.n_train else 0)
    problem = problem_for(cell, dataset)
    data = data_for(dataset, problem, seeds, n_train=cell.n_train, needs=method.needs)
    trained = train(method, problem, data, seeds, cell.epochs, device)
    encoder = Encoder(method, problem, trained.params, tuple(seeds), cell.dataset, tuple(trained.diverged))
    targets = [dataset, *([plugins.dataset(held_out)] if held_out else [])]
    own = (encoder.take([i]) for i, bad in enumerate(encoder.diverged) if not bad)
    return math.fsum(_serves(one, targets, n_train) for one in own) / len(seeds)


def _serves(encoder: Encoder, targets: Sequence[Dataset], n_train: int) -> float:
    """Mean validation accuracy of the probe of one seed's encoder over data sets, whose test images are not looked at;
    0 if its features diverged."""
    found = []
    for target in targets:
        loaded = load(target)
        own = split(loaded.test, encoder.seeds[0])
        used = own.train[: n_train or None]
        index, n = torch.cat([used, own.validation]), len(used)
        places = torch.arange(len(index))
        features = encoder.features(images_as(target, encoder.problem.input_shape)[index])
        parts = Split(places[:n], places[n:], places[:0])
        try:
            probed = linear_probe(FeatureSet(features, loaded.labels[index], [parts], target.n_classes))
        except Diverged:
            return 0.0
        found.append(float(probed.validation))
    return math.fsum(found) / len(found)


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
    warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
    begin, cpu_begin = time.perf_counter(), time.process_time()
    cell, seeds = plan.cell, list(range(plan.n_seeds))
    plugin = plugins.get("methods", cell.method)
    fields = plugin.cls.search_space(plugin.settings)

    def scored(settings: dict[str, Any], n_train: int, times: int) -> float:
        own = replace(cell, settings=tuple(sorted(settings.items())), epochs=times * cell.epochs)
        return score(plugins, own, seeds, device, plan.held_out, n_train)

    trials: list[Trial] = []
    finals: tuple[Final, ...] = ()
    problem = "" if fields else "declares nothing to tune"
    try:
        if fields:
            defaults = {name: getattr(plugins.method(cell.method), name) for name in fields}
            trials = choice.search(scored, fields, defaults, plan.n_trials)
            finals = choice.finals(scored, fields, trials, plugins.dataset(cell.dataset).n_train <= choice.FEW)
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
        finals,
        plan.held_out,
        round(time.process_time() - cpu_begin, 1),
    )


# -- what there is to do -----------------------------------------------------------------------------------------------
def wanted(
    plugins: Registry, suite: Suite, trials: int, seeds: int, planner: Planner, backbones: Sequence[str] | None = None
) -> Iterator[Plan]:
    """A study of every encoder at the suite's width that a benchmark trains with a method's own settings, by its
    identity: a digest of all that its scores depend on. Methods that cannot be planned are the planner's `faults`.

    Raises UserError if there is nothing to tune.
    """
    cells: dict[str, Cell] = {}
    for name in plugins.names("benchmarks"):
        for cell, _ in plugins.benchmark(name).asked(suite):
            if not cell.label and cell.width == suite.width:
                cells.setdefault(study_key(cell.method, cell.dataset, cell.backbone), cell)
    there, version = False, plugins.evaluation(PROBE).version
    for asked in cells.values():
        plugin = plugins.get("methods", asked.method)
        try:
            cell = planner.resolve(replace(asked, settings=()))
            if cell.backbone not in plugin.cls.backbones or (backbones and asked.backbone not in backbones):
                continue
            held_out = suite.held_out.get(cell.dataset, "")
            data = {name: planner.data_key(name) for name in (cell.dataset, held_out) if name}
            how = [choice.VERSION, choice.FEW, data.get(held_out)]
            identity = digest([planner.encoder_key(cell, tuple(range(seeds))), version, *how])
        except Faulty as error:
            planner.faults[asked.method] = str(error)
            continue
        there, own = True, planner.used(cell, PROBE)
        yield Plan(cell, asked.backbone, trials, seeds, plugin.source, identity, held_out, own, data)
    if not there and not planner.faults:
        encoders = f" with encoders {', '.join(backbones)}" if backbones else ""
        raise UserError(f"nothing to tune: preset {suite.preset} trains none of these methods{encoders}")


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
    """The studies that are missing, the longest first. One is there if all that its scores depend on is what it was,
    and the number of trials too, or if it is kept on purpose. prices: what is known of them."""
    planner, prices = planner or Planner(plugins, "cpu"), prices or Prices()
    found = []
    for plan in wanted(plugins, suite, trials, seeds, planner, backbones):
        old = studies.get(plan.key)
        whole = old is not None and (old.problem or old.kept or len(old.trials) == trials)
        if old is not None and old.identity == plan.identity and whole and not again:
            continue
        found.append(replace(plan, cost=_cost(plan, planner, prices)))
    return sorted(found, key=lambda p: -p.cost)


def _cost(plan: Plan, planner: Planner, prices: Prices) -> float:
    """About how many core-seconds a study takes."""
    cell, targets = plan.cell, [plan.cell.dataset, *([plan.held_out] if plan.held_out else [])]
    n_train, total = planner.dataset(cell.dataset).n_train, 0.0
    plugin = planner.registry.get("methods", cell.method)
    if not plugin.cls.search_space(plugin.settings):
        return total
    for count, n, times in choice.amounts(n_train, plan.n_trials):
        own = replace(cell, n_train=n if n < n_train else 0, epochs=times * cell.epochs)
        seconds = prices.of(priced(planner, own, None, plan.n_seeds)).cost.seconds
        for target in targets:
            every = planner.dataset(target).n_train
            probe = prices.of(priced(planner, cell, Request(PROBE, target), plan.n_seeds)).cost.seconds
            seconds += probe * (1 if n == n_train else min(1, n / every))
        total += count * seconds
    return total


def keep(
    plugins: Registry, suite: Suite, path: Path, backbones: Sequence[str], brought: Path | None = None
) -> tuple[int, int]:
    """Marks the studies of these backbones in a file that were made by other sources, or otherwise, as kept on purpose:
    their values are used as they are and none is made again, and what they were made by stays known. Returns how many
    were marked, and how many there are. brought: as of `tune`."""
    studies, found, there = read_studies(path if path.exists() or brought is None else brought), {}, 0
    for plan in wanted(plugins, suite, 1, SEEDS, Planner(plugins, "cpu"), backbones):
        old = studies.get(plan.key)
        there += old is not None
        if old is not None and old.identity != plan.identity:
            found[plan.key] = replace(old, identity=plan.identity, kept=old.kept or old.identity)
    if found:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_studies(path, {**studies, **found})
    return len(found), there


# -- the command -------------------------------------------------------------------------------------------------------
def tune(
    plugins: Registry,
    preset: Preset,
    path: Path,
    *,
    brought: Path | None = None,
    methods: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    backbones: Sequence[str] | None = None,
    trials: int = 16,
    seeds: int = SEEDS,
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
