"""The suite from Python: pretrain a method, evaluate it, look at the features.

import infomax_bench as ib

encoder = ib.pretrain(METHOD, DATASET, width=64, seeds=5)
ib.probe(encoder, DATASET)
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import torch

from infomax_bench.base import repeatable
from infomax_bench.base.errors import UserError
from infomax_bench.data.dataset import images_as, load
from infomax_bench.evaluations.context import context_for
from infomax_bench.models.backbones import encoding_of
from infomax_bench.run.arguments import check_memory, device_of, memory_told, seeds_of, whole
from infomax_bench.run.engine import facts_of, one_job
from infomax_bench.study import plugins
from infomax_bench.study.cell import Cell
from infomax_bench.study.plan import problem_for
from infomax_bench.training.data import data_for
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.trainer import train

Result = TypeVar("Result")

EPOCHS = 20
BATCH_SIZE = 128


def pretrain(
    method: str,
    dataset: str,
    *,
    width: int = 64,
    seeds: int | Iterable[int] = 1,
    epochs: int = EPOCHS,
    batch_size: int = BATCH_SIZE,
    backbone: str = "linear",
    depth: int = 1,
    device: str | torch.device = "cpu",
    folders: Sequence[str] = (),
    **settings: Any,
) -> Encoder:
    """Trains a method's encoder on a data set, all seeds together.

    seeds: how many (0, 1, ...), or which. settings: the method's hyperparameters. folders: as `--plugins`. Numbers may
    be numpy's, and tensors.
    Raises UserError for unknown names and values, NotApplicable if the method declares that it cannot do this.
    """
    width, epochs, depth = whole("width", width, 1), whole("epochs", epochs, 1), whole("depth", depth, 1)
    batch_size, given, device = whole("batch_size", batch_size, 2), seeds_of(seeds), device_of(device)
    found = plugins.registry(folders)
    encoding = encoding_of(str(backbone))
    data = found.dataset(dataset)
    if "seed" in settings and "seed" not in found.method(method).parameters():
        raise UserError(f"seed={settings['seed']!r}: which seeds to train is said by seeds, as in seeds=[0, 3]")
    built = found.method(method, settings)
    check_memory(width, len(given), math.prod(data.shape) if encoding.dense else 1)
    cell = Cell(method, dataset, width, epochs, batch_size, backbone, depth, settings=tuple(built.settings().items()))
    work = cell, tuple(given), device, tuple(folders)
    with memory_told(f"width {width} and {len(given)} of seeds"):
        if repeatable.repeats():
            return _trained(*work)
        with tempfile.TemporaryDirectory() as aside:
            path = Path(aside) / "encoder.safetensors"
            repeatable.steadily(_train_to, path, *work)
            return Encoder.load(path, found.get("methods", method).cls)


def _trained(cell: Cell, seeds: Sequence[int], device: str, folders: Sequence[str]) -> Encoder:
    found = plugins.registry(folders)
    method, data = found.method(cell.method, dict(cell.settings)), found.dataset(cell.dataset)
    problem = problem_for(replace(cell, width=method.width(problem_for(cell, data))), data)
    with one_job():  # the same numbers whatever the machine
        own = data_for(data, problem, seeds, needs=method.needs)
        trained = train(method, problem, own, seeds, cell.epochs, device)
    facts = facts_of(trained, seeds, cell.epochs)
    return Encoder(method, problem, trained.params, tuple(seeds), data.label, tuple(trained.diverged), facts)


def _train_to(path: Path, *work: Any) -> None:
    _trained(*work).save(path)


def probe(encoder: Encoder, dataset: str, folders: Sequence[str] = ()) -> pd.DataFrame:
    """Accuracy of the linear, k-NN and few-shot probes of an encoder's features on a data set: rows with `seed`,
    `metric`, `value`, `protocol` and `x`."""
    return on_encoder(_probed, encoder, folders, dataset)


def _probed(encoder: Encoder, folders: Sequence[str], dataset: str) -> pd.DataFrame:
    found = plugins.registry(folders)
    with one_job():
        rows, _ = found.evaluation("probe")(context_for(encoder, found.dataset(dataset)))
    return pd.DataFrame(rows)


def features(encoder: Encoder, dataset: str, folders: Sequence[str] = ()) -> tuple[torch.Tensor, torch.Tensor]:
    """An encoder's features `[S, N, width]` of all images of a data set, and their labels `[N]`."""
    return on_encoder(_features, encoder, folders, dataset)


def _features(encoder: Encoder, folders: Sequence[str], dataset: str) -> tuple[torch.Tensor, torch.Tensor]:
    data = plugins.registry(folders).dataset(dataset)
    with one_job():
        return encoder.features(images_as(data, encoder.problem.input_shape)), load(data).labels


def on_encoder(function: Callable[..., Result], encoder: Encoder, folders: Sequence[str], *arguments: Any) -> Result:
    """`function(encoder, folders, *arguments)` where products repeat; an encoder goes to another process as a file."""
    folders = tuple(folders)
    if repeatable.repeats() or encoder.method.name not in plugins.registry(folders).names("methods"):
        return function(encoder, folders, *arguments)
    with tempfile.TemporaryDirectory() as aside:
        path = Path(aside) / "encoder.safetensors"
        encoder.save(path)
        result: Result = repeatable.steadily(_from_file, path, encoder.method.name, function, folders, *arguments)
        return result


def _from_file(
    path: Path, method: str, function: Callable[..., Result], folders: Sequence[str], *arguments: Any
) -> Result:
    encoder = Encoder.load(path, plugins.registry(folders).get("methods", method).cls)
    return function(encoder, folders, *arguments)
