"""`infomax-bench evaluate`: the same evaluations for encoders and features made elsewhere."""

from __future__ import annotations

import argparse
from typing import Any

from infomax_bench.base.console import say, tell
from infomax_bench.base.errors import UserError
from infomax_bench.cli import options as take
from infomax_bench.cli.command import Command

HOW = ("name", "size", "mean", "std", "layer", "batch_size", "device")


def _options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "what",
        type=take.source,
        metavar="WHAT",
        help="a file of features, or timm:NAME, torchvision:NAME, hf:OWNER/NAME",
    )
    add(
        "dataset",
        nargs="?",
        type=take.word,
        metavar="DATASET",
        help="whose images they are (features: may have labels)",
    )
    add("--evaluations", type=take.names, metavar="X,Y", help="these (default: all that it allows)")
    add("--seeds", type=take.seeds, default=1, metavar="N", help="divisions into training and validation (default: 1)")
    add("--weights", type=take.source, metavar="FILE", help="of a named model, in place of its own (hf: a folder)")
    add("--size", type=take.sizes, metavar="H[,W]", help="height and width of the images that a model takes")
    add("--mean", type=take.numbers, metavar="X,Y,Z", help="what is taken off images in [0, 1], by channel")
    add("--std", type=take.numbers, metavar="X,Y,Z", help="what they are divided by then")
    add("--layer", type=take.word, metavar="NAME", help="features are what this part of a model gets")
    add("--batch-size", type=take.whole("batches are", 1), metavar="N", help="images at a time")
    add("--device", choices=["cpu", "cuda"], help="where a model runs")
    add("--name", type=take.word, help="what it is called in the table")
    add("--trust", action="store_true", help="read pickles (.pt, .pkl, .joblib) too, which runs the code in them")
    add("--out", type=take.path, metavar="FILE.csv", help="write every row as a table too")


def evaluate_features(arguments: argparse.Namespace) -> int:
    """Measures features, or what makes them, and prints what is not swept, also if the rows cannot be written."""
    from infomax_bench.base.outputs import check_out, write_whole

    if arguments.out:
        check_out(arguments.out, arguments.what)
    from infomax_bench.run.evaluate import evaluate, summary

    how: dict[str, Any] = {name: getattr(arguments, name) for name in HOW if getattr(arguments, name) is not None}
    rows = evaluate(
        str(arguments.what),
        arguments.dataset,
        arguments.evaluations,
        seeds=arguments.seeds,
        weights=arguments.weights,
        trust=arguments.trust,
        folders=arguments.plugins,
        say=lambda text: tell(f"warning: {text}"),
        **how,
    )
    lost = None
    if arguments.out:
        try:
            write_whole(arguments.out, lambda path: rows.to_csv(path, index=False))
        except UserError as error:
            lost = error
    table = summary(rows, arguments.plugins).drop(columns=["encoder", "dataset", "means"])
    say(table.dropna(axis=1, how="all").to_string(index=False, na_rep=""))
    swept = int(rows["x"].notna().sum())
    if swept and not arguments.out:
        say(f"{swept} more rows are of curves; --out FILE.csv writes all {len(rows)}")
    if lost:
        raise lost
    return 0


COMMAND = Command(
    "evaluate",
    "the same evaluations for encoders and features made elsewhere",
    "WHAT is a model that timm, torchvision or transformers has (pip install 'infomax-bench[encoders]'), with its own\n"
    "weights, from your cache or downloaded, or with --weights; FILE.py:NAME, a torch module, a scikit-learn\n"
    "transformer or a function of images that your own script makes (it is run); or a file of features, float [N, K]:\n"
    ".npz, .npy, .parquet (its columns of fractions) or .safetensors. With a DATASET there is a row for each of its\n"
    "images, in their order. Without, the file has `labels` int [N] too, and if they are there `test` bool [N],\n"
    "`seed` and `factors` int [N, F]. Prints probe accuracies, pruning, redundancy and interpretability, and of a\n"
    "model robustness, invariance, decoding, weight pruning and cost. Shift and scale of a feature do not matter\n"
    "(but to what is published as depending on them). Of more than 256 features, where pruning hurts is found to a\n"
    "sixteenth of them. From Python, infomax_bench.evaluate takes the things themselves.",
    _options,
    evaluate_features,
)
