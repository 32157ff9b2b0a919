"""Rows as a preset's grid would give them, made up: what `check` shows to a benchmark's rules, figures and words.

Every encoder that the grid asks for is there under every seed, with a row for each metric, protocol and x that its
evaluations declare. Values lie in the declared range, methods apart from each other by more than seeds are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from infomax_bench.base.status import Status
from infomax_bench.evaluations.declare import Evaluation, Metric
from infomax_bench.run.results import COLUMNS
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.contrast import Contrast
from infomax_bench.study.plan import Entry
from infomax_bench.study.plugins import Registry
from infomax_bench.study.selection import Select

APART, OVER_SEEDS, AHEAD = 0.1, 0.002, 0.3
"""In shares of a range: from the worst to the best method, a deviation over seeds, and how far the subject is ahead."""
NAMES = ("one", "two")
"""Of factors, where a data set has none."""


@dataclass(frozen=True)
class Scenario:
    """What a benchmark must be able to tell of. subject: ahead of all others (1), behind (-1), or among them (0);
    seeds: how many; missing, failed: is the subject missing, did another method fail; partial: the other methods lack
    every second data set and target."""

    name: str
    subject: int = 0
    seeds: int = 5
    missing: bool = False
    failed: bool = False
    partial: bool = False


FULL = Scenario("everything is there")
WINS = Scenario("the subject wins everything", subject=1)
LOSES = Scenario("the subject loses everything", subject=-1)
ONE_SEED = Scenario("one seed", seeds=1)
MISSING = Scenario("the subject is missing", missing=True)
FAILED = Scenario("a method failed", failed=True)
PARTIAL = Scenario("half is missing", partial=True)
SCENARIOS = (FULL, WINS, LOSES, ONE_SEED, MISSING, FAILED, PARTIAL)


def rows_of(
    benchmark: Benchmark, entries: Iterable[Entry], registry: Registry, subject: str, scenario: Scenario
) -> pd.DataFrame:
    """The benchmark's part of a table: COLUMNS, and its tags."""
    cells = pd.DataFrame([_base(entry, registry) for entry in entries])
    if cells.empty:
        return nothing(benchmark)
    cells["seed"] = [range(scenario.seeds)] * len(cells)
    cells = cells.explode("seed", ignore_index=True).astype({"seed": int})
    parts = [
        own.merge(_measures(registry.evaluation(str(name)), _factors(own, registry)), how="cross")
        for name, own in cells.groupby("evaluation")
    ]
    if benchmark.compares:
        parts.append(_pairs(cells, registry.evaluation(benchmark.compares)))
    rows: pd.DataFrame = pd.concat(parts, ignore_index=True)
    rows["value"] = _values(rows, benchmark, subject, scenario)
    rows = _lost(rows, subject, scenario)
    return benchmark.tagged(rows.reindex(columns=[*COLUMNS, *benchmark.tags]))


def nothing(benchmark: Benchmark) -> pd.DataFrame:
    """A table without rows."""
    columns = pd.DataFrame(columns=list(COLUMNS)).astype({"x": float, "value": float})
    return benchmark.tagged(columns)


def _base(entry: Entry, registry: Registry) -> dict[str, Any]:
    cell, card = entry.cell, registry.get("methods", entry.cell.method).cls.card
    return {
        "benchmark": entry.benchmark,
        "track": cell.track,
        "method": cell.method,
        "family": card.family,
        "role": card.role,
        "dataset": cell.dataset,
        "target": entry.request.target or cell.dataset,
        "backbone": cell.backbone,
        "depth": cell.depth,
        "width": cell.width,
        "label": cell.label,
        "evaluation": entry.request.evaluation,
        "status": str(Status.OK),
        "current": True,
        "other": "",
        "reason": "",
        **dict(cell.tags),
    }


def _factors(cells: pd.DataFrame, registry: Registry) -> tuple[str, ...]:
    found = [name for data in cells["target"].unique() for name in registry.dataset(data).factor_names]
    return tuple(dict.fromkeys(found)) or NAMES


def _measures(evaluation: Evaluation, names: Sequence[str]) -> pd.DataFrame:
    """A line for each metric, protocol and x."""
    lines = []
    for metric in evaluation.metrics:
        low, high = _finite(metric)
        for each in names if metric.each else ("",):
            for protocol in [*metric.protocols, *names] if metric.by else metric.protocols:
                for x in metric.at or (math.nan,):
                    lines.append((metric.name + each, protocol, float(x), low, high, metric.better))
    made = pd.DataFrame(lines, columns=["metric", "protocol", "x", "low", "high", "better"])
    return made.drop_duplicates(["metric", "protocol", "x"])


def _finite(metric: Metric) -> tuple[float, float]:
    low, high = metric.range
    low = low if math.isfinite(low) else min(-1.0, high - 2)
    return low, high if math.isfinite(high) else low + 2


def _pairs(cells: pd.DataFrame, comparison: Evaluation) -> pd.DataFrame:
    """Every two methods once, on the one whose name comes first, as comparisons have them."""
    own = cells.drop_duplicates(["method", "dataset", "width", "label", "seed"]).drop(columns="other")
    others = own[["dataset", "width", "label", "seed", "method"]].rename(columns={"method": "other"})
    both = own.merge(others, on=["dataset", "width", "label", "seed"])
    both = both[both["method"] <= both["other"]].assign(evaluation=comparison.name)
    return both.merge(_measures(comparison, NAMES), how="cross")


def _values(rows: pd.DataFrame, benchmark: Benchmark, subject: str, scenario: Scenario) -> np.ndarray:
    rng = np.random.default_rng(0)
    rank, methods = pd.factorize(rows["method"], sort=True)
    share = 0.45 + APART * rank / max(1, len(methods) - 1)
    if scenario.subject:
        share = np.where(rows["method"] == subject, 0.5 + AHEAD * scenario.subject, share)
    share = np.where(rows["better"].mask(*_claimed(rows, benchmark)) == "lower", 1 - share, share)
    swept = rows.groupby(["metric", "protocol"])["x"].rank(pct=True).fillna(0.0)
    grown = rows.groupby(["method", "dataset"])["width"].rank(pct=True)
    share = share - 0.1 * swept + 0.05 * grown + OVER_SEEDS * rng.standard_normal(len(rows))
    found: np.ndarray = (rows["low"] + share * (rows["high"] - rows["low"])).to_numpy(dtype=float)
    return found


def _claimed(rows: pd.DataFrame, benchmark: Benchmark) -> tuple[pd.Series, pd.Series]:
    """Which rows a claim reads as they are, and in which direction their subject wins by it."""
    better = {
        contrast.rows.metric: "higher" if contrast.higher_is_better else "lower"
        for contrast in benchmark.contrasts
        if isinstance(contrast, Contrast) and isinstance(contrast.rows, Select)
    }
    return rows["metric"].isin(list(better)), rows["metric"].map(better)


def _lost(rows: pd.DataFrame, subject: str, scenario: Scenario) -> pd.DataFrame:
    """Without what the scenario says is not there."""
    if scenario.missing:
        return rows.loc[rows["method"] != subject]
    others = sorted(set(rows["method"]) - {subject})
    if scenario.failed and others:
        lost = rows["method"] == others[len(others) // 2]
        keys = ["method", "dataset", "target", "width", "label", "seed", "evaluation", "backbone", "depth", "track"]
        failed = rows[lost].drop_duplicates(keys)
        failed = failed.assign(metric=failed["evaluation"], protocol="", x=np.nan, value=np.nan)
        both: pd.DataFrame = pd.concat([rows[~lost], failed.assign(status=str(Status.DIVERGED), reason="diverged")])
        return both
    if scenario.partial:
        place = rows.groupby(["dataset", "target"]).ngroup() % 2
        rows = rows.loc[(rows["method"] == subject) | (place == 0)]
    return rows
