"""Linear maps from frozen features, in closed form: ridge regression and linear discriminants.

One matrix of second moments serves every target and every L2. A map is fitted to standardised features of training
images, its L2 is the one that validation images prefer, and test images give the reported number only. The same for all
methods.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from infomax_bench.base.errors import NotApplicable
from infomax_bench.evaluations.context import Context, FeatureSet
from infomax_bench.evaluations.probe import L2_GRID

MOST = 10_000
"""Training images of a seed that maps are fitted to, if it has more: the first, whose order is random. Test images too,
where a map has a target for every pixel."""

AT_ONCE = 1 << 22
"""Numbers of targets that are worked on at a time, in float64: 32 MB, however many pixels images have."""

CHOOSE_ON = 2_000
"""Validation images of a seed that an L2 is chosen on, at most."""


@dataclass(frozen=True)
class Moments:
    """Features x, float `[n, K]`, with their mean `[K]` and covariance `[K, K]` (n in the denominator), float64."""

    x: Tensor
    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, x: Tensor) -> Moments:
        wide = x.double()
        mean = wide.mean(0)
        return cls(x, mean, wide.T @ wide / len(x) - torch.outer(mean, mean))


@dataclass(frozen=True)
class LinearMap:
    """x `[..., K]` -> `x @ weight + bias`, `[..., T]`; float32 weight `[K, T]` and bias `[T]`."""

    weight: Tensor
    bias: Tensor
    l2: float

    def __call__(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


def ridge(moments: Moments, targets: Tensor, l2: Iterable[float] = L2_GRID) -> Iterator[LinearMap]:
    """The map to targets `[n, T]` for each L2: the minimum of `|x w + b - y|^2 / n + l2 |w|^2` (Hoerl and Kennard
    1970).

    The bias bears no penalty. scikit-learn's `Ridge` has alpha = n l2.
    """
    mean = _mean(targets)
    around = ((x.double(), y - mean) for x, y in in_parts(moments.x, targets))
    together = functools.reduce(torch.add, (x.T @ y for x, y in around)) / len(targets)  # [K, T]
    for each in l2:
        weight = torch.cholesky_solve(together, _factor(moments.covariance, each))
        yield LinearMap(weight.float(), (mean - moments.mean @ weight).float(), each)


def discriminants(moments: Moments, codes: Tensor, n_values: int, l2: Iterable[float] = L2_GRID) -> Iterator[LinearMap]:
    """The map to a score for each value of a factor, for each L2; codes: int64 `[n]`, below `n_values`.

    Linear discriminant analysis (Fisher 1936) with `l2` added to the diagonal of the covariance within values (Friedman
    1989); the highest score is the likeliest value if every value has a Gaussian of that covariance. A value that no
    image has is never the highest.
    """
    member = torch.nn.functional.one_hot(codes, n_values).double()
    share = member.mean(0)
    means = member.T @ moments.x.double() / member.sum(0).clamp(min=1).unsqueeze(1) - moments.mean  # [V, K]
    within = moments.covariance - means.T @ (share.unsqueeze(1) * means)
    for each in l2:
        weight = torch.cholesky_solve(means.T, _factor(within, each))
        bias = share.log() - 0.5 * (means.T * weight).sum(0) - moments.mean @ weight
        yield LinearMap(weight.float(), bias.float(), each)


def _factor(covariance: Tensor, l2: float) -> Tensor:
    factor: Tensor = torch.linalg.cholesky(covariance + l2 * torch.eye(len(covariance), dtype=covariance.dtype))
    return factor


def best(maps: Iterable[LinearMap], x: Tensor, score: Callable[[Tensor], float]) -> LinearMap:
    """The map whose predictions of x score highest; of equals the last, which has the strongest L2.

    Raises ValueError if there is none.
    """
    chosen, highest = None, float("-inf")
    for one in maps:
        value = score(one(x))
        if chosen is None or value >= highest:
            chosen, highest = one, value
    if chosen is None:
        raise ValueError("no map to choose from")
    return chosen


@dataclass(frozen=True)
class Seed:
    """One seed of a feature set. moments: of its training features, at most MOST; x: standardised features of the
    validation (at most CHOOSE_ON) and test images; images: by part, which images these are, int64."""

    moments: Moments
    x: dict[str, Tensor]
    images: dict[str, Tensor]

    def regression(self, target: Callable[[Tensor], Tensor], l2: Sequence[float] = L2_GRID) -> LinearMap:
        """The ridge regression with the least squared error on validation images, of all targets together.

        target: images' places, int64 `[n]`, -> float `[n, T]`.
        """
        truth = target(self.images["validation"])
        maps = ridge(self.moments, target(self.images["train"]), l2)
        return best(maps, self.x["validation"], lambda guess: -float((guess - truth).square().mean()))

    def classifier(self, codes: Tensor, n_values: int, l2: Sequence[float] = L2_GRID) -> LinearMap:
        """The linear discriminants that are right most often on validation images; codes: int64 `[N]`, of all
        images."""
        truth = codes[self.images["validation"]]
        maps = discriminants(self.moments, codes[self.images["train"]], n_values, l2)
        return best(maps, self.x["validation"], lambda guess: float((guess.argmax(-1) == truth).double().mean()))

    def within(self, codes: Tensor) -> Seed:
        """The same, but for what the means of groups tell: every feature less its mean over the training images of the
        image's group. codes: int64 `[N]`, of all images.

        A regression of what groups leave open of a target, on these, is that of the target on features and groups
        together (Frisch and Waugh 1933; Lovell 1963).
        """
        means = group_means(self.moments.x, codes[self.images["train"]], int(codes.max()) + 1)
        x = {name: each - means[codes[self.images[name]]] for name, each in self.x.items()}
        return Seed(Moments.of(self.moments.x - means[codes[self.images["train"]]]), x, self.images)


def group_means(values: Tensor, codes: Tensor, size: int) -> Tensor:
    """Means of values `[n, ...]` over the images of each group, `[size, ...]`; 0 for a group without any."""
    total = values.new_zeros(size, *values.shape[1:]).index_add_(0, codes, values)
    return total / codes.bincount(minlength=size).clamp(min=1).view(-1, *[1] * (values.dim() - 1))


def seeds_of(data: FeatureSet) -> list[Seed]:
    """Every seed of a feature set, ready for linear maps. Raises NotApplicable without images to choose an L2 on."""
    if not all(len(own.validation) for own in data.splits):
        raise NotApplicable("needs validation images, to choose an L2 on")
    found = []
    for s, own in enumerate(data.splits):
        images = {"train": own.train[:MOST], "validation": own.validation[:CHOOSE_ON], "test": own.test}
        x = {name: data.x(name)[s, : len(images[name])] for name in ("validation", "test")}
        found.append(Seed(Moments.of(data.x("train")[s, :MOST]), x, images))
    return found


def shared_seeds(context: Context) -> list[Seed]:
    """The seeds of a context, made once for all evaluations."""
    seeds: list[Seed] = context.once("linear", lambda: seeds_of(context.set))
    return seeds


def r2(truth: Tensor, guess: Tensor) -> float:
    """Share of the variance of truth `[n, T]` that the guess explains, all columns together: one less the squared error
    over that of the columns' means. At most 1, below 0 for a guess worse than the mean; NaN where truth does not vary.

    scikit-learn's `r2_score` with `multioutput="variance_weighted"`.
    """
    return r2_of(lambda at: truth[at], lambda at: guess[at], *truth.shape)


def r2_of(truth: Callable[[Tensor], Tensor], guess: Callable[[Tensor], Tensor], n: int, targets: int) -> float:
    """`r2` of arrays `[n, targets]` that are made a part at a time: rows int64 `[m]` -> float `[m, targets]`."""
    parts = torch.arange(n).split(max(1, AT_ONCE // targets))
    mean = functools.reduce(torch.add, (truth(at).double().sum(0) for at in parts)) / n
    around = sum(float((truth(at) - mean).square().sum()) for at in parts)
    missed = sum(float((truth(at).double() - guess(at)).square().sum()) for at in parts)
    return 1 - missed / around if around > 0 else float("nan")


def in_parts(*arrays: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The rows of arrays `[n, ...]`, so many at a time that none has more than AT_ONCE numbers."""
    rows = max(1, AT_ONCE // max(1, *(array[:1].numel() for array in arrays)))
    return zip(*(array.split(rows) for array in arrays), strict=True)


def _mean(x: Tensor) -> Tensor:
    """Of the rows of x `[n, T]`, in float64."""
    return functools.reduce(torch.add, (part.double().sum(0) for (part,) in in_parts(x))) / len(x)
