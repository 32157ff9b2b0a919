"""`infomax-bench new-method`, `new-dataset`, ...: a commented plug-in file that runs."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from infomax_bench.base.console import say
from infomax_bench.base.errors import UserError
from infomax_bench.cli import options as take
from infomax_bench.cli.command import PROGRAM, Command

KINDS = ("methods", "datasets", "benchmarks", "evaluations", "backbones")
HOOKS = {
    "loss": "a loss of the encoder's outputs and of heads beside it",
    "state": "a loss with something that lives across steps: a slow copy, a running mean, a queue",
    "update": "a learning rule that is no gradient: it gives the changes of parameters",
    "fit": "parameters that are fitted, without steps: clustering, EM, decompositions",
    "labels": "a loss that sees labels",
}
"""What a method can be; each has a template of its own."""


def _options(kind: str, parser: argparse.ArgumentParser) -> None:
    place = f"where to (default: the clone's {kind}/, or here without a clone)"
    parser.add_argument("name", type=take.word, metavar="NAME")
    if kind == "methods":
        kinds = "; ".join(f"{name}: {what}" for name, what in HOOKS.items())
        parser.add_argument(
            "--kind", type=take.word, metavar="KIND", help=f"which template (asked for, or loss). {kinds}"
        )
    parser.add_argument("--dir", type=take.path, metavar="DIR", help=place)


def _asked() -> str:
    """The kind of method, asked for on a terminal; "loss" elsewhere, or if nothing is answered."""
    if not sys.stdin.isatty():
        return "loss"
    say(*(f"  {name:8}{what}" for name, what in HOOKS.items()))
    try:
        return input("what is it? [loss] ").strip() or "loss"
    except EOFError:
        return "loss"


def new_plugin(kind: str, arguments: argparse.Namespace) -> int:
    """Writes the file, and says what to do next. Raises UserError as `write_plugin` does, and for an unknown kind."""
    from infomax_bench.cli.template import write_plugin

    hooks = "loss" if kind != "methods" else arguments.kind or _asked()
    if hooks not in HOOKS:
        raise UserError(f"a method of kind {hooks!r} has no template; there are {', '.join(HOOKS)}")
    path = write_plugin(kind, arguments.name, arguments.dir, hooks)
    say(f"{path} written; next: {PROGRAM} check {path}")
    return 0


def _command(kind: str) -> Command:
    one = kind.rstrip("s")
    return Command(
        f"new-{one}",
        f"your own {one}: a commented file that runs",
        "Writes NAME.py, which already runs and keeps its promises, ready to be changed. What is there is left alone.",
        partial(_options, kind),
        partial(new_plugin, kind),
    )


COMMANDS = tuple(map(_command, KINDS))
