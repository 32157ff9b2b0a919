"""The report's section on speed, from what `make bench` kept."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from infomax_bench.base.printable import printable
from infomax_bench.report.parts import Table


def speed(path: Path) -> tuple[str, Table] | None:
    """On what it was measured, in a sentence, and a line for every race; None if there is nothing readable at `path`.

    path: a file of pytest-benchmark whose extra_info says what was raced.
    """
    try:
        content = printable(json.loads(path.read_text(encoding="utf-8")))
        races = [b for b in content["benchmarks"] if "ratio" in b.get("extra_info", {})]
        machine, commit = content["machine_info"], content["commit_info"].get("id", "")
        lines = [_line(b["extra_info"], b["stats"]["data"]) for b in races]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not lines:
        return None
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    where = f"Measured on {machine['gpu'] or machine['cpu']}, {machine['cores']} cores, with {packages}"
    head = ["work", "compared with", "theirs (s)", "ours (s)", "result", "at least", "aim"]
    return f"{where}{f', at commit {commit}' if commit else ''}.", Table(
        head, lines, [False, False, True, True, True, True, True], [False] * len(lines)
    )


def _line(race: dict[str, Any], ours: list[float]) -> list[str]:
    theirs = f"{statistics.median(race['theirs']):.2f}" if "theirs" in race else "–"
    goals = [_value(race[key], race["unit"], "g") for key in ("at_least", "aim")]
    return [
        race["work"],
        race["against"],
        theirs,
        f"{statistics.median(ours):.2f}",
        _value(race["ratio"], race["unit"], ".1f"),
        *goals,
    ]


def _value(value: float, unit: str, shape: str) -> str:
    return f"{100 * value:.0f} %" if unit == "%" else f"{value:{shape}} ×"
