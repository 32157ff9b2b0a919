"""InfoMax with implicit EM: an encoder that needs no decoder (Oursland 2026, arXiv:2601.06478).

The outputs `d = relu(W x + b)` are distances to K components, 0 being a perfect match. Minimised, over a batch of B:

    - sum_batch log sum_j exp(-d_j)  -  lambda_var sum_j log(Var d_j + eps)  +  lambda_tc ||offdiag Corr(d)||_F^2

The first term's gradient in d_j is the responsibility softmax(-d)_j, so descending it is EM with the M-step replaced
by a gradient step; the second keeps every component alive, as the log-determinant does in a mixture of Gaussians; the
third keeps them apart. The first is *summed* over the batch, as in the published experiments: that is its weight
against the other two, and it decides what is learned.
"""

from dataclasses import replace
from typing import ClassVar

import torch

from infomax_bench import (
    Batch,
    Card,
    Method,
    Native,
    Net,
    Rng,
    off_diagonal_sum_of_squares,
    param,
    variance_and_correlation,
)


class InfoMaxEM(Method):
    card = Card(
        family="independence",
        role="this work",
        objective="log-sum-exp competition (implicit EM) + variance of every output - correlation between outputs",
        prevents="redundancy and collapse",
        paper="Oursland 2026, arXiv:2601.06478",
        essay_cost="low",
    )
    variants: ClassVar = {
        "infomax": {
            "lambda_lse": 0.0,
            "card": replace(card, objective="variance of every output - correlation between outputs: no EM"),
        },
        "infomax_em_responsibilities": {
            "output": "responsibilities",
            "card": replace(card, objective=card.objective + "; features are the responsibilities"),
        },
        "infomax_em_stacked": {
            "backbones": ("stack",),
            "native": Native("stack", 3),
            "card": replace(card, objective=card.objective + ", layer by layer"),
        },
    }
    lambda_lse: float = param(1.0, valid="[0, inf)", help="weight of the log-sum-exp term; 0 leaves EM out")
    lambda_var: float = param(
        1.0, valid="[0, inf)", search=(0.1, 100.0), log=True, help="weight of each output's log-variance"
    )
    lambda_tc: float = param(
        1.0, valid="[0, inf)", search=(1e-3, 100.0), log=True, help="weight of the decorrelation term"
    )
    eps: float = param(1e-6, valid="(0, inf)", help="added to each variance before its logarithm")
    output: str = param("distances", choices=("distances", "responsibilities"), help="what the features are")

    @property
    def competitive(self):
        return self.output == "responsibilities"

    def features(self, net: Net, images):
        d = net.encoder(images)
        return torch.softmax(-d, dim=-1) if self.output == "responsibilities" else d

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        d = net.encoder(batch.images)  # distances [..., B, K]
        variance, correlation = variance_and_correlation(d)
        attraction = -torch.logsumexp(-d, dim=-1).sum(-1)  # its gradient in d is the responsibility
        volume = -torch.log(variance + self.eps).sum(-1)
        return {
            "attraction": self.lambda_lse * attraction,
            "volume": self.lambda_var * volume,
            "redundancy": self.lambda_tc * off_diagonal_sum_of_squares(correlation),
        }
