"""Nearest neighbours against scikit-learn and all distances in float64, whatever the order of the images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from infomax_bench.data.dataset import split
from infomax_bench.evaluations.context import FeatureSet
from infomax_bench.evaluations.probe import nearest_neighbours
from infomax_bench.numerics.neighbours import ballots, vote


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def all_votes(x: torch.Tensor, queries: torch.Tensor, k: int) -> torch.Tensor:
    """One label for each image: which are the k nearest, by all differences."""
    far = (queries.unsqueeze(1) - x).norm(dim=2)
    return torch.zeros(len(queries), len(x), dtype=torch.int64).scatter_(1, far.topk(k, largest=False).indices, 1)


@pytest.mark.parametrize("n", [3, 79, 80, 2047, 2048, 2049, 5000])
@pytest.mark.parametrize("k", [1, 5])
def test_the_nearest_are_those_of_all_distances(n, k):
    """Whatever part of a tile or of a group is left over."""
    x, queries, k = random(n, 7, seed=n), random(300, 7, seed=n + 1), min(k, n)
    found = torch.cat(list(ballots(x, torch.arange(n), queries, k, n)))
    assert torch.equal(found, all_votes(x, queries, k))


@pytest.mark.parametrize("far", [0.0, 1e3, 1e6])
def test_points_that_lie_close_are_told_apart_far_from_the_origin(far):
    """In float32 their distances are 0, or noise."""
    x, queries = random(2500, 3) + far, random(50, 3, seed=1) + far
    found = torch.cat(list(ballots(x, torch.arange(2500), queries, 5, 2500)))
    assert torch.equal(found, all_votes(x, queries, 5))


def test_a_cluster_within_a_cluster_is_that_of_scikit_learns_tree():
    rng = np.random.default_rng(5)
    group, y = rng.integers(0, 6, 1200), rng.integers(0, 2, 1200)
    x = rng.normal(size=(6, 20))[group] + 3e-5 * ((2 * y - 1)[:, None] + 0.8 * rng.normal(size=(1200, 20)))
    data = FeatureSet(
        torch.tensor(x.astype(np.float32))[None], torch.tensor(y), [split(torch.arange(1200) % 4 == 0, 0)], 2
    )
    own = data.splits[0]
    z = ((x := x.astype(np.float32).astype(np.float64)) - x[own.train].mean(0)) / x[own.train].std(0)
    expected = (
        KNeighborsClassifier(5, algorithm="kd_tree").fit(z[own.train], y[own.train]).score(z[own.test], y[own.test])
    )
    assert nearest_neighbours(data)[0].item() == pytest.approx(expected)


def test_the_vote_is_that_of_scikit_learn():
    x, queries = random(400, 6), random(200, 6, seed=1)
    y, truth = torch.arange(400) % 3, torch.arange(200) % 3
    expected = KNeighborsClassifier(5, algorithm="brute").fit(x, y).score(queries, truth)
    assert vote(x, y, queries, truth, 5, 3).item() == pytest.approx(expected)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_equal_distances_do_not_depend_on_the_order_of_the_images(seed):
    """Eight different rows: hundreds are as near as the fifth, and the labels come sorted."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 2, (2000, 3), generator=rng).double()
    y, queries = torch.arange(2000) // 700, torch.randint(0, 2, (50, 3), generator=rng).double()
    order = torch.randperm(2000, generator=rng)
    whole, mixed = (torch.cat(list(ballots(x[o], y[o], queries, 5, 3))) for o in (torch.arange(2000), order))
    assert torch.equal(whole, mixed)
    same = (x == queries[0]).all(1)
    assert torch.equal(whole[0], 5 * y[same].bincount(minlength=3)), "those at the same place share the five places"


def test_who_is_nearer_has_a_vote_and_those_as_near_share_the_rest():
    x = torch.tensor([[0.0], [1.0], [1.0], [1.0], [1.0], [9.0]], dtype=torch.float64)
    y = torch.tensor([0, 1, 1, 1, 2, 2])
    (found,) = ballots(x, y, torch.zeros(1, 1, dtype=torch.float64), 3, 3)
    assert found.tolist() == [[4, 3 * 2, 2]], "times four, which share two places"


def test_all_images_alike_vote_by_their_number():
    """As where every unit is dead."""
    y = torch.tensor([0] * 1000 + [1] * 2000)
    (found,) = ballots(torch.zeros(3000, 4).double(), y, torch.zeros(10, 4).double(), 5, 2)
    assert (found == 5 * y.bincount()).all()
