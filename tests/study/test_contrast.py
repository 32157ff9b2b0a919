"""Declared claims: what they read, when nothing is claimed, and groups of methods against each other."""

from __future__ import annotations

import pandas as pd
import pytest

from infomax_bench import BoundContrast, Contrast, GroupContrast, Select
from infomax_bench.study.claims import Claims

CLAIMS = Claims("s", "test", {"s": "this work", "p": "prior art"}, False)
GROUPS = (["a", "b"], ["c"])


def table(values, datasets=("d", "e"), seeds=5, metric="m"):
    """By method, a value on the first data set, and twice that on the second; seeds differ by a hundredth."""
    made = [
        (method, dataset, seed, value * (i + 1) + 0.01 * seed)
        for method, value in values.items()
        for i, dataset in enumerate(datasets)
        for seed in range(seeds)
    ]
    found = pd.DataFrame(made, columns=["method", "dataset", "seed", "value"])
    return found.assign(target=found["dataset"], metric=metric, protocol="", status="ok", current=True)


def groups(rows, **options):
    contrast = GroupContrast(
        "P", "Ahead", "m", Select("m"), lambda claims: GROUPS, "others", "ahead", "points", 100, **options
    )
    return list(contrast.decide(rows, CLAIMS))


def test_a_contrast_knows_what_it_reads_through_changes_and_may_claim_nothing_where_nothing_is_measured():
    rows = Select("z").then(lambda rows: rows)
    assert [s.metric for s in Contrast("P", "Better", "z", rows).selects] == ["z"]
    (missing,) = Contrast("P", "Better", "z", rows).decide(table({"s": 1}), CLAIMS)
    assert (missing.verdict, missing.more["missing"]) == ("inconclusive", ("p",))
    assert list(Contrast("P", "Better", "z", rows, where_measured=True).decide(table({"s": 1}), CLAIMS)) == []


def test_a_number_is_a_bound_for_the_subjects_mean_over_cases():
    def found(value, seeds=5):
        rows = pd.concat([table({"s": value, "p": 0.0}, seeds=seeds), table({"s": 0.2, "p": 0.7}, metric="n")])
        beside = {"dead": Select("n", scale=100)}
        bound = BoundContrast("P", "Small", "m", Select("m"), 5.0, "is_small", "%", 100, beside)
        assert [s.metric for s in bound.selects] == ["m", "n"]
        return list(bound.decide(rows, CLAIMS))

    (small,) = found(0.0)
    assert (small.verdict, small.against, small.n_seeds) == ("supported", "itself", 5)
    assert small.effect[0] == pytest.approx(2)
    assert (small.more["line"], small.more["said"]) == (5, "is_small")
    assert small.more["values"]["dead"] == pytest.approx(32), "of the subject alone, in percent"
    assert found(1.0)[0].verdict == "refuted"
    (few,) = found(0.0, seeds=3)
    assert (few.verdict, few.more["seeds_needed"]) == ("inconclusive", "5")
    assert list(BoundContrast("P", "Small", "m", Select("m"), 5.0, "is_small").decide(table({"p": 1}), CLAIMS)) == []


def test_a_group_is_ahead_by_its_mean_on_the_subjects_cases():
    rows = table({"s": 0.0, "a": 0.1, "b": 0.3, "c": 0.15})
    rows = pd.concat([rows, table({"s": 0.5, "a": 0.5, "b": 0.5, "c": 0.5}, metric="n")])
    (found,) = groups(rows, beside=Select("n"))
    assert (found.verdict, found.against, found.n_seeds) == ("supported", "others", 5)
    assert found.effect == pytest.approx((7.5, 7.5, 7.5))
    values = found.more["values"]
    assert values["means"] == pytest.approx((32, 24.5))
    assert (values["n"], values["n_ahead"]) == (2, 1)
    assert values["by_dataset"] == pytest.approx({"d": 5, "e": 10})
    assert values["beside"] == pytest.approx((77, 77))
    assert found.more["aside"]


def test_groups_of_which_nothing_is_known_say_nothing_or_that():
    assert groups(table({"a": 0.1, "b": 0.3, "c": 0.15})) == []  # the subject has no cases
    (apart,) = groups(pd.concat([table({"s": 0, "a": 0.1, "b": 0.3}), table({"c": 1}).assign(seed=9)]))
    assert (apart.n_seeds, apart.more["values"]) == (0, {})
    (few,) = groups(table({"s": 0.0, "a": 0.1, "b": 0.3, "c": 0.15}, seeds=3))
    assert (few.verdict, few.more["seeds_needed"], few.more["values"]["beside"]) == ("inconclusive", "5", None)
    (lacking,) = groups(table({"s": 0.0, "a": 0.1, "c": 0.15}))
    assert (lacking.verdict, lacking.more["missing"]) == ("inconclusive", ("b",))
