"""infomax-bench: one harness for comparing ways of pretraining features, with honest verdicts."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - before anything that an older Python could not even parse
    this = ".".join(map(str, sys.version_info[:2]))
    sys.stderr.write("infomax-bench: error: needs Python 3.11 or newer, and this is " + this + "\n")
    sys.exit(2)

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_WHERE = {
    "Benchmark": "benchmark",
    "Cell": "benchmark",
    "Request": "benchmark",
    "Suite": "benchmark",
    "Augmentation": "augment",
    "Images": "data",
    "Dataset": "data",
    "Bias": "encoder",
    "Linear": "encoder",
    "MLP": "encoder",
    "Net": "encoder",
    "Problem": "encoder",
    "Batch": "method",
    "Card": "method",
    "Method": "method",
    "param": "method",
    "Rng": "random",
    "UserError": "errors",
    "NotApplicable": "errors",
    "Encoder": "frozen",
    "pretrain": "api",
    "probe": "api",
    "features": "api",
}
"""Public names and the modules that hold them, imported on first use: `--help` must not wait for torch."""

if TYPE_CHECKING:
    from infomax_bench.api import features as features
    from infomax_bench.api import pretrain as pretrain
    from infomax_bench.api import probe as probe
    from infomax_bench.augment import Augmentation as Augmentation
    from infomax_bench.benchmark import Benchmark as Benchmark
    from infomax_bench.benchmark import Cell as Cell
    from infomax_bench.benchmark import Request as Request
    from infomax_bench.benchmark import Suite as Suite
    from infomax_bench.data import Dataset as Dataset
    from infomax_bench.data import Images as Images
    from infomax_bench.encoder import MLP as MLP
    from infomax_bench.encoder import Bias as Bias
    from infomax_bench.encoder import Linear as Linear
    from infomax_bench.encoder import Net as Net
    from infomax_bench.encoder import Problem as Problem
    from infomax_bench.errors import NotApplicable as NotApplicable
    from infomax_bench.errors import UserError as UserError
    from infomax_bench.frozen import Encoder as Encoder
    from infomax_bench.method import Batch as Batch
    from infomax_bench.method import Card as Card
    from infomax_bench.method import Method as Method
    from infomax_bench.method import param as param
    from infomax_bench.random import Rng as Rng

__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> object:
    if name in _WHERE:
        return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
