"""What units learned, as scripts that are loaded when they are asked for: one a data set, with its pictures in it."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from infomax_bench.report.images import Gallery
from infomax_bench.report.parts import file_name


def units(galleries: Iterable[Gallery]) -> tuple[dict[str, bytes], list[tuple[str, str]]]:
    """File -> content, and each data set's file."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for gallery in galleries:
        if gallery.filters or gallery.top:
            found[gallery.dataset].append(_plain(gallery))
    files = [(dataset, f"units-{file_name(dataset)}.js") for dataset in sorted(found)]
    return {file: _script(dataset, found[dataset]) for dataset, file in files}, files


def _plain(gallery: Gallery) -> dict[str, Any]:
    return {
        "method": gallery.method,
        "width": gallery.width,
        "filters": _uri(gallery.filters),
        "top": _uri(gallery.top),
        "units": [[unit.number, unit.name, round(unit.auroc, 4)] for unit in gallery.units],
        "others": len(gallery.others),
    }


def _uri(picture: bytes | None) -> str:
    return "data:image/png;base64," + base64.b64encode(picture).decode() if picture else ""


def _script(dataset: str, found: list[dict[str, Any]]) -> bytes:
    told = [json.dumps(value, separators=(",", ":")) for value in (dataset, found)]
    return f"infomax.units.set({', '.join(told)});\n".encode()
