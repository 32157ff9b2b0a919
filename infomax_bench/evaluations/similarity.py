"""How alike two encoders are, from their features of the same images.

Three measures, from the loosest to the strictest about what counts as the same: `cka` and `mutual_neighbours` compare
relations between images; `matched_units` compares single units. All are 1 for representations that are the same and
about 0 for independent ones, whatever the number of units or of images. Units are standardised first, as they are for
the probe, and dead ones left out: the first two do not see a rotation of units that are white, but of others they see
as much as standardising the rotated units changes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import linear_sum_assignment

from infomax_bench.evaluations.declare import Metric, Row, pairwise

NEIGHBOURS = 10
"""Nearest images that are compared, as in Huh et al. 2024."""
FEWEST = 4
"""Images without which the unbiased estimator does not exist."""


def u_centred(kernel: np.ndarray) -> np.ndarray:
    """A kernel matrix `[n, n]` with zero diagonal, and rows and columns that add up to 0 off it.

    The inner product of two such matrices, over n (n - 3), is the unbiased HSIC of Song et al. 2012 (Székely and Rizzo
    2014).
    """
    n = len(kernel)
    off = kernel - np.diag(np.diag(kernel))
    sums = off.sum(0)
    made = off - (sums[:, None] + sums[None]) / (n - 2) + sums.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(made, 0.0)
    return np.asarray(made)


def nearest(x: np.ndarray, k: int) -> np.ndarray:
    """How far j is one of the k nearest images of i: `[n, K]` -> `[n, n]`, 0 or 1, rows that add up to k.

    Euclidean distance. Images at the same distance as the k-th share the places that are left, so that the order of
    images, which all encoders have in common, does not make them agree.
    """
    square = (x * x).sum(1)
    distance = square[:, None] + square[None] - 2 * (x @ x.T)
    distance = np.round(distance / (square.mean() or 1.0), 9)  # ties are ties up to rounding
    np.fill_diagonal(distance, np.inf)
    last = np.partition(distance, k - 1, axis=1)[:, k - 1 : k]
    nearer, level = distance < last, distance == last
    share = (k - nearer.sum(1, keepdims=True)) / level.sum(1, keepdims=True)
    return np.asarray(nearer + share * level)


def matched_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Mean absolute correlation of units `[n, K]` with units `[n, L]` after the best one-to-one matching (Li et al.
    2016): over the units of the smaller side. Units are standardised; NaN without units."""
    if not (x.shape[1] and y.shape[1]):
        return float("nan")
    correlation = np.abs(x.T @ y) / len(x)
    return float(correlation[linear_sum_assignment(correlation, maximize=True)].mean())


def matched_units(x: np.ndarray, y: np.ndarray) -> float:
    """`matched_correlation` less what chance gives, over one less that: 0 for independent units, 1 for the same ones.

    Chance is the matching of x with the y of other images (half of all further on; they are in a random order). It
    grows with the number of units to choose from: on 192 images 0.17 for 64 and 0.21 for 256.
    """
    chance = matched_correlation(x, np.roll(y, len(y) // 2, axis=0))
    return (matched_correlation(x, y) - chance) / (1 - chance) if chance < 1 else float("nan")


@dataclass(frozen=True)
class Described:
    """What of one encoder is compared: units `[n, K]`, standardised and alive; its kernel, U-centred, and its
    nearest images less their share by chance, both flat and of length 1, or 0 where there is nothing to tell."""

    units: np.ndarray
    kernel: np.ndarray
    neighbours: np.ndarray


def described(features: np.ndarray) -> Described:
    """From features `[n, K]` in any unit."""
    x = np.asarray(features, dtype=np.float64)
    n = len(x)
    x = x - x.mean(0)
    std = np.sqrt((x * x).mean(0))
    live = std > 1e-9 * np.abs(features).max(initial=1e-300)
    x = x[:, live] / std[live]
    if n < FEWEST or not x.shape[1]:
        return Described(x, np.zeros(0), np.zeros(0))
    k = min(NEIGHBOURS, n - 2)
    near = nearest(x, k) - k / (n - 1)
    np.fill_diagonal(near, 0.0)
    return Described(x, _unit_length(u_centred(x @ x.T)), _unit_length(near))


def _unit_length(matrix: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(matrix)
    return matrix.ravel() / length if length > 1e-9 * len(matrix) else np.zeros(matrix.size)


def compare(a: Described, b: Described) -> dict[str, float]:
    """Similarities of two encoders' descriptions, of the same images; NaN where one of them has no live unit.

    - `cka`: linear centred kernel alignment (Kornblith et al. 2019) by the unbiased HSIC (Song et al. 2012; for CKA
      Nguyen, Raghu and Kornblith 2021); it can be negative.
    - `mutual_neighbours`: the correlation of "is one of the NEIGHBOURS nearest images of": without ties the share of
      nearest images that they have in common (Huh et al. 2024) less chance, k / (n - 1), over one less that.
    - `matched_units`: see there.
    """
    if not (a.kernel.size and b.kernel.size):
        return dict.fromkeys(("cka", "mutual_neighbours", "matched_units"), float("nan"))
    return {
        "cka": float(a.kernel @ b.kernel),
        "mutual_neighbours": float(a.neighbours @ b.neighbours),
        "matched_units": matched_units(a.units, b.units),
    }


_Alike = partial(Metric, undefined="one of them has no live unit")


@pairwise(
    of="representation",
    metrics=[
        _Alike("cka", "linear centred kernel alignment, unbiased"),
        _Alike("mutual_neighbours", "share of nearest images in common, above chance"),
        _Alike("matched_units", "correlation of units matched one to one, above chance"),
    ],
)
def similarity(
    kept: Mapping[str, Mapping[str, np.ndarray]], others: Mapping[str, Collection[str]], block: int
) -> dict[str, list[Row]]:
    """How alike encoders are. Rows of each method of `others` with each of its others, itself perhaps among them, which
    `other` names.

    kept: method -> what `representation` kept of one block of seeds. Under one seed encoders share their start and
    their training images, which would make them alike whatever they are trained for. So seed i of the one is compared
    with the next seed of the other, the one after the last of a block being the first: between two encoders of one
    method, and of two methods, the same differs. A row depends on nothing but these two encoders; there is none where
    one of them is missing.
    """
    made = {
        (method, int(seed)): described(features)
        for method, arrays in kept.items()
        for seed, features in zip(arrays["seeds"], arrays["features"], strict=True)
    }
    rows: dict[str, list[Row]] = {method: [] for method in others}
    for method, own in others.items():
        for seed in kept[method]["seeds"].tolist():
            after = seed // block * block + (seed + 1) % block
            for other in own:
                if after != seed and (other, after) in made:
                    found = compare(made[method, seed], made[other, after])
                    rows[method] += [
                        {"seed": seed, "other": other, "metric": metric, "value": round(value, 5)}
                        for metric, value in found.items()
                    ]
    return rows
