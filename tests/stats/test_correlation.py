"""Rank correlations: scipy's in every seed and case, of what is complete; and on which side of zero they surely lie."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from infomax_bench.stats.correlation import correlated, rank_correlations, spearman
from infomax_bench.stats.intervals import interval, rank_interval


def encoders(methods=12, seeds=5, datasets=("d", "e"), slope=1.0, noise=0.3):
    rng = np.random.default_rng(0)
    places = [(m, d, s) for m in range(methods) for d in datasets for s in range(seeds)]
    made = pd.DataFrame(places, columns=["method", "dataset", "seed"])
    x = made["method"] / methods + 0.01 * rng.random(len(made))
    return made.assign(x=x, y=slope * x + noise * rng.standard_normal(len(made)))


def test_they_are_scipys():
    rows = encoders()
    found = rank_correlations(rows, "x", "y", "method")
    assert len(found) == 10
    for _, line in found.iterrows():
        own = rows[(rows["dataset"] == line["dataset"]) & (rows["seed"] == line["seed"])]
        assert line["value"] == pytest.approx(spearmanr(own["x"], own["y"]).statistic)
    cases = rank_correlations(rows.assign(part="a"), "x", "y", "method", ("part", "dataset"))
    assert list(cases["value"]) == list(found["value"])
    assert set(cases["part"]) == {"a"}


def test_equal_values_have_their_mean_rank():
    x, y = np.array([1.0, 2.0, 2.0, 5.0, 2.0]), np.array([3.0, 3.0, 1.0, 9.0, 4.0])
    assert spearman(x, y) == spearmanr(x, y).statistic


def test_incomplete_methods_and_seeds_are_left_out_and_not_the_rest():
    rows = encoders()
    lacking = rows[~((rows["method"] == 3) & (rows["seed"] == 2) & (rows["dataset"] == "d"))]
    more = encoders(methods=1, seeds=15).query("seed > 4")  # ten seeds more of one method alone
    found = rank_correlations(pd.concat([lacking, more]), "x", "y", "method")
    assert set(found["n"]) == {11}
    assert sorted(found["seed"].unique()) == list(range(5))
    lost = rows.assign(y=rows["y"].where((rows["method"] != 3) | (rows["seed"] != 2)))
    assert set(rank_correlations(lost, "x", "y", "method")["n"]) == {11}, "what is not finite is missing"


@pytest.mark.parametrize("changed", [{"y": 1.0}, {"x": 1.0}])
def test_what_does_not_vary_has_no_rank(changed):
    found = rank_correlations(encoders().assign(**changed), "x", "y", "method")
    assert found.empty
    assert {"dataset", "seed", "value", "n"} <= set(found)
    assert rank_correlations(encoders().iloc[:0], "x", "y", "method").empty


def test_a_side_is_sure_over_seeds_and_where_asked_over_methods_too():
    rho = rank_correlations(encoders(), "x", "y", "method")
    found = correlated(rho, least=10)
    means = rho.groupby("seed")["value"].mean()
    assert (found.side, found.n, found.seeds.n) == (1, 12, 5)
    assert found.seeds.mean == pytest.approx(means.mean())
    assert found.seeds.low == pytest.approx(interval(means.to_numpy()).low)
    assert (found.over.low, found.over.high) == pytest.approx(rank_interval(means.mean(), 12))
    assert correlated(rho, least=13).side == 0, "too few methods"
    assert correlated(rho).over is None
    assert correlated(rank_correlations(encoders(slope=-1), "x", "y", "method"), least=10).side == -1
    weak = rank_correlations(encoders(noise=0.5), "x", "y", "method")
    assert correlated(weak).side == 1
    assert correlated(weak, least=10).side == 0, "so weak a one needs more methods"
    four = correlated(rho[rho["seed"] < 4])
    assert four.side == 0
    one = correlated(rho[rho["seed"] < 1])
    assert (one.seeds.low, one.seeds.high) == (-1, 1), "no correlation lies beyond"
