"""What lies beside the page, in data/: its scripts, and what they load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infomax_bench.base.store import replacing
from infomax_bench.report.pages import STATIC
from infomax_bench.run.results import Results
from infomax_bench.study.claims import Claims


def static() -> dict[str, bytes]:
    """Name in data/ -> content, of the scripts with their licences; styles stand in the page."""
    files = sorted(path for path in STATIC.rglob("*") if path.suffix in (".js", ".LICENSE"))
    return {f"static/{path.relative_to(STATIC).as_posix()}": path.read_bytes() for path in files}


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes files by their names below `folder`."""
    for name, content in files.items():
        with replacing(folder / name) as temporary:
            temporary.write_bytes(content)


def method_cards(results: Results, claims: Claims) -> dict[str, dict[str, Any]]:
    """What scripts need to know of each method that was run."""
    return {
        method: {
            "family": card.get("family", ""),
            "role": card.get("role", "draft"),
            "supervised": bool(card.get("supervised")),
            "form_of": claims.kin.get(method, method) if method in claims.forms else "",
            "label": method,
        }
        for method in sorted(map(str, results.jobs["method"].unique()))
        for card in [results.cards.get(method, {})]
    }
