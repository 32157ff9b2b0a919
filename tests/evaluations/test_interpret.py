"""The interpretability metrics against scikit-learn and on representations whose score is known."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, mutual_info_score, roc_auc_score

import infomax_bench as ib
from infomax_bench.base.errors import Diverged
from infomax_bench.evaluations import factor_vae
from infomax_bench.evaluations.context import Context, FeatureSet, context_for
from infomax_bench.evaluations.dci import dci, importances
from infomax_bench.evaluations.factor_vae import factor_vae_score
from infomax_bench.evaluations.gallery import gallery
from infomax_bench.evaluations.interpretability import factor_scores, measure_interpretability
from infomax_bench.evaluations.mig_sap import BINS, factor_alignment
from infomax_bench.evaluations.naming import concepts, margins, name_and_score, nameability, naming
from infomax_bench.evaluations.parts import Part, factor_codes
from infomax_bench.evaluations.sparse import SPARSE_L2, sparse_probe, sparse_units
from infomax_bench.evaluations.thresholds import NAMEABLE, SPARSE
from infomax_bench.numerics._ranks import average_ranks, live_units, quantile_bins, ranks_among
from infomax_bench.study.plugins import registry


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_labels(n: int, classes: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(classes, (n,), generator=generator(seed))


def units(labels: torch.Tensor, seed: int = 0, k: int = 7) -> torch.Tensor:
    """Two seeds of units that know something of the labels, half of them rectified, `[2, N, k]`; the last is dead."""
    tuning = torch.randn(2, int(labels.max()) + 1, k, generator=generator(seed))
    features = tuning[:, labels] + torch.randn(2, len(labels), k, generator=generator(seed + 1))
    features[..., ::2] = features[..., ::2].relu()
    features[..., -1] = 0.3
    return features


def grid(*sizes: int, repeats: int = 3) -> torch.Tensor:
    """Every combination of factor values, so that the factors are exactly independent, shuffled: int64 `[N, F]`."""
    whole = torch.cartesian_prod(*[torch.arange(size) for size in sizes]).repeat(repeats, 1)
    return whole[torch.randperm(len(whole), generator=generator(0))]


def part(features: torch.Tensor, labels: torch.Tensor, factors: torch.Tensor | None = None) -> Part:
    """Each seed's own labels `[S, N]` and factors `[S, N, F]`, from those that all share, or none."""
    labels = labels.expand(len(features), -1)
    return Part(features, labels, None if factors is None else factors.expand(len(features), -1, -1))


def halves(features: torch.Tensor, labels: torch.Tensor, factors: torch.Tensor | None = None) -> tuple[Part, Part]:
    """Even images for training, odd ones to test."""
    return tuple(part(features[:, i::2], labels[i::2], None if factors is None else factors[i::2]) for i in range(2))  # type: ignore[return-value]


def alike(features: torch.Tensor, factors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """One sample as training and as test images: then the metrics are the published ones."""
    factors = factors.expand(len(features), -1, -1)
    return features, factors, features, factors


def sizes_of(labels: torch.Tensor, factors: torch.Tensor | None = None) -> list[int]:
    return [1 + int(column.max()) for column in [labels, *([] if factors is None else factors.T)]]


# -- names ----------------------------------------------------------------------------------------------------


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


# -- the split rule -------------------------------------------------------------------------------------------


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
        importances(train.features, train.factors, each.features, each.factors, [0, 1]) for each in (test, shuffled)
    )
    assert torch.equal(one[0], other[0])
    assert not torch.equal(one[1], other[1])


def test_the_gaps_are_between_units_that_training_images_chose():
    factors = grid(4, 5)[None]
    perfect = factors.float()
    swapped = perfect.flip(-1)
    found = factor_alignment(perfect, factors, swapped, factors)
    assert found["mig"].item() == pytest.approx(-1)
    assert found["best_factor"].tolist() == [[0, 1]]
    assert found["best_information"][0].tolist() == pytest.approx([0, 0], abs=1e-12)
    assert found["sap"].item() == pytest.approx(0, abs=1e-12)  # thresholds come from training images: both at chance


def test_units_that_tie_in_training_have_no_order_in_the_gaps():
    factors = grid(4, 5)[None]
    train = factors[..., [0, 1, 1]].float()  # two units know the second factor alike, until the test
    test = torch.cat([train[..., :2], torch.zeros_like(train[..., :1])], -1)
    found = factor_alignment(train, factors, test, factors)
    other = factor_alignment(train, factors, test[..., [0, 2, 1]], factors)
    assert found["mig_by_factor"][0].tolist() == pytest.approx([1, 0], abs=1e-12)
    for measure in ("mig", "sap"):
        assert found[measure].item() == pytest.approx(other[measure].item(), abs=1e-12)


def test_the_votes_are_counted_on_training_images():
    factors = grid(4, 5, 6)[None]
    assert factor_vae_score(factors.float(), factors, factors.float().roll(1, -1), factors, [0]).item() < 0.01


def digits_context() -> Context:
    encoder = ib.pretrain("random_features", "digits", width=10, seeds=2)
    return context_for(encoder, registry().dataset("digits"))


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
    small.factor_words = {**sprites.factor_words, "x": {0: "one", 10: "eleven"}, "scale": {}}
    words = _words(small, data)
    assert words[:5] == list(sprites.class_names)
    assert words[5:] == [f"shape {10 * v}" for v in range(5)] + ["scale 0", "scale 10", "scale 20", "x one", "x eleven"]
    assert _name(words, 7, -1.0) == "not shape 20"
    assert _name(words, 1, 1.0) == sprites.class_names[1]
    assert _name(words, -1, 0.0) == "none"


# -- sparse probes --------------------------------------------------------------------------------------------


def test_sparse_units_equal_stepwise_least_squares():
    labels = random_labels(300, 4)
    x = units(labels, k=9)
    x = x - x.mean(1, keepdim=True)
    chosen = sparse_units(x, labels.expand(2, -1), 4, 4)
    for s, c in np.ndindex(2, 4):
        y = (labels == c).double().numpy()
        kept: list[int] = []
        for _ in range(4):

            def error(j, kept=kept, s=s, y=y):
                design = np.column_stack([np.ones(300), x[s][:, [*kept, j]].double().numpy()])
                return np.square(y - design @ np.linalg.lstsq(design, y, rcond=None)[0]).sum()

            kept.append(min((j for j in range(9) if j not in kept), key=error))
        assert chosen[s, c].tolist() == kept


def test_a_sparse_probe_equals_sklearns_one_against_the_rest():
    labels = random_labels(1000, 4)
    x = units(labels, k=9)
    x, held_out = x[:, :600], x[:, 600:]
    chosen = sparse_units(x, labels[:600].expand(2, -1), 4, 3)
    found = sparse_probe(x, labels[:600].expand(2, -1), held_out, labels[600:].expand(2, -1), chosen)
    c_value = 2 / (SPARSE_L2 * 600)  # two opposite weights share the penalty
    for s in range(2):
        odds = []
        for c in range(4):
            model = LogisticRegression(C=c_value, max_iter=1000, tol=1e-6)
            model.fit(x[s][:, chosen[s, c]], labels[:600] == c)
            odds.append(model.decision_function(held_out[s][:, chosen[s, c]]))
        expected = (np.argmax(odds, 0) == labels[600:].numpy()).mean()
        assert found[s].item() == pytest.approx(expected, abs=0.006)


def test_a_copy_is_never_a_second_choice_and_one_unit_a_class_is_enough_for_detectors():
    labels = torch.arange(3).repeat(40)
    detectors = torch.nn.functional.one_hot(labels).float() - 1 / 3
    noise = torch.randn(120, 2, generator=generator(0))
    x = torch.cat([detectors, detectors, noise - noise.mean(0)], -1)[None]
    chosen = sparse_units(x, labels[None], 3, 2)
    assert chosen[0, :, 0].tolist() == [0, 1, 2]
    assert (chosen[0, :, 1] != chosen[0, :, 0] + 3).all()
    assert sparse_probe(x, labels[None], x, labels[None], chosen[..., :1]).item() == 1


def test_more_units_asked_for_than_there_are():
    labels = torch.arange(2).repeat(30)
    x = torch.stack([labels.float() - 0.5, torch.zeros(60)], -1)[None]
    chosen = sparse_units(x, labels[None], 2, 5)
    assert chosen.shape == (1, 2, 2)
    assert (chosen[..., 0] == 0).all()
    assert sparse_probe(x, labels[None], x, labels[None], chosen).item() == 1


# -- factors --------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), levels=st.sampled_from([2, 5, 50]))
def test_ranks_among_others_count_what_is_below(seed, levels):
    reference, others = (torch.randint(levels, (2, n, 3), generator=generator(seed + n)).float() for n in (40, 25))
    assert torch.equal(ranks_among(reference, reference), average_ranks(reference))
    found = ranks_among(reference, others + 0.5 * (seed % 2))
    for s, i, k in np.ndindex(*found.shape):
        value = others[s, i, k] + 0.5 * (seed % 2)
        below, equal = (reference[s, :, k] < value).sum(), (reference[s, :, k] == value).sum()
        assert found[s, i, k].item() == below.item() + (equal.item() + 1) / 2
    bins = quantile_bins(found, BINS, 40)
    assert bins.min() >= 0
    assert bins.max() < BINS


def test_information_equals_sklearns_on_test_images_in_bins_of_training_images():
    factors = torch.stack([random_labels(1200, 4), random_labels(1200, 9, seed=1)], -1)
    train, test = halves(units(factors[:, 0]), factors[:, 0], factors)
    found = factor_alignment(train.features, train.factors, test.features, test.factors)
    bins = quantile_bins(average_ranks(train.features), BINS)
    test_bins = quantile_bins(ranks_among(train.features, test.features), BINS, 600)
    information = np.zeros((2, 6, 2))
    for s, k, f in np.ndindex(*information.shape):
        for p, b in ((train, bins), (test, test_bins)):
            values = p.factors[s, :, f].numpy()
            value = mutual_info_score(b[s, :, k].numpy(), values) / mutual_info_score(values, values)
            if p is train:
                information[s, k, f] = value
        assert found["information"][s, k, f].item() == pytest.approx(value, abs=1e-12)
    assert np.array_equal(found["best_factor"][:, :-1].numpy(), information.argmax(-1))
    chosen = found["information"].gather(-1, found["best_factor"].clamp(min=0)[..., None]).squeeze(-1)
    assert torch.equal(found["best_information"], chosen)
    assert found["information"][:, -1].abs().max() < 1e-12
    assert (found["best_factor"][:, -1] == -1).all()


def test_sap_equals_sklearns_balanced_accuracy_of_bins_that_vote():
    factor = random_labels(1000, 4)
    train, test = halves(units(factor)[:1], factor, factor[:, None])
    found = factor_alignment(train.features, train.factors, test.features, test.factors)
    bins = quantile_bins(average_ranks(train.features), BINS)[0].numpy()
    test_bins = quantile_bins(ranks_among(train.features, test.features), BINS, 500)[0].numpy()
    y, y_test = train.labels[0].numpy(), test.labels[0].numpy()
    scores = []
    for k in range(6):
        share = np.array([[np.mean(bins[y == v, k] == b) for v in range(4)] for b in range(BINS)])
        guess = share.argmax(-1)
        scores.append([balanced_accuracy_score(t, guess[b[:, k]]) for t, b in ((y, bins), (y_test, test_bins))])
    scores = np.array(scores)
    first, second = np.argsort(-scores[:, 0])[:2]
    assert found["sap"].item() == pytest.approx(scores[first, 1] - scores[second, 1], abs=1e-12)


def test_the_factors_themselves_are_perfectly_aligned_in_any_order_and_direction():
    factors = grid(3, 4, 10)
    features = (factors[:, [2, 0, 1]] * torch.tensor([-3, 1, 7]))[None].float()
    found = factor_alignment(*alike(features, factors))
    assert found["mig_by_factor"][0].tolist() == pytest.approx([1, 1, 1])
    assert found["mig"].item() == pytest.approx(1)
    assert found["sap"].item() == pytest.approx(np.mean([1 - 1 / 3, 1 - 1 / 4, 1 - 1 / 10]))
    assert found["best_factor"].tolist() == [[2, 0, 1]]
    assert found["best_information"][0].tolist() == pytest.approx([1, 1, 1])


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), data=st.data())
def test_every_score_of_permuted_bent_factors_is_perfect_on_images_that_were_not_seen(seed, data):
    factors = grid(3, 4, 10, repeats=10)
    order = data.draw(st.permutations(range(3)))
    sign = torch.tensor(data.draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=3, max_size=3)))
    features = (sign * (factors[:, list(order)].float() + 1) ** 3)[None]
    found = factor_scores(*halves(features, factors[:, 0], factors), [seed])
    for metric in ("mig", "factor_alignment", "disentanglement", "completeness", "informativeness", "factor_vae"):
        assert found[metric].item() == pytest.approx(1, abs=0.02), metric


def test_a_rotation_hides_the_factors():
    factors = grid(6, 6, 6, repeats=10)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=generator(0))).Q
    features = ((factors.float() - 2.5) @ rotation)[None]
    found = factor_scores(*halves(features, factors[:, 0], factors), [0])
    assert found["mig"] < 0.3
    assert found["sap"] < 0.3
    assert found["disentanglement"] < 0.5
    assert found["completeness"] < 0.5
    assert found["factor_vae"] < 0.85
    assert found["informativeness"] > 0.8  # it is hidden, not lost


def test_noise_knows_nothing():
    factors = grid(3, 4, 10, repeats=40)
    train, test = halves(torch.randn(3, len(factors), 8, generator=generator(0)), factors[:, 0], factors)
    found = factor_scores(train, test, [0, 1, 2])
    assert found["mig"].abs().max() < 0.01
    assert found["sap"].abs().max() < 0.05
    assert found["factor_alignment"].max() < 0.05
    assert found["disentanglement"].max() < 0.05
    assert found["completeness"].max() < 0.05
    assert (found["informativeness"] - np.mean([1 / 3, 1 / 4, 1 / 10])).abs().max() < 0.03
    assert (found["factor_vae"] - 1 / 3).abs().max() < 0.05  # the rate of the most frequent of three factors


def test_duplicated_factors_leave_no_gap():
    factors = grid(3, 4)
    found = factor_alignment(*alike(factors.repeat(1, 2)[None].float(), factors))
    assert found["mig"].item() == pytest.approx(0, abs=1e-12)
    assert found["sap"].item() == pytest.approx(0, abs=1e-12)


def test_a_single_unit_is_compared_with_chance():
    factors = grid(4, 5)
    found = factor_alignment(*alike(factors[None, :, :1].float(), factors))
    assert found["mig_by_factor"][0].tolist() == pytest.approx([1, 0], abs=1e-12)
    assert found["sap"].item() == pytest.approx((1 - 1 / 4) / 2)


def test_a_factor_that_never_varies_is_left_out():
    factors = grid(3, 4)
    fixed = torch.cat([factors, torch.zeros_like(factors[:, :1])], -1)
    found = factor_alignment(*alike(factors[None].float(), fixed))
    assert found["mig_by_factor"][0, -1].isnan()
    assert found["information"][..., -1].abs().max() < 1e-9
    assert found["mig"].item() == pytest.approx(1)
    assert found["sap"].item() == pytest.approx((2 / 3 + 3 / 4) / 2)
    assert factor_vae_score(*alike(factors[None].float(), fixed), [0]).item() == pytest.approx(1, abs=0.01)
    importance, _ = importances(*alike(factors[None].float(), fixed), [0])
    assert (importance[..., -1] == 0).all()
    assert [v.item() for v in dci(importance)] == pytest.approx([1, 1], abs=0.01)


def test_factor_codes_count_the_values_that_there_are():
    codes, values = factor_codes(torch.tensor([[7, -30], [9, -30], [7, 5]]))
    assert codes.tolist() == [[0, 0], [1, 0], [0, 1]]
    assert [v.tolist() for v in values] == [[7, 9], [-30, 5]]


# -- DCI ------------------------------------------------------------------------------------------------------


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


# -- FactorVAE ------------------------------------------------------------------------------------------------


def test_every_image_of_a_vote_has_the_value_of_the_fixed_factor():
    factors = grid(3, 4, 10)
    shares, fixed = factor_vae._votes(factors.float(), factors, generator(0))
    assert (shares.sum(-1) - 1).abs().max() < 1e-12
    assert torch.equal(shares.argmax(-1), fixed)  # only that unit is constant
    assert (fixed.bincount() / len(fixed) - 1 / 3).abs().max() < 0.05


def test_the_factor_vae_score_agrees_with_a_plain_reading_of_the_paper():
    rng = np.random.default_rng(0)
    factors = grid(4, 5, 6, repeats=8)
    mixing = torch.eye(3) + 0.45 * torch.randn(3, 3, generator=generator(3))
    features = factors.float() @ mixing + 0.8 * torch.randn(len(factors), 3, generator=generator(1))
    train, test = halves(features[None], factors[:, 0], factors)

    def votes(p, n):
        z, f = p.features[0].numpy(), p.factors[0].numpy()
        for _ in range(n):
            k = rng.integers(3)
            own = np.flatnonzero(f[:, k] == rng.choice(np.unique(f[:, k])))
            batch = z[rng.choice(own, 64)] / train.features[0].numpy().std(0)
            yield batch.var(0).argmin(), k

    table = np.zeros((3, 3))
    for unit, k in votes(train, 4000):
        table[unit, k] += 1
    expected = np.mean([table[unit].argmax() == k for unit, k in votes(test, 4000)])
    found = factor_vae_score(*(train.features, train.factors, test.features, test.factors), [0]).item()
    assert 0.4 < expected < 0.97
    assert found == pytest.approx(expected, abs=0.04)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 100))
def test_copies_and_dead_units_change_no_factor_vae_score_and_draws_belong_to_the_seed(seed):
    factors = grid(3, 4, 5, repeats=4)
    features = (factors.float() + torch.randn(2, len(factors), 3, generator=generator(seed))).relu()
    once = factor_vae_score(*alike(features, factors), [seed, seed + 1])
    wider = torch.cat([features, torch.full_like(features[..., :1], 0.3), features], -1)
    assert torch.equal(factor_vae_score(*alike(wider, factors), [seed, seed + 1]), once)
    assert torch.equal(factor_vae_score(*alike(features[1:], factors), [seed + 1]), once[1:])


def test_units_that_are_silent_together_share_their_vote_so_that_their_order_does_not_matter():
    factors = grid(3, 4, 5, repeats=4)
    a, b, c = factors.unbind(-1)
    silent = [(a == 0) & (b == 0), (a == 1) & (c == 2), (b == 3) & (c == 4), (a == 2) & (b == 1) & (c == 1)]
    features = torch.stack([*silent, b.float() + 0.1 * c], -1)[None].float()
    shares, _ = factor_vae._votes(features[0], factors, generator(0))
    assert ((shares > 0).sum(-1) > 1).double().mean() > 0.3
    scores = [
        factor_vae_score(*alike(features[..., order], factors), [3]).item()
        for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 3, 4, 1])
    ]
    assert scores == pytest.approx([scores[0]] * 3, abs=1e-9)


# -- all of them ----------------------------------------------------------------------------------------------


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
    for name in ("factor_alignment", "disentanglement", "completeness", "factor_vae"):
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
        importance, accuracy = importances(*four, [0, 1])
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
