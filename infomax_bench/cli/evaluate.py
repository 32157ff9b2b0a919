"""`infomax-bench evaluate`: the same evaluations for features made elsewhere."""

from __future__ import annotations

import argparse

from infomax_bench.base.console import say, tell
from infomax_bench.base.errors import UserError
from infomax_bench.cli import options as take
from infomax_bench.cli.command import Command


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=take.source, metavar="FEATURES.npz")
    parser.add_argument("--out", type=take.path, metavar="FILE.csv", help="write the rows as a table too")


def evaluate_features(arguments: argparse.Namespace) -> int:
    """Measures the features of a file and prints the rows, also if they cannot be written."""
    from infomax_bench.base.outputs import check_out, write_whole

    if arguments.out:
        check_out(arguments.out, arguments.file)
    from infomax_bench.run.external import evaluate_file

    rows = evaluate_file(arguments.file, lambda text: tell(f"warning: {text}"), arguments.plugins)
    lost = None
    if arguments.out:
        try:
            write_whole(arguments.out, lambda path: rows.to_csv(path, index=False))
        except UserError as error:
            lost = error
    say(rows.to_string(index=False, na_rep=""))
    if lost:
        raise lost
    return 0


COMMAND = Command(
    "evaluate",
    "the same evaluations for features made elsewhere",
    "Reads an .npz with `features` float [N, K] and `labels` int [N], and if they are there `test` bool [N],\n"
    "`seed` and `factors` int [N, F], and prints probe accuracies, pruning, redundancy and interpretability.\n"
    "Shift and scale of a feature do not matter (but to what is published as depending on them). Of more than 256\n"
    "features, where pruning hurts is found to a sixteenth of them.",
    _options,
    evaluate_features,
)
