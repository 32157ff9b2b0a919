"""What a method makes of a small data set, beside the methods that are always in the table.

No promise: a method may be bad, and that is a result. But one that is no better than what nobody trained, or most of
whose units are dead, is more often a mistake, and says so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from infomax_bench.base.errors import NotApplicable
from infomax_bench.data.dataset import Dataset
from infomax_bench.evaluations.context import context_for
from infomax_bench.evaluations.probe import linear_probe
from infomax_bench.models.backbones import encoding_of
from infomax_bench.study.cell import Cell
from infomax_bench.study.plan import problem_for
from infomax_bench.study.plugins import Registry, home
from infomax_bench.study.presets import find_preset, load_presets
from infomax_bench.training.data import data_for
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.method import Method
from infomax_bench.training.trainer import train

SEEDS, FAST_SEEDS = (0, 1, 2), (0,)

WARNING, BROKEN = "WARNING", "BROKEN"
"""What stands before a line that is to stand out."""

MOSTLY = 0.5
"""More dead units than this share are told of."""


@dataclass(frozen=True)
class Effect:
    """What one method makes of the data.

    accuracy: the linear probe's on validation images, mean over the seeds, 0 for one that diverged; dead: units that
    are the same for all training images, mean over the others; seconds: of CPU, to train all seeds.
    """

    name: str
    accuracy: float
    dead: float
    width: int
    seconds: float
    diverged: int = 0

    def __str__(self) -> str:
        return (
            f"{self.name:30} {100 * self.accuracy:5.1f} %  {self.dead:3.0f} of {self.width} units dead  "
            f"{self.seconds:5.1f} s"
        )


def effect_of(method: Method, dataset: Dataset, asked: Cell, seeds: Sequence[int]) -> Effect:
    """The method on the first of its backbones, measured. Raises NotApplicable if it declares that it cannot."""
    backbone = method.backbones[0]
    problem = problem_for(replace(asked, backbone=backbone, depth=2 if encoding_of(backbone).deep else 1), dataset)
    problem = replace(problem, width=method.width(problem))
    data = data_for(dataset, problem, seeds, needs=method.needs)
    begin = time.process_time()
    trained = train(method, problem, data, seeds, asked.epochs)
    seconds = time.process_time() - begin
    encoder = Encoder(method, problem, trained.params, tuple(seeds), dataset.label, tuple(trained.diverged))
    whole = encoder.take([i for i, bad in enumerate(encoder.diverged) if not bad])
    lost = len(seeds) - len(whole.seeds)
    if not whole.seeds:
        return Effect(method.name, 0.0, math.nan, problem.width, seconds, lost)
    features = context_for(whole, dataset).set
    accuracy = float(linear_probe(features).validation.sum()) / len(seeds)
    dead = float((~features.live()).sum(1).double().mean())
    return Effect(method.name, accuracy, dead, problem.width, seconds, lost)


def effects(names: Sequence[str], found: Registry, fast: bool) -> Iterator[tuple[str, str]]:
    """Lines that tell it, of methods and of every reference: what stands before each (WARNING, BROKEN or nothing), and
    the line."""
    preset, seeds = find_preset(load_presets(home() / "benchmarks"), None), FAST_SEEDS if fast else SEEDS
    dataset = min(map(found.dataset, preset.datasets), key=lambda one: one.n_rest * math.prod(one.shape))
    asked = Cell("", dataset.label, min(preset.widths), preset.epochs[dataset.label], preset.batch_size)
    times = "1 seed" if fast else f"{len(seeds)} seeds"
    yield (
        "",
        f"On {dataset.label}, {asked.width} units, {asked.epochs} passes, {times}: accuracy (linear probe, validation "
        "images), dead units, seconds of a core:",
    )
    methods = {name: found.method(name) for name in found.names("methods")}
    references = [name for name, method in methods.items() if method.card.role == "reference"]
    made = {}
    for name in dict.fromkeys([*names, *references]):
        try:
            made[name] = effect_of(methods[name], dataset, asked, seeds)
            yield "", str(made[name])
        except NotApplicable as reason:
            yield "", f"{name:30} {reason}"
        except (Exception, SystemExit) as error:
            yield (BROKEN if name in names else ""), f"{name:30} {type(error).__name__}: {error}"
    worst = min((made[name] for name in references if name in made), key=lambda one: one.accuracy, default=None)
    for name in names:
        for warning in _warnings(made[name], worst, methods) if name in made else ():
            yield WARNING, f"{name}: {warning}"


def _warnings(own: Effect, worst: Effect | None, methods: Mapping[str, Method]) -> Iterator[str]:
    """worst: of the references."""
    if own.diverged:
        yield f"{own.diverged} of the seeds diverged: their parameters are not finite"
    if own.dead > MOSTLY * own.width:
        yield (
            f"{own.dead:.0f} of {own.width} units are dead: the same for every training image. Does the objective let "
            "them, or is it a start or a rate from which they do not come back?"
        )
    if worst and methods[own.name].card.role != "reference" and own.accuracy <= worst.accuracy:
        yield f"no better than {worst.name} ({methods[worst.name].card.objective})"
