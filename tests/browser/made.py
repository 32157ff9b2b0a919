"""Results that the tests make up, and their pages: no training, a second or two each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from infomax_bench.base.store import Store
from infomax_bench.report.build import write_report
from infomax_bench.run.decisions import decide_all, find_all, write_decisions
from infomax_bench.run.results import read_results
from infomax_bench.study.plugins import home, registry
from tests.report.made import ROLES, make_results

SEVERAL = {
    "alpha": "this work",
    "beta": "prior art",
    "gamma": "control",
    "delta": "reference",
    "epsilon": "prior art",
    "zeta": "control",
    "eta": "prior art",
    "theta": "prior art",
}
FIVE = ("one", "two", "three", "four", "five")
"""On fewer than four data sets, no claim has a word."""
MIDDLES = {"alpha": 0.6, "beta": 0.63, "eta": 0.4}

HOSTILE = {
    "the end of a script": "</script></style></title><script>alert(1)</script>",
    "a handler": "<img src=x onerror=alert(1)>",
    "quotes": "\" onfocus=\"alert(1)\" autofocus='' x='",
    "an address": "javascript:alert(1)",
    "Markdown": "[x](javascript:alert(1)) ![y](http://e.vil/z) `<b>`",
    "a terminal's": "\x1b[31m\x1b]0;owned\x07",
    "right to left": "\u202egnp.exe",
    "a template": "{{ 7*7 }}{% raw %}${alert(1)}`${alert(1)}`",
    "a formula": '=HYPERLINK("http://e.vil","x")',
    "a prototype": "__proto__",
    "what objects inherit": "constructor",
}
"""Kinds of injection, each of which is the name of a method; five are names of data sets, and all are reasons."""


def edit(root: Path, **changes: object) -> None:
    """Changes fields of the run's record."""
    path = root / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def with_families(root: Path, families: Mapping[str, str]) -> None:
    cards = json.loads((root / "run.json").read_text())["methods"]
    edit(root, methods={m: {**card, "family": families.get(m, "some family")} for m, card in cards.items()})


def plain(root: Path) -> None:
    """Eight methods of three families under five seeds on five data sets, so that predictions get words."""
    make_results(root, roles=SEVERAL, datasets=FIVE, middles=MIDDLES, spread=0.1)
    with_families(root, {"alpha": "independence", "beta": "contrastive", "eta": "contrastive", "delta": "labels"})
    edit(root, indicative=False)


def partial(root: Path) -> None:
    """Two questions of six, a method that is missing, and one that does not apply."""
    make_results(root, benchmarks=("redundancy", "width"), lost=["beta"], never=["delta"])


def one_seed(root: Path) -> None:
    """Nothing has an interval over seeds."""
    make_results(root, datasets=FIVE, seeds=(0,), spread=0.1)


def failed(root: Path) -> None:
    """A rival fails everywhere."""
    make_results(root, roles=SEVERAL, datasets=FIVE, failed=["gamma"], middles=MIDDLES, spread=0.1)


def foreign(root: Path) -> None:
    """Somebody's own method is the subject, and was not tuned, beside those of the project, which were."""
    roles = {"my_idea": "draft", "infomax_em": "this work", **{m: r for m, r in SEVERAL.items() if m != "alpha"}}
    make_results(root, roles=roles, datasets=FIVE, middles={**MIDDLES, "my_idea": 0.55}, spread=0.1)
    cards = json.loads((root / "run.json").read_text())["methods"]
    cards["my_idea"].pop("role")
    study = {"backbone": "linear", "settings": {}, "current": True, "default": 0.5, "best": 0.6, "spread": 0.1}
    study |= {"trials": 3, "seeds": 2, "seconds": 1.0}
    others = [(method, dataset) for method in roles if method != "my_idea" for dataset in FIVE]
    tuning = {f"{m} on {d}, linear": {"method": m, "dataset": d, **study} for m, d in others}
    edit(root, methods=cards, tuning=tuning)


def hostile(root: Path) -> None:
    """Names and reasons that attack whoever shows them."""
    names = list(HOSTILE.values())
    roles = dict(zip(names, [*ROLES.values(), *["prior art"] * len(names)], strict=False))
    # where one is old, a figure looks up what each is called
    make_results(
        root, roles=roles, datasets=names[:5], failed=[names[5]], never=[names[6]], lost=[names[7]], old=names[9:]
    )
    every = " ".join(names)
    store = Store(root)
    for entry in store.manifest().values():
        job = store.read_job(entry["key"])
        if job is not None and job.reason:
            store.write_job(entry["key"], replace(job, reason=every))
    info = json.loads((root / "run.json").read_text())
    edit(
        root,
        command=every,
        broken={every: every},
        methods={m: {**card, "family": m, "objective": every, "paper": every} for m, card in info["methods"].items()},
        datasets={d: {**card, "summary": every, "classes": names} for d, card in info["datasets"].items()},
    )


RESULTS: dict[str, Callable[[Path], None]] = {
    f.__name__: f for f in (plain, partial, one_seed, failed, foreign, hostile)
}
KINDS = (*RESULTS, "standard")


def make(kind: str, folder: Path) -> None:
    """Writes results, verdicts.json and findings.json, and the page into out/."""
    root = home() / "results" / "standard"
    if kind in RESULTS:
        root = folder / "results" / "made"
        RESULTS[kind](root)
    plugins, results = registry(), read_results(root)
    benchmarks = [plugins.benchmark(name) for name in plugins.names("benchmarks")]
    verdicts = decide_all(results, benchmarks)
    decided = folder / "decided"
    decided.mkdir(parents=True)
    write_decisions(decided, verdicts, find_all(results, benchmarks, verdicts))
    write_report(root, folder / "out", plugins, results, verdicts)
