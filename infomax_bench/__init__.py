"""infomax-bench: one harness for comparing ways of pretraining features, with honest verdicts."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - before anything that an older Python could not even parse
    this = ".".join(map(str, sys.version_info[:2]))
    sys.stderr.write("infomax-bench: error: needs Python 3.11 or newer, and this is " + this + "\n")
    sys.exit(2)

import importlib
from typing import TYPE_CHECKING

from infomax_bench import moved
from infomax_bench.base import repeatable
from infomax_bench.base.version import __version__ as __version__

moved.install()
repeatable.ask()  # before the first product

_WHERE = {
    "Benchmark": "study.benchmark",
    "BoundContrast": "study.contrast",
    "Cell": "study.cell",
    "Contrast": "study.contrast",
    "Estimate": "stats.findings",
    "Finding": "stats.findings",
    "GroupContrast": "study.contrast",
    "OrderContrast": "study.ordering",
    "Given": "study.given",
    "Request": "study.cell",
    "Select": "study.selection",
    "in_panels": "study.selection",
    "reads": "study.selection",
    "Suite": "study.suite",
    "View": "study.view",
    "Context": "evaluations.context",
    "Metric": "evaluations.declare",
    "evaluation": "evaluations.declare",
    "pairwise": "evaluations.declare",
    "Augmentation": "data.augment",
    "Images": "data.dataset",
    "Dataset": "data.dataset",
    "Bias": "models.blocks",
    "Linear": "models.blocks",
    "MLP": "models.blocks",
    "Net": "models.blocks",
    "Problem": "models.blocks",
    "Batch": "training.method",
    "Budget": "training.budget",
    "Card": "training.method",
    "Method": "training.method",
    "Native": "training.method",
    "ANY_ENCODER": "training.method",
    "ONE_LAYER": "training.method",
    "Encoding": "models.encoder",
    "Params": "models.blocks",
    "decoder": "models.backbones",
    "trunk_size": "models.backbones",
    "param": "training.hyperparameters",
    "correlation": "training.objectives",
    "covariance": "training.objectives",
    "cross_correlation": "training.objectives",
    "cross_entropy": "training.objectives",
    "principal_components": "numerics.components",
    "projection": "numerics.components",
    "without_components": "numerics.components",
    "bernoulli_nll": "training.objectives",
    "gaussian_kl": "training.objectives",
    "log_normal": "training.objectives",
    "log_normal_pairs": "training.objectives",
    "log_odds": "training.objectives",
    "reparameterised": "training.objectives",
    "Patches": "models.transformer",
    "TokenDecoder": "models.transformer",
    "error_within": "models.transformer",
    "follow": "training.objectives",
    "off_diagonal_sum_of_squares": "training.objectives",
    "projections": "training.objectives",
    "standardised": "training.objectives",
    "variance_and_correlation": "training.objectives",
    "Rng": "base.streams",
    "TextEncoder": "models.text",
    "UserError": "base.errors",
    "NotApplicable": "base.errors",
    "Encoder": "training.frozen",
    "pretrain": "run.api",
    "probe": "run.api",
    "features": "run.api",
    "evaluate": "run.evaluate",
    "summary": "run.evaluate",
    "methods": "run.catalogue",
    "datasets": "run.catalogue",
    "images": "run.catalogue",
    "split": "run.catalogue",
    "load": "run.catalogue",
}
"""Public names and the modules that hold them, imported on first use: `--help` must not wait for torch."""

if TYPE_CHECKING:
    from infomax_bench.base.errors import NotApplicable as NotApplicable
    from infomax_bench.base.errors import UserError as UserError
    from infomax_bench.base.streams import Rng as Rng
    from infomax_bench.data import pictures as pictures
    from infomax_bench.data.augment import Augmentation as Augmentation
    from infomax_bench.data.dataset import Dataset as Dataset
    from infomax_bench.data.dataset import Images as Images
    from infomax_bench.evaluations.context import Context as Context
    from infomax_bench.evaluations.declare import Metric as Metric
    from infomax_bench.evaluations.declare import evaluation as evaluation
    from infomax_bench.evaluations.declare import pairwise as pairwise
    from infomax_bench.models.backbones import decoder as decoder
    from infomax_bench.models.backbones import trunk_size as trunk_size
    from infomax_bench.models.blocks import MLP as MLP
    from infomax_bench.models.blocks import Bias as Bias
    from infomax_bench.models.blocks import Linear as Linear
    from infomax_bench.models.blocks import Net as Net
    from infomax_bench.models.blocks import Params as Params
    from infomax_bench.models.blocks import Problem as Problem
    from infomax_bench.models.encoder import Encoding as Encoding
    from infomax_bench.models.text import TextEncoder as TextEncoder
    from infomax_bench.models.transformer import Patches as Patches
    from infomax_bench.models.transformer import TokenDecoder as TokenDecoder
    from infomax_bench.models.transformer import error_within as error_within
    from infomax_bench.numerics.components import principal_components as principal_components
    from infomax_bench.numerics.components import projection as projection
    from infomax_bench.numerics.components import without_components as without_components
    from infomax_bench.run.api import features as features
    from infomax_bench.run.api import pretrain as pretrain
    from infomax_bench.run.api import probe as probe
    from infomax_bench.run.catalogue import datasets as datasets
    from infomax_bench.run.catalogue import images as images
    from infomax_bench.run.catalogue import load as load
    from infomax_bench.run.catalogue import methods as methods
    from infomax_bench.run.catalogue import split as split
    from infomax_bench.run.evaluate import evaluate as evaluate
    from infomax_bench.run.evaluate import summary as summary
    from infomax_bench.stats.findings import Estimate as Estimate
    from infomax_bench.stats.findings import Finding as Finding
    from infomax_bench.study.benchmark import Benchmark as Benchmark
    from infomax_bench.study.cell import Cell as Cell
    from infomax_bench.study.cell import Request as Request
    from infomax_bench.study.contrast import BoundContrast as BoundContrast
    from infomax_bench.study.contrast import Contrast as Contrast
    from infomax_bench.study.contrast import GroupContrast as GroupContrast
    from infomax_bench.study.given import Given as Given
    from infomax_bench.study.ordering import OrderContrast as OrderContrast
    from infomax_bench.study.selection import Select as Select
    from infomax_bench.study.selection import in_panels as in_panels
    from infomax_bench.study.selection import reads as reads
    from infomax_bench.study.suite import Suite as Suite
    from infomax_bench.study.view import View as View
    from infomax_bench.training.budget import Budget as Budget
    from infomax_bench.training.frozen import Encoder as Encoder
    from infomax_bench.training.hyperparameters import param as param
    from infomax_bench.training.method import ANY_ENCODER as ANY_ENCODER
    from infomax_bench.training.method import ONE_LAYER as ONE_LAYER
    from infomax_bench.training.method import Batch as Batch
    from infomax_bench.training.method import Card as Card
    from infomax_bench.training.method import Method as Method
    from infomax_bench.training.method import Native as Native
    from infomax_bench.training.objectives import bernoulli_nll as bernoulli_nll
    from infomax_bench.training.objectives import correlation as correlation
    from infomax_bench.training.objectives import covariance as covariance
    from infomax_bench.training.objectives import cross_correlation as cross_correlation
    from infomax_bench.training.objectives import cross_entropy as cross_entropy
    from infomax_bench.training.objectives import follow as follow
    from infomax_bench.training.objectives import gaussian_kl as gaussian_kl
    from infomax_bench.training.objectives import log_normal as log_normal
    from infomax_bench.training.objectives import log_normal_pairs as log_normal_pairs
    from infomax_bench.training.objectives import log_odds as log_odds
    from infomax_bench.training.objectives import off_diagonal_sum_of_squares as off_diagonal_sum_of_squares
    from infomax_bench.training.objectives import projections as projections
    from infomax_bench.training.objectives import reparameterised as reparameterised
    from infomax_bench.training.objectives import standardised as standardised
    from infomax_bench.training.objectives import variance_and_correlation as variance_and_correlation

__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> object:
    if name in _WHERE:
        return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
