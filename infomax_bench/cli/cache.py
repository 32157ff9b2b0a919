"""`infomax-bench cache`: what encoders, images and downloads take on disk, and how to have room again."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from infomax_bench.base.console import say, tell
from infomax_bench.base.errors import UserError
from infomax_bench.cli import options as take
from infomax_bench.cli.command import Command, registry_for, results_folders


def _options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    which = "a results folder, beside those in results/; may be repeated"
    add("--results", type=take.path, action="append", default=[], metavar="DIR", help=which)
    add("--prune", action="store_true", help="remove what no result needs and any run can make again")
    add("--dry-run", action="store_true", help="with --prune: say what would be removed")


def show_cache(arguments: argparse.Namespace) -> int:
    """Shows what is there, or removes what may go."""
    from infomax_bench.cli.listing import show
    from infomax_bench.run.estimate import in_bytes
    from infomax_bench.run.storage import places, prune

    if arguments.dry_run and not arguments.prune:
        raise UserError("--dry-run goes with --prune; 'infomax-bench cache' alone removes nothing")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # whether an encoder is needed is no reason to download its data set
    roots = _roots(arguments.results)
    plugins = registry_for(arguments)
    if not arguments.prune:
        found = places(roots, plugins)
        rows = []
        for place in found:
            files, size = place.size
            idle = in_bytes(sum(one.bytes for one in place.idle)) if place.idle else ""
            about = {"kind": place.kind, "folder": str(place.folder)}
            rows.append({**about, "files": f"{files:,}", "size": in_bytes(size), "may go": idle})
        say(show(rows) if rows else "nothing is kept")
        if any(place.idle for place in found):
            tell("what may go is removed by 'infomax-bench cache --prune'")
        return 0
    done = prune(roots, plugins, arguments.dry_run)
    does = "would free" if arguments.dry_run else "freed"
    for one in done:
        say(f"{does} {in_bytes(one.bytes)}: {one.items:,} {one.kind} in {one.folder}, {one.why}")
    say(f"{does} {in_bytes(sum(one.bytes for one in done))} in all")
    return 0


def _roots(asked: list[Path]) -> list[Path]:
    """The results folders in results/, and those that were asked for. Raises UserError for one that is none."""
    for root in asked:
        if not any((root / name).exists() for name in ("manifest.json", "manifest.json.bak", "packed")):
            raise UserError(f"{root} holds no results")
    try:
        there = results_folders(None)
    except UserError:
        there = []
    return list(dict.fromkeys([*there, *asked]))


COMMAND = Command(
    "cache",
    "what takes room on the disk, and what of it may go",
    "Shows what encoders, the images of data sets, downloads, the Hub's files and records take, by kind and folder.\n"
    "--prune removes what can be made again and nothing needs: encoders that no result of their folder is about, or\n"
    "that today's code, data and libraries would not ask for; images of data sets that no result is about, if unused\n"
    "for a day; records of files that are gone. Results, tuned values, downloads and the Hub's files always stay.\n"
    "Results folders elsewhere than in results/ are named by --results, your own plug-ins by --plugins, as for 'run'.",
    _options,
    show_cache,
)
