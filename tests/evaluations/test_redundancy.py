"""The redundancy metrics against closed forms, scipy, scikit-learn, and what must not change them."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import hadamard
from scipy.special import softmax
from scipy.stats import differential_entropy, entropy, random_correlation, rankdata
from sklearn.metrics import adjusted_mutual_info_score, mutual_info_score

from infomax_bench.base.errors import Diverged
from infomax_bench.evaluations.declare import declaration_of
from infomax_bench.evaluations.redundancy import (
    BINS,
    EIGENVALUE_FLOOR,
    measure_redundancy,
    nonlinear_dependence,
    redundancy,
)
from infomax_bench.numerics import _ranks

AS_PUBLISHED = {
    "active_share",
    "low_variance_units",
    "responsibility_entropy",
}  # depend on scale, as their paper has them
PER_PAIR = ("mean_abs_correlation", "nonlinear_dependence", "neighbour_information")
PER_UNIT = ("output_entropy", "total_correlation_per_unit", "copula_total_correlation", "tied_share")


def gaussian(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def units(seed: int, n: int = 200, k: int = 6) -> torch.Tensor:
    """Correlated units of one seed, `[1, n, k]`: some linear, some rectified with an atom at zero, the last dead."""
    mixed = gaussian(1, n, k, seed=seed) @ gaussian(k, k, seed=seed + 1)
    mixed[..., : k // 2] = mixed[..., : k // 2].relu()
    mixed[..., -1] = 0.7
    return mixed


def assert_within_sampling_error(values: torch.Tensor, truth: float) -> None:
    assert abs(values.mean() - truth) < 4 * values.std() / len(values) ** 0.5


# -- ranks and bins -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [1, 700, 1 << 16])
def test_average_ranks_equal_scipys_with_and_without_ties(at_once, monkeypatch):
    monkeypatch.setattr(_ranks, "_CACHED", at_once)
    features = gaussian(2, 300, 4)
    features[..., 2:] = features[..., 2:].relu()
    assert np.array_equal(_ranks.average_ranks(features), rankdata(features.numpy(), axis=1))


def test_quantile_bins_are_equally_full_and_never_split_ties():
    features = gaussian(400, 2)
    features[:, 1] = features[:, 1].relu()
    bins = _ranks.quantile_bins(_ranks.average_ranks(features), 8)
    assert bins[:, 0].bincount().tolist() == [50] * 8
    assert len(bins[features[:, 1] == 0, 1].unique()) == 1


def test_mutual_information_equals_sklearns():
    codes = torch.randint(5, (500, 2), generator=torch.Generator().manual_seed(0))
    codes[:, 1] = torch.where(codes[:, 0] > 2, codes[:, 0], codes[:, 1])
    table = _ranks.histograms(codes[:, :1] * 5 + codes[:, 1:], 25).unflatten(-1, (5, 5))
    assert _ranks.mutual_information(table).item() == pytest.approx(mutual_info_score(*codes.T.numpy()), abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 3.0, -1e30, 1e-30])
def test_a_constant_unit_is_dead_whatever_its_value_and_despite_rounding(value):
    stuck = torch.full((50, 1), value)
    stuck[::2] *= 1 + torch.finfo(torch.float32).eps
    assert not _ranks.live_units(stuck).any()


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e38])
def test_a_unit_that_fires_once_is_alive_at_any_scale(scale):
    once = torch.zeros(50, 1)
    once[7] = scale
    assert _ranks.live_units(once).all()


# -- total correlation ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 5, 12])
def test_total_correlation_of_a_gaussian_equals_its_closed_form(k):
    spectrum = np.linspace(0.1, 1.9, k)
    correlation = random_correlation.rvs(spectrum, random_state=k)
    mixing = torch.tensor(np.linalg.cholesky(correlation).T)
    features = (gaussian(12, 8000, k, seed=k).double() @ mixing).float()
    assert_within_sampling_error(redundancy(features)["total_correlation"], -0.5 * np.log(spectrum).sum())


def test_total_correlation_of_independent_units_is_zero_even_with_few_images():
    # Without the bias correction this would be above 64^2 / (4 * 150) = 6.8 nats.
    assert_within_sampling_error(redundancy(gaussian(20, 150, 64))["total_correlation"], 0)


def test_total_correlation_ignores_increasing_functions_of_a_unit():
    features = gaussian(1, 500, 4) @ gaussian(4, 4, seed=1)
    bent = torch.stack([features[..., 0].exp(), features[..., 1] ** 3, *features[..., 2:].unbind(-1)], -1)
    assert redundancy(bent)["total_correlation"].item() == pytest.approx(
        redundancy(features)["total_correlation"].item()
    )


def test_total_correlation_needs_more_images_than_units():
    found = redundancy(gaussian(1, 20, 20))
    assert found["total_correlation"].isnan()
    assert redundancy(gaussian(1, 20, 19))["total_correlation"].isfinite()


# -- outputs that sum to a constant, and ties -------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-3, 1e30])
def test_of_outputs_that_sum_to_a_constant_one_is_left_out_whichever(scale):
    """Gaussian outputs and what lacks to 1: each way to leave one out has a closed form."""
    mixing = gaussian(4, 4, seed=1).double() + torch.eye(4)
    first = gaussian(12, 4000, 4, seed=2).double() @ mixing
    outputs = scale * torch.cat([first, 1 - first.sum(-1, keepdim=True)], -1)
    found = redundancy(outputs)
    whole = torch.cat([mixing, -mixing.sum(1, keepdim=True)], 1)
    covariance = (whole.T @ whole).numpy()
    truth = []
    for left in range(5):
        own = np.delete(np.delete(covariance, left, 0), left, 1)
        truth.append((np.log(own.diagonal()).sum() - np.linalg.slogdet(own)[1]) / 2)
    assert_within_sampling_error(5 * found["copula_total_correlation"], np.mean(truth))
    assert (found["total_correlation_per_unit"] > 2 * found["copula_total_correlation"]).all()


def test_only_outputs_that_sum_to_a_constant_lack_one():
    """A softmax in half precision does; independent outputs, few or many, and half a softmax do not."""
    shares = (3 * gaussian(1, 500, 8)).softmax(-1)
    for outputs, less in ((shares, True), (shares.half().float(), True), (shares[..., :4], False)):
        found = redundancy(outputs)
        assert (found["copula_total_correlation"] < found["total_correlation_per_unit"]).all() == less
    for units_ in (1, 2, 300):
        found = redundancy(gaussian(1, 400, units_))
        assert torch.equal(found["copula_total_correlation"], found["total_correlation_per_unit"])


def test_ties_are_counted():
    outputs = torch.tensor([[[0.0, 1.0], [0.0, 2.0], [1.0, 3.0], [2.0, 3.0]]])
    assert redundancy(outputs)["tied_share"].item() == 0.5


@pytest.mark.parametrize(("threshold", "least", "most"), [(0.0, 1.1, 1.3), (1.28, 1.9, 2.7)])
def test_by_how_much_total_correlation_reads_high_with_ties(threshold, least, most):
    """Two rectified Gaussian units of correlation 0.9 know 0.554 and 0.164 nats of each other (by quadrature): nearest
    neighbours find these, see there."""
    truth = {0.0: 0.554, 1.28: 0.164}[threshold]
    first = gaussian(20, 2000, 1)
    second = 0.9 * first + 0.19**0.5 * gaussian(20, 2000, 1, seed=1)
    found = redundancy((torch.cat([first, second], -1) - threshold).relu())
    assert least < found["total_correlation"].mean() / truth < most


def test_effective_rank_of_independent_units_falls_with_units_over_images():
    """Eigenvalues of sampled correlations are spread by (K - 1) / N: about exp(-K / 2N) of the units are left."""
    found = redundancy(gaussian(4, 400, 40))
    assert found["effective_rank_per_live_unit"].mean().item() == pytest.approx(np.exp(-40 / 800), abs=5e-3)
    dead = torch.cat([gaussian(4, 400, 40), torch.ones(4, 400, 40)], -1)
    assert torch.equal(redundancy(dead)["effective_rank_per_live_unit"], found["effective_rank_per_live_unit"])


# -- what duplication does ------------------------------------------------------------------------------------


def test_duplicating_every_unit_shows_and_stays_finite():
    once = gaussian(3, 1000, 8)
    before, after = redundancy(once), redundancy(once.repeat(1, 1, 2))
    per_copy = -0.5 * np.log(2 * EIGENVALUE_FLOOR)  # each pair's eigenvalues are 2 and the floor
    assert torch.allclose(after["total_correlation"], before["total_correlation"] + 8 * per_copy, atol=0.1)
    assert (after["mean_abs_correlation"] > before["mean_abs_correlation"] + 0.05).all()
    assert (after["redundancy_frobenius"] > before["redundancy_frobenius"] + 15).all()
    assert (after["nonlinear_dependence"] > before["nonlinear_dependence"] + 0.05).all()
    assert torch.allclose(after["effective_rank"], before["effective_rank"])
    assert torch.allclose(after["effective_rank_share"], before["effective_rank_share"] / 2)
    assert torch.allclose(after["output_entropy"], before["output_entropy"])


def test_identical_units_have_effective_rank_one_and_full_dependence():
    found = redundancy(gaussian(1, 300, 1) * torch.tensor([1.0, 2.0, 5.0, 0.1]) + 3)
    assert found["effective_rank"].item() == pytest.approx(1, abs=1e-5)
    assert found["mean_abs_correlation"].item() == pytest.approx(1)
    assert found["redundancy_frobenius"].item() == pytest.approx(12)
    assert found["nonlinear_dependence"].item() == pytest.approx(1)


def test_orthogonal_units_have_full_effective_rank():
    orthogonal = torch.tensor(hadamard(16)[:, 1:], dtype=torch.float32)[None]
    found = redundancy(orthogonal)
    assert found["effective_rank"].item() == pytest.approx(15)
    assert found["effective_rank_share"].item() == pytest.approx(1)
    assert found["mean_abs_correlation"].item() == pytest.approx(0, abs=1e-12)


# -- correlation, entropy, activity ---------------------------------------------------------------------------


def test_correlations_equal_numpys():
    features = units(seed=3)[..., :-1]
    expected = np.corrcoef(features[0].double().numpy().T)[np.triu_indices(5, 1)]
    found = redundancy(features)
    assert found["mean_abs_correlation"].item() == pytest.approx(np.abs(expected).mean())
    assert found["redundancy_frobenius"].item() == pytest.approx(2 * (expected**2).sum())


# Rounding lets a density with sharp edges, such as the uniform, spill over half a level on either side.
@pytest.mark.parametrize(("name", "error"), [("normal", 0.01), ("logistic", 0.01), ("uniform", 0.06)])
def test_output_entropy_of_a_continuous_unit_is_its_differential_entropy(name, error):
    draw = getattr(np.random.default_rng(0), name)(size=(1, 20000, 1))
    outputs = torch.tensor(draw, dtype=torch.float32)
    standardised = (outputs / outputs.std()).flatten().numpy()
    found = redundancy(outputs)["output_entropy"].item()
    assert found == pytest.approx(differential_entropy(standardised) + np.log(4), abs=error)


def test_output_entropy_of_a_two_valued_unit_is_exact_and_a_sparser_unit_says_less():
    fires = (torch.arange(100) < 25).float()[None, :, None]
    assert redundancy(fires)["output_entropy"].item() == pytest.approx(-0.25 * np.log(0.25) - 0.75 * np.log(0.75))
    entropies = [redundancy((gaussian(1, 2000, 1) - sparsity).relu())["output_entropy"] for sparsity in (-3, 0, 1, 2)]
    assert entropies == sorted(entropies, reverse=True)


def test_responsibilities_of_equal_distances_are_shared_equally_and_of_a_near_one_are_not():
    """Against scipy's entropy of a softmax, and log K where all units share alike."""
    distances = torch.rand(1, 7, 5, generator=torch.Generator().manual_seed(0)) * 4
    expected = entropy(softmax(-distances[0].double().numpy(), axis=-1), axis=-1).mean()
    assert redundancy(distances)["responsibility_entropy"].item() == pytest.approx(expected)
    assert redundancy(torch.ones(1, 7, 5))["responsibility_entropy"].item() == pytest.approx(np.log(5))


def test_low_variance_units_are_counted_by_the_published_absolute_threshold():
    features = torch.tensor([[[0.0, 0.0, 5.0], [0.15, 0.25, 5.0]]])  # variances 0.0056, 0.0156 and 0
    assert redundancy(features)["low_variance_units"].item() == 2


def test_active_share_uses_the_published_absolute_threshold():
    features = torch.tensor([[[0.02, 0.0], [-0.02, 0.005], [0.0, 0.005], [0.005, 1.0]]])
    assert redundancy(features)["active_share"].item() == 3 / 8


# -- nonlinear dependence -------------------------------------------------------------------------------------


def test_a_parabola_is_uncorrelated_but_dependent():
    x = gaussian(1, 4000, 1)
    x = torch.cat([x, -x], 1)  # symmetric, so the correlation with x^2 is exactly zero
    found = redundancy(torch.cat([x, x**2], -1))
    assert found["mean_abs_correlation"].item() == pytest.approx(0, abs=1e-6)
    assert found["nonlinear_dependence"] > 0.5


@pytest.mark.parametrize("threshold", [-9.0, 0.0, 1.5])
def test_independent_units_have_no_nonlinear_dependence_however_sparse(threshold):
    found = redundancy((gaussian(10, 2000, 8) - threshold).relu())["nonlinear_dependence"]
    assert_within_sampling_error(found, 0)
    assert found.abs().max() < 2e-3


def test_nonlinear_dependence_equals_its_definition_over_more_than_one_block_of_units():
    features = gaussian(300, 40) @ gaussian(40, 40, seed=1)
    features[:, ::2] = features[:, ::2].relu()
    ranks = _ranks.average_ranks(features)
    codes = _ranks.quantile_bins(ranks, BINS).T.numpy()
    entropies = [mutual_info_score(code, code) for code in codes]
    spare = [len(np.unique(code)) - 1 for code in codes]
    expected = []
    for i, j in combinations(range(40), 2):
        chance = spare[i] * spare[j] / (2 * 300)
        mean_entropy = (entropies[i] + entropies[j]) / 2
        expected.append((mutual_info_score(codes[i], codes[j]) - chance) / (mean_entropy - chance))
    assert nonlinear_dependence(ranks).item() == pytest.approx(np.mean(expected), abs=1e-6)


def test_nonlinear_dependence_is_sklearns_adjusted_mutual_information():
    ranks = _ranks.average_ranks(units(seed=5, n=3000)[0, :, :-1])
    codes = _ranks.quantile_bins(ranks, BINS).T.numpy()
    expected = np.mean([adjusted_mutual_info_score(a, b) for a, b in combinations(codes, 2)])
    assert nonlinear_dependence(ranks).item() == pytest.approx(expected, abs=1e-3)


def test_more_images_are_subsampled_the_same_way_every_time():
    features = units(seed=1, n=12000)
    found = redundancy(features)["nonlinear_dependence"]
    assert torch.equal(found, redundancy(features)["nonlinear_dependence"])
    assert torch.allclose(found, redundancy(units(seed=1, n=5000))["nonlinear_dependence"], atol=0.02)


# -- what must not matter -------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), data=st.data())
def test_the_scale_and_the_order_of_units_do_not_matter(seed, data):
    features = units(seed)
    k = features.shape[-1]
    scales = torch.tensor(data.draw(st.lists(st.floats(1e-6, 1e6), min_size=k, max_size=k)))
    order = data.draw(st.permutations(range(k)))
    before, after = redundancy(features), redundancy((features * scales)[..., order])
    for name in before.keys() - AS_PUBLISHED:
        drawn = 0.1 if name == "neighbour_information" else 1e-5  # places between ranks, by a unit's number
        assert after[name].item() == pytest.approx(before[name].item(), rel=1e-5, abs=drawn), name


def test_each_seed_is_measured_alone():
    features = torch.cat([units(seed) for seed in range(3)])
    together = redundancy(features)
    for i, alone in enumerate(redundancy(one[None]) for one in features):
        for name, value in alone.items():
            assert together[name].shape == (3,)
            assert together[name].dtype == torch.float64
            assert together[name][i] == value[0], name


def test_dead_units_are_counted_and_left_out():
    live = units(seed=2)[..., :-1]
    dead = torch.zeros(1, 200, 3) + torch.tensor([0.0, 4.0, -1.0])
    before, after = redundancy(live), redundancy(torch.cat([live, dead], -1))
    assert before["dead_units"] == 0
    assert after["dead_units"] == 3 / 8
    assert torch.allclose(after["effective_rank_share"], before["effective_rank_share"] * 5 / 8)
    for name in before.keys() - {"dead_units", "effective_rank_share", *AS_PUBLISHED}:
        assert torch.equal(before[name], after[name]), name


def test_without_live_units_means_are_nan_and_sums_zero():
    found = redundancy(torch.ones(2, 100, 3))
    nothing = {name for name, value in found.items() if value.isnan().all()}
    assert nothing == {*PER_UNIT, *PER_PAIR, "effective_rank_per_live_unit"}
    assert (found["dead_units"] == 1).all()
    for name in ("total_correlation", "redundancy_frobenius", "effective_rank", "effective_rank_share"):
        assert (found[name] == 0).all(), name


def test_a_single_live_unit_has_no_pairs():
    found = redundancy(gaussian(1, 100, 1))
    assert {name for name, value in found.items() if value.isnan()} == set(PER_PAIR)
    assert found["total_correlation"].item() == pytest.approx(0, abs=1e-12)
    assert found["effective_rank"].item() == pytest.approx(1)


def test_what_few_images_leave_undefined_says_so():
    own = declaration_of(measure_redundancy)
    said = {one.name: one.undefined for one in own.metrics if "test images" in one.undefined}
    for name, least in (("neighbour_information", 5), ("nonlinear_dependence", 64)):
        assert said.pop(name).endswith(f"fewer than {least} test images")
        for n, undefined in ((least - 1, True), (least, False)):
            assert bool(redundancy(gaussian(1, n, 2))[name].isnan()) == undefined
    assert not said


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_features_that_are_not_finite_are_refused(bad):
    features = gaussian(1, 100, 3)
    features[0, 5, 1] = bad
    with pytest.raises(Diverged, match="not finite"):
        redundancy(features)
