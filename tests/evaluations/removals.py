"""Features whose redundancy is known, which several tests of pruning look at."""

from __future__ import annotations

import torch

from infomax_bench.data.dataset import split
from infomax_bench.evaluations.context import Context, FeatureSet
from infomax_bench.evaluations.orders import (
    ORDERS,
    dead_first,
)
from infomax_bench.evaluations.prune_weights import without_smallest


def context(features: torch.Tensor, labels: torch.Tensor, seeds: tuple[int, ...] = (0,)) -> Context:
    test = torch.arange(len(labels)) % 4 == 0
    splits = [split(test, s) for s in seeds]
    data = FeatureSet(features.expand(len(seeds), -1, -1), labels, splits, int(labels.max()) + 1)
    return Context(seeds, lambda _: data)


def by_question(rows: list[dict]) -> dict[tuple, float]:
    """The rows of one seed by metric, protocol and x."""
    return {(r["metric"], r.get("protocol", ""), r.get("x")): r["value"] for r in rows}


def informative(n: int = 800, k: int = 8, classes: int = 4, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Units that say something of the class, each with noise of its own."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, classes, (n,), generator=rng)
    centres = 1.5 * torch.randn(classes, k, generator=rng)
    return (centres[labels] + torch.randn(n, k, generator=rng)).unsqueeze(0), labels


def mixed(seed: int, k: int = 6, **more: int) -> Context:
    """Correlated units."""
    x, y = informative(k=k, seed=seed, **more)
    return context(x @ torch.randn(1, k, k, generator=torch.Generator().manual_seed(seed + 1)), y)


def live_orders(ctx: Context) -> dict[str, torch.Tensor]:
    """Every order of the first seed, dead units first."""
    return {name: dead_first(order(ctx), ctx.set.live())[0] for name, order in ORDERS.items()}


def bits(n: int = 1600, k: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """k independent units, each of which tells one half of 2^k classes from the other."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 2**k
    labels = labels[torch.randperm(n, generator=rng)]
    signs = (labels.unsqueeze(1) >> torch.arange(k)) % 2 * 2.0 - 1
    return (signs + 0.1 * torch.randn(n, k, generator=rng)).unsqueeze(0), labels


def half(weight: torch.Tensor) -> torch.Tensor:
    return without_smallest(weight, torch.full((len(weight),), 0.5))
