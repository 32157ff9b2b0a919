"""DCI by hand, what it does not depend on, and its trees against the published boosted trees."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

import infomax_bench as ib
from infomax_bench.data.dataset import Split
from infomax_bench.evaluations.context import Context, FeatureSet, context_for
from infomax_bench.evaluations.dci import dci, dci_by_factor, importances, measure_dci
from infomax_bench.evaluations.interpretability import measure_interpretability
from infomax_bench.numerics._ranks import average_ranks
from infomax_bench.study.plugins import registry
from tests.evaluations.units import alike, generator, grid, halves


def test_dci_of_importances_by_hand():
    importance = torch.tensor([[[1.0, 0.0], [1.0, 2.0]]], dtype=torch.float64)
    entropy = -(np.log2(1 / 3) / 3 + 2 * np.log2(2 / 3) / 3)
    disentanglement, completeness = dci(importance)
    assert disentanglement.item() == pytest.approx(1 / 4 + 3 / 4 * (1 - entropy))
    assert completeness.item() == pytest.approx(0 / 2 + 1 / 2)
    assert [v.item() for v in dci(torch.ones(1, 5, 3, dtype=torch.float64))] == pytest.approx([0, 0], abs=1e-12)
    assert [v.item() for v in dci(torch.eye(4, dtype=torch.float64)[None])] == pytest.approx([1, 1])
    assert all(v.isnan() for v in dci(torch.zeros(1, 3, 2, dtype=torch.float64)))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), units=st.integers(2, 9), factors=st.integers(2, 5))
def test_dci_knows_neither_order_nor_copies_but_for_completeness(seed, units, factors):
    importance = torch.rand(2, units, factors, generator=generator(seed), dtype=torch.float64)
    disentanglement, completeness = dci(importance)
    for value in (disentanglement, completeness):
        assert (value >= -1e-12).all()
        assert (value <= 1).all()
    order = torch.randperm(units, generator=generator(seed))
    for once, again in zip((disentanglement, completeness), dci(importance[:, order]), strict=True):
        assert torch.allclose(once, again)
    twice = dci(torch.cat([importance, importance], 1) / 2)
    assert torch.allclose(disentanglement, twice[0])
    # Entropies grow by log 2, their base from K to 2 K.
    expected = 1 - (np.log(2) + (1 - completeness) * np.log(units)) / np.log(2 * units)
    assert torch.allclose(twice[1], expected)


def test_a_factor_counts_by_the_units_that_tell_it():
    """One unit for both factors and one for the second alone: by hand, and the scores are means by importance."""
    importance = torch.tensor([[[1.0, 0.5, 0.0], [0.0, 0.5, 0.0]]], dtype=torch.float64)
    of_first = 1 + (2 / 3 * np.log(2 / 3) + np.log(1 / 3) / 3) / np.log(3)
    disentanglement, completeness = dci_by_factor(importance)
    assert disentanglement[0].tolist() == pytest.approx([of_first, (of_first + 1) / 2, np.nan], nan_ok=True)
    assert completeness[0].tolist() == pytest.approx([1, 0, np.nan], nan_ok=True)
    assert [v.item() for v in dci(importance)] == pytest.approx([(of_first + (of_first + 1) / 2) / 2, 1 / 2])


def made(kind: str, repeats: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """Units `[1, N, 6]` and three factors `[N, 3]`: each factor by two units, both noisy; rotated; or noise alone."""
    factors = grid(3, 4, 5, repeats=repeats)
    scaled = (factors - factors.double().mean(0)) / factors.double().std(0)
    noise = torch.randn(len(factors), 6, generator=generator(1)).double()
    if kind == "rotated":
        scaled = scaled @ torch.linalg.qr(torch.randn(3, 3, generator=generator(0)).double())[0]
    told = 0 * noise if kind == "noise" else torch.cat([scaled, scaled], 1)
    return (told + 0.3 * noise).float()[None], factors


def scores(kind: str, repeats: int = 5) -> list[float]:
    features, factors = made(kind, repeats)
    train, test = halves(features, factors[:, 0], factors)
    importance, accuracy = importances(train.features, train.factors, test.features, test.factors)
    return [v.item() for v in (*dci(importance), accuracy.mean())]


def test_trees_find_factors_that_have_their_units_and_nothing_in_noise():
    own, rotated, noise = (scores(kind, 20) for kind in ("own", "rotated", "noise"))
    assert own[0] > 0.9
    assert rotated[0] < 0.5
    assert noise[0] < 0.1
    assert own[1] > 0.5 > rotated[1]
    assert noise[2] == pytest.approx(np.mean([1 / 3, 1 / 4, 1 / 5]), abs=0.05)
    assert own[2] > rotated[2] > 0.6  # it is hidden, not lost


def test_a_factor_that_never_varies_has_no_importance():
    factors = torch.cat([grid(3, 4), torch.zeros(36, 1, dtype=torch.long)], 1)
    importance, _ = importances(*alike(factors[None].float(), factors), rounds=5)
    assert (importance[..., -1] == 0).all()
    assert [v.item() for v in dci(importance)] == pytest.approx([1, 1], abs=0.01)


def test_rows_are_of_the_mean_and_of_each_factor_and_the_label_is_called_one():
    features, factors = made("own", 4)
    n = len(factors)
    train, test = torch.arange(0, n, 2), torch.arange(1, n, 2)
    splits = [Split(train, test[:0], test)] * 2
    data = FeatureSet(features.expand(2, -1, -1), factors[:, 1], splits, 4, factors + 7, ("size", "shape", "x"))
    context = Context((0, 1), lambda _: data)
    rows = measure_dci(context, seeds=1)
    assert {row["seed"] for row in rows} == {0}
    assert [row["protocol"] for row in rows] == 3 * ["", "size", "class", "x"]
    assert measure_dci(context, seeds=0) == []
    gaps = [row for row in measure_interpretability(context) if row["metric"] in ("mig", "sap")]
    for metric, seed in (("mig", 0), ("sap", 1)):
        values = {row["protocol"]: row["value"] for row in gaps if (row["metric"], row["seed"]) == (metric, seed)}
        assert values[""] == pytest.approx(np.mean([values[name] for name in ("size", "class", "x")]))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["own", "rotated", "bars"])
def test_trees_agree_with_the_published_boosted_ones(kind):
    """Those of Locatello et al. 2019, scikit-learn's with its defaults; a random forest of its defaults does not."""
    features, factors = bars() if kind == "bars" else made(kind, 5)
    inputs = average_ranks(features)[0].float().numpy()

    def published(model: type) -> list[float]:
        fitted = [model(random_state=0).fit(inputs, factor.numpy()) for factor in factors.T]
        return [v.item() for v in dci(torch.tensor(np.stack([one.feature_importances_ for one in fitted], -1))[None])]

    own = [v.item() for v in dci(importances(*alike(features, factors))[0])]
    boosted = published(GradientBoostingClassifier)
    assert own[0] == pytest.approx(boosted[0], abs=0.05)
    assert own[1] == pytest.approx(boosted[1], abs=0.1)  # of two units that are as good, boosting leans on either
    assert published(RandomForestClassifier)[0] < 0.75 * own[0]


def bars() -> tuple[torch.Tensor, torch.Tensor]:
    """Random features of bars `[1, 600, 32]`, and four of their causes."""
    encoder = ib.pretrain("random_features", "bars", width=32)
    data = context_for(encoder, registry().dataset("bars")).set
    return data.features[:, :600], data.factors[:600, ::4]


def test_units_that_are_all_constant_tell_nothing_of_any_factor():
    """Trees without a split have no gains."""
    known = torch.arange(60).view(1, 60, 1) % 3
    importance, accuracy = importances(torch.ones(1, 60, 4), known, torch.ones(1, 60, 4), known, rounds=2)
    assert (importance == 0).all()
    assert accuracy.item() == pytest.approx(1 / 3)
