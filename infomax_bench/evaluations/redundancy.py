"""How much do a feature set's units repeat each other, and how much does each say?

Only what is published as depending on it (`active_share`, `low_variance_units`, `responsibility_entropy`) depends on
the scale of the units, and nothing on their order. A dead unit, which is one that is constant over the training images
as everywhere, is counted in `dead_units` and left out of everything else: it repeats nothing, and says nothing. So is
one that is constant over the held-out images alone, but it is not counted.
"""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.declare import Metric, Row, evaluation
from infomax_bench.numerics._ranks import average_ranks, entropy, histograms, live_units, quantile_bins
from infomax_bench.numerics._scale import mean_and_std, standardised
from infomax_bench.numerics.neighbour_information import LEAST, neighbour_information

ACTIVE = 0.01
"""An output above this magnitude counts as active (the threshold of arXiv:2601.06478)."""

LOW_VARIANCE = 0.01
"""A unit whose variance is below this counts as dead there."""

RESOLUTION = 0.25
"""Step, in standard deviations of the unit, to which an output is rounded for its entropy."""

EIGENVALUE_FLOOR = 1e-6
"""Smallest eigenvalue in a log-determinant: an exact duplicate adds 6.9 nats of total correlation, not infinity."""

BINS = 8
"""Quantile bins per unit for the nonlinear dependence: 64 cells a pair, so 5,000 images fill each with about 78."""

MAX_IMAGES = 5000
"""Images used for the nonlinear dependence; of more, a fixed random choice."""

PAIRS, PAIR_IMAGES = 200, 1000
"""Pairs of units, and images of each, for information by nearest neighbours: a random choice where there are more."""

SUM = 0.01
"""Outputs sum to a constant if their sum's standard deviation is at most this share of that of independent ones: a
softmax's do, even rounded to half precision."""

_CHUNK = 32
"""Units per block of joint histograms: bounds the memory at `32 * BINS**2 * K` counts."""


def redundancy(features: Tensor, live: Tensor | None = None) -> dict[str, Tensor]:
    """Redundancy and information of the units, per seed.

    features: `[S, N, K]`, each seed's raw features of the same N held-out images; live: which units vary over training
    images, bool `[S, K]` (without it, over these). Every value is float64 `[S]`:

    - `dead_units`: share of the K units that are dead.
    - `active_share`: share of all (image, unit) outputs with |a| > 0.01, dead units included, as arXiv:2601.06478
      counts them. The threshold is absolute, so this one depends on scale: a description, never a verdict.
    - `low_variance_units`: how many of the K units have a variance below 0.01, "dead" in that paper; depends on scale.
    - `responsibility_entropy`: nats, the mean over images of the entropy of softmax(-a), log K if all units share every
      image alike (ibid.); it has a meaning for outputs that are distances, and depends on scale.
    - `output_entropy`: nats, mean over units; see `output_entropy`.
    - `total_correlation`, `total_correlation_per_unit`: nats, and nats per live unit; see `total_correlation`. NaN
      unless there are fewer live units than images.
    - `copula_total_correlation`: nats per live unit, of all outputs but one where they sum to a constant, which makes
      the total correlation of all infinite; else the same as `total_correlation_per_unit`; see there.
    - `tied_share`: share of outputs of live units that equal the unit's output for another image: how far the ranks, on
      which total correlations and information rest, are a matter of how ties are ranked.
    - `neighbour_information`: nats, mean over pairs of units; see `pair_information`.
    - `mean_abs_correlation`: mean |Pearson correlation| of two units; independent ones score 0.8 / sqrt(N).
    - `redundancy_frobenius`: ||offdiag Corr||_F^2, the score of arXiv:2601.06478; it grows with the number of pairs.
    - `effective_rank`, `effective_rank_share`: see `effective_rank`; the share is over K, so dead units lower it.
      `effective_rank_per_live_unit` is over live units.
    - `nonlinear_dependence`: mean over pairs, 0 for independent units and 1 for copies; see `nonlinear_dependence`.

    A mean over nothing is NaN: over pairs with fewer than two live units, over units with none.
    Raises Diverged if a feature is not finite.
    """
    varies, ranks = live_units(features), average_ranks(features)
    live = varies if live is None else live
    seeds = [_one_seed(*seed) for seed in zip(features, ranks, live, live & varies, strict=True)]
    return {name: torch.stack([seed[name] for seed in seeds]) for name in seeds[0]}


def _one_seed(features: Tensor, ranks: Tensor, live: Tensor, counted: Tensor) -> dict[str, Tensor]:
    """counted: the live units that vary over these images too, bool `[K]`."""
    outputs, ranks = features[:, counted], ranks[:, counted]
    mean, std = mean_and_std(outputs)
    outputs = standardised(outputs, mean, std, torch.float64)
    width, units = features.shape[1], outputs.shape[1]
    correlation = _correlation(outputs)
    off_diagonal = correlation - torch.eye(units).to(correlation)
    dependence = total_correlation(ranks)
    rank = effective_rank(correlation)
    return {
        "dead_units": 1 - live.double().mean(),
        "active_share": (features.abs() > ACTIVE).double().mean(),
        "low_variance_units": (features.double().var(0, correction=0) < LOW_VARIANCE).double().sum(),
        "responsibility_entropy": responsibility_entropy(features),
        "output_entropy": output_entropy(outputs).mean(),
        "total_correlation": dependence,
        "total_correlation_per_unit": dependence / units,
        "copula_total_correlation": (without_one(ranks) if sum_to_constant(outputs, std) else dependence) / units,
        "tied_share": tied_share(ranks),
        "mean_abs_correlation": off_diagonal.abs().sum() / (units * (units - 1)),
        "redundancy_frobenius": off_diagonal.square().sum(),
        "effective_rank": rank,
        "effective_rank_share": rank / width,
        "effective_rank_per_live_unit": rank / units,
        "nonlinear_dependence": nonlinear_dependence(ranks),
        "neighbour_information": pair_information(ranks),
    }


def responsibility_entropy(distances: Tensor) -> Tensor:
    """Entropy in nats of the responsibilities softmax(-d) that units have for an image: `[N, K]` -> its mean."""
    logs = torch.log_softmax(-distances.double(), dim=-1)
    return -(logs.exp() * logs.clamp(min=-1e300)).sum(-1).mean()


def _correlation(outputs: Tensor) -> Tensor:
    """Pearson correlations `[K, K]` of units that vary, `[N, K]`, with ones on the diagonal."""
    centred = outputs - outputs.mean(0)
    unit_length = centred / centred.norm(dim=0)
    correlation: Tensor = unit_length.T @ unit_length
    return correlation.fill_diagonal_(1)


def output_entropy(outputs: Tensor) -> Tensor:
    """Entropy in nats of each live unit's output, rounded to a quarter of its standard deviation: `[N, K]` -> `[K]`.

    For a smooth output this is its standardised differential entropy + log 4 (Cover & Thomas 2006, theorem 8.3.1): 2.81
    for a Gaussian, which is as much as such an output can say. Unlike the differential entropy, which is -inf for a
    ReLU with an atom at zero, it stays finite: the atom fills one level. Unlike the entropy of a histogram over the
    range, it does not change resolution with the largest outlier.
    """
    if not outputs.shape[1]:
        return outputs.new_zeros(0)
    # Counted from the minimum, so that a ReLU's zeros sit in the middle of a level, not on the edge of two.
    above_minimum = outputs - outputs.amin(0)
    levels = (above_minimum / (RESOLUTION * outputs.std(0, correction=0))).round().long()
    return entropy(histograms(levels, 1 + int(levels.max())))


def total_correlation(ranks: Tensor) -> Tensor:
    """Total correlation in nats (Watanabe 1960) under a Gaussian copula, from average ranks `[N, K]` of live units.

    Outputs become normal scores through their ranks, so that monotone changes of a unit do not matter, and of the
    scores' correlation R it is -1/2 log det R. The sampling bias of log det R is taken off: for N Gaussian samples
    E[log det R_hat] = log det R + sum_i psi((N - i) / 2) - K psi((N - 1) / 2), i = 1..K, exactly and for every R
    (Wishart log-determinant; Bishop 2006, eq. B.81). Without it, wider would look more redundant: about K^2 / 4N nats.
    Independent units therefore scatter around 0, on both sides. Ranks blur directions whose variance is not far above
    1 / N, so very strong dependence reads a little low. Tied outputs (a ReLU's zeros) share a score: independent units
    still read 0 and copies the most there is, but what lies between reads high, for Gaussian units of correlation 0.9
    by a fifth if half of each is zeros, twofold if nine tenths are. `tied_share` says how many are.
    """
    n, units = ranks.shape
    if units >= n:
        return ranks.new_tensor(torch.nan)
    eigenvalues = torch.linalg.eigvalsh(_score_correlation(ranks)).clamp(min=EIGENVALUE_FLOOR)
    dependence: Tensor = (_log_determinant_bias(n, units, ranks) - eigenvalues.log().sum()) / 2
    return dependence


def without_one(ranks: Tensor) -> Tensor:
    """The same of all units but one, its mean over which one is left out, from average ranks `[N, K]`.

    By Cramer's rule the determinant of R without row and column i is det R (R^-1)_ii.
    """
    n, units = ranks.shape
    if units > n:
        return ranks.new_tensor(torch.nan)
    eigenvalues, vectors = torch.linalg.eigh(_score_correlation(ranks))
    eigenvalues[1:].clamp_(min=EIGENVALUE_FLOOR)
    eigenvalues[:1].clamp_(min=EIGENVALUE_FLOOR**2)  # of the sum: it is taken off again
    log_determinants = eigenvalues.log().sum() + (vectors.square() / eigenvalues).sum(1).log()
    dependence: Tensor = (_log_determinant_bias(n, units - 1, ranks) - log_determinants.mean()) / 2
    return dependence


def sum_to_constant(outputs: Tensor, std: Tensor) -> bool:
    """Whether units, standardised `[N, K]`, of standard deviations `[1, K]`, sum to a constant before that."""
    if outputs.shape[1] < 2:
        return False
    weight = (std / std.amax()).squeeze(0)
    return bool((outputs @ weight).std(correction=0) <= SUM * weight.norm())


def tied_share(ranks: Tensor) -> Tensor:
    """Share of outputs that equal another of the same unit, from average ranks `[N, K]`; NaN without units."""
    if not ranks.shape[1]:
        return ranks.new_tensor(torch.nan)
    counts = histograms((2 * ranks).int(), 2 * len(ranks) + 1)
    return counts.where(counts > 1, 0).sum().double() / ranks.numel()


def pair_information(ranks: Tensor) -> Tensor:
    """Mean mutual information in nats of two units, by nearest neighbours: see `neighbour_information`; from average
    ranks `[N, K]` of live units. NaN with fewer than two units, or fewer than 5 images.

    A random 200 pairs, or all if there are no more, on a random 1,000 images: the mean of independent pairs has a
    standard deviation of 0.02 / sqrt(200) nats. What no three neighbours show, such as dependence of a tail, is lost.
    """
    units = ranks.shape[1]
    if units < 2:
        return ranks.new_tensor(torch.nan)
    rng = torch.Generator().manual_seed(0)
    images = torch.randperm(len(ranks), generator=rng)[:PAIR_IMAGES].to(ranks.device)
    pairs = torch.combinations(torch.arange(units)) if units * (units - 1) / 2 <= PAIRS else None
    if pairs is None:
        first, apart = (torch.randint(n, (PAIRS,), generator=rng) for n in (units, units - 1))
        pairs = torch.stack([first, (first + 1 + apart) % units], 1)
    return neighbour_information(ranks[images], pairs, rng).mean().to(ranks.device)


def _score_correlation(ranks: Tensor) -> Tensor:
    """Correlations `[K, K]` of normal scores, from average ranks `[N, K]`."""
    return _correlation(torch.special.ndtri((ranks - 0.5) / len(ranks)))


def _log_determinant_bias(n: int, units: int, like: Tensor) -> Tensor:
    """By how much the log-determinant of a correlation of n Gaussian samples is expected to be off; see
    `total_correlation`."""
    half_freedom = (n - 1 - torch.arange(units).to(like)) / 2
    bias: Tensor = (half_freedom.digamma() - half_freedom[:1].digamma()).sum()
    return bias


def effective_rank(correlation: Tensor) -> Tensor:
    """exp(entropy of the normalised eigenvalues) of a correlation matrix `[K, K]` (Roy & Vetterli 2007).

    1 if all units are copies of one, K if they are uncorrelated, 0 without units.
    """
    units = len(correlation)
    if not units:
        return correlation.new_zeros(())
    shares = torch.linalg.eigvalsh(correlation).clamp(min=0) / units
    entropy: Tensor = torch.special.entr(shares).sum()
    return entropy.exp()


def nonlinear_dependence(ranks: Tensor) -> Tensor:
    """Mean over pairs of units of their adjusted mutual information, from average ranks `[N, K]` of live units.

    Outputs are cut into 8 quantile bins. For each pair (I - E) / ((H_x + H_y) / 2 - E), where E is what independent
    units would reach (Vinh, Epps & Bailey 2010, in the chi-square approximation (b_x - 1)(b_y - 1) / 2N over occupied
    bins b): 0 for independent units on average, 1 for monotone copies, and it sees what no correlation does.
    NaN with fewer than two units, or fewer images than the cells of a pair.
    """
    n, units = ranks.shape
    if units < 2 or n < BINS**2:
        return ranks.new_tensor(torch.nan)
    bins = quantile_bins(ranks, BINS)
    if n > MAX_IMAGES:
        n = MAX_IMAGES
        bins = bins[torch.randperm(len(bins), generator=torch.Generator().manual_seed(0))[:n].to(bins.device)]
    counts = histograms(bins, BINS)
    uncertainty = entropy(counts)
    spare = (counts > 0).sum(-1) - 1
    # One product gives the joint histograms of a block of units with all units from there on.
    one_hot = (bins[..., None] == torch.arange(BINS, device=bins.device)).float().flatten(1)
    total = ranks.new_zeros(())
    for start in range(0, units, _CHUNK):
        end = start + _CHUNK
        joint = one_hot[:, start * BINS : end * BINS].T @ one_hot[:, start * BINS :]
        joint_entropy = entropy(joint.unflatten(1, (-1, BINS)).unflatten(0, (-1, BINS)), (1, 3))
        own, others = uncertainty[start:end, None], uncertainty[start:]
        chance = spare[start:end, None] * spare[start:] / (2 * n)
        # A rare unit may be constant in the chosen images; two of them share nothing: 0 / tiny.
        score = (own + others - joint_entropy - chance) / ((own + others) / 2 - chance).clamp(min=1e-12)
        total += score.triu(1).sum()
    return total / (units * (units - 1) / 2)


_Neutral = partial(Metric, range=(0, math.inf))
_Lower = partial(Metric, better="lower")
ONE_UNIT, WIDE = "fewer than two units are alive", "no unit is alive, or as many as there are images"
FEW = ONE_UNIT + ", or there are fewer than {} test images"


@evaluation(
    name="redundancy",
    version=4,
    seconds=2e-5,
    of_files=True,
    metrics=[
        _Lower("dead_units", "share of units that are constant over training images", range=(0, 1)),
        Metric("active_share", "share of outputs above 0.01 in magnitude; depends on scale", range=(0, 1)),
        _Lower("low_variance_units", "variance below 0.01; depends on scale", unit="units", range=(0, math.inf)),
        _Neutral("responsibility_entropy", "mean entropy of softmax(-output); depends on scale", unit="nats"),
        Metric(
            "output_entropy",
            "mean entropy of a unit's output",
            "higher",
            "nats",
            undefined="no unit is alive",
        ),
        _Lower("total_correlation", "total correlation, Gaussian copula", unit="nats", undefined=WIDE),
        _Lower("total_correlation_per_unit", "the same per live unit", unit="nats", undefined=WIDE),
        _Lower("copula_total_correlation", "per live unit, of all but one that sum to 1", unit="nats", undefined=WIDE),
        Metric(
            "tied_share", "share of outputs that equal another of the unit", range=(0, 1), undefined="no unit is alive"
        ),
        _Lower("mean_abs_correlation", "mean |correlation| of two units", range=(0, 1), undefined=ONE_UNIT),
        _Lower("redundancy_frobenius", "sum of squares of the correlations of two units", range=(0, math.inf)),
        Metric("effective_rank", "exp of the entropy of correlations' eigenvalues", "higher", "units", (0, math.inf)),
        Metric("effective_rank_share", "the same over the number of units", "higher", range=(0, 1)),
        Metric(
            "effective_rank_per_live_unit",
            "the same over the number of live units",
            "higher",
            range=(0, 1),
            undefined="no unit is alive",
        ),
        _Lower(
            "neighbour_information", "mutual information of two units (KSG)", unit="nats", undefined=FEW.format(LEAST)
        ),
        _Lower(
            "nonlinear_dependence",
            "adjusted mutual information of two units",
            range=(-1, 1),
            undefined=FEW.format(BINS**2),
        ),
    ],
)
def measure_redundancy(context: Context) -> list[Row]:
    """Entropy of each output, total correlation, correlations, effective rank, dead units, nonlinear dependence."""
    values = redundancy(context.set.raw("test"), context.set.live())
    return [row for metric, v in values.items() for row in context.rows(metric, v)]
