"""How the results of a report were made, and on what, as recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from infomax_bench.base.console import few
from infomax_bench.report.parts import number
from infomax_bench.run.results import Results, machine_in_words
from infomax_bench.study.claims import Claims

UNVERIFIED = "files not verified: no checksum is known"


def facts(results: Results) -> list[tuple[str, str]]:
    """How it was run and on what, as recorded."""
    info, rows, jobs = results.info, results.once, results.jobs
    suite, machine = info.get("suite", {}), info.get("machine", {})
    seeds = _numbers(rows["seed"].dropna().unique()) or "none"
    if results.again:
        seeds += f"; for claims {info['subject']} and its forms also {_numbers(results.again)}"
    packages = ", ".join(f"{name} {version}" for name, version in machine.get("packages", {}).items())
    seconds = float(info.get("seconds", 0))
    peak = max((float(run.get("peak_gib", 0)) for run in info.get("runs", [])), default=0.0)
    machines = dict.fromkeys(str(run["machine"]) for run in info.get("runs", []) if "machine" in run)
    machines = machines or {machine_in_words(machine): None}
    made = " and ".join(f"{v} ({sha or 'no commit'})" for v, sha in _pairs(jobs, "version", "git_sha"))
    found = [
        ("preset", results.preset),
        ("command", info.get("command", "")),
        ("seeds", seeds),
        ("width", f"{suite.get('width')}; swept over {', '.join(map(str, suite.get('widths', [])))}"),
        ("batch", f"{suite.get('batch_size')} images"),
        ("machine", "; ".join(machines)),
        ("device", ", ".join(str(d) for d in sorted(jobs["device"].dropna().unique()))),
        ("software", f"Python {machine.get('python', '?')}, {packages}"),
        ("version", f"measured with {made}" if made else ""),
        ("time", f"{seconds / 60:.0f} minutes in all runs" if seconds >= 90 else f"{seconds:.0f} seconds in all runs"),
        ("memory", f"at most {peak:.1f} GiB, all processes together" if peak else ""),
        ("measurements", f"{int((results.table['status'] == 'ok').sum()):,} rows".replace(",", "\u202f")),
    ]
    return [(name, value) for name, value in found if value and (name != "time" or seconds)]


def scope(results: Results, claims: Claims) -> list[str]:
    """On what the claims are decided, in a few words each: layers, data sets, seeds, methods, device."""
    jobs = results.jobs
    own = jobs[(jobs["track"] == claims.track) & (jobs["backbone"] == "linear") & (jobs["label"] == "")]
    sets, n_seeds = sorted(map(str, own["dataset"].unique())), results.once["seed"].dropna().nunique()
    measured = {*claims.roster, claims.subject} & {*own["method"]}
    devices = sorted({str(d) for d in own["device"].dropna()})
    return [
        f"single layers of {claims.width} units" if claims.width else "single layers",
        f"{len(sets)} data set{'s' * (len(sets) != 1)} ({few(sets)})",
        f"{n_seeds} seed{'s' * (n_seeds != 1)}",
        f"{len(measured)} methods",
        *([" and ".join(d.upper() if d == "cpu" else d for d in devices)] if devices else []),
    ]


def _numbers(found: Iterable[Any]) -> str:
    return ", ".join(map(str, sorted(int(n) for n in found)))


def _pairs(rows: pd.DataFrame, *columns: str) -> list[tuple[str, ...]]:
    return sorted(tuple(str(v) for v in pair) for pair in rows[list(columns)].dropna().drop_duplicates().to_numpy())


def _source(dataset: Mapping[str, Any]) -> str:
    """Whom to cite, and the licence; "" for results of before these were recorded."""
    licence = dataset.get("licence")
    return "; ".join(filter(None, [dataset.get("citation"), f"licence: {licence}" if licence else ""]))


def datasets(results: Results) -> list[list[str]]:
    """Name, with a line below if its files could not be verified, summary, with a line below of its citation and
    licence, image, classes, training and validation images, test images, epochs."""
    epochs = results.info.get("suite", {}).get("epochs", {})
    found = results.info.get("datasets", {})
    return [
        [
            f"{name}\n{UNVERIFIED}" if d.get("verified") is False else name,
            "\n".join(filter(None, [d["summary"], _source(d)])),
            " × ".join(map(str, d.get("shape", []))),
            number(len(d["classes"]) if "classes" in d else None),
            number(d.get("n_rest")),
            number(d.get("n_test")),
            str(epochs.get(name, "–")),
        ]
        for name, d in sorted(found.items())
    ]
