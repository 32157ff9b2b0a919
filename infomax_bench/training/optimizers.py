"""Adam and SGD with a schedule: torch's fused kernels by its functional interface.

The bookkeeping of its optimiser classes takes as long as the update of a small model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

BETAS, EPS = (0.9, 0.999), 1e-8
"""Adam's, as published (Kingma and Ba 2015)."""


class Settings(Protocol):
    """What a method says about its optimiser."""

    @property
    def learning_rate(self) -> float: ...
    @property
    def optimizer(self) -> str: ...
    @property
    def momentum(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def schedule(self) -> str: ...


class Optimizer:
    """Updates `params` in place by their gradients; one without a gradient stays as it is.

    n_steps: updates until a schedule's end.
    """

    def __init__(self, settings: Settings, params: Sequence[Tensor], n_steps: int) -> None:
        self.settings, self.params, self.n_steps = settings, list(params), n_steps
        self.taken = 0
        zeros = [torch.zeros_like(p, requires_grad=False) for p in self.params]
        if settings.optimizer == "adam":
            self.first, self.second = zeros, [z.clone() for z in zeros]
            self.counts = [torch.zeros((), device=p.device) for p in self.params]
        else:
            self.velocities = zeros if settings.momentum else [None for _ in zeros]

    @property
    def rate(self) -> float:
        """The learning rate of the next update."""
        if self.settings.schedule != "cosine":
            return self.settings.learning_rate
        return self.settings.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, self.taken / self.n_steps)))

    @torch.no_grad()
    def add(self, changes: Iterable[tuple[Tensor, Tensor]]) -> None:
        """One update that is no gradient's: to each parameter the learning rate times its change."""
        for p, change in changes:
            p.add_(change, alpha=self.rate)
        self.taken += 1

    @torch.no_grad()
    def step(self) -> None:
        """One update."""
        reached = [i for i, p in enumerate(self.params) if p.grad is not None]

        def of(tensors: Sequence[Any]) -> list[Any]:
            return [tensors[i] for i in reached]

        params = of(self.params)
        gradients, how = [p.grad for p in params], self.settings
        if how.optimizer == "adam":
            adam(
                params,
                gradients,
                of(self.first),
                of(self.second),
                [],
                of(self.counts),
                fused=True,
                amsgrad=False,
                beta1=BETAS[0],
                beta2=BETAS[1],
                lr=self.rate,
                weight_decay=how.weight_decay,
                eps=EPS,
                maximize=False,
            )
        else:
            sgd(
                params,
                gradients,
                of(self.velocities),
                fused=True,
                weight_decay=how.weight_decay,
                momentum=how.momentum,
                lr=self.rate,
                dampening=0.0,
                nesterov=False,
                maximize=False,
            )
        self.taken += 1
