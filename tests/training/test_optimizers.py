"""Updates are those of torch's optimisers, step by step, with every setting."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from infomax_bench.training.optimizers import Optimizer

STEPS = 12


def settings(**own):
    default = {"learning_rate": 0.05, "optimizer": "adam", "momentum": 0.0, "weight_decay": 0.0, "schedule": "constant"}
    return SimpleNamespace(**{**default, **own})


def torchs(how, params):
    if how.optimizer == "adam":
        return torch.optim.Adam(params, lr=how.learning_rate, weight_decay=how.weight_decay)
    return torch.optim.SGD(params, lr=how.learning_rate, momentum=how.momentum, weight_decay=how.weight_decay)


def fresh():
    g = torch.Generator().manual_seed(0)
    return [torch.randn(2, 7, 5, generator=g).requires_grad_(), torch.randn(2, 5, generator=g).requires_grad_()]


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize(
    "own",
    [
        {"optimizer": "adam"},
        {"optimizer": "adam", "weight_decay": 0.1},
        {"optimizer": "sgd"},
        {"optimizer": "sgd", "momentum": 0.9},
        {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.1},
    ],
    ids=str,
)
def test_updates_are_torchs(own, schedule):
    how = settings(**own, schedule=schedule)
    found, expected = fresh(), fresh()
    ours, theirs = Optimizer(how, found, STEPS), torchs(how, expected)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, STEPS)
    for step in range(STEPS):
        for params in (found, expected):
            for p in params:
                p.grad = torch.tanh(p.detach() - step % 3)
        if step in (0, 5):  # a parameter that a step does not reach stays as it is, and so does its state
            found[1].grad = expected[1].grad = None
        assert ours.rate == pytest.approx(theirs.param_groups[0]["lr"])
        ours.step()
        theirs.step()
        if schedule == "cosine":
            cosine.step()
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b)
