"""What is not there: evaluations without rows, and encoders that failed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from infomax_bench.run.results import Results


def grouped(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """(label, reason) pairs as reason -> labels, the most frequent reason first."""
    found: dict[str, list[str]] = defaultdict(list)
    for label, reason in pairs:
        found[" ".join(reason.split())].append(label)
    return sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))


def missing(results: Results) -> Iterator[tuple[str, int, str]]:
    """Benchmark, how many of its evaluations are not there, and of which methods."""
    found: dict[str, list[str]] = defaultdict(list)
    for entry in results.missing:
        found[entry["benchmark"]].append(entry["cell"]["method"])
    for name, methods in sorted(found.items()):
        yield name, len(methods), ", ".join(sorted(set(methods)))


def gaps(missing: Sequence[tuple[str, int, str]], failures: Sequence[Any], stale: Sequence[str]) -> str:
    """One sentence on what this run lacks; "" if nothing."""
    parts = [
        _count(sum(n for _, n, _ in missing), "evaluation", "not measured yet"),
        _count(sum(len(set(labels)) for _, labels in failures), "encoder", "failed somewhere"),
        _count(len(stale), "method", "with rows of other versions (†)"),
    ]
    said = ", ".join(part for part in parts if part)
    return f"This run is not complete: {said}." if said else ""


def _count(n: int, what: str, how: str) -> str:
    return f"{n} {what}{'s' * (n != 1)} {how}" if n else ""
