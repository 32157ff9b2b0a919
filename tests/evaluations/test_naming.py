"""Units named after classes and factors, against scikit-learn and on units whose meaning is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from infomax_bench.evaluations.context import FeatureSet
from infomax_bench.evaluations.naming import concepts, margins, name_and_score, nameability
from infomax_bench.evaluations.thresholds import NAMEABLE
from infomax_bench.study.plugins import registry
from tests.evaluations.units import generator, grid, halves, part, random_labels, sizes_of, units


def test_margins_equal_sklearns_auroc_with_ties_and_in_either_direction():
    labels, factor = random_labels(400, 5), random_labels(400, 3, seed=9)
    features = units(labels)
    member = concepts(labels.expand(2, -1), factor[:, None].expand(2, -1, -1), [5, 3])
    found = margins(features, member)
    assert found.shape == (2, 8, features.shape[-1])
    for s, m, k in np.ndindex(*found.shape):
        truth = labels == m if m < 5 else factor == m - 5
        assert found[s, m, k].item() + 0.5 == pytest.approx(roc_auc_score(truth, features[s, :, k]), abs=1e-12)


def test_a_unit_is_named_on_training_images_and_scored_on_test_images():
    labels = random_labels(800, 5)
    train, test = halves(units(labels), labels)
    found = name_and_score(train, test, [5])
    for s, k in np.ndindex(2, train.features.shape[-1] - 1):
        areas = [[roc_auc_score(p.labels[s] == c, p.features[s, :, k]) for c in range(5)] for p in (train, test)]
        best = int(np.argmax(np.abs(np.array(areas[0]) - 0.5)))
        score = areas[1][best] if areas[0][best] > 0.5 else 1 - areas[1][best]
        assert found.by_class.concept[s, k] == best
        assert found.class_auroc[s, k].item() == pytest.approx(score, abs=1e-12)
    assert torch.equal(found.auroc, found.class_auroc)


def test_a_unit_that_changes_its_meaning_keeps_its_name_and_loses_its_score():
    labels = torch.arange(4).repeat(30)
    fires = torch.stack([labels == 1, labels != 1], -1)[None].float()
    other = torch.stack([labels == 2, labels == 1], -1)[None].float()
    found = name_and_score(part(fires, labels), part(other, labels), [4])
    assert found.by_class.concept.tolist() == [[1, 1]]
    assert found.by_class.direction.tolist() == [[1, -1]]
    assert found.class_auroc[0].tolist() == pytest.approx([(0 + 2 * 0.5) / 3 * 1 + 0 / 3, 0])


def test_a_unit_may_stand_for_the_value_of_a_factor():
    factors = grid(3, 4, repeats=5)
    labels = factors[:, 0]
    features = torch.stack([factors[:, 1] == 2, labels == 1, -1.0 * (factors[:, 1] == 0)], -1)[None].float()
    one = part(features, labels, factors)
    found = name_and_score(one, one, sizes_of(labels, factors))
    # Concepts: classes 0 to 2, then the factor that is the class again, then the values of the other one.
    assert found.by_concept.concept.tolist() == [[3 + 3 + 2, 1, 3 + 3 + 0]]
    assert found.by_concept.direction.tolist() == [[1, 1, -1]]
    assert found.auroc.tolist() == [[1, 1, 1]]
    values = nameability(found, 3)
    assert values["nameable_units"].item() == 1
    assert values["classes_named"].item() == pytest.approx(1 / 3)
    assert (found.class_auroc[0, ::2] == 0.5).all()


def test_a_dead_unit_names_nothing():
    labels = random_labels(100, 3)
    found = name_and_score(*halves(units(labels), labels), [3])
    assert (found.class_auroc[:, -1] == 0.5).all()
    assert (found.by_class.concept[:, -1] == -1).all()


def test_of_two_classes_a_unit_is_named_after_the_one_it_fires_for():
    labels = torch.tensor([0, 1] * 20)
    one = part(torch.stack([labels, 1 - labels], -1)[None].float(), labels)
    found = name_and_score(one, one, [2])
    assert found.class_auroc.tolist() == [[1, 1]]
    assert found.by_class.concept.tolist() == [[1, 0]]


def test_a_class_without_images_is_no_ones_name():
    labels = torch.tensor([0, 3] * 20)
    one = part(units(labels), labels)
    assert set(name_and_score(one, one, [5]).by_class.concept.unique().tolist()) <= {-1, 0, 3}
    nothing = part(units(labels), torch.zeros_like(labels))
    assert (name_and_score(one, nothing, [5]).class_auroc == 0.5).all()


def test_units_that_know_nothing_score_a_half_on_average_though_they_were_the_best_of_many_concepts():
    labels = random_labels(600, 40)
    train, test = halves(torch.randn(3, 600, 60, generator=generator(5)), labels)
    found = name_and_score(train, test, [40])
    assert (found.class_auroc.mean(-1) - 0.5).abs().max() < 0.04
    assert (name_and_score(train, train, [40]).class_auroc.mean(-1) - 0.5).min() > 0.1


def test_the_rule_for_a_name_is_the_threshold():
    labels = torch.tensor([0, 1, 2, 3] * 25)
    detector = (labels == 2).float()
    noisy = detector.clone()
    noisy[labels == 2] = (torch.arange(25) < 15).float()  # AUROC (15 + 10 / 2) / 25 = 0.8
    one = part(torch.stack([detector, -detector, noisy, torch.ones(100)], -1)[None], labels)
    found = name_and_score(one, one, [4])
    values = nameability(found, 4)
    assert values["unit_auroc"].item() == pytest.approx((1 + 1 + 0.8) / 3)
    assert values["nameable_units"].item() == 2 / 4
    assert values["classes_named"].item() == 1 / 4
    assert nameability(found, 4, threshold=0.75)["nameable_units"].item() == 3 / 4


def test_the_written_rule_states_the_threshold_that_is_measured_by():
    rule = registry().benchmark("interpretability").paragraph("Rule")
    assert f"is at least {NAMEABLE:g};" in rule
    labels = torch.arange(2).repeat(50)
    detector = labels.float()
    detector[labels == 1] = (torch.arange(50) < 40).float()  # AUROC (40 + 10 / 2) / 50 = 0.9
    less = detector.clone()
    less[1] = 0.0
    one = part(torch.stack([detector, less], -1)[None], labels)
    assert nameability(name_and_score(one, one, [2]), 2)["nameable_units"].item() == 1 / 2


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000))
def test_duplicating_every_unit_leaves_its_selectivity(seed):
    labels, factor = random_labels(200, 4, seed), random_labels(200, 3, seed + 1)[:, None]
    features = units(labels, seed)
    once, twice = (name_and_score(*halves(f, labels, factor), [4, 3]) for f in (features, features.repeat(1, 1, 2)))
    assert torch.equal(twice.auroc, once.auroc.repeat(1, 2))
    assert torch.equal(twice.class_auroc, once.class_auroc.repeat(1, 2))
    assert torch.equal(twice.by_concept.concept, once.by_concept.concept.repeat(1, 2))
    for name, value in nameability(twice, 4, 0.7).items():
        assert torch.allclose(value, nameability(once, 4, 0.7)[name], atol=1e-12), name


def test_units_of_sprites_take_names_from_factors():
    factors = grid(5, 3, 2, repeats=20)
    sprites = registry().dataset("sprites")
    small = type(
        "Small",
        (),
        {
            "class_names": sprites.class_names,
            "factor_names": ("shape", "scale", "x"),
            "factor_words": sprites.factor_words,
        },
    )()
    from infomax_bench.evaluations.gallery import _name, _words

    data = FeatureSet(factors[None].float(), factors[:, 0], [], 5, 10 * factors)
    small.factor_words = {**sprites.factor_words, "shape": {}, "x": {0: "one", 10: "eleven"}, "scale": {}}
    words = _words(small, data)
    assert words[:5] == list(sprites.class_names)
    assert words[5:] == [f"shape {10 * v}" for v in range(5)] + ["scale 0", "scale 10", "scale 20", "x one", "x eleven"]
    assert _name(words, 7, -1.0) == "not shape 20"
    assert _name(words, 1, 1.0) == sprites.class_names[1]
    assert _name(words, -1, 0.0) == "none"
