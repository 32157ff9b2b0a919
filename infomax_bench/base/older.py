"""Files of former formats in today's words, by `old_columns.toml`: the only place that knows the old ones."""

from __future__ import annotations

import functools
import re
import tomllib
from pathlib import Path
from typing import Any

from infomax_bench.base.status import Status

Tags = tuple[tuple[str, str | float], ...]


@functools.cache
def mapping() -> dict[str, Any]:
    """The content of `old_columns.toml`."""
    return tomllib.loads((Path(__file__).parent / "old_columns.toml").read_text(encoding="utf-8"))


def formats() -> tuple[int, ...]:
    """The former formats that are read."""
    return tuple(mapping()["formats"])


def modern_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a job, or a job itself, whose `status` and `protocol` may be former ones."""
    if row.get("status") == Status.FAILED and row.get("reason") in mapping()["diverged"]:
        return {**row, "status": str(Status.DIVERGED)}
    if row.get("metric") in mapping()["pairs"]:
        return {**row, "other": row.get("protocol", ""), "protocol": ""}
    return row


def modern_job(body: dict[str, Any]) -> dict[str, Any]:
    """A job's content. Raises what the content of a damaged file gives."""
    return {**modern_row(body), "rows": [modern_row(row) for row in body["rows"]]}


def modern_entry(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of a manifest, its label taken apart into tags."""
    cell = entry["cell"]
    return {**entry, "cell": {**cell, "tags": [[*tag] for tag in tags_of(entry["benchmark"], cell["label"])]}}


@functools.lru_cache(maxsize=4096)
def tags_of(benchmark: str, label: str) -> Tags:
    """The tags that a label of a benchmark stood for, by name; none if it stood for none."""
    pattern = mapping()["tags"].get(benchmark)
    found = re.fullmatch(pattern, label) if pattern and label else None
    parts = found.groupdict() if found else {}
    return tuple((name, _number(text)) for name, text in sorted(parts.items()) if text is not None)


def _number(text: str) -> str | float:
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else text
