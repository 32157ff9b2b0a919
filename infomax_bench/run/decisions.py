"""What the rows decide: every benchmark's verdicts and findings; no torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd

from infomax_bench.base.forked import available_cores, in_parallel
from infomax_bench.base.store import write_text
from infomax_bench.run.results import Results
from infomax_bench.stats.findings import Finding, as_json, from_verdict
from infomax_bench.stats.scores import Scores, scores
from infomax_bench.stats.verdict import Verdict, failed_seeds
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.claims import Claims


def decide_all(results: Results, benchmarks: Iterable[Benchmark], subject: str | None = None) -> list[Verdict]:
    """Every benchmark's verdicts on what is there."""
    claims = results.claims(subject)
    table = results.without_drafts(claims.subject)
    ordered = sorted(benchmarks, key=lambda b: (b.order, b.name))
    doubtful = frozenset(calibration(results, ordered, claims).differ) - {claims.subject}
    claims = replace(claims, doubtful=doubtful, home=at_home(table, claims))
    parts = [partial(_verdicts, b, rows, claims) for b in ordered if len(rows := b.own_rows(table, claims))]
    return [verdict for own in in_parallel(parts, available_cores()) for verdict in own]


def at_home(table: pd.DataFrame, claims: Claims) -> Scores:
    """Accuracy of a linear probe on the data sets that encoders were trained on, whichever benchmark asked for it."""
    plain = (table["metric"] == "accuracy") & (table["protocol"] == "linear") & (table["track"] == claims.track)
    plain &= (table["dataset"] == table["target"]) & (table["label"] == "") & (table["backbone"] == "linear")
    if claims.width is not None:
        plain &= table["width"] == claims.width
    return scores(table[plain])


@dataclass(frozen=True)
class Calibration:
    """The methods that did not reproduce what is published of them, and those that were never compared with it: none
    where no method was."""

    differ: tuple[str, ...] = ()
    never: tuple[str, ...] = ()

    @property
    def told(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Marks, what they say, and who wears them, where anybody does."""
        both = [
            ("¶", "did not reproduce what is published", self.differ),
            ("‖", "never compared with a published number", self.never),
        ]
        return [one for one in both if one[2]]

    @property
    def marks(self) -> dict[str, str]:
        """Method -> its mark, of those that have one."""
        return {method: mark for mark, _, methods in self.told for method in methods}


def calibration(results: Results, benchmarks: Iterable[Benchmark], claims: Claims) -> Calibration:
    """What benchmarks find about methods and what is published of them. Rows of other versions condemn nobody."""
    able = [b for b in benchmarks if type(b).calibration is not Benchmark.calibration]
    rows = [(b, b.own_rows(results.once, claims)) for b in able]
    compared = {method for b, own in rows for method in b.calibration(own)}
    current = [(b, own[own["current"].astype(bool)]) for b, own in rows]
    differ = {m for b, own in current for m, word in b.calibration(own).items() if word == "differs"}
    there = {m for m in results.jobs["method"].unique() if "shown_beside" not in results.cards.get(m, {})}
    return Calibration(tuple(sorted(differ)), tuple(sorted(there - compared)) if compared else ())


def _verdicts(benchmark: Benchmark, rows: pd.DataFrame, claims: Claims) -> list[Verdict]:
    once = rows["seed"].isin(claims.seeds) if claims.seeds else True
    failed = failed_seeds(rows[once & (rows["track"] == claims.track)], claims.subject)
    return benchmark.verdicts(rows, claims, failed)


def find_all(
    results: Results, benchmarks: Iterable[Benchmark], verdicts: Sequence[Verdict], subject: str | None = None
) -> list[tuple[str, Finding]]:
    """Benchmark and finding: the verdicts, and what benchmarks find beside them. One that fails is warned of."""
    claims = results.claims(subject)
    found = [(verdict.benchmark, from_verdict(verdict)) for verdict in verdicts]
    for benchmark in sorted(benchmarks, key=lambda b: (b.order, b.name)):
        rows = benchmark.own_rows(results.once, claims)
        try:
            found += [(benchmark.name, one) for one in benchmark.findings(rows, claims)] if len(rows) else []
        except Exception as error:
            results.warnings.append(f"{benchmark.name}: its findings fail ({type(error).__name__}: {error})")
    return found


def write_decisions(root: Path, verdicts: Iterable[Verdict], findings: Iterable[tuple[str, Finding]]) -> None:
    """Writes verdicts.json and findings.json."""
    for name, values in (("verdicts", [v.as_json() for v in verdicts]), ("findings", [as_json(*f) for f in findings])):
        write_text(root / f"{name}.json", json.dumps(values, indent=1) + "\n")
