"""What holds of all measures of units: test images choose nothing, and neither scale nor order matters."""

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from infomax_bench.base.errors import Diverged
from infomax_bench.evaluations.dci import importances
from infomax_bench.evaluations.factor_vae import factor_vae_score
from infomax_bench.evaluations.gallery import gallery
from infomax_bench.evaluations.interpretability import factor_scores, measure_interpretability
from infomax_bench.evaluations.mig_sap import factor_alignment
from infomax_bench.evaluations.naming import name_and_score, nameability, naming
from infomax_bench.evaluations.parts import Part, as_many
from infomax_bench.evaluations.thresholds import SPARSE
from infomax_bench.numerics._ranks import live_units
from tests.evaluations.units import digits_context, generator, halves, random_labels, units


def test_large_images_are_kept_of_few_units():
    """Of what comes with the project: all units' images where these are small, and a few of large ones."""
    assert [as_many(64, 6 * size) for size in (8 * 8, 24 * 24, 28 * 28, 3 * 32 * 32, 3 * 96 * 96)] == [64, 11, 8, 4, 4]
    assert as_many(3, 1_000_000) == 3


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), images=st.booleans())
def test_permuting_the_test_labels_or_images_changes_scores_and_no_choice(seed, images):
    factors = torch.stack([random_labels(400, 4, seed), random_labels(400, 3, seed + 7)], -1)
    labels = factors[:, 0]
    train, test = halves(units(labels, seed), labels, factors)
    order = torch.randperm(200, generator=generator(seed))
    if images:
        shuffled = Part(test.features[:, order], test.labels, test.factors)
    else:
        shuffled = Part(test.features, test.labels[:, order], test.factors[:, order])
    one, other = (name_and_score(train, each, [4, 4, 3]) for each in (test, shuffled))
    for names in ("by_class", "by_concept"):
        for field in ("concept", "direction"):
            assert torch.equal(getattr(getattr(one, names), field), getattr(getattr(other, names), field))
    assert not torch.equal(one.auroc, other.auroc)
    one, other = (
        factor_alignment(train.features, train.factors, each.features, each.factors) for each in (test, shuffled)
    )
    assert torch.equal(one["best_factor"], other["best_factor"])
    assert not torch.equal(one["best_information"], other["best_information"])
    one, other = (
        importances(train.features, train.factors, each.features, each.factors, rounds=2) for each in (test, shuffled)
    )
    assert torch.equal(one[0], other[0])
    assert not torch.equal(one[1], other[1])


def test_the_whole_evaluation_and_the_gallery_choose_nothing_by_test_labels():
    context = digits_context()
    data = context.set
    rows, arrays = measure_interpretability(context), gallery(context)[1]
    labels = data.labels.clone()
    test = data.splits[0].test
    labels[test] = labels[test][torch.randperm(len(test), generator=generator(0))]
    shuffled = dataclasses.replace(data, labels=labels, cache={})
    other = dataclasses.replace(context, make=lambda _: shuffled, cache={})
    other_rows, other_arrays = measure_interpretability(other), gallery(other)[1]

    def names(a: dict) -> dict:
        return dict(zip(a["units"].tolist(), a["names"].tolist(), strict=True))

    assert names(arrays) == names(other_arrays)
    assert arrays["auroc"].mean() > other_arrays["auroc"].mean() + 0.1
    assert arrays["auroc"].tolist() == sorted(arrays["auroc"], reverse=True)
    assert arrays["top"].shape == (10, 6, 1, 8, 8)
    named = naming(context)
    assert [named.auroc[0, u].item() for u in arrays["units"]] == pytest.approx(arrays["auroc"].tolist())
    for u, name in names(arrays).items():
        silent = named.by_concept.direction[0, u] < 0
        assert name == ("not " if silent else "") + str(int(named.by_concept.concept[0, u]))
    score = {(r["metric"], r.get("x"), r["seed"]): r["value"] for r in rows}
    other_score = {(r["metric"], r.get("x"), r["seed"]): r["value"] for r in other_rows}
    assert score.keys() == other_score.keys()
    for k in SPARSE:
        assert score["sparse_accuracy", k, 0] > 0.15
        assert abs(other_score["sparse_accuracy", k, 0] - 0.1) < 0.08  # chance: these labels say nothing


def test_all_units_dead():
    labels = random_labels(100, 3)
    train, test = halves(torch.zeros(2, 100, 4), labels, labels[:, None])
    values = nameability(name_and_score(train, test, [3, 3]), 3)
    assert (values["nameable_units"] == 0).all()
    assert (values["classes_named"] == 0).all()
    assert values["unit_auroc"].isnan().all()
    found = factor_scores(train, test, [0, 1])
    for name in ("mig", "sap"):
        assert found[name].abs().max() < 1e-12, name
    for name in ("factor_alignment", "factor_vae"):
        assert found[name].isnan().all(), name


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), data=st.data())
def test_scale_order_and_increasing_maps_do_not_matter(seed, data):
    labels = random_labels(300, 4, seed)
    factors = torch.stack([labels, random_labels(300, 3, seed + 1)], -1)
    features = (units(labels, seed) * 8).round() / 8  # values that no map below makes equal
    k = features.shape[-1]
    scales = torch.tensor(data.draw(st.lists(st.floats(1e-6, 1e6), min_size=k, max_size=k)))
    order = data.draw(st.permutations(range(k)))

    def scores(f):
        train, test = halves(f, labels, factors)
        named = name_and_score(train, test, [4, 4, 3])
        four = train.features, train.factors, test.features, test.factors
        importance, accuracy = importances(*four, rounds=2)
        aligned = {n: v for n, v in factor_alignment(*four).items() if v.ndim == 1}
        return named, nameability(named, 4, 0.7) | aligned, importance, accuracy, factor_vae_score(*four, [0, 1])

    named, values, importance, accuracy, votes = scores(features)
    bent = scores(features**3 + features)
    assert torch.equal(bent[2], importance)
    assert torch.equal(bent[3], accuracy)
    changed = scores((features * scales)[..., order])
    assert torch.allclose(changed[4], votes, atol=2e-3)  # a vote may be a tie up to rounding
    for each, permuted in ((bent, list(range(k))), (changed, order)):
        assert torch.equal(each[0].auroc, named.auroc[:, permuted])
        assert torch.equal(each[0].by_concept.concept, named.by_concept.concept[:, permuted])
        for name, value in values.items():
            assert value.shape == (2,)
            assert value.dtype == torch.float64
            assert torch.allclose(each[1][name], value, atol=1e-9), name


def test_features_that_are_not_finite_are_refused():
    labels = random_labels(50, 3)
    train, test = halves(units(labels), labels, labels[:, None])
    broken = Part(test.features.clone(), test.labels, test.factors)
    broken.features[0, 0, 0] = torch.nan
    for pair in ((broken, test), (test, broken)):
        with pytest.raises(Diverged, match="not finite"):
            name_and_score(*pair, [3, 3])
        with pytest.raises(Diverged, match="not finite"):
            factor_alignment(pair[0].features, pair[0].factors, pair[1].features, pair[1].factors)
    assert live_units(train.features)[:, :-1].all()
