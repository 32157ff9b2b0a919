"""InfoMax with implicit EM: an encoder that needs no decoder (Oursland 2026, arXiv:2601.06478).

The outputs `d = relu(W x + b)` are distances to K components, 0 being a perfect match. Minimised, over a batch of B:

    - sum_batch log sum_j exp(-d_j)  -  lambda_var sum_j log(Var d_j + eps)  +  lambda_tc ||offdiag Corr(d)||_F^2

The first term's gradient in d_j is the responsibility softmax(-d)_j, so descending it is EM with the M-step replaced
by a gradient step; the second keeps every component alive, as the log-determinant does in a mixture of Gaussians; the
third keeps them apart. The first is *summed* over the batch, as in the published experiments: that is its weight
against the other two, and it decides what is learned.
"""

import torch

from infomax_bench import Batch, Card, Method, Net, Rng, param


class InfoMaxEM(Method):
    card = Card(
        family="independence",
        role="this work",
        objective="log-sum-exp competition (implicit EM) + variance of every output - correlation between outputs",
        prevents="redundancy and collapse",
        paper="Oursland 2026, arXiv:2601.06478",
        essay_cost="low",
    )
    lambda_lse: float = param(1.0, help="weight of the log-sum-exp term; 0 leaves EM out")
    lambda_var: float = param(1.0, search=(0.1, 10.0), log=True, help="weight of each output's log-variance")
    lambda_tc: float = param(1.0, search=(0.01, 100.0), log=True, help="weight of the decorrelation term")
    eps: float = param(1e-6, help="added to each variance before its logarithm")

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        d = net.encoder(batch.images)  # distances [..., B, K]
        attraction = -torch.logsumexp(-d, dim=-1).sum(-1)  # its gradient in d is the responsibility
        centred = d - d.mean(-2, keepdim=True)
        variance = centred.square().sum(-2) / (d.shape[-2] - 1)
        volume = -torch.log(variance + self.eps).sum(-1)
        deviation = variance.clamp(min=1e-30).sqrt()  # at 0, the gradient of a unit dead in this batch would be NaN
        z = centred / (deviation.unsqueeze(-2) + 1e-8)
        correlation = z.mT @ z / (d.shape[-2] - 1)
        diagonal = correlation.diagonal(dim1=-2, dim2=-1)
        redundancy = correlation.square().sum((-2, -1)) - diagonal.square().sum(-1)
        return {
            "attraction": self.lambda_lse * attraction,
            "volume": self.lambda_var * volume,
            "redundancy": self.lambda_tc * redundancy,
        }
