"""What the explorer shows: every value of the controlled track, seed by seed, as scripts that are loaded when needed.

`series.js` lists what there is; `series-EVALUATION.js`, or `series-others.js` of small ones, holds values in blocks
`[methods, x, seeds]` of float32, NaN where there is none. What results call things stands in lists, never as the name
of a field: "__proto__" is a name too.
"""

from __future__ import annotations

import base64
import functools
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pandas as pd

from infomax_bench.base.status import Status
from infomax_bench.evaluations.declare import Metric
from infomax_bench.report.images import read_galleries
from infomax_bench.report.model import marks
from infomax_bench.report.parts import file_name
from infomax_bench.report.predictions import Prediction
from infomax_bench.report.units import units
from infomax_bench.run.results import Results
from infomax_bench.stats.intervals import ALPHA, t_quantile
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.claims import Claims
from infomax_bench.study.plugins import Registry

WORDS = ("backbone", "method", "dataset", "target", "metric", "protocol", "evaluation", "status")
CASE = ["metric", "protocol", "dataset", "target", "width"]
OWN_WIDTH = 0
"""The width of methods that have one of their own, which stand beside others at any."""
METRICS = Path(__file__).with_name("metrics.json")
"""A copy of what bundled evaluations declare; `python -m tests.report.test_series` writes it."""
LARGE = 0.05
"""The share of all values from which on an evaluation has a file of its own."""
SETTING = {"track": "controlled", "label": "", "other": ""}
"""Columns of the table that are the same in all that is shown: encoders that differ in their objective alone."""
ENCODER = ["backbone", "depth"]
"""What tells encoders apart that are shown one at a time."""
SINGLE = ("linear", 1)


def explorer(
    results: Results, claims: Claims, registry: Registry, tones: Mapping[str, int] = MappingProxyType({})
) -> dict[str, bytes]:
    """File -> content of all that the explorer loads. tones: method -> number of its colour on the page."""
    pictures, files = units(read_galleries(results.arrays.get("gallery", {}), claims.subject))
    return {**pictures, **series(results, claims, registry, files, tones)}


def link(prediction: Prediction, benchmark: Benchmark) -> str:
    """To what a prediction rests on in the explorer, all methods beside each other; "" where no one metric is told."""
    selects = [one for c in benchmark.contrasts if c.claim == prediction.claim for one in c.selects]
    if not selects or len(selects[0].protocols) != 1:
        return ""
    cases = (prediction.compared or prediction.lead).cases
    abroad = {(one.dataset, one.target) for one in cases if one.target in {other.dataset for other in cases}}
    chosen = {
        "view": "lines" if benchmark.sweeps_width else "rank",
        "metric": selects[0].metric,
        "protocol": selects[0].protocols[0],
        "target": "elsewhere" if any(dataset != target for dataset, target in abroad) else "home",
    }
    return f"#explore?{urlencode(chosen)}"


def series(
    results: Results,
    claims: Claims,
    registry: Registry,
    galleries: Iterable[tuple[str, str]] = (),
    tones: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, bytes]:
    """File -> content. galleries: data set and file of each, which the list tells too."""
    rows = controlled(results, claims)
    good = rows[(rows["status"] == Status.OK).to_numpy() & np.isfinite(rows["value"].to_numpy(dtype=float))]
    methods, seeds = list(rows["method"].cat.categories), sorted({int(seed) for seed in rows["seed"]})
    metrics: list[dict[str, Any]] = []
    encoders: list[dict[str, Any]] = []
    files: dict[str, list[dict[str, Any]]] = defaultdict(list)
    share = good["evaluation"].value_counts(normalize=True)
    measured = good.groupby(["metric", "protocol", "evaluation"], observed=True).size()
    for (backbone, depth), part in sorted(
        good.groupby(ENCODER, observed=True), key=lambda one: (one[0] != SINGLE, one[0])
    ):
        encoders.append(_encoder(rows, str(backbone), int(depth)))
        for (metric, protocol), own in groupby(_blocks(part, seeds), key=itemgetter(0)):
            counts = measured[metric, protocol].sort_values(ascending=False, kind="stable")
            first = str(counts.index[0])
            file = f"series-{file_name(first) if share[first] >= LARGE else 'others'}.js"
            blocks = [{"metric": len(metrics), **block} for _, block in own]
            about = {
                "encoder": len(encoders) - 1,
                "name": metric,
                "protocol": protocol,
                "file": file,
                "by": sorted(counts.index),
                "xs": sorted({x for block in blocks for x in block["xs"] if x is not None}),
                "cases": [[block[name] for name in ("dataset", "target", "width")] for block in blocks],
            }
            metrics.append(about | _declared(registry, metric, protocol, first))
            files[file] += blocks
    index = {
        "subject": claims.subject,
        "width": claims.width,
        "methods": methods,
        "tones": [[method, tone] for method, tone in tones.items() if method in methods],
        "seeds": seeds,
        "again": sorted(results.again),
        "marks": _marks(results, claims, methods),
        "encoders": encoders,
        "own": _own_widths(results, claims),
        "metrics": metrics,
        "units": list(galleries),
        "t": [t_quantile(n, ALPHA) for n in range(2, len(seeds) + 1)],
    }
    return {
        "series.js": f"infomax.series = {_json(index)};\n".encode(),
        **{file: f"infomax.values.set({_json(file)}, {_json(own)});\n".encode() for file, own in files.items()},
    }


def controlled(results: Results, claims: Claims) -> pd.DataFrame:
    """Rows of encoders that differ in their objective alone, each once, words as codes."""
    rows = results.once
    here = np.logical_and.reduce([(rows[name] == value).to_numpy() for name, value in SETTING.items()])
    found = rows.loc[here, [*WORDS, "depth", "width", "seed", "x", "value"]]
    found = found.assign(width=found["width"].where(~found["method"].isin(claims.own_width), OWN_WIDTH))
    found = found.astype(dict.fromkeys(WORDS, "category"))
    return found.drop_duplicates([*ENCODER, *CASE, "method", "seed", "x", "status"])


def _blocks(good: pd.DataFrame, seeds: list[int]) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Metric and protocol, and on each case whose values there are, at which x, and these `[methods, x, seeds]`."""
    if good.empty:
        return
    case = good.groupby(CASE, observed=True).ngroup().to_numpy()
    order = np.argsort(case, kind="stable")
    first = np.flatnonzero(np.diff(case[order], prepend=-1))
    keys = good[CASE].iloc[order[first]].astype(object).to_numpy()
    seed = np.searchsorted(seeds, good["seed"].to_numpy())
    columns = (good["method"].cat.codes.to_numpy(), good["x"].to_numpy(), seed, good["value"].to_numpy())
    for key, *own in zip(keys, *(np.split(column[order], first[1:]) for column in columns), strict=True):
        (methods, m), (xs, x) = (np.unique(column, return_inverse=True) for column in own[:2])
        values = np.full((len(methods), len(xs), len(seeds)), np.nan, dtype="<f4")
        values[m, x, own[2]] = own[3]
        block = {
            **dict(zip(CASE[2:], key[2:], strict=True)),
            "methods": methods.tolist(),
            "xs": [None if np.isnan(one) else float(one) for one in xs],
            "values": base64.b64encode(values.tobytes()).decode(),
        }
        yield (key[0], key[1]), block


def _declared(registry: Registry, metric: str, protocol: str, evaluation: str) -> dict[str, Any]:
    """What its evaluation declares of a metric; nothing of one that nobody declares."""
    every = registry.declared(metric, protocol) or [one for one in _bundled() if one[1].has(metric, protocol)]
    found = [own for by, own in every if by == evaluation] or [own for _, own in every] or [Metric("", "")]
    bounds = [float(end) if math.isfinite(end) else None for end in found[0].range]
    return {**{name: getattr(found[0], name) for name in ("help", "unit", "better", "x")}, "range": bounds}


@functools.cache
def _bundled() -> list[tuple[str, Metric]]:
    """Evaluation and metric of those that come with the project, from a copy: to load them takes PyTorch."""
    found = json.loads(METRICS.read_text(encoding="utf-8"))
    return [(by, Metric(**{**own, "range": tuple(map(float, own["range"]))})) for by, own in found]


def declared(registry: Registry) -> list[tuple[str, dict[str, Any]]]:
    """What METRICS is to hold: of each metric that bundled evaluations declare, what a reader needs."""
    bundled = [registry.evaluation(name) for name, one in registry.plugins["evaluations"].items() if one.bundled]
    kept = ("name", "help", "better", "unit", "protocols", "x", "each", "by")
    return [
        (one.name, {**{name: getattr(own, name) for name in kept}, "range": [str(end) for end in own.range]})
        for one in sorted(bundled, key=lambda one: one.name)
        for own in one.metrics
    ]


def _encoder(rows: pd.DataFrame, backbone: str, depth: int) -> dict[str, Any]:
    """A kind of encoder. lost: evaluation, method, data set, target, width and status of what has no value."""
    columns = ["evaluation", "method", "dataset", "target", "width", "status"]
    rows = rows[(rows["backbone"] == backbone) & (rows["depth"] == depth)]
    found = rows.loc[rows["status"] != Status.OK, columns].drop_duplicates().astype(object)
    return {
        "name": "single layer" if (backbone, depth) == SINGLE else f"{backbone}, {depth} layer{'s' * (depth != 1)}",
        "methods": sorted(set(rows["method"])),
        "setting": [*SETTING.items(), ("backbone", backbone), ("depth", depth)],
        "lost": sorted(found.to_numpy().tolist(), key=lambda line: [str(one) for one in line]),
    }


def _marks(results: Results, claims: Claims, methods: list[str]) -> list[list[str]]:
    """Method and the marks that it wears on the page, of those that wear any."""
    calibration = dict.fromkeys(claims.uncompared, "‖") | dict.fromkeys(claims.doubtful, "¶")
    names = marks(results, calibration)
    return [[method, names[method].removeprefix(method).strip()] for method in methods if names[method] != method]


def _own_widths(results: Results, claims: Claims) -> list[list[Any]]:
    """Method, data set and width, of methods that have one of their own."""
    jobs = results.jobs
    found = jobs.loc[jobs["method"].isin(claims.own_width), ["method", "dataset", "width"]].drop_duplicates()
    return sorted(found.astype(object).to_numpy().tolist(), key=lambda line: [str(one) for one in line])


def _json(value: Mapping[str, Any] | list[Any] | str) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
