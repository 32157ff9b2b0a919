"""infomax-bench: one harness for comparing ways of pretraining features, with honest verdicts."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - before anything that an older Python could not even parse
    this = ".".join(map(str, sys.version_info[:2]))
    sys.stderr.write("infomax-bench: error: needs Python 3.11 or newer, and this is " + this + "\n")
    sys.exit(2)

import importlib
from typing import TYPE_CHECKING

from infomax_bench import repeatable

repeatable.ask()  # before the first product

__version__ = "0.1.0"

_WHERE = {
    "Benchmark": "benchmark",
    "Cell": "benchmark",
    "Request": "benchmark",
    "Suite": "benchmark",
    "Augmentation": "augment",
    "Images": "data",
    "Dataset": "data",
    "Bias": "blocks",
    "Linear": "blocks",
    "MLP": "blocks",
    "Net": "blocks",
    "Problem": "blocks",
    "Batch": "method",
    "Card": "method",
    "Method": "method",
    "Native": "method",
    "ANY_ENCODER": "method",
    "ONE_LAYER": "method",
    "decoder": "backbones",
    "trunk_size": "backbones",
    "param": "method",
    "correlation": "objectives",
    "covariance": "objectives",
    "cross_correlation": "objectives",
    "cross_entropy": "objectives",
    "principal_components": "components",
    "projection": "components",
    "without_components": "components",
    "bernoulli_nll": "objectives",
    "gaussian_kl": "objectives",
    "log_normal": "objectives",
    "log_normal_pairs": "objectives",
    "log_odds": "objectives",
    "reparameterised": "objectives",
    "Patches": "transformer",
    "TokenDecoder": "transformer",
    "error_within": "transformer",
    "follow": "objectives",
    "off_diagonal_sum_of_squares": "objectives",
    "projections": "objectives",
    "standardised": "objectives",
    "variance_and_correlation": "objectives",
    "Rng": "random",
    "TextEncoder": "text",
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
    from infomax_bench.backbones import decoder as decoder
    from infomax_bench.backbones import trunk_size as trunk_size
    from infomax_bench.benchmark import Benchmark as Benchmark
    from infomax_bench.benchmark import Cell as Cell
    from infomax_bench.benchmark import Request as Request
    from infomax_bench.benchmark import Suite as Suite
    from infomax_bench.blocks import MLP as MLP
    from infomax_bench.blocks import Bias as Bias
    from infomax_bench.blocks import Linear as Linear
    from infomax_bench.blocks import Net as Net
    from infomax_bench.blocks import Problem as Problem
    from infomax_bench.components import principal_components as principal_components
    from infomax_bench.components import projection as projection
    from infomax_bench.components import without_components as without_components
    from infomax_bench.data import Dataset as Dataset
    from infomax_bench.data import Images as Images
    from infomax_bench.errors import NotApplicable as NotApplicable
    from infomax_bench.errors import UserError as UserError
    from infomax_bench.frozen import Encoder as Encoder
    from infomax_bench.method import ANY_ENCODER as ANY_ENCODER
    from infomax_bench.method import ONE_LAYER as ONE_LAYER
    from infomax_bench.method import Batch as Batch
    from infomax_bench.method import Card as Card
    from infomax_bench.method import Method as Method
    from infomax_bench.method import Native as Native
    from infomax_bench.method import param as param
    from infomax_bench.objectives import bernoulli_nll as bernoulli_nll
    from infomax_bench.objectives import correlation as correlation
    from infomax_bench.objectives import covariance as covariance
    from infomax_bench.objectives import cross_correlation as cross_correlation
    from infomax_bench.objectives import cross_entropy as cross_entropy
    from infomax_bench.objectives import follow as follow
    from infomax_bench.objectives import gaussian_kl as gaussian_kl
    from infomax_bench.objectives import log_normal as log_normal
    from infomax_bench.objectives import log_normal_pairs as log_normal_pairs
    from infomax_bench.objectives import log_odds as log_odds
    from infomax_bench.objectives import off_diagonal_sum_of_squares as off_diagonal_sum_of_squares
    from infomax_bench.objectives import projections as projections
    from infomax_bench.objectives import reparameterised as reparameterised
    from infomax_bench.objectives import standardised as standardised
    from infomax_bench.objectives import variance_and_correlation as variance_and_correlation
    from infomax_bench.random import Rng as Rng
    from infomax_bench.text import TextEncoder as TextEncoder
    from infomax_bench.transformer import Patches as Patches
    from infomax_bench.transformer import TokenDecoder as TokenDecoder
    from infomax_bench.transformer import error_within as error_within

__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> object:
    if name in _WHERE:
        return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
