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
from infomax_bench.stats.verdict import Verdict, failed_seeds
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.cell import DEFAULTS
from infomax_bench.study.claims import Claims


def decide_all(results: Results, benchmarks: Iterable[Benchmark], subject: str | None = None) -> list[Verdict]:
    """Every benchmark's verdicts on what is there; each with the outcome without rivals that did not reproduce what
    is published of them, without those that see labels, and of the subject with its default settings."""
    claims = results.claims(subject)
    table = results.without_drafts(claims.subject)
    ordered = sorted(benchmarks, key=lambda b: (b.order, b.name))
    doubtful = frozenset(calibration(results, ordered, claims).differ) - {claims.subject}
    own = [(b, rows) for b in ordered if len(rows := b.own_rows(table, claims))]
    asked = {"": partial(_verdicts, own, claims)}
    if doubtful:
        asked["without_uncalibrated"] = partial(_verdicts, own, claims.without(doubtful))
    if claims.subject not in claims.supervised:
        blind = claims.without(claims.supervised)
        asked["without_supervised"] = partial(_verdicts, own, blind)
    asked["with_defaults"] = partial(_with_defaults, own, claims)
    verdicts, *others = in_parallel(list(asked.values()), available_cores())
    for name, found in zip([*asked][1:], others, strict=True):
        outcomes = {_question(v): v.verdict for v in found if v.n_seeds}
        verdicts = [replace(v, **{name: "" if v.aside else outcomes.get(_question(v), "")}) for v in verdicts]
    return list(verdicts)


Own = Sequence[tuple[Benchmark, pd.DataFrame]]
"""Benchmarks, each with its rows."""


def _with_defaults(own: Own, claims: Claims) -> list[Verdict]:
    """The verdicts if the subject had not been tuned; none where it was not, or was not run so."""
    named = f"{claims.subject} ({DEFAULTS})"
    if not any((rows["method"] == named).any() for _, rows in own):
        return []
    others = [(benchmark, rows[rows["method"] != claims.subject]) for benchmark, rows in own]
    renamed = [(b, rows.assign(method=rows["method"].replace(named, claims.subject))) for b, rows in others]
    return _verdicts([(benchmark, rows) for benchmark, rows in renamed if len(rows)], claims)


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
    rows = [(b, b.own_rows(results.table, claims)) for b in able]
    compared = {method for b, own in rows for method in b.calibration(own)}
    current = [(b, own[own["current"].astype(bool)]) for b, own in rows]
    differ = {m for b, own in current for m, word in b.calibration(own).items() if word == "differs"}
    there = {m for m in results.jobs["method"].unique() if "shown_beside" not in results.cards.get(m, {})}
    return Calibration(tuple(sorted(differ)), tuple(sorted(there - compared)) if compared else ())


def _verdicts(own: Own, claims: Claims) -> list[Verdict]:
    verdicts: list[Verdict] = []
    for benchmark, rows in own:
        failed = failed_seeds(rows[rows["track"] == claims.track], claims.subject)
        verdicts += benchmark.verdicts(rows, claims, failed)
    return verdicts


def _question(verdict: Verdict) -> tuple[str, ...]:
    return verdict.benchmark, verdict.claim, verdict.title, verdict.against


def find_all(
    results: Results, benchmarks: Iterable[Benchmark], verdicts: Sequence[Verdict], subject: str | None = None
) -> list[tuple[str, Finding]]:
    """Benchmark and finding: the verdicts, and what benchmarks find beside them. One that fails is warned of."""
    claims = results.claims(subject)
    found = [(verdict.benchmark, from_verdict(verdict)) for verdict in verdicts]
    for benchmark in sorted(benchmarks, key=lambda b: (b.order, b.name)):
        rows = benchmark.own_rows(results.table, claims)
        try:
            found += [(benchmark.name, one) for one in benchmark.findings(rows, claims)] if len(rows) else []
        except Exception as error:
            results.warnings.append(f"{benchmark.name}: its findings fail ({type(error).__name__}: {error})")
    return found


def write_decisions(root: Path, verdicts: Iterable[Verdict], findings: Iterable[tuple[str, Finding]]) -> None:
    """Writes verdicts.json and findings.json."""
    for name, values in (("verdicts", [v.as_json() for v in verdicts]), ("findings", [as_json(*f) for f in findings])):
        write_text(root / f"{name}.json", json.dumps(values, indent=1) + "\n")
