"""What is fitted makes as many passes over its images as every other method, and not one more."""

import pytest
import torch

from infomax_bench import Budget, Card, Method, Rng
from infomax_bench.base.errors import UserError
from infomax_bench.check.methods import a_fit_counts_its_passes
from infomax_bench.check.promise import Broken
from infomax_bench.training.trainer import train
from tests.training.few_digits import PROBLEM, SEEDS, data_of, method_named


def rng():
    return Rng.of([0], "method", stacked=False)


def test_a_loop_over_the_budget_is_as_long_as_it_is():
    budget = Budget(3, 100)
    progress = [(number, budget.progress) for number in budget]
    assert progress == [(0, 0), (1, pytest.approx(1 / 3)), (2, pytest.approx(2 / 3))]
    assert (budget.spent, budget.left, list(budget)) == (3, 0, [])


def test_a_loop_that_ends_early_leaves_the_rest():
    budget = Budget(3, 100)
    for _ in budget:
        break
    assert budget.left == 2


def test_batches_see_every_image_once_a_pass():
    budget = Budget(2, 100)
    seen = list(budget.batches(10, rng()))
    assert len(seen) == 20
    for one in (seen[:10], seen[10:]):
        assert sorted(torch.cat(one).tolist()) == list(range(100))
    assert budget.spent == pytest.approx(2)
    assert [len(some) for some in Budget(1, 7).batches(100, rng())] == [7]


def test_partial_batches_are_dropped_and_their_images_are_not_spent():
    budget = Budget(1, 25)
    assert len(list(budget.batches(10, rng()))) == 2
    assert budget.left == pytest.approx(0.2)


class Greedy(Method):
    card = Card(family="test", objective="none", prevents="nothing", paper="none")
    passes, counts = 5, True

    def fit(self, net, images, labels, budget, rng):
        if self.counts:
            budget.spend(self.passes)
        return {**net.params, "encoder.bias": net.encoder.bias + images.mean()}


def test_what_overspends_is_refused_by_name():
    train(Greedy(), PROBLEM, data_of(), SEEDS, epochs=5)
    with pytest.raises(UserError, match=r"Greedy overspends: .* 5 passes .* budget of all methods is 4"):
        train(Greedy(), PROBLEM, data_of(), SEEDS, epochs=4)


def test_what_overspends_fails_check_and_the_rest_is_tried():
    with pytest.raises(Broken, match=r"overspends: .* 5 passes .* is 1;"):
        a_fit_counts_its_passes(Greedy())


def test_what_counts_nothing_fails_check():
    with pytest.raises(Broken, match="counts no pass"):
        a_fit_counts_its_passes(type("Free", (Greedy,), {"counts": False})())


class Cheat(Greedy):
    """Counts one pass and makes a hundred."""

    times = 100

    def fit(self, net, images, labels, budget, rng):
        x, direction = images.flatten(1), net.encoder.weight
        for _ in range(self.times):
            direction = torch.nn.functional.normalize(x.T @ (x @ direction), dim=0)
        budget.spend()
        return {"encoder.weight": direction, "encoder.bias": net.encoder.bias}


def test_what_counts_less_than_it_does_fails_check():
    with pytest.raises(Broken, match="multiplies all images 200 times and counts 1 passes"):
        a_fit_counts_its_passes(Cheat())
    a_fit_counts_its_passes(type("Honest", (Cheat,), {"times": 1})())


@pytest.mark.parametrize(
    ("name", "epochs", "passes"),
    [("kmeans", 3, 3), ("gmm", 3, 3), ("ica", 1, 1), ("ica", 4, 4), ("bell_sejnowski_infomax", 4, 4), ("pca", 4, 1)],
)
def test_bundled_ones_spend_what_they_have(name, epochs, passes):
    spent = train(method_named(name), PROBLEM, data_of(), SEEDS, epochs).passes
    assert passes - 0.3 < spent <= passes + 1e-6
