"""What the rows decide: every benchmark's verdicts and findings; no torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
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
    """Every benchmark's verdicts on what is there; each with the outcome without rivals that are not calibrated,
    without those that see labels, and of the subject with its default settings."""
    claims = results.claims(subject)
    table = results.without_drafts(claims.subject)
    ordered = sorted(benchmarks, key=lambda b: (b.order, b.name))
    doubtful = frozenset(uncalibrated(results, ordered, claims)) - {claims.subject}
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


def uncalibrated(results: Results, benchmarks: Iterable[Benchmark], claims: Claims) -> list[str]:
    """Methods that some benchmark shows not to do what is known of them."""
    able = [b for b in benchmarks if type(b).uncalibrated is not Benchmark.uncalibrated]
    return sorted({m for b in able for m in b.uncalibrated(b.own_rows(results.table, claims))})


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
