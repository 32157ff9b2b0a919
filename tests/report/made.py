"""Results folders of four methods, whole, partial and spoiled, and their reports."""

from __future__ import annotations

import json

import numpy as np

from infomax_bench.base.store import Job, Store, file_hash
from infomax_bench.report.build import write_report
from infomax_bench.run.decisions import decide_all
from infomax_bench.run.results import read_results
from infomax_bench.study.plugins import registry

ROLES = {"alpha": "this work", "beta": "prior art", "gamma": "control", "delta": "reference"}
DATASETS = ("one", "two")
SEEDS = list(range(5))
UGLY = "ValueError: <script>alert('x')</script> & a|pipe\nand a second line"
EVALUATIONS = {
    "pruning": ("prune_units", "prune_weights", "probe"),
    "transfer": ("probe",),
    "width": ("probe",),
    "interpretability": ("interpretability", "gallery"),
    "redundancy": ("redundancy",),
    "cost": ("training", "cost"),
}


METRICS = {
    "redundancy": [
        "nonlinear_dependence",
        "total_correlation_per_unit",
        "mean_abs_correlation",
        "effective_rank_share",
        "output_entropy",
        "active_share",
        "dead_units",
    ],
    "interpretability": [
        "nameable_units",
        "unit_auroc",
        "classes_named",
        "mig",
        "factor_alignment",
        "sap",
        "disentanglement",
        "completeness",
        "informativeness",
        "factor_vae",
    ],
    "training": ["train_seconds", "parameters", "discarded_parameters"],
    "cost": ["train_flops_per_sample", "peak_memory", "encode_flops_per_sample"],
}


def job_rows(evaluation, rng, seeds=SEEDS, middle=0.5, spread=0.3):
    """Rows such as the evaluation would write, of values about `middle`."""

    def row(metric, **where):
        values = middle + spread * (2 * rng.random(len(seeds)) - 1)
        return [{"seed": s, "metric": metric, "value": float(v), **where} for s, v in zip(seeds, values, strict=True)]

    if evaluation == "probe":
        return [
            r
            for protocol, x in (("linear", None), ("knn", None), ("few-shot", 1), ("few-shot", 5))
            for r in row("accuracy", protocol=protocol, x=x)
        ]
    if evaluation == "interpretability":
        shared = [r for metric in METRICS[evaluation] for r in row(metric)]
        return shared + [r for k in (1, 2, 5) for r in row("sparse_accuracy", x=k)]
    if evaluation == "prune_units":
        kinds = [f"{order}/{kind}" for order in ("random", "redundancy") for kind in ("frozen", "refitted")]
        curves = [r for p in kinds for x in (0.0, 0.5) for r in row("accuracy", protocol=p, x=x)]
        shares = [r for p in [*kinds, "best/refitted"] for r in row("prunable_fraction", protocol=p)]
        return curves + shares + row("dead_units")
    if evaluation == "prune_weights":
        return [r for x in (0.0, 0.5) for r in row("accuracy", protocol="magnitude/refitted", x=x)]
    return [r for metric in METRICS.get(evaluation, ()) for r in row(metric)]


def arrays(rng, channels=1):
    return {
        "filters": rng.integers(-127, 128, (16, channels, 5, 5)).astype(np.int8),
        "top": rng.integers(0, 256, (3, 6, channels, 5, 5)).astype(np.uint8),
        "units": np.array([4, 2, 9], np.int32),
        "auroc": np.array([0.99, 0.9, 0.5], np.float32),
        "names": np.array(["dog", "not cat", "none"]),
        "log_steps": np.arange(1, 21, dtype=np.int32),
        "log_fit": np.linspace(3, 1, 20, dtype=np.float32)[None] * np.ones((5, 1), np.float32),
    }


def grid(benchmark, datasets=DATASETS):
    """(data set, target, width) of a benchmark's encoders."""
    if benchmark == "transfer":
        return [(d, t, 8) for d in datasets for t in datasets]
    return [(d, d, w) for d in datasets for w in ((4, 8) if benchmark == "width" else (8,))]


def make_results(
    root,
    *,
    benchmarks=tuple(EVALUATIONS),
    lost=(),
    failed=(),
    never=(),
    old=(),
    roles=ROLES,
    datasets=DATASETS,
    seeds=SEEDS,
    middles=None,
    spread=0.3,
):
    """A results folder of a few methods, of which the first is the subject. lost, failed, never (not applicable) and
    old name methods; middles: method -> what its values are about, where that is not 0.5."""
    rng = np.random.default_rng(0)
    subject = next(iter(roles))
    store, manifest = Store(root), {}
    for benchmark in benchmarks:
        for method in roles:
            middle = (middles or {}).get(method, 0.5)
            for dataset, target, width in grid(benchmark, datasets):
                for evaluation in EVALUATIONS[benchmark]:
                    slot = f"{benchmark}|{method}|{dataset}|{target}|{width}|{evaluation}"
                    key = f"{len(manifest):024d}"
                    cell = {
                        "method": method,
                        "dataset": dataset,
                        "width": width,
                        "epochs": 3,
                        "batch_size": 4,
                        "backbone": "linear",
                        "depth": 1,
                        "track": "controlled",
                        "settings": [],
                        "label": "",
                    }
                    request = {"evaluation": evaluation, "target": None if target == dataset else target, "options": []}
                    manifest[slot] = {
                        "benchmark": benchmark,
                        "cell": cell,
                        "request": request,
                        "seeds": list(seeds),
                        "key": key,
                        "encoder_key": key,
                        "current": method not in old,
                    }
                    stamp = {"version": "0.1", "git_sha": "abc", "device": "cpu", "n_parameters": 100}
                    if method in failed or method in never:
                        store.write_job(
                            key, Job([], "failed" if method in failed else "not applicable", UGLY, stamp=stamp)
                        )
                    elif method not in lost:
                        rows, kept = job_rows(evaluation, rng, seeds, middle, spread), ""
                        if evaluation == "gallery":
                            store.arrays_path(key).parent.mkdir(parents=True, exist_ok=True)
                            np.savez(store.arrays_path(key), **arrays(rng))
                            kept = file_hash(store.arrays_path(key))
                        store.write_job(key, Job(rows, arrays=kept, stamp=stamp))
    card = {
        "family": "some family",
        "objective": "a < b & c",
        "prevents": "nothing",
        "paper": "Someone 2020",
        "essay_cost": "low",
    }
    info = {
        "subject": subject,
        "indicative": True,
        "version": "0.1",
        "command": "infomax-bench run",
        "seconds": 120.0,
        "suite": {
            "preset": "quick",
            "width": 8,
            "widths": [4, 8],
            "batch_size": 4,
            "epochs": {d: 3 + 2 * i for i, d in enumerate(datasets)},
        },
        "methods": {m: {**card, "role": role, "supervised": m == "delta"} for m, role in roles.items()},
        "datasets": {
            d: {
                "summary": f"data set {d}",
                "shape": [1, 5, 5],
                "classes": ["cat", "dog"],
                "factors": [],
                "n_rest": 1200,
                "n_test": 34,
            }
            for d in datasets
        },
        "machine": {"cpu": "a processor", "cores": 2, "gpu": "", "python": "3.11", "packages": {"torch": "2"}},
        "runs": [{"machine": m} for m in ("a processor, 2 cores, no GPU", "a faster one, 64 cores, no GPU")],
    }
    root.mkdir(parents=True, exist_ok=True)
    (root / "manifest.json").write_text(json.dumps(manifest))
    (root / "run.json").write_text(json.dumps(info))
    return root


def decide(root, plugins):
    """(verdicts, results) of a folder."""
    results = read_results(root)
    return decide_all(results, [plugins.benchmark(n) for n in plugins.names("benchmarks")]), results


def build(root, out, plugins=None):
    """(html, md, verdicts, results) of a folder's report."""
    plugins = plugins or registry()
    verdicts, results = decide(root, plugins)
    path = write_report(root, out, plugins, results, verdicts)
    return path.read_text(encoding="utf-8"), (out / "report.md").read_text(encoding="utf-8"), verdicts, results
