"""Features made elsewhere, as arrays: checked, and divided; every fault is one line that names it.

In a file (`feature_readers.py`) or in memory they are called `features` float `[N, K]`, `labels` int `[N]`, and where
they are known `test` bool `[N]`, `seed` int (it decides training against validation), and `factors` int `[N, F]`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch

from infomax_bench.base.errors import UserError
from infomax_bench.data.dataset import VALIDATION_SHARE, Dataset, Split, load, split, stratified_test
from infomax_bench.evaluations.context import FeatureSet
from infomax_bench.evaluations.mig_sap import BINS

TEST_SHARE = 0.2
ROWS_A_VALUE = 10
"""A factor of more values than a unit is cut into has as many rows as this for each, on average."""
NOISE = 0.2
"""Information about a factor, as a share of all there is, that is worth a remark if noise shows as much."""
CLOSE, MOST = 1e-3, 0.95
"""Outputs of a unit are all but equal if most of those that are not its median are so near to it, in standard
deviations."""
HOW_TO_NUMBER = "numpy.unique(labels, return_inverse=True)[1] numbers them"


@dataclass(frozen=True)
class FeatureFile:
    """What arrays hold. data: of one seed or several; remarks: what numbers do not say, or not well, for the user."""

    seed: int
    data: FeatureSet
    remarks: list[str] = field(default_factory=list)


def of_images(array: np.ndarray, source: Path | str, dataset: Dataset, seeds: Sequence[int]) -> FeatureFile:
    """Features float `[N, K]` of a data set's images, in their order, with its labels, factors and divisions.

    Raises UserError for what are no features, or not as many as images.
    """
    data = load(dataset)
    try:
        features = _features(array)
        if len(features) != len(data.images):
            raise _Refused(
                f"{len(features):,} rows of features, and {dataset.label} has {len(data.images):,} images; "
                f"give one for each, in the order of ib.images({dataset.label!r})"
            )
    except _Refused as error:
        raise UserError(f"{source}: {error}") from None
    splits = [split(data.test, seed) for seed in seeds]
    rows = torch.from_numpy(features).expand(len(seeds), *features.shape)
    names = tuple(dataset.factor_names)
    found = FeatureSet(rows, data.labels, splits, dataset.n_classes, data.factors, names)
    train = features[splits[0].train.numpy()]
    return FeatureFile(seeds[0], found, [*_all_but_equal(train), *_dead(found, train)])


def checked(arrays: Mapping[str, np.ndarray], source: Path | str) -> FeatureFile:
    """What arrays say that come with labels of their own, as the format has them.

    Raises UserError, in one line that begins with their source, for anything that is wrong with them.
    """

    def refuse(what: str) -> NoReturn:
        raise UserError(f"{source}: {what}")

    try:
        features = _features(arrays["features"])
        labels = _labels(arrays["labels"], len(features))
        remarks: list[str] = []
        factors = _factors(arrays["factors"], len(features), remarks) if "factors" in arrays else None
        seed = _seed(arrays["seed"]) if "seed" in arrays else 0
        given = "test" in arrays
        test = _test(arrays["test"], len(features)) if given else stratified_test(labels, TEST_SHARE)
        own = _divided(test, seed, labels)
        remarks += _check_split(labels, own, given)
    except (_Refused, UserError) as error:  # the latter for a class that cannot be divided
        refuse(str(error))
    if factors is not None:
        remarks += _chance(factors, len(own.test))
    remarks += _all_but_equal(features[own.train.numpy()])
    data = FeatureSet(
        torch.from_numpy(features).unsqueeze(0),
        torch.from_numpy(labels),
        [own],
        int(labels.max()) + 1,
        None if factors is None else torch.from_numpy(factors),
    )
    return FeatureFile(seed, data, [*remarks, *_dead(data, features[own.train.numpy()])])


class _Refused(Exception):
    """Why an array is refused; the file's name is added to it."""


def _kind(array: np.ndarray) -> str:
    return f"{array.dtype} {list(array.shape)}"


# -- arrays -----------------------------------------------------------------------------------------------------------
def _features(array: np.ndarray) -> np.ndarray:
    """float32, or float64 where that is more than float32 has."""
    if array.ndim != 2 or array.dtype.kind != "f" or 0 in array.shape:
        raise _Refused(f"features are float [N, K], not {_kind(array)}")
    if not np.isfinite(array).all():
        rows, columns = np.nonzero(~np.isfinite(array))
        raise _Refused(
            f"features has {len(rows)} values that are not finite, the first in row {rows[0]}, column {columns[0]}"
        )
    wanted = np.float32 if array.dtype.itemsize <= 4 else np.float64
    with np.errstate(over="ignore"):
        found = np.ascontiguousarray(array, dtype=wanted)
    if not np.isfinite(found).all():
        raise _Refused(f"features has values beyond those of float64, up to {np.abs(array).max()}")
    return found


def _labels(array: np.ndarray, n: int) -> np.ndarray:
    if array.dtype.kind not in "iu":
        raise _Refused(f"labels are whole numbers from 0, not {array.dtype}; {HOW_TO_NUMBER}")
    if array.shape != (n,):
        fix = "; labels.argmax(1) makes that of one-hot rows" if array.ndim == 2 and array.shape[1] > 1 else ""
        raise _Refused(f"labels are int [N], one for each of the {n} feature rows, not {_kind(array)}{fix}")
    known = np.unique(array)
    if known[0] < 0:
        raise _Refused(f"labels run from 0, and one is {known[0]}; {HOW_TO_NUMBER}")
    if len(known) < 2:
        raise _Refused(f"labels are all {known[0]}; at least two classes are wanted")
    if known[-1] >= len(known):
        gap = next(i for i, label in enumerate(known) if label != i)
        raise _Refused(f"labels run from 0 without gaps, and none is {gap} while one is {known[-1]}; {HOW_TO_NUMBER}")
    return array.astype(np.int64)


def _test(array: np.ndarray, n: int) -> np.ndarray:
    if array.dtype.kind != "b" or array.shape != (n,):
        raise _Refused(f"test is bool [N], true for the rows to test on, not {_kind(array)}")
    if array.all() or not array.any():
        raise _Refused(f"test marks {'all' if array.any() else 'none'} of the {n} rows")
    return array


def _seed(array: np.ndarray) -> int:
    if array.dtype.kind not in "iu" or array.ndim or array < 0:
        raise _Refused(f"seed is one whole number from 0, not {_kind(array)}")
    return int(array)


def _factors(array: np.ndarray, n: int, remarks: list[str]) -> np.ndarray | None:
    """None for none."""
    if array.dtype.kind not in "iu" or array.ndim != 2 or len(array) != n:
        raise _Refused(f"factors are int [N, F], a row for each of the {n} feature rows, not {_kind(array)}")
    if not array.shape[1]:
        remarks.append("factors has no columns, so nothing is said of any")
        return None
    if array.dtype == np.uint64 and array.max() > np.iinfo(np.int64).max:
        raise _Refused("factors has values beyond those of int64")
    for i, factor in enumerate(array.T):
        values = len(np.unique(factor))
        if values > max(BINS, n / ROWS_A_VALUE):
            raise _Refused(
                f"column {i} of factors has {values} values in {n} rows: it numbers rows rather than says what they "
                f"share, and noise would seem to know it; leave it out, or cut it into at most {BINS} parts"
            )
    return array.astype(np.int64)


def _chance(factors: np.ndarray, n_test: int) -> list[str]:
    """Says where few rows make units that know nothing look as if they did: `interpret.factor_alignment`."""
    values = np.array([len(np.unique(factor)) for factor in factors.T])
    shown = (BINS - 1) * (values - 1) / (2 * n_test) / np.log(np.maximum(values, 2))
    worst = int(shown.argmax())
    if shown[worst] <= NOISE:
        return []
    return [
        f"with {n_test} rows for testing, noise would read a factor_alignment of {min(shown[worst], 1.0):.1f} with "
        f"column {worst} of factors"
    ]


# -- what is divided, and what is lost --------------------------------------------------------------------------------
def _named(classes: Sequence[int]) -> str:
    """As in "class 3", "classes 3 and 5", "classes 3, 5 and 40 others"."""
    numbers = [str(c) for c in classes]
    if len(numbers) > 3:
        numbers = [*numbers[:2], f"{len(numbers) - 2} others"]
    return f"class {numbers[0]}" if len(numbers) == 1 else f"classes {', '.join(numbers[:-1])} and {numbers[-1]}"


def _divided(test: np.ndarray, seed: int, labels: np.ndarray) -> Split:
    """The seed's division, as of data sets. Of a class all of whose rows would be for validation or test, the first of
    validation is for training."""
    own, classes = split(torch.from_numpy(test), seed), torch.from_numpy(labels)
    first: dict[int, int] = {}
    for row in own.validation.tolist():
        first.setdefault(int(labels[row]), row)
    missing = sorted(first.keys() - set(classes[own.train].tolist()))
    if not missing:
        return own
    moved = torch.tensor([first[label] for label in missing])
    return replace(
        own, train=torch.cat([own.train, moved]), validation=own.validation[~torch.isin(own.validation, moved)]
    )


def _check_split(labels: np.ndarray, own: Split, given: bool) -> list[str]:
    """What the division leaves unsaid. Raises _Refused where there is nothing to learn a class from."""
    size = np.bincount(labels)
    parts = {name: labels[getattr(own, name).numpy()] for name in ("train", "validation", "test")}
    train, test = (np.bincount(parts[name], minlength=len(size)) for name in ("train", "test"))
    why = "" if given else " (no `test` is given, so a fifth of each class's rows are)"
    fewest = f"classes have too few rows, {size.min()} of class {size.argmin()}"
    if not len(parts["test"]):
        raise _Refused(f"{fewest}, for any to be for testing{why}")
    if none := np.flatnonzero(train == 0).tolist():
        raise _Refused(
            f"{_named(none)} {_have(none)} no rows for training, as all {size[none[0]]} of class {none[0]} "
            f"are for testing{why}; give more, or leave them out"
        )
    if not len(parts["validation"]):
        if len(parts["train"]) >= VALIDATION_SHARE:
            raise _Refused(f"{fewest}: one of each class is for training, and none is left for validation")
        raise _Refused(
            f"of {len(labels)} rows {len(parts['train'])} are not for testing{why}, and at least "
            f"{VALIDATION_SHARE} are needed, one of which is for validation"
        )
    remarks = []
    if untested := np.flatnonzero(test == 0).tolist():
        remarks.append(f"{_named(untested)} {_have(untested)} no rows to test on, so no accuracy speaks of them")
    for name in ("validation", "test"):
        if (n := len(parts[name])) < len(size):
            remarks.append(f"{n} {name} row{'s are' if n > 1 else ' is'} few for {len(size)} classes")
    return remarks


def _have(classes: Sequence[int]) -> str:
    return "has" if len(classes) == 1 else "have"


def _all_but_equal(train: np.ndarray) -> list[str]:
    """Says which units lose nearly all they say when they are scaled, for a few huge values."""
    found = []
    for i, unit in enumerate(train.T.astype(np.float64)):
        with np.errstate(over="ignore", invalid="ignore"):
            away = np.abs(unit / 2 - np.median(unit / 2))
            away = away[away > 0] / (away.max() or 1.0)
            if len(away) and np.quantile(away, MOST) < CLOSE * np.sqrt(np.square(away).sum() / len(unit)):
                found.append(i)
    if not found:
        return []
    return [
        f"{len(found)} of {train.shape[1]} features ({_some(found)}) have a few values so far from the others that "
        "these are all but equal once scaled: clip them, or take logarithms"
    ]


def _dead(data: FeatureSet, train: np.ndarray) -> list[str]:
    """Says which units count as constant though they are not, and that all do."""
    dead = ~data.live()[0].numpy()
    if dead.all():
        return ["every feature counts as constant over the training rows, so that nothing can be told from any"]
    found = np.flatnonzero(dead & (np.ptp(train, axis=0) > 0)).tolist()
    if not found:
        return []
    return [
        f"{len(found)} of {train.shape[1]} features ({_some(found)}) vary so little beside their size that they "
        "count as constant: subtract their mean before they are saved, or save them as float64"
    ]


def _some(columns: Sequence[int]) -> str:
    shown = ", ".join(map(str, columns[:3]))
    return f"column{'s' if len(columns) > 1 else ''} {shown}{', ...' if len(columns) > 3 else ''}"
