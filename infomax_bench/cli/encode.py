"""`infomax-bench encode`: one encoder's features of every image, as a file."""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path

from infomax_bench.base.console import say
from infomax_bench.base.errors import UserError
from infomax_bench.cli import options as take
from infomax_bench.cli.command import Command, all_presets, registry_for


def _options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("method", type=take.word, metavar="METHOD")
    add("dataset", type=take.word, metavar="DATASET")
    add("--width", type=take.width, default=64)
    add("--seed", type=take.seed, default=0)
    add("--epochs", type=take.epochs, help="passes over the training images (default: the preset's)")
    add("--set", action="append", default=[], metavar="PARAM=VALUE", dest="settings")
    add("--out", type=take.path, default=Path("features.npz"), metavar="FILE")


def encode_features(arguments: argparse.Namespace) -> int:
    """Pretrains the encoder and writes its features."""
    from infomax_bench.base.outputs import check_out

    check_out(arguments.out)
    registry = registry_for(arguments)
    from infomax_bench.run.api import pretrain
    from infomax_bench.run.external import encode

    settings = take.settings(arguments.settings, "PARAM=VALUE")
    registry.method(arguments.method, settings)
    for name in set(settings) & set(inspect.signature(pretrain).parameters):
        raise UserError(f"--set {name}: what is called like an argument of pretrain() cannot be set here")
    dataset = registry.dataset(arguments.dataset)
    epochs = arguments.epochs
    if epochs is None:
        epochs = next((p.epochs[dataset.name] for p in all_presets().values() if dataset.name in p.epochs), 20)
    encode(
        arguments.method,
        arguments.dataset,
        arguments.out,
        width=arguments.width,
        seed=arguments.seed,
        epochs=epochs,
        folders=arguments.plugins,
        settings=settings,
    )
    say(arguments.out)
    return 0


COMMAND = Command(
    "encode",
    "features as a file",
    "Pretrains one encoder and writes its features of every image.",
    _options,
    encode_features,
)
