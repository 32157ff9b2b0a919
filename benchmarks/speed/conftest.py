"""Prints, after pytest-benchmark's table, how many times faster this suite is than what one would otherwise run."""

from __future__ import annotations

import statistics
from typing import Any


def pytest_terminal_summary(terminalreporter: Any, config: Any) -> None:
    session = getattr(config, "_benchmarksession", None)
    groups: dict[str, dict[str, float]] = {}
    for bench in session.benchmarks if session else ():
        side = "ours" if bench.name.endswith("_ours") else "theirs"
        if bench.stats.data:
            groups.setdefault(bench.group, {})[side] = statistics.median(bench.stats.data)
    both = {name: sides for name, sides in groups.items() if len(sides) == 2}
    if both:
        terminalreporter.section("times faster (medians, same process)")
        for name, sides in both.items():
            ratio = sides["theirs"] / sides["ours"]
            terminalreporter.write_line(f"{ratio:6.1f} x  {name}   {sides['theirs']:.2f} s -> {sides['ours']:.2f} s")
