"""How a training went: when its loss had settled, and how much it rose on the way."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from infomax_bench.base.errors import NotApplicable
from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.declare import Metric, Row, evaluation
from infomax_bench.models.backbones import encoding_of

TOLERANCE = 0.05
"""Of the loss's whole change: what is this near to the end has settled."""


@evaluation(
    seconds=1e-8,
    metrics=[
        Metric("settled_after", "share of training after which the loss stays near its end", "lower", range=(0, 1)),
        Metric("loss_rises", "all rises of the loss, over its range", "lower", range=(0, math.inf)),
    ],
)
def dynamics(context: Context) -> list[Row]:
    """How a training went.

    `settled_after` and `loss_rises` of the loss that the trainer logged; see `settled` and `rises`.

    Raises NotApplicable for what was not trained by gradient, and for a stack, which is several trainings.
    """
    encoder = context.need_encoder()
    facts = encoder.facts
    if not facts.get("log") or not encoder.method.by_gradient() or encoding_of(encoder.problem.backbone).greedy:
        raise NotApplicable("has no single curve of its loss")
    here = [facts["seeds"].index(seed) for seed in context.seeds]
    loss = torch.tensor(list(facts["log"].values()), dtype=torch.float64).sum(0)[here]
    share = torch.tensor(facts["log_steps"], dtype=torch.float64) / facts["n_steps"]
    return context.rows("settled_after", settled(loss, share)) + context.rows("loss_rises", rises(loss))


def settled(loss: Tensor, share: Tensor) -> Tensor:
    """The share of training after which the loss stays within TOLERANCE of its whole change from its end, `[S]`.

    loss: `[S, P]`, means over stretches of training; share: `[P]`, the share of training at the end of each stretch.
    The whole change is from the first stretch to the last. A constant loss has settled in the first stretch.
    """
    away = (loss - loss[:, -1:]).abs() > TOLERANCE * (loss[:, :1] - loss[:, -1:]).abs()
    positions = torch.arange(loss.shape[1])
    last = torch.where(away, positions, torch.tensor(-1)).amax(1)  # the last stretch that is still too far away
    return share[last + 1]


def rises(loss: Tensor) -> Tensor:
    """All rises of the loss `[S, P]` from stretch to stretch, as a share of its range: `[S]`, 0 if it only falls."""
    span = (loss.amax(1) - loss.amin(1)).clamp(min=1e-30)
    return loss.diff(dim=1).clamp(min=0).sum(1) / span
