"""Races: this suite against what one would otherwise run, in alternating rounds of one process.

`--benchmark-json` keeps the rounds of both sides; the report reads them from `results/speed/benchmark.json`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest

from infomax_bench.run import machine


@pytest.fixture
def race(benchmark: Any) -> Callable[..., None]:
    """`race(ours, theirs, against=..., at_least=..., aim=...)`: both in turn, `rounds` times, after `warm` rounds that
    do not count. Every round of ours has its own of theirs beside it; the result is the median of their ratios."""

    def run(
        ours: Callable[[], Any], theirs: Callable[[], Any], *, work: str, against: str, at_least: float, aim: float,
        rounds: int = 7, warm: int = 1,
    ) -> None:  # fmt: skip
        seconds = []

        def opponent() -> None:
            begin = time.perf_counter()
            theirs()
            seconds.append(time.perf_counter() - begin)

        benchmark.pedantic(ours, setup=opponent, rounds=rounds, warmup_rounds=warm)
        kept = seconds[warm : warm + rounds]
        ratio = statistics.median(b / a for a, b in zip(benchmark.stats.stats.data, kept, strict=True))
        benchmark.extra_info.update(
            work=work, against=against, theirs=kept, ratio=ratio, at_least=at_least, aim=aim, unit="x"
        )

    return run


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """What the speed depends on, and no host name."""
    machine_info.clear()
    machine_info.update(machine.machine())


def pytest_benchmark_update_commit_info(config: Any, commit_info: dict[str, Any]) -> None:
    commit_info.clear()
    commit_info.update(id=machine.git_sha())


def pytest_terminal_summary(terminalreporter: Any, config: Any) -> None:
    session = getattr(config, "_benchmarksession", None)
    found = [bench.extra_info for bench in (session.benchmarks if session else ()) if "ratio" in bench.extra_info]
    if found:
        terminalreporter.section("how fast (medians of alternating rounds)")
    for one in found:
        value = f"{100 * one['ratio']:.0f} %" if one["unit"] == "%" else f"{one['ratio']:.1f} x"
        bar = f"{100 * one['at_least']:.0f} %" if one["unit"] == "%" else f"{one['at_least']:g} x"
        missed = "" if one["ratio"] >= one["at_least"] else f"   below {bar}"
        terminalreporter.write_line(f"{value:>7}  {one['work']}: {one['against']}{missed}")
