"""The benchmark on transfer: relative accuracies and what supervision costs, on tables whose answers are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from infomax_bench.study.claims import Claims
from tests.benchmarks.made import benchmark, frame, module

ROLES = {"s": "prior art", "a": "prior art", "b": "prior art", "c": "prior art", "raw": "reference"}


def transfer_rows(kept, seeds=5, datasets="de"):
    """Methods with an accuracy of 0.8 at home, plus a bit by seed, and a share of it abroad: `kept` by method."""
    rng = np.random.default_rng(0)
    probes = [("linear", np.nan), ("knn", np.nan)]
    probes += [(few, float(n)) for few in ("few-shot", "few-shot k-NN") for n in (1, 5, 10, 50)]
    records = []
    for method, share in kept.items():
        for seed in range(seeds):
            for protocol, x in probes:
                home = {d: 0.8 + 0.01 * seed + 0.02 * rng.random() for d in datasets}
                for source in datasets:
                    for target in datasets:
                        value = home[target] * (share + 0.0002 * rng.random() if source != target else 1)
                        where = {"method": method, "dataset": source, "target": target, "width": 64, "seed": seed}
                        records.append({**where, "protocol": protocol, "x": x, "value": value})
    return frame(records, metric="accuracy", benchmark="transfer")


def claims_with(supervised):
    return Claims("s", "test", ROLES, False, own_width=frozenset({"raw"}), supervised=frozenset(supervised))


TASK = "Supervised features are task-specific"


def test_what_supervision_costs():
    rows = transfer_rows({"s": 0.9, "a": 0.7, "b": 0.8, "c": 0.9}, datasets="defg")
    found = {v.title: v for v in benchmark("transfer").verdicts(rows, claims_with("a")) if v.against == "unsupervised"}
    assert (found[TASK].verdict, found[TASK].n_datasets) == ("supported", 4)
    assert found[TASK].effect == pytest.approx(15, abs=0.05), "the mean of 80 and 90, less 70"
    assert "features keep 70.0 % of the accuracy of training there, unsupervised ones 85.0 %" in found[TASK].sentence
    (other,) = [v for v in benchmark("transfer").verdicts(rows, claims_with("c")) if v.title == TASK]
    assert other.verdict == "refuted"
    assert not [v for v in benchmark("transfer").verdicts(rows, claims_with("")) if v.title == TASK]


def test_supervision_is_undecided_while_a_method_is_missing():
    rows = transfer_rows({"s": 0.9, "a": 0.7, "b": 0.8}, datasets="defg")
    (found,) = [v for v in benchmark("transfer").verdicts(rows, claims_with("a")) if v.title == TASK]
    assert (found.verdict, found.missing) == ("inconclusive", ("c",))
    assert "Not measured or failed: c." in found.sentence


def test_a_point_is_the_least_that_transfers_better():
    """Sources and targets are both drawn; the best of a family is so on validation images of the source."""
    claims = claims_with("")
    for ahead, word in ((0.06, "supported"), (-0.06, "refuted")):
        rows = transfer_rows({"s": 0.8 + ahead / 0.82, "a": 0.8, "b": 0.79, "c": 0.8}, datasets="defg")
        found = {v.title: v for v in benchmark("transfer").verdicts(rows, claims)}["Transfers better"]
        assert (found.verdict, found.n_datasets) == (word, 4)
        assert [one.method for one in found.families] != ["b"]
    home = frame(
        [
            {"method": m, "dataset": d, "seed": s, "value": v, "width": 64}
            for m, v in {"a": 0.5, "b": 0.9, "c": 0.6}.items()
            for d in "defg"
            for s in range(5)
        ],
        metric="validation_accuracy",
        protocol="linear",
        benchmark="transfer",
    )
    found = benchmark("transfer").verdicts(pd.concat([rows, home]), claims)[0]
    assert [one.method for one in found.families] == ["b"]


def test_transfer_is_shown_by_every_probe():
    rows = transfer_rows({"s": 0.9, "a": 0.7, "b": 0.8, "c": 0.9})
    table = benchmark("transfer").table(rows, claims_with("a")).set_index(["dataset", "method"])
    line = table.loc["d -> e", "a"]
    assert line["of home (%)"] == pytest.approx(70, abs=0.2)
    assert line["k-NN, of home (%)"] == pytest.approx(70, abs=0.2)
    assert line.notna().all()
    assert {f"{n} label{'s' * (n > 1)} a class (%)" for n in (1, 5, 10, 50)} <= set(table)
    figures = list(benchmark("transfer").figures(rows, claims_with("a")))
    assert len(figures) == 4
    kinds = module("transfer").kinds(rows, claims_with("a"))
    means = 100 * kinds.groupby(["panel", "method"])["value"].mean().unstack()
    assert means["prior art, supervised"].to_numpy() == pytest.approx([70] * 4, abs=0.2)
    assert means["prior art, unsupervised"].to_numpy() == pytest.approx([85] * 4, abs=0.2)


def test_one_seed_decides_nothing_and_is_shown():
    rows = transfer_rows({"s": 0.9, "a": 0.7, "b": 0.8, "c": 0.9}, seeds=1)
    found = benchmark("transfer").verdicts(rows, claims_with("a"))
    assert {v.verdict for v in found} == {"inconclusive"}
    assert len(list(benchmark("transfer").figures(rows, claims_with("a")))) == 4


def test_without_the_subject_nothing_is_decided_and_the_others_are_shown():
    rows = transfer_rows({"a": 0.7, "b": 0.8, "c": 0.9})
    found = benchmark("transfer").verdicts(rows, claims_with("a"))
    assert {v.verdict for v in found} == {"inconclusive"}
    assert all("Nothing to compare s with yet" in v.sentence for v in found if not v.aside)
    assert len(list(benchmark("transfer").figures(rows, claims_with("a")))) == 4
