"""Evaluations of frozen features: probe, prune, redundancy, robustness, interpretability, factors, decoding, ...

Each is a function of a `Context` and its own options that returns rows. They are looked up by name, so that a plan can
be written and a report built without importing torch.

May import `numerics` and below.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Evaluation:
    """Where an evaluation is, a version, and what it takes. The version is raised when numbers could change by more
    than rounding does.

    seconds: about, of one core, for each image of a seed at width 64: for the order of tasks and the time left.
    per_seed: the arrays that it keeps have a leading dimension of seeds, and are kept of all; else of the first group
    of seeds that memory has room for.
    trainings: how many times as long it trains as its option `epochs` says, if it has one.
    """

    where: str
    version: int = 1
    seconds: float = 1e-5
    per_seed: bool = False
    trainings: float = 1.0

    def function(self) -> Callable[..., Any]:
        return _function(self.where)


@dataclass(frozen=True)
class Pairwise:
    """A comparison of encoders with each other: where it is, the evaluation whose arrays it compares, and a version.

    It is a function of what the evaluation kept of each method (method -> arrays), of the pairs that are wanted (method
    -> others), and of the size of a block of seeds; it returns method -> rows, whose `other` is the other method.
    """

    where: str
    of: str
    version: int = 1

    def function(self) -> Callable[..., Any]:
        return _function(self.where)


def _function(where: str) -> Callable[..., Any]:
    module, name = where.split(":")
    function: Callable[..., Any] = getattr(importlib.import_module(f"infomax_bench.evaluations.{module}"), name)
    return function


EVALUATIONS: dict[str, Evaluation] = {
    "probe": Evaluation("probe:probe", 6, 3e-5),
    "linear_probe": Evaluation("probe:probe_linear", 2, 7e-6),
    "few_shot_knn": Evaluation("probe:few_shot_knn", 2, seconds=4e-6),
    "prune_units": Evaluation("prune_units:prune_units", 7, 5.5e-5),
    "prune_weights": Evaluation("prune_weights:prune_weights", 5, 4e-5),
    "redundancy": Evaluation("redundancy:measure_redundancy", 3, 3e-6),
    "robustness": Evaluation("robustness:robustness", 1, 2.5e-5),
    "interpretability": Evaluation("interpretability:measure_interpretability", 4, 1.5e-5),
    "factors": Evaluation("factors:factors", seconds=6e-6),
    "decoding": Evaluation("decoding:decoding", seconds=2e-5),
    "invariance": Evaluation("invariance:invariance", seconds=4e-6),
    "finetune": Evaluation("finetune:finetune"),
    "deep_finetune": Evaluation("deep_finetune:deep_finetune", seconds=2e-4),
    "compress": Evaluation("compress:compress", seconds=2e-5, trainings=3.5),
    "objective": Evaluation("objective:objective"),
    "regions": Evaluation("regions:regions", seconds=6e-6),
    "dynamics": Evaluation("dynamics:dynamics", seconds=1e-8),
    "representation": Evaluation("representation:representation", seconds=3e-7, per_seed=True),
    "gallery": Evaluation("gallery:gallery", 2, 1e-6),
    "cost": Evaluation("cost:cost", 2, seconds=1e-6),
    "training": Evaluation("cost:training", 2, 1e-7),
}

PAIRWISE: dict[str, Pairwise] = {
    "similarity": Pairwise("similarity:similarity", of="representation"),
}
