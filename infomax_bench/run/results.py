"""The tidy table and the verdicts, from what jobs have written; no training, no torch."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from infomax_bench.base.errors import UserError
from infomax_bench.base.printable import printable
from infomax_bench.base.sealed import Damaged, read_either
from infomax_bench.base.status import LOST, Status
from infomax_bench.base.store import Job, Manifest, Store, replacing
from infomax_bench.run.record import RECORD, fitted
from infomax_bench.run.recorded import cpu_seconds
from infomax_bench.run.rows import WORDS, read_rows
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.cards import claims_of
from infomax_bench.study.cell import COLUMNS as COLUMNS
from infomax_bench.study.cell import DEFAULTS, Cell, Request
from infomax_bench.study.claims import Claims

Arrays = Callable[[], dict[str, np.ndarray]]
"""Reads arrays that a job kept; raises what numpy, zipfile and zlib do if they are damaged."""

CODED = ("benchmark", "family", "preset", "device", "cpu", "version", "git_sha", "role", "evaluation")
"""Columns of few words, which the table holds as codes: it is cut into parts thousands of times."""


@dataclass
class Results:
    """A results folder, read: the table, what is missing, and how it was run.

    jobs: what all rows of a job have in common, a line for each; missing: entries of the manifest without a job; info:
    the content of run.json; arrays: evaluation -> (method, dataset, width) -> what reads what it kept beside rows;
    failures, not_applicable: (what, why).
    """

    preset: str
    table: pd.DataFrame
    missing: list[dict[str, Any]]
    info: dict[str, Any]
    arrays: dict[str, dict[tuple[str, str, int], Arrays]] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)
    not_applicable: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    jobs: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(COLUMNS)))
    cpu_seconds: float = 0.0
    """Recorded, of all jobs and trainings; see `recorded`."""

    @property
    def cards(self) -> dict[str, dict[str, Any]]:
        """Method -> its card, as plain values."""
        cards: dict[str, dict[str, Any]] = self.info.get("methods", {})
        return cards

    def untrained(self, datasets: Iterable[str]) -> list[str]:
        """A line for each data set on which no method that trains could be trained, with the commonest reason."""
        lines = []
        by_gradient = {name for name, card in self.cards.items() if not card.get("fitted")}
        for dataset in datasets:
            rows = self.table[(self.table["dataset"] == dataset) & self.table["method"].isin(by_gradient)]
            if len(rows) and (rows["status"] == Status.NOT_APPLICABLE).all():
                lines.append(f"no method was trained on {dataset}: {rows['reason'].mode()[0]}")
        return lines

    def claims(self, subject: str | None = None) -> Claims:
        """Who is claimed about, and who stands against it: see `claims_of`."""
        subject = printable(subject or str(self.info["subject"]))
        suite, indicative = self.info["suite"], bool(self.info.get("indicative"))
        found = claims_of(self.cards, subject, self.preset, indicative, suite.get("width"))
        return replace(
            found,
            seeds=tuple(sorted(int(s) for s in self.once["seed"].dropna().unique())) if self.again else (),
            twins=tuple(tuple(own) for own in suite.get("twins", ())),
            n_test={
                name: known["n_test"] for name, known in self.info.get("datasets", {}).items() if "n_test" in known
            },
        )

    @property
    def again(self) -> set[int]:
        """The seeds under which the subject and its forms alone were measured, a second time."""
        suite = self.info["suite"]
        return set(suite.get("again", ())) - set(suite.get("seeds", ()))

    @functools.cached_property
    def once(self) -> pd.DataFrame:
        """The table without what was measured a second time, which is for claims alone: means over it would compare
        methods under other seeds, and its intervals be narrower."""
        return self.table[~self.table["seed"].isin(self.again)] if self.again else self.table

    def without_drafts(self, subject: str) -> pd.DataFrame:
        """The table that claims are decided on: what a draft of another method did cannot matter then, whatever a
        benchmark reads of all rows together, such as the best of them."""
        own = {subject, f"{subject} ({DEFAULTS})"}
        part = {m for m, card in self.cards.items() if card.get("role", "draft") != "draft"} | own
        if set(self.jobs["method"]) <= part:
            return self.table  # cutting nothing out of it would take as long as cutting much
        return self.table[self.table["method"].isin(part)]  # of what is gone nobody knows whether it was a draft


def machine_in_words(found: Mapping[str, Any]) -> str:
    """What `machine.machine` found, on one line; the instructions tell processors of one name apart."""
    instructions = f" ({found['instructions']})" if found.get("instructions") else ""
    words = f"{found.get('cpu', '')}{instructions}, {found.get('cores', '?')} cores, {found.get('gpu') or 'no GPU'}"
    return f"{words}, matrix products: {found['products']}" if found.get("products") else words


def read_info(root: Path, warn: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """run.json, or its copy, without the parts of another shape; {} if both are missing or damaged. warn: is told of
    damage, in a line."""
    path = root / "run.json"
    try:
        info: dict[str, Any] | None = read_either(path, warn, _check_info)
        return fitted(info, RECORD) if info else {}
    except Damaged as error:
        warn(
            f"{path} is damaged ({error}); 'infomax-bench run' makes it anew, and what it told of earlier runs is lost"
        )
        return {}


def _check_info(info: dict[str, Any]) -> None:
    """Raises TypeError or KeyError for what is not the content of a run.json."""
    if not isinstance(info["suite"], dict) or not all(
        isinstance(text, str) for text in (info["subject"], info["suite"]["preset"])
    ):
        raise TypeError("it is not the record of a run")


def read_results(root: Path, manifest: Manifest | None = None, info: dict[str, Any] | None = None) -> Results:
    """Reads a results folder, however partial; every text of it is `printable` from here on.

    manifest, info: what a run that has just ended knows of itself; another one may have written the folder's since.

    Raises UserError if it is not one, or if it is damaged so that results could be lost.
    """
    store = Store(root)
    manifest = store.manifest() if manifest is None else manifest
    info = _printable(read_info(root, store.warn) if info is None else info)
    if not manifest or "suite" not in info:
        raise UserError(" ".join(store.warnings[-1:]) or f"{root} holds no results; 'infomax-bench run' makes some")
    entries = list(manifest.values())
    rows = read_rows(root, entries)
    entries = _printable(entries)
    results = Results(info["suite"]["preset"], pd.DataFrame(columns=list(COLUMNS)), [], info)
    results.cpu_seconds = cpu_seconds(entries, rows.jobs)
    bases = []
    for entry, job, reasons in zip(entries, rows.jobs, rows.failed, strict=True):
        if job is None:
            results.missing.append(entry)
            continue
        base = _of_one_job(entry, job, results)
        bases.append(base)
        label = f"{base['method']} on {base['dataset']}, width {base['width']}"
        if job.status != Status.OK:
            list_of = results.failures if job.status in LOST else results.not_applicable
            if (label, job.reason) not in list_of and base["current"]:
                list_of.append((label, job.reason))
        if base["current"]:
            failed = dict.fromkeys((label, reason) for reason in reasons)
            results.failures += [failure for failure in failed if failure not in results.failures]
        if job.arrays and store.has_arrays(entry["key"], job):
            where = (base["method"], base["dataset"], base["width"])
            places = results.arrays.setdefault(base["evaluation"], {})
            # the first block of seeds
            places.setdefault(where, partial(store.read_arrays, entry["key"], job.arrays))
    counts = np.array([n for n, job in zip(rows.counts, rows.jobs, strict=True) if job is not None])
    if counts.sum():
        tags = sorted({name for entry in entries for name, _ in entry["cell"]["tags"]} - set(COLUMNS))
        jobs = pd.DataFrame(bases)
        jobs = jobs.assign(**{name: _of_one_kind(jobs[name]) for name in tags})
        results.jobs, results.table = jobs[counts > 0], _table(jobs, counts, rows.columns, tags)
    results.warnings = list(dict.fromkeys(store.warnings + rows.warnings))
    if results.missing:
        of = sorted({entry["cell"]["method"] for entry in results.missing})
        named = ", ".join(of[:5]) + ", ..." * (len(of) > 5)
        results.warnings.append(f"{len(results.missing)} results that were asked for are not there (of {named})")
    return results


def _printable(content: Any) -> Any:
    """What `printable` gives; of much in which nothing is to be escaped, it would take long to find that."""
    text = json.dumps(content, ensure_ascii=False, default=str)
    return content if text.isprintable() and "\\" not in text else printable(content)


def _of_one_job(entry: dict[str, Any], job: Job, results: Results) -> dict[str, Any]:
    """What all rows of a job have in common. A method with its default settings gets a card of its own."""
    cell, request, stamp = entry["cell"], entry["request"], job.stamp
    name, card = cell["method"], results.cards.get(cell["method"], {})
    if cell["label"] == DEFAULTS:  # a method of its own in tables and figures, and in no claim
        name = f"{name} ({DEFAULTS})"
        if card:
            results.cards.setdefault(name, {**card, "tunable": [], "shown_beside": cell["method"]})
    of_cell = {key: cell[key] for key in ("track", "dataset", "backbone", "depth", "width")}
    of_job = {key: stamp.get(key) for key in ("n_parameters", "device", "version", "git_sha")}
    of_job["cpu"] = stamp.get("cpu") or ""  # of an older job nobody knows it
    return {
        **dict(cell["tags"]),
        **of_cell,
        **of_job,
        "benchmark": entry["benchmark"],
        "method": name,
        "family": card.get("family", ""),
        "role": card.get("role", ""),
        "target": request["target"] or cell["dataset"],
        "evaluation": request["evaluation"],
        "label": "" if cell["label"] == DEFAULTS else cell["label"],
        "status": job.status,
        "reason": job.reason,
        "preset": results.preset,
        "current": entry.get("current", True),
    }


def _table(jobs: pd.DataFrame, counts: np.ndarray, columns: Mapping[str, Any], tags: Sequence[str]) -> pd.DataFrame:
    """The tidy table: of each job as many rows as it has, whose own columns are given. A number that two requests
    asked for, of which one was made again: what is current counts."""
    words = [name for name in jobs if name not in tags and isinstance(jobs[name].dtype, pd.StringDtype)]
    words += [name for name in CODED if name not in words]
    shared, job = jobs.astype(dict.fromkeys(words, "category")), np.repeat(np.arange(len(jobs)), counts)
    order = ["benchmark", "track", "dataset", "target", "method", "label", "width", "metric", "protocol"]
    order += ["other", "x", "seed"]
    same = [*order, "backbone", "depth", "status"]
    # which rows, in which order, is found on the columns that decide it; words are in order of their codes
    keys = pd.DataFrame(
        {name: columns[name] if name in columns else shared[name].array[job] for name in [*same, "current"]}
    )
    if not keys["current"].all():
        keys = keys.sort_values("current", ascending=False, kind="stable")
    rows = keys.drop_duplicates(same).sort_values(order, kind="stable").index.to_numpy()
    own = {name: column[rows] for name, column in columns.items()}
    table: pd.DataFrame = shared.iloc[job[rows]].reset_index(drop=True).assign(**own)[[*COLUMNS, *tags]]
    spelled: list[str] = [str(name) for name in table if name in {*words, *WORDS} - {*CODED}]
    return table.assign(**{name: _spelled(table[name]) for name in spelled})


def _spelled(codes: pd.Series) -> pd.Series:
    """A categorical column of texts as texts: what `astype(str)` gives, without an object for each."""
    import pyarrow as pa

    words, at = pa.array(codes.cat.categories.tolist(), pa.large_string()), codes.cat.codes.to_numpy()
    coded = pa.DictionaryArray.from_arrays(pa.array(at, mask=at < 0), words)
    return pd.Series(pd.array(coded.cast(words.type), dtype="str"), index=codes.index, name=codes.name)


def wrong_tags(benchmark: Benchmark, grid: Iterable[tuple[Cell, Request]]) -> str:
    """What is wrong with the tags of a benchmark's cells, in words that name it; "" if nothing is."""
    for name in benchmark.tags:
        if name in COLUMNS:
            return f"its tag {name!r} has the name of a column"
    for cell, _ in grid:
        for name, value in cell.tags:
            kind = benchmark.tags.get(name)
            if kind is None:
                return f"a cell has the tag {name!r}, which is not declared"
            if not isinstance(value, str if kind is str else int | float):
                return f"a cell's tag {name!r} is {value!r}, declared as {kind.__name__}"
    return ""


def _of_one_kind(tag: pd.Series) -> pd.Series:
    """Numbers, NaN where there is none, if that is all there is; else text, and "" where there is none."""
    numbers = pd.to_numeric(tag, errors="coerce")
    return numbers.astype(float) if (numbers.notna() | tag.isna()).all() else tag.astype(object).fillna("").astype(str)


def write_table(path: Path, results: Results) -> None:
    """Writes the tidy table as CSV."""
    with replacing(path) as temporary:
        results.table.to_csv(temporary, index=False, float_format="%.8g")
