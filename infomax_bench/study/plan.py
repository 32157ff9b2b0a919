"""From benchmarks to jobs: which encoders are trained, what is measured on each, and under which keys."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import torch

from infomax_bench.base.errors import Faulty, UserError, unknown
from infomax_bench.base.store import digest
from infomax_bench.data import augment
from infomax_bench.data.dataset import Dataset
from infomax_bench.models.backbones import encoding_of
from infomax_bench.models.blocks import Problem
from infomax_bench.models.encoder import CENTRED_TRUNK
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.cell import Cell, Request
from infomax_bench.study.given import read_table
from infomax_bench.study.judge import AGAIN
from infomax_bench.study.plugins import Registry
from infomax_bench.study.presets import Preset, Swept
from infomax_bench.study.suite import Suite
from infomax_bench.training import trainer as train

Answer = TypeVar("Answer")

LATER = ("hidden", "n_train", "without")
"""Fields of a cell that came after results had been kept; they are part of a key only where they say something."""

BLOCK = 5
"""Seeds 0-4, 5-9, ... are trained together, always in the same company."""


@dataclass(frozen=True)
class Entry:
    """One evaluation of one block of seeds, asked for by one benchmark."""

    benchmark: str
    cell: Cell
    request: Request
    seeds: tuple[int, ...]
    encoder_key: str
    key: str

    @property
    def slot(self) -> str:
        """What the entry answers, whatever the code, the settings and the budget are now."""
        cell = self.cell
        return "|".join(
            str(part)
            for part in (
                self.benchmark,
                cell.track,
                cell.method,
                cell.dataset,
                self.request.target or cell.dataset,
                cell.backbone,
                cell.depth,
                cell.width,
                cell.label,
                self.seeds[0] // BLOCK,
                self.request.evaluation,
            )
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "benchmark": self.benchmark,
            "cell": asdict(self.cell),
            "request": asdict(self.request),
            "seeds": list(self.seeds),
            "key": self.key,
            "encoder_key": self.encoder_key,
        }


def make_suite(
    registry: Registry,
    preset: Preset,
    *,
    methods: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    widths: Sequence[int] | None = None,
    seeds: int | None = None,
    epochs: int | None = None,
    settings: dict[str, dict[str, Any]] | None = None,
    subject: str | None = None,
    part: Sequence[str] | None = None,
    tuned: dict[str, tuple[tuple[str, Any], ...]] | None = None,
) -> Suite:
    """The preset after the command line's changes. Raises UserError for unknown names and for senseless numbers."""
    subject = subject or preset.subject
    for name in (*(methods or ()), *(settings or ()), subject):
        registry.get("methods", name)
    chosen = tuple(dict.fromkeys(methods)) if methods else tuple(registry.names("methods"))
    for name, own in (settings or {}).items():
        registry.method(name, own)
    # one name for one data set, however it is spelled
    names = tuple(dict.fromkeys(registry.dataset(name).label for name in datasets or preset.datasets))
    _check_sizes(widths, seeds, epochs)
    planned = functools.partial(_planned, preset, names)
    width = preset.width if widths is None or preset.width in widths else max(widths)
    return Suite(
        preset=preset.name,
        methods=chosen,
        datasets=names,
        epochs={name: epochs or passes for name, passes in planned(preset.epochs).items()},
        width=width,
        widths=tuple(sorted(set(widths or preset.widths))),
        seeds=tuple(range(seeds or preset.seeds)),
        batch_size=preset.batch_size,
        subject=subject,
        settings={name: tuple(sorted(own.items())) for name, own in (settings or {}).items()},
        tuned=tuned or {},
        subject_settings=registry.method(subject).settings(),
        **_of_methods(registry, chosen),
        augmentations={name: registry.dataset(name).augmentation.parts() for name in names},
        drafts=drafts(registry, preset.subject),
        only={} if datasets else _by_benchmark(registry, preset, "only"),
        swept=_swept(_by_benchmark(registry, preset, "swept"), widths, seeds),
        part=_known_part(part or (), names),
        pairs={} if datasets else preset.pairs,
        twins=preset.twins,
        again=_again(preset, seeds or preset.seeds),
        held_out={name: preset.held_out for name in preset.datasets if preset.held_out not in ("", name)},
        given=_given(registry, preset, names),
        native={name: epochs or passes for name, passes in planned(preset.native).items()},
        sweep_seeds=seeds or preset.sweep_seeds,
        scaled=planned(preset.scaled),
        n_train={name: registry.dataset(name).n_train for name in names},
        deeper=planned(preset.deeper),
        # a run that is not the preset's own is for looking
        indicative=preset.indicative
        or any(change is not None for change in (datasets, widths, epochs, settings or None)),
    )


def _of_methods(registry: Registry, names: Sequence[str]) -> dict[str, Any]:
    """What a suite says of its methods."""
    methods = {name: registry.method(name) for name in names}
    return {
        "learning_rates": {name: method.learning_rate for name, method in methods.items()},
        "own_width": tuple(name for name, method in methods.items() if method.own_width()),
        "families": {name: method.card.family for name, method in methods.items() if method.by_gradient()},
        "seeing_views": tuple(name for name, method in methods.items() if method.views),
    }


def _again(preset: Preset, seeds: int) -> tuple[int, ...]:
    """The seeds of a second time, which begin where those of the run end at the latest, and are no more than these; ()
    for who has more."""
    return tuple(range(AGAIN, AGAIN + min(preset.again, seeds))) if seeds <= AGAIN else ()


def _by_benchmark(registry: Registry, preset: Preset, table: str) -> dict[str, Any]:
    """A table of the preset: benchmark -> what it is asked on. Who names data sets, widths or a number of seeds asks
    everything on all of them."""
    benchmarks, found = registry.names("benchmarks"), getattr(preset, table)
    for name in found if benchmarks else ():
        if name not in benchmarks:
            raise UserError(f"{preset.path}: [{preset.name}]: {table}: {unknown('benchmark', name, benchmarks)}")
    return dict(found)


def _given(registry: Registry, preset: Preset, datasets: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Benchmark -> what the preset gives to it alone."""
    benchmarks = {name: registry.benchmark(name) for name in registry.names("benchmarks")}
    for name in preset.given if benchmarks else ():
        if name not in benchmarks:
            raise UserError(f"{preset.path}: [{preset.name}]: {unknown('benchmark', name, benchmarks)}")
    return {name: given_to(benchmark, preset, datasets) for name, benchmark in benchmarks.items()}


def given_to(benchmark: Benchmark, preset: Preset, datasets: Sequence[str]) -> dict[str, Any]:
    """What the preset gives to a benchmark alone, for these data sets.

    Raises UserError, which names the file, the table and the key, for what is not as the benchmark declares it.
    """
    where = f"{preset.path}: [{preset.name}.{benchmark.name}]"
    found = read_table(benchmark.given, preset.given.get(benchmark.name, {}), where)
    by_dataset = {key for key, given in benchmark.given.items() if given.by_dataset}
    return {key: _planned(preset, datasets, value) if key in by_dataset else value for key, value in found.items()}


def _known_part(part: Sequence[str], datasets: Sequence[str]) -> tuple[str, ...]:
    """A part of the data sets. Raises UserError for one that is none of them."""
    for name in part:
        if name not in datasets:
            raise unknown("part", name, datasets)
    return tuple(part)


def _swept(own: Mapping[str, Swept], widths: Sequence[int] | None, seeds: int | None) -> dict[str, Swept]:
    """The sweeps that benchmarks make of their own, but for what the command line names."""
    return {name: Swept(() if widths else one.widths, 0 if seeds else one.seeds) for name, one in own.items()}


def _check_sizes(widths: Sequence[int] | None, seeds: int | None, epochs: int | None) -> None:
    if widths is not None and min(widths, default=0) < 1:
        raise UserError(f"widths are at least 1, not {min(widths, default=0)}")
    if seeds is not None and seeds < 1:
        raise UserError(f"the number of seeds is at least 1, not {seeds}")
    if epochs is not None and epochs < 1:
        raise UserError(f"the number of epochs is at least 1, not {epochs}")


def _planned(preset: Preset, names: Iterable[str], table: dict[str, Any]) -> dict[str, Any]:
    """A table of the preset for these data sets. One that the preset does not have gets the most that another has."""
    foreign = max(table.values(), default=None)
    found = {name: table.get(name, None if name in preset.epochs else foreign) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def drafts(registry: Registry, project: str) -> tuple[str, ...]:
    """The methods that take no part in claims about others: those whose card does not say which, and those that call
    themselves "this work" and are neither in the file of the project's own subject nor an ablation of it."""
    own = registry.plugins["methods"].get(project)

    def is_draft(name: str) -> bool:
        plugin = registry.get("methods", name)
        card = plugin.cls.card
        kin = own is None or plugin.path == own.path or card.ablation_of == project
        return card.role == "draft" or (card.role == "this work" and not kin)

    return tuple(name for name in registry.names("methods") if is_draft(name))


def problem_for(cell: Cell, dataset: Dataset) -> Problem:
    """What the cell's encoder is built for."""
    n_train = dataset.n_train if cell.validation else dataset.n_rest
    if cell.hidden and len(cell.hidden) != cell.depth - 1:
        raise UserError(f"{len(cell.hidden)} hidden widths do not make an encoder of depth {cell.depth}")
    return Problem(
        input_shape=dataset.shape,
        width=cell.width,
        n_classes=dataset.n_classes,
        n_train=min(cell.n_train, n_train) or n_train,
        batch_size=cell.batch_size,
        backbone=cell.backbone,
        depth=cell.depth,
        hidden=cell.hidden,
        vocabulary=len(dataset.vocabulary) + 1,
        caption_length=dataset.caption_length,
    )


def _asked(name: str, part: str, call: Callable[[], Answer]) -> Answer:
    """What a method's own code says. Raises Faulty if it does not."""
    try:
        return call()
    except (Exception, SystemExit) as error:
        raise Faulty(f"{name}: its {part} fails ({type(error).__name__}: {error})") from error


class Planner:
    """Resolves cells and computes keys; everything it looks up is looked up once.

    faults: the methods that cannot be planned, and why.
    """

    def __init__(self, registry: Registry, device: str) -> None:
        self.registry, self.device = registry, device
        self.faults: dict[str, str] = {}
        self.dataset = functools.lru_cache(registry.dataset)
        self.data_key = functools.lru_cache(self._data_key)
        self.encoder_key = functools.lru_cache(self._encoder_key)
        self.resolve = functools.lru_cache(self._resolve)

    def _data_key(self, name: str) -> str:
        return digest([self.registry.get("datasets", name).source, self.dataset(name).fingerprint()])

    def _resolve(self, cell: Cell) -> Cell:
        """The cell at the width that the method really has there, and with its own backbone if that was asked for."""
        method = self.registry.method(cell.method, dict(cell.settings))
        if cell.backbone == "native":
            own = method.native
            encoding = encoding_of(own.backbone)
            hidden = (own.hidden * cell.width,) * (own.depth - 1) if encoding.dense and encoding.deep else ()
            cell = replace(cell, backbone=own.backbone, depth=own.depth, hidden=hidden)
        problem = problem_for(cell, self.dataset(cell.dataset))
        width = _asked(cell.method, "width()", lambda: operator.index(method.width(problem)))
        if width < 1:
            raise Faulty(f"{cell.method}: its width() gives {width}")
        return replace(cell, width=width)

    def _encoder_key(self, cell: Cell, seeds: tuple[int, ...]) -> str:
        plugin = self.registry.get("methods", cell.method)
        method = self.registry.method(cell.method, dict(cell.settings))
        own = {k: v for k, v in asdict(cell).items() if k not in ("track", "label", "tags", "settings", "n_seeds")}
        own = {k: v for k, v in own.items() if v or k not in LATER}
        own["dataset"] = self.dataset(cell.dataset).identity
        problem = problem_for(cell, self.dataset(cell.dataset))
        heads = _asked(cell.method, "heads()", lambda: list(method.heads(problem).values()))
        normalised = any(getattr(head, "batch_norm", False) for head in heads)
        parts = {"views": augment.VERSION} if method.views or normalised else {}
        encoding = encoding_of(cell.backbone)
        block = _asked(cell.method, "encoder", lambda: encoding(problem, method, None))
        parts |= {"backbone": encoding.version} if encoding.version > 1 else {}
        parts |= {"centred_trunk": CENTRED_TRUNK} if block.rectified_twice else {}
        return digest(
            {
                "cell": own,
                "settings": method.settings(),
                "source": plugin.source,
                "seeds": seeds,
                "data": self.data_key(cell.dataset),
                "device": self.device,
                "torch": torch.__version__.split("+")[0],
                "harness": train.VERSION,
                **parts,
            }
        )

    def key(self, cell: Cell, request: Request, seeds: tuple[int, ...]) -> str:
        """The key of one evaluation of one block of seeds."""
        target = request.target or cell.dataset  # a source is named by the cell; a foreign target, here
        named = {"name": self.dataset(target).identity} if target != cell.dataset else {}
        return digest(
            {
                "encoder": self.encoder_key(cell, seeds),
                "evaluation": request.evaluation,
                "options": request.options,
                "version": self.registry.evaluation(request.evaluation).version,
                "target": self.data_key(target),
                **named,
            }
        )

    def used(self, cell: Cell, *evaluations: str) -> dict[str, str]:
        """The hashes of the files that a cell's encoders, and evaluations of them, are made by; see `Task`."""
        named = [
            ("methods", cell.method),
            ("backbones", cell.backbone),
            *(("evaluations", name) for name in evaluations),
        ]
        return {f"{kind}/{name}": self.registry.get(kind, name).source for kind, name in named}

    def entries(self, benchmark: str, pairs: Iterable[tuple[Cell, Request]], seeds: Sequence[int]) -> list[Entry]:
        """The benchmark's grid as entries, one a block of seeds, each once; none of a method in `faults`."""
        found: dict[str, Entry] = {}
        for asked, request in pairs:
            if asked.method in self.faults:
                continue
            try:
                cell = self.resolve(asked)
                if cell.backbone not in self.registry.get("methods", cell.method).cls.backbones:
                    continue  # a method is no part of a comparison on encoders that it does not have
                for block in blocks_of(seeds[: cell.n_seeds or None]):
                    entry = Entry(
                        benchmark, cell, request, block, self.encoder_key(cell, block), self.key(cell, request, block)
                    )
                    found[entry.slot] = entry
            except Faulty as error:
                self.faults[asked.method] = str(error)
        return [entry for entry in found.values() if entry.cell.method not in self.faults]


def blocks_of(seeds: Sequence[int]) -> list[tuple[int, ...]]:
    """The seeds in the blocks that are trained together."""
    blocks: dict[int, list[int]] = {}
    for seed in seeds:
        blocks.setdefault(seed // BLOCK, []).append(seed)
    return [tuple(block) for block in blocks.values()]
