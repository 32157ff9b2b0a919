"""Robustness: the evaluation against a slow one of its own definition."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from infomax_bench.data.corruptions import SEVERITIES, corrupt
from infomax_bench.data.dataset import load, to_unit
from infomax_bench.evaluations import robustness as evaluation
from infomax_bench.evaluations.context import Context, FeatureSet, context_for
from infomax_bench.evaluations.probe import shared_probe
from infomax_bench.evaluations.thresholds import CORRUPTIONS, DROPOUT
from infomax_bench.run import api
from infomax_bench.study.plugins import registry

WIDTH = 16


@functools.lru_cache
def context(method="random_features", seeds=(0, 1)) -> Context:
    encoder = api.pretrain(method, "digits", width=WIDTH, seeds=seeds, epochs=3)
    return context_for(encoder, registry().dataset("digits"))


@functools.lru_cache
def measured(method="random_features", seeds=(0, 1)) -> pd.DataFrame:
    return pd.DataFrame(evaluation.robustness(context(method, seeds)))


# -- the evaluation ---------------------------------------------------------------------------------------------------
def test_rows_are_every_severity_of_every_corruption_and_every_share():
    rows = measured()
    accuracy = rows[rows["metric"] == "accuracy"]
    for protocol in CORRUPTIONS:
        own = accuracy[accuracy["protocol"] == protocol]
        assert sorted(zip(own["seed"], own["x"], strict=True)) == [(s, x) for s in (0, 1) for x in (0, *SEVERITIES)]
    assert set(accuracy[accuracy["protocol"] == DROPOUT]["x"]) == {0, *evaluation.DROPPED}
    assert (rows[rows["metric"] == "chance_accuracy"]["value"] == 0.1).all()
    assert rows["value"].between(0, 1).all()


def test_undisturbed_it_is_the_linear_probes_accuracy():
    rows, probe = measured(), shared_probe(context())
    zero = rows[(rows["metric"] == "accuracy") & (rows["x"] == 0)]
    for seed in (0, 1):
        assert (zero[zero["seed"] == seed]["value"] == float(probe.test[seed])).all()
        for name in CORRUPTIONS:  # by the way that corrupted images go
            (found,) = evaluation.corrupted_accuracy(context(), probe, seed, name, (0,))
            assert found.item() == pytest.approx(float(probe.test[seed]), abs=1 / 449)


def test_corrupted_images_are_encoded_standardised_and_classified():
    """One severity of one seed, in numpy from the weights."""
    own = context()
    probe, encoder, data = shared_probe(own), own.need_encoder(), own.set
    split = data.splits[1]
    images = load(registry().dataset("digits")).images
    weight, bias = (encoder.params[f"encoder.{p}"][1].double().numpy() for p in ("weight", "bias"))

    def features(x):
        return np.maximum(to_unit(x).flatten(1).double().numpy() @ weight + bias, 0)

    train = features(images[split.train])
    deviation = train.std(0)
    deviation[deviation == 0] = np.inf
    x = (features(corrupt(images[split.test], "noise", 1, (3,))[0]) - train.mean(0)) / deviation
    logits = x @ probe.weight[1].double().numpy() + probe.bias[1].double().numpy()
    expected = (logits.argmax(1) == data.labels[split.test].numpy()).mean()
    rows = measured()
    found = rows[(rows["seed"] == 1) & (rows["protocol"] == "noise") & (rows["x"] == 3)]["value"].item()
    assert found == pytest.approx(expected, abs=1 / 449)


@pytest.mark.parametrize("dead", [0, 5])
def test_silenced_units_are_columns_without_what_they_say(dead):
    whole = context().set
    features = whole.features.clone()
    features[..., :dead] = 2.0
    own = Context((0, 1), lambda _: replace(whole, features=features, cache={}))
    probe, data = shared_probe(own), own.once("features", lambda: own.make(None))
    found = evaluation.silenced_accuracy(own, probe)
    mean, scale = data.moments()
    for i, seed in enumerate(own.seeds):
        ranks = evaluation.silencing_ranks(data.live()[i], seed)
        for share, value in zip(evaluation.DROPPED, found[i], strict=True):
            right = []
            for rank in ranks:
                raw = data.raw("test")[i].clone()
                silent = rank < round(share * (WIDTH - dead))
                assert silent.sum() == round(share * (WIDTH - dead))
                raw[:, silent] = data.raw("train")[i].mean(0)[silent]  # held at their training mean
                logits = ((raw - mean[i]) / scale[i]).float() @ probe.weight[i] + probe.bias[i]
                right.append(float((logits.argmax(1) == data.y("test")[i]).double().mean()))
            assert value.item() == pytest.approx(np.mean(right), abs=1e-3)


def test_units_fall_silent_in_an_order_that_the_seed_alone_decides():
    live = torch.ones(8, dtype=torch.bool)
    ranks = evaluation.silencing_ranks(live, 3)
    assert torch.equal(ranks, evaluation.silencing_ranks(live, 3))
    assert not torch.equal(ranks, evaluation.silencing_ranks(live, 4))
    assert torch.equal(ranks.sort(1).values, torch.arange(8).expand(evaluation.DRAWS, -1))
    assert len({tuple(r) for r in ranks.tolist()}) > 1
    many = evaluation.silencing_ranks(live, 0, 4000).double().mean(0)
    assert many == pytest.approx(3.5, abs=0.2), "every unit is as likely to go at every place"
    live[[1, 5]] = False
    some = evaluation.silencing_ranks(live, 3)
    assert some[:, [1, 5]].min() == 6, "dead ones come after all"
    kept = ranks[:, live].argsort(1)
    assert torch.equal(some[:, live].argsort(1), kept), "and change nothing for the others"


def test_all_methods_meet_the_same_images(monkeypatch):
    """Whatever the method, and whichever seeds are measured beside one."""
    seen: dict[tuple[str, int], list[torch.Tensor]] = {}

    def noted(images, name, seed, severities=SEVERITIES):
        out = corrupt(images, name, seed, severities)
        seen.setdefault((name, seed), []).append(out)
        return out

    monkeypatch.setattr(evaluation, "corrupt", noted)
    for method, seeds in (("random_features", (0, 1)), ("pca", (0, 1)), ("random_features", (1,))):
        evaluation.robustness(context(method, seeds))
    assert set(seen) == {(name, seed) for name in CORRUPTIONS for seed in (0, 1)}
    for (_, seed), images in seen.items():
        assert len(images) == (3 if seed else 2)
        assert all(torch.equal(images[0], other) for other in images[1:])


def test_a_seed_is_measured_alike_in_any_company():
    both, alone = measured(), measured(seeds=(1,))
    together = both[both["seed"] == 1]["value"].to_numpy()
    assert alone["value"].to_numpy() == pytest.approx(together, abs=3 / 450)


def test_damage_grows_with_severity_on_average():
    rows = measured("infomax_em")
    means = rows[rows["metric"] == "accuracy"].groupby(["protocol", "x"])["value"].mean()
    for protocol in (*CORRUPTIONS, DROPOUT):
        assert (means[protocol].diff().dropna() < 0.02).all(), protocol
        assert means[protocol].iloc[-1] < means[protocol].iloc[0] - 0.1


def test_copies_of_units_are_a_reserve_when_units_fall_silent():
    """What redundancy is known to be good for: four copies of each unit keep more than the units alone."""
    own = context("pca").set
    values = {}
    for copies in (1, 4):
        data = replace(own, features=own.features.repeat(1, 1, copies), cache={})
        rows = pd.DataFrame(evaluation.robustness(Context((0, 1), lambda _, d=data: d)))
        assert set(rows["protocol"].dropna()) == {DROPOUT}, "features alone have no images to corrupt"
        values[copies] = rows[rows["metric"] == "accuracy"].groupby("x")["value"].mean()
    assert values[4][0] == pytest.approx(values[1][0], abs=0.02)
    for share in (0.3, 0.5, 0.7):
        assert values[4][share] > values[1][share] + 0.05


def test_a_collapsed_encoder_is_measured_at_chance():
    labels = torch.arange(60) % 3
    test = torch.arange(60) >= 40
    from infomax_bench.data.dataset import split

    data = FeatureSet(torch.ones(1, 60, 4), labels, [split(test, 0)], 3)
    rows = pd.DataFrame(evaluation.robustness(Context((0,), lambda _: data)))
    accuracy = rows[rows["metric"] == "accuracy"]["value"]
    assert accuracy.nunique() == 1
    assert accuracy.iloc[0] == pytest.approx(1 / 3, abs=0.1)
