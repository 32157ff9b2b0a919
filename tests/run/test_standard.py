"""The committed results of `standard`: whatever the harness becomes, their rows and verdicts are as they were made."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from infomax_bench.run.decisions import decide_all
from infomax_bench.run.results import Results, read_results
from infomax_bench.stats.verdict import Verdict
from infomax_bench.study.plugins import home, registry
from tests.run.recomputed import Recomputed

ROOT = home() / "results" / "standard"
ROWS = Path(__file__).parent / "standard_rows.json"
"""By column, a digest of the table that was committed before cells had tags and pairs a column of their own."""
ONE = [
    "benchmark",
    "track",
    "dataset",
    "target",
    "method",
    "label",
    "width",
    "metric",
    "protocol",
    "x",
    "seed",
    "backbone",
    "depth",
]
REWORDED = {"sentence", "line", "rule", "stale", "indicative"}


@pytest.fixture(scope="module")
def results() -> Results:
    return read_results(ROOT)


def digest(column: pd.Series) -> str:
    """Of numbers all bits, and of words all letters, in their order."""
    if pd.api.types.is_numeric_dtype(column):
        parts = [np.where(column.isna(), np.nan, column.astype(float)).tobytes()]
    else:
        codes, words = pd.factorize(column.astype(object).fillna("").astype(str), sort=True)
        parts = [codes.astype("<i4").tobytes(), "\n".join(words).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:24]


def columns_of(table: pd.DataFrame) -> dict[str, str]:
    """Column -> digest of the table in the columns it had, lines in the order of what is one in it."""
    old = table.assign(protocol=table["protocol"].where(table["other"] == "", table["other"]))
    order = np.lexsort([pd.factorize(old[name], sort=True)[0] for name in reversed(ONE)])
    return {name: digest(old[name].iloc[order]) for name in json.loads(ROWS.read_text())}


def test_rows_are_those_that_were_committed(results):
    """Equal in every column that there was, through the mapping of `old_columns.toml`."""
    assert len(results.table) == 928_334
    assert columns_of(results.table) == json.loads(ROWS.read_text())


def test_the_other_of_a_pair_has_a_column_of_its_own(results):
    pairs = results.table[results.table["evaluation"] == "similarity"]
    assert set(pairs["other"]) <= set(results.cards)
    assert set(pairs["protocol"]) == {""}


@pytest.fixture(scope="module")
def verdicts(results) -> list[Verdict]:
    plugins = registry()
    return decide_all(results, [plugins.benchmark(name) for name in plugins.names("benchmarks")])


def test_verdicts_are_those_that_were_committed(verdicts):
    committed = json.loads((ROOT / "verdicts.json").read_text())
    assert len(verdicts) == len(committed)
    for now, was in zip(json.loads(json.dumps([v.as_json() for v in verdicts])), committed, strict=True):
        assert rounded({k: now[k] for k in was if k not in REWORDED}) == rounded(
            {k: v for k, v in was.items() if k not in REWORDED}
        )


def test_other_code_finds_the_same_outcomes_and_intervals(results):
    """Of what is committed: see `recomputed`, which has nothing of the package."""
    committed = {v["title"]: v for v in json.loads((ROOT / "verdicts.json").read_text())}
    table = results.once[(results.once["label"] == "") & (results.once["track"] == "controlled")]
    asked = Recomputed(table, results.cards, results.info["subject"], results.info["suite"]["width"])
    found = asked.all({name: known["n_test"] for name, known in results.info["datasets"].items()})
    assert len(found) == 16
    for title, (word, *numbers, n) in found.items():
        told = committed[title]
        assert (told["verdict"], told["n_datasets"]) == (word, n), title
        for name, number in zip(("effect", "ci_low", "ci_high"), numbers, strict=True):
            assert told[name] == (pytest.approx(number, rel=1e-6, abs=1e-9) if np.isfinite(number) else None), title


def test_what_stands_beside_a_verdict_gives_its_effect_again(results):
    """The committed cases, to six digits: of a claim about a number their mean, else the subject less the median; and
    of each family's best method what its rival says."""
    cards, subject = results.cards, results.info["subject"]
    for verdict in json.loads((ROOT / "verdicts.json").read_text()):
        counted = [case for case in verdict["cases"] if case["counted"]]
        rivals = {one["method"]: one for one in verdict["rivals"]}
        for best in verdict["families"]:
            same = rivals[best["method"]]
            assert [rounded(same[name]) for name in best] == [rounded(best[name]) for name in best]
            assert cards[best["method"]]["family"] == best["family"]
        if not counted or verdict["against"] not in ("all methods", "itself"):
            continue
        values = pd.DataFrame([case["values"] for case in counted])
        own = values.pop(subject)
        found = own if verdict["against"] == "itself" else own - values.median(axis=1)
        crossed = verdict["claim"] == "P2"
        mean = found.mean() if crossed else found.groupby([case["dataset"] for case in counted]).mean().mean()
        sign = -1 if verdict["title"] in ("Less prunable", "Least redundant") else 1
        assert sign * mean == pytest.approx(verdict["effect"], rel=1e-3, abs=1e-4), verdict["title"]
        assert {*rivals} <= {*values} | {subject}


def test_the_rule_calls_no_claim_the_same_for_most_methods_and_random_features_win_nothing(verdicts):
    """On four data sets: with each method as subject, and the committed one among them."""
    comparative = [v for v in verdicts if v.against == "all methods"]
    assert len(comparative) >= 10
    for verdict in comparative:
        words = Counter(verdict.base_rates) + Counter([verdict.verdict])
        assert sum(words.values()) == 28
        assert max(words["supported"], words["refuted"]) <= 0.75 * sum(words.values()), verdict.title
        assert verdict.references["random_features"] in ("refuted", "inconclusive")
    assert all(verdict.references.get("random_features") != "supported" for verdict in verdicts)


def test_the_readme_begins_with_what_the_summary_says():
    """The headline, every prediction's line, and the scope; whoever runs anew copies them."""
    folder = ROOT.parents[1]
    summary = (folder / "reports/standard/report.md").read_text(encoding="utf-8").replace("\n\n", "\n").splitlines()
    told = [line for line in summary if line.startswith(("**Of the essay", "**All", "**None", "| [P", "Single layers"))]
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert len(told) == 6
    for line in told:
        assert re.sub(r"\[(P\d)\]\([^)]*\)", r"\1", line) in readme


def rounded(value: Any) -> Any:
    """Numbers to ten digits: the order of a sum and a product may change with how a rule is written."""
    if isinstance(value, float):
        return float(f"{value:.10g}")
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list) else value
