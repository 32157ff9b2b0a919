"""What an evaluation promises. A promise is about what it declares, and the plug-ins that there are beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, get_args

import torch
from torch import nn

from infomax_bench.base.errors import NotApplicable
from infomax_bench.base.streams import Rng
from infomax_bench.check.promise import Skipped, hold
from infomax_bench.data.augment import Augmentation
from infomax_bench.data.dataset import Dataset, Images
from infomax_bench.evaluations.context import Context, context_for
from infomax_bench.evaluations.declare import Better, Evaluation, Pairwise, Row, Undeclared
from infomax_bench.models.backbones import decoder
from infomax_bench.models.blocks import Block, Net, Problem
from infomax_bench.run.engine import facts_of, one_job
from infomax_bench.run.foreign import Asked, bring
from infomax_bench.study.plugins import Registry
from infomax_bench.training.data import data_for
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.method import Batch, Method
from infomax_bench.training.trainer import train

SEEDS = (0, 1)
WIDTH = 8
ROUNDING = 1e-6


class Squares(Dataset):
    """Squares of four sizes (the class) at four places, one of two shades of grey, with noise."""

    name = "squares"
    summary = "for checks"
    shape = (1, 8, 8)
    class_names = ("1", "2", "3", "4")
    factor_names = ("size", "place", "shade")
    n_rest, n_test = 800, 200
    augmentation = Augmentation(noise=0.05)

    def load(self) -> Images:
        rng = torch.Generator().manual_seed(0)
        factors = torch.stack([torch.randint(0, n, (1000,), generator=rng) for n in (4, 4, 2)], dim=1)
        row, column = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
        size, place, shade = (factors[:, i].view(-1, 1, 1) for i in range(3))
        mask = (row >= place) & (row <= place + size) & (column >= place) & (column <= place + size)
        grey = mask * (120 + 80 * shade) + torch.randint(0, 50, (1000, 8, 8), generator=rng)
        return Images(grey.unsqueeze(1).to(torch.uint8), factors[:, 0], torch.arange(1000) >= 800, factors, mask)


class Reconstruction(Method):
    """An autoencoder of one layer."""

    name = "reconstruction"

    def heads(self, problem: Problem) -> dict[str, Block]:
        return {"decoder": decoder(problem)}

    def loss(self, net: Net, batch: Batch, state: dict[str, torch.Tensor], rng: Rng) -> torch.Tensor:
        error: torch.Tensor = net.decoder(net.encoder(batch.images)) - batch.x
        return error.square().sum(-1).mean(-1)


@lru_cache(maxsize=4)
def encoder_of(backbone: str, seeds: tuple[int, ...]) -> Encoder:
    """Trained for two passes over the squares."""
    data, method = Squares(), Reconstruction.build({})
    depth = 2 if backbone == "stack" else 1
    problem = Problem(data.shape, WIDTH, data.n_classes, data.n_train, 50, backbone, depth)
    trained = train(method, problem, data_for(data, problem, seeds), seeds, 2)
    facts = facts_of(trained, seeds, 2)
    return Encoder(method, problem, trained.params, seeds, data.name, tuple(trained.diverged), facts)


def context_of(seeds: tuple[int, ...] = SEEDS, backbone: str = "linear") -> Context:
    """A fresh context: nothing is shared with another."""
    return context_for(encoder_of(backbone, seeds), Squares())


def measured(evaluation: Evaluation, found: Registry, seeds: tuple[int, ...] = SEEDS) -> list[Row]:
    """Its rows on the small problem, or on a stack if it takes nothing else. Raises Skipped if it takes neither."""
    with one_job():
        if isinstance(evaluation, Pairwise):
            _, kept = found.evaluation(evaluation.of)(context_of())
            return evaluation.compare({"a": kept, "b": kept}, {"a": ("a", "b"), "b": ("b",)}, len(SEEDS))["a"]
        for backbone in ("linear", "stack"):
            try:
                return evaluation(context_of(seeds, backbone))[0]
            except NotApplicable as error:
                reason = str(error)
    raise Skipped(f"is not for small problems: {reason}")


def declaration_is_complete(evaluation: Evaluation, found: Registry) -> None:
    """It says what it is, and of each metric what it means, which end is better, and how it is measured."""
    evaluation.need_basics()
    hold(bool(evaluation.help), "the function has no docstring")
    seen: set[tuple[str, str]] = set()
    for metric in evaluation.metrics:
        hold(bool(metric.name and metric.help), f"metric {metric.name!r} has no name or no help")
        hold(metric.better in get_args(Better), f"{metric.name} is better {metric.better!r}")
        hold(metric.range[0] < metric.range[1], f"the range of {metric.name} is empty")
        hold(bool(metric.protocols or metric.by), f"{metric.name} has no protocol")
        twice = seen & {(metric.name, protocol) for protocol in metric.protocols}
        hold(not twice, f"declared twice: {twice}")
        seen |= {(metric.name, protocol) for protocol in metric.protocols}


def rows_are_as_declared(evaluation: Evaluation, found: Registry) -> None:
    """Rows are of declared metrics and protocols, in their range, and finite where they are declared to be."""
    try:
        rows = measured(evaluation, found)
    except Undeclared as error:
        hold(False, str(error))
    for row in rows:
        own = evaluation.declared(row["metric"], row.get("protocol", ""))
        metric = next(one for one in own if bool(one.x) == (row.get("x") is not None))
        low, high = metric.range
        if math.isnan(row["value"]):
            hold(bool(metric.undefined), f"{metric.name} is NaN, and does not say when")
        else:
            hold(low - ROUNDING <= row["value"] <= high + ROUNDING, f"{metric.name} is {row['value']}")


def every_seed_has_the_same_rows(evaluation: Evaluation, found: Registry) -> None:
    """There is a row of every seed, and of no other, wherever there is one of a seed; and a seed alone has its own."""
    rows = measured(evaluation, found)
    whole = {seed: _keys(rows, seed) for seed in SEEDS}
    hold(not {row["seed"] for row in rows} - set(SEEDS), "there are rows of seeds that were not asked for")
    hold(whole[SEEDS[0]] == whole[SEEDS[1]], "two seeds have rows of different kinds")
    if not isinstance(evaluation, Pairwise):
        alone = _keys(measured(evaluation, found, SEEDS[1:]), SEEDS[1])
        hold(alone == whole[SEEDS[1]], "a seed alone has rows of other kinds than beside another")


def same_encoder_same_rows(evaluation: Evaluation, found: Registry) -> None:
    """Measured twice, an encoder has the same numbers, but for those that are declared not to repeat."""
    first, second = (measured(evaluation, found) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        repeats = any(one.repeats for one in evaluation.declared(a["metric"], a.get("protocol", "")))
        hold(not repeats or _same(a, b), f"{a['metric']} is {a['value']} and then {b['value']}: draw by the seed alone")


def files_are_evaluated_too(evaluation: Evaluation, found: Registry) -> None:
    """One that is for features made elsewhere does without the encoder."""
    if not evaluation.of_files:
        raise Skipped("is not for features that were made elsewhere")
    data = context_of().set
    with one_job():
        evaluation(Context(SEEDS, lambda _: data))


def encoders_made_elsewhere_are_evaluated_too(evaluation: Evaluation, found: Registry) -> None:
    """One that is for encoders made elsewhere asks no more of one than its features, and its weights by layer."""
    if not evaluation.of_maps:
        raise Skipped("is not for encoders that were made elsewhere")
    torch.manual_seed(0)
    data, module = Squares(), nn.Sequential(nn.Flatten(), nn.Linear(math.prod(Squares.shape), WIDTH))
    with one_job():
        evaluation(context_for(bring(module, data, SEEDS, Asked()), data))


def _keys(rows: Sequence[Row], seed: int) -> list[tuple[Any, ...]]:
    own = (row for row in rows if row["seed"] == seed)
    return sorted((r["metric"], r.get("protocol", ""), str(r.get("x")), r.get("other", "")) for r in own)


def _same(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    equal = a["value"] == b["value"] or (math.isnan(a["value"]) and math.isnan(b["value"]))
    return equal and {**a, "value": 0} == {**b, "value": 0}


EVALUATION_PROMISES: tuple[Callable[[Evaluation, Registry], None], ...] = (
    declaration_is_complete,
    rows_are_as_declared,
    every_seed_has_the_same_rows,
    same_encoder_same_rows,
    files_are_evaluated_too,
    encoders_made_elsewhere_are_evaluated_too,
)
