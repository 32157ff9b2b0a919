"""Linear, k-nearest-neighbour and few-shot probes of frozen features: the same for every method.

Features are standardised on the training part, the L2 of the linear probe is chosen on validation from one grid, and
the test part gives the reported number only.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from infomax_bench.base.streams import generator
from infomax_bench.evaluations.context import Context, FeatureSet
from infomax_bench.evaluations.declare import Metric, Row, evaluation
from infomax_bench.evaluations.thresholds import FEW_SHOT_KNN
from infomax_bench.numerics._solver import Fit
from infomax_bench.numerics.logistic import fit_logistic
from infomax_bench.numerics.neighbours import vote

L2_GRID = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
NEIGHBOURS = 5
SHOTS = (1, 5, 10, 50)
DRAWS = 3
"""Few-shot training sets drawn for each seed, the same for all methods."""

ACCURACY = Metric("accuracy", "share of test images whose class is told rightly", better="higher", range=(0, 1))
VALIDATION_ACCURACY = Metric(
    "validation_accuracy", "the same share of validation images, by which the probe is chosen", "higher", range=(0, 1)
)
FEW_LABELS = "labels of each class"
LINEAR = (
    ACCURACY.under("linear"),
    VALIDATION_ACCURACY.under("linear"),
    Metric("l2", "the penalty that validation images prefer", range=(0, 1), protocols=("linear",)),
)
"""What the linear probe says."""


@dataclass(frozen=True)
class Probe:
    """The chosen linear probe of each seed: weight `[S, K, C]`, bias `[S, C]`, l2 `[S]`; accuracies `[S]`."""

    weight: Tensor
    bias: Tensor
    l2: Tensor
    validation: Tensor
    test: Tensor


def accuracy(logits: Tensor, y: Tensor) -> Tensor:
    """Share of right predictions, float64: logits `[..., N, C]`, y broadcastable to `[..., N]`."""
    return (logits.argmax(-1) == y).double().mean(-1)


def choose(fit: Fit, validation: Tensor) -> tuple[Tensor, Tensor]:
    """The R with the best validation accuracy `[S, R]`, for each seed; ties go to the stronger penalty (the last)."""
    reverse = validation.flip(1)
    best = validation.shape[1] - 1 - reverse.argmax(1)
    return best, torch.arange(len(best))


def linear_probe(data: FeatureSet, l2: tuple[float, ...] = L2_GRID) -> Probe:
    """Fits the probe for every L2 and keeps, for each seed, the one that validation prefers.

    With one L2 there is nothing to choose and no validation part is needed.
    """
    grid = torch.tensor(l2)
    fit = fit_logistic(data.x("train"), data.y("train"), grid, data.n_classes)
    if len(l2) == 1:
        best, seed = torch.zeros(len(data.splits), dtype=torch.long), torch.arange(len(data.splits))
        validation = torch.full((len(data.splits), 1), torch.nan, dtype=torch.float64)
    else:
        validation = accuracy(fit.logits(data.x("validation")), data.y("validation").unsqueeze(1))
        best, seed = choose(fit, validation)
    weight, bias = fit.weight[seed, best], fit.bias[seed, best]
    test = accuracy(data.x("test") @ weight + bias.unsqueeze(1), data.y("test"))
    return Probe(weight, bias, grid[best], validation[seed, best], test)


def shared_probe(context: Context) -> Probe:
    """The linear probe of a context, fitted once for all evaluations."""
    return context.once(f"probe {L2_GRID}", lambda: linear_probe(context.set))


def nearest_neighbours(data: FeatureSet, k: int = NEIGHBOURS) -> Tensor:
    """Test accuracy `[S]` of a majority vote of the k nearest training images (Euclidean, standardised features)."""
    labels = zip(data.y("train"), data.y("test"), strict=True)
    parts = ((data.fine("train", i), y, data.fine("test", i), truth) for i, (y, truth) in enumerate(labels))
    return torch.stack([vote(*part, k, data.n_classes) for part in parts])


def few_shot_draws(y: Tensor, shots: int, n_classes: int, seed: int, draws: int = DRAWS) -> Tensor | None:
    """Positions `[draws, shots * n_classes]` in the training labels `[n]`, `shots` of every class.

    They depend on the seed alone. None if a class has too few images.
    """
    rng = generator(seed, f"shots.{shots}")
    sets = []
    for _ in range(draws):
        parts = []
        for label in range(n_classes):
            members = torch.nonzero(y == label).flatten()
            if len(members) < shots:
                return None
            parts.append(members[torch.randperm(len(members), generator=rng)[:shots]])
        sets.append(torch.cat(parts))
    return torch.stack(sets)


def few_shot(data: FeatureSet, seeds: tuple[int, ...], shots: int) -> Tensor | None:
    """Mean test accuracy `[S]` over draws of a linear probe on `shots` labels a class; None if a class is too small."""
    y = data.y("train")
    drawn = [few_shot_draws(labels, shots, data.n_classes, seed) for labels, seed in zip(y, seeds, strict=True)]
    if any(d is None for d in drawn):
        return None
    picks = torch.stack([d for d in drawn if d is not None])  # [S, draws, n]
    x = torch.stack([own[i] for own, i in zip(data.x("train"), picks, strict=True)])
    labels = torch.stack([own[i] for own, i in zip(y, picks, strict=True)])
    # all draws of all seeds in one go: they are small, and many
    fit = fit_logistic(x.flatten(0, 1), labels.flatten(0, 1), torch.tensor(L2_GRID), data.n_classes)
    s, draws = picks.shape[:2]
    weights, biases = fit.weight.unflatten(0, (s, draws)), fit.bias.unflatten(0, (s, draws))
    result = []
    for weight, bias, xv, yv, xt, yt in zip(
        weights, biases, data.x("validation"), data.y("validation"), data.x("test"), data.y("test"), strict=True
    ):
        own = Fit(weight, bias, fit.objective, fit.iterations, fit.gap)
        best, draw = choose(own, accuracy(own.logits(xv.expand(draws, -1, -1)), yv))
        result.append(accuracy(xt @ weight[draw, best] + bias[draw, best].unsqueeze(1), yt).mean())
    return torch.stack(result)


def few_shot_neighbours(data: FeatureSet, seeds: tuple[int, ...], shots: int) -> Tensor | None:
    """Mean test accuracy `[S]` over the draws of `few_shot` of a vote of the NEIGHBOURS nearest labelled images.

    Of one alone where a class has fewer labels than that, since others would have to come from other classes. None if a
    class is too small.
    """
    k, result = NEIGHBOURS if shots >= NEIGHBOURS else 1, []
    for i, (seed, y, truth) in enumerate(zip(seeds, data.y("train"), data.y("test"), strict=True)):
        drawn = few_shot_draws(y, shots, data.n_classes, seed)
        if drawn is None:
            return None
        queries = data.fine("test", i)
        right = [vote(data.fine("train", i, own), y[own], queries, truth, k, data.n_classes) for own in drawn]
        result.append(torch.stack(right).mean())
    return torch.stack(result)


@evaluation(version=2, seconds=4e-6, of_files=True, metrics=[ACCURACY.under(FEW_SHOT_KNN, x=FEW_LABELS, at=SHOTS)])
def few_shot_knn(context: Context, shots: tuple[int, ...] = SHOTS) -> list[Row]:
    """Accuracy of nearest neighbours on the labels of the few-shot probe (`x` is their number a class)."""
    rows = []
    for n in shots:
        value = few_shot_neighbours(context.set, context.seeds, n)
        if value is not None:
            rows += context.rows("accuracy", value, protocol=FEW_SHOT_KNN, x=n)
    return rows


@evaluation(name="linear_probe", version=3, seconds=7e-6, metrics=LINEAR)
def probe_linear(context: Context, l2: tuple[float, ...] = L2_GRID) -> list[Row]:
    """Accuracy of the linear probe, on test and on validation, and its L2."""
    fitted: Probe = context.once(f"probe {l2}", lambda: linear_probe(context.set, l2))
    rows = context.rows("accuracy", fitted.test, protocol="linear")
    if len(l2) > 1:
        rows += context.rows("validation_accuracy", fitted.validation, protocol="linear")
    return rows + context.rows("l2", fitted.l2, protocol="linear")


@evaluation(
    version=7,
    seconds=3e-5,
    of_files=True,
    metrics=[*LINEAR, ACCURACY.under("knn"), ACCURACY.under("few-shot", x=FEW_LABELS, at=SHOTS)],
)
def probe(context: Context, shots: tuple[int, ...] = SHOTS) -> list[Row]:
    """Accuracy of the linear, k-NN and few-shot probes (`x` is the number of labels a class)."""
    rows = probe_linear(context)
    data = context.set
    rows += context.rows("accuracy", nearest_neighbours(data), protocol="knn")
    for n in shots:
        value = few_shot(data, context.seeds, n)
        if value is not None:
            rows += context.rows("accuracy", value, protocol="few-shot", x=n)
    return rows
