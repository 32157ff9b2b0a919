"""Mutual information of two units by nearest neighbours (Kraskov, Stögbauer and Grassberger 2004), of many pairs at
once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

NEIGHBOURS = 3
"""The neighbour whose distance is the radius, as in scikit-learn."""
LEAST = NEIGHBOURS + 2
"""Images below which there is nothing to estimate from."""
_STEPS = 1 << 11
"""Places between two ranks: so many that ties are rare, and so few that float32 holds sums of spread ranks exactly (for
up to 2,048 images)."""
_PLACES = 64
"""How far apart in one coordinate points are compared; of independent units' 1,000, one in a thousand is not done."""
_AT_ONCE = 50
"""Pairs that stay in the cache together."""


def spread_ranks(outputs: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Outputs `[N, K]` as numbers that are uniform over (0, N), float32 `[K, N]`, and their increasing order, int64.

    Rank r is put anywhere in (r - 1, r), and equal outputs are ranked in random order. That is independent noise within
    each of them, from which the output can still be told: information that units have of each other stays as it is.
    """
    n, k = outputs.shape
    order = torch.from_numpy(np.lexsort((torch.rand(k, n, generator=rng).numpy(), outputs.T.cpu().numpy())))
    places = (torch.randint(_STEPS, (k, n), generator=rng) + 0.5) / _STEPS
    return torch.empty(k, n).scatter_(1, order, torch.arange(1, n + 1) - places), order


def neighbour_information(outputs: Tensor, pairs: Tensor, rng: torch.Generator) -> Tensor:
    """Mutual information in nats of pairs of units, float64 `[P]`: outputs `[N, K]`, pairs int64 `[P, 2]`.

    The first estimator of Kraskov et al. (their equation 8), of spread ranks, so that increasing functions of a unit
    and ties do not matter. It may fall below 0. Copies without ties read about log N - 1.5, not infinity; those that
    have ties, less. NaN for fewer than 5 images.
    """
    n = len(outputs)
    if n < LEAST:
        return torch.full((len(pairs),), torch.nan, dtype=torch.float64)
    spread, order = spread_ranks(outputs, rng)
    ordered = spread.gather(1, order)
    psi = torch.digamma(torch.arange(n + 1, dtype=torch.float64))
    found = []
    for first, second in (some.unbind(1) for some in pairs.split(_AT_ONCE)):
        x, y = ordered[first], spread[second].gather(1, order[first])
        radius = _radius(x, y)
        near = [_nearer(x, x, radius), _nearer(ordered[second], y, radius)]
        found.append(psi[n] + psi[NEIGHBOURS] - sum(psi[count].mean(1) for count in near))
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.float64)


def _radius(x: Tensor, y: Tensor) -> Tensor:
    """Distance, the larger of the coordinates', from each point to its NEIGHBOURS-th nearest, `[P, N]`; x increases.

    Points are compared with those one, two, three ... places further on, which are at least as far as that less 1; the
    few that have not found their neighbours then, with all.
    """
    nearest = x.new_full((NEIGHBOURS, *x.shape), torch.inf)  # from the nearest on
    for step in range(1, min(_PLACES, x.shape[1] - 1) + 1):
        distance = torch.maximum(x[:, step:] - x[:, :-step], (y[:, step:] - y[:, :-step]).abs_())
        for known in (nearest[..., step:], nearest[..., :-step]):
            moved = distance
            for place in known:
                moved, kept = torch.maximum(place, moved), torch.minimum(place, moved)
                place.copy_(kept)
    radius = nearest[-1]
    pair, point = (radius > _PLACES - 1).nonzero(as_tuple=True)
    across = (x[pair] - x[pair, point].unsqueeze(1)).abs_()
    distance = torch.maximum(across, (y[pair] - y[pair, point].unsqueeze(1)).abs_())
    radius[pair, point] = distance.kthvalue(1 + NEIGHBOURS, 1).values  # the nearest is the point itself
    return radius


def _nearer(ordered: Tensor, x: Tensor, radius: Tensor) -> Tensor:
    """How many values of a unit, itself among them, are nearer than the radius to each of x, int64: all `[P, N]`."""
    n = ordered.shape[1]

    def below(edge: Tensor, compared: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """One value lies in each interval (r - 1, r): all up to the floor of the edge, and one that is looked up."""
        whole = edge.floor().long().clamp_(0, n)
        return whole + ((whole < n) & compared(ordered.gather(1, whole.clamp(max=n - 1)), edge))

    return below(x + radius, torch.lt) - below(x - radius, torch.le)
