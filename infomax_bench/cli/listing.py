"""`infomax-bench list`: one record a plug-in, as a table or as JSON."""

from __future__ import annotations

import argparse
import json
import math
import shutil
import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from infomax_bench.base.console import say
from infomax_bench.base.errors import unknown
from infomax_bench.cli import options as take
from infomax_bench.cli.command import Command, all_presets, registry_for

if TYPE_CHECKING:
    from infomax_bench.study.plugins import Registry
    from infomax_bench.study.presets import Preset
    from infomax_bench.training.method import Method

ALONE = ("licence", "citation", "hyperparameters")
"""What is told of one plug-in alone, and in JSON."""


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=["methods", "datasets", "benchmarks", "evaluations", "backbones", "presets"])
    parser.add_argument(
        "name", nargs="?", type=take.word, metavar="NAME", help="all about this one (NAME:ARGUMENT too)"
    )
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def list_plugins(arguments: argparse.Namespace) -> int:
    """Prints a record for each plug-in of a kind, or each preset."""
    names = None if arguments.name is None else [arguments.name]
    if arguments.kind == "presets":
        presets = all_presets()
        if unlisted := [name for name in names or () if name not in presets]:
            raise unknown("preset", unlisted[0], presets)
        records = describe_presets({name: presets[name] for name in names or presets})
    else:
        records = describe(registry_for(arguments, arguments.kind, "backbones"), arguments.kind, names)
    if arguments.json:
        print(json.dumps(records if names is None else records[0], indent=1))  # has escapes of its own
    else:
        say(show(records) if names is None else show_one(records[0]))
    return 0


def describe(registry: Registry, kind: str, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """A record of plain values for each plug-in of a kind, or for those named, in a reader's order."""
    makers = {
        "methods": _method,
        "datasets": _dataset,
        "benchmarks": _benchmark,
        "evaluations": _evaluation,
        "backbones": _backbone,
    }
    return [makers[kind](registry, name) for name in names or registry.names(kind)]


def _method(registry: Registry, name: str) -> dict[str, Any]:
    plugin = registry.get("methods", name)
    method = registry.method(name)
    card = method.card
    changed = ", ".join(f"{k}={v}" for k, v in plugin.settings.items())
    return {
        "name": name,
        "family": card.family,
        "role": card.role + (" (supervised)" if method.supervised() else ""),
        "backbones": ", ".join(method.backbones),
        "objective": card.objective + (f" [{changed}]" if changed else ""),
        "paper": card.paper,
        "hyperparameters": _hyperparameters(method, method.search_space(plugin.settings)),
    }


def _hyperparameters(method: Method, tuned: Collection[str]) -> list[dict[str, Any]]:
    """What each is that means something to the method, what it may be, and what a tuner tries."""
    from infomax_bench.training.hyperparameters import kind_of

    records = []
    for name, field in method.parameters().items():
        if name in method.unused():
            continue
        meta, search = field.metadata, list(field.metadata.get("search") or ()) if name in tuned else []
        among = [str(value) for value in search]
        tries = " to ".join(among) if len(among) == 2 else ", ".join(among)
        valid = meta.get("valid")
        records.append(
            {
                "name": name,
                "takes": kind_of(type(method), name),
                "default": getattr(method, name),
                "valid": valid.text if valid else ", ".join(map(str, meta.get("choices") or ())),
                "search": tries + (", logarithmic" if search and meta["log"] else ""),
                "help": meta.get("help", ""),
            }
        )
    return records


def _dataset(registry: Registry, name: str) -> dict[str, Any]:
    dataset = registry.dataset(name)
    source = {"licence": dataset.licence, "citation": dataset.citation}
    if dataset.takes and dataset.argument is None:
        unread = dict.fromkeys(("images", "classes", "factors"), "")
        return {"name": f"{name}:{dataset.takes}", **unread, "summary": dataset.summary, **source}
    shape = "x".join(map(str, dataset.shape))
    return {
        "name": dataset.label,
        "images": f"{dataset.n_rest}+{dataset.n_test} of {shape}",
        "classes": dataset.n_classes,
        "factors": ", ".join(dataset.factor_names),
        "summary": dataset.summary,
        **source,
    }


def _benchmark(registry: Registry, name: str) -> dict[str, Any]:
    benchmark = registry.benchmark(name)
    title = benchmark.title + (" (on request only)" if benchmark.on_request else "")
    return {"name": name, "question": title, "claim": benchmark.claim()}


def _evaluation(registry: Registry, name: str) -> dict[str, Any]:
    evaluation = registry.evaluation(name)
    metrics = [{**asdict(own), "range": [_finite(end) for end in own.range]} for own in evaluation.metrics]
    return {"name": name, "version": evaluation.version, "metrics": metrics, "summary": evaluation.help}


def _backbone(registry: Registry, name: str) -> dict[str, Any]:
    cls = registry.get("backbones", name).cls
    depth = "as many as asked for" if cls.deep else cls.usual_depth
    return {"name": name, "version": cls.version, "layers": depth, "summary": cls.summary}


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def describe_presets(presets: Mapping[str, Preset]) -> list[dict[str, Any]]:
    """The same for presets."""
    return [
        {
            "name": p.name,
            "summary": p.summary,
            "datasets": ", ".join(p.datasets),
            "seeds": p.seeds,
            "widths": ", ".join(map(str, p.widths)),
        }
        for p in presets.values()
    ]


def _text(value: Any) -> str:
    """A value as the table shows it; of a list of records, their names."""
    if isinstance(value, list | tuple):
        names = (
            str(one["name"]) + ("..." if one.get("each") else "") if isinstance(one, dict) else one for one in value
        )
        return ", ".join(dict.fromkeys(map(str, names)))
    return str(value)


def show_one(record: Mapping[str, Any]) -> str:
    """A line for each thing that is known, wrapped to the terminal, and a table of what it has several of."""
    several = {heading: value for heading, value in record.items() if value and isinstance(value, list)}
    lines = {heading: text for heading, value in record.items() if heading not in several and (text := _text(value))}
    indent = max(map(len, lines)) + 2
    room = max(60, shutil.get_terminal_size((110, 24)).columns)
    told = [
        textwrap.fill(text, room, initial_indent=heading.ljust(indent), subsequent_indent=" " * indent)
        for heading, text in lines.items()
    ]
    return "\n".join([*told, *(f"\n{heading}:\n{show(records)}" for heading, records in several.items())])


def show(records: list[dict[str, Any]]) -> str:
    """A table that fits the terminal: short columns as they are, the last ones wrapped."""
    if not records:
        return ""
    records = [{h: _text(value) for h, value in record.items() if h not in ALONE} for record in records]
    headings = [h for h in records[0] if any(record[h] for record in records)]
    widest = {h: max(len(h), *(len(r[h]) for r in records)) for h in headings}
    room = max(60, shutil.get_terminal_size((110, 24)).columns)
    # the widest columns give way until a line fits
    while sum(widest.values()) + 2 * (len(headings) - 1) > room:
        longest = max(headings, key=lambda h: widest[h])
        if widest[longest] <= 12:
            break
        widest[longest] -= 1
    lines = ["  ".join(h.ljust(widest[h]) for h in headings).rstrip()]
    for record in records:
        cells = [textwrap.wrap(record[h], widest[h]) or [""] for h in headings]
        for i in range(max(map(len, cells))):
            row = (cell[i] if i < len(cell) else "" for cell in cells)
            lines.append("  ".join(part.ljust(widest[h]) for part, h in zip(row, headings, strict=True)).rstrip())
    return "\n".join(lines)


COMMAND = Command(
    "list",
    "what there is",
    "Lists what there is of a kind, built-in and your own; evaluations with the metrics that they declare. With "
    "a NAME: all about that one.",
    _options,
    list_plugins,
)
