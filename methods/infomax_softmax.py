"""InfoMax in the essay's own words: a linear layer and a softmax, whose outputs say much and repeat nothing.

    z = softmax(W x + b);   minimise   - sum_j H(z_j)  +  lambda_tc ||offdiag Corr(z)||_F^2

H(z_j) is the entropy of an output over the images. Here it is that of a Gaussian of the same variance,
1/2 log(2 pi e Var z_j): an upper bound, differentiable, and what `infomax_em` takes for it too. Outputs that sum to one
have a singular covariance, so that the total correlation of a Gaussian would be infinite; the squared correlations off
the diagonal stand for it. Equal shares of the images with one-hot outputs are nearly the best there is: what the essay
describes is, read literally, a balanced clustering.
"""

import math

import torch

from infomax_bench import Batch, Card, Method, Net, Rng, off_diagonal_sum_of_squares, param, variance_and_correlation


class InfoMaxSoftmax(Method):
    card = Card(
        family="independence",
        role="this work",
        objective="entropy of every output of a softmax - correlation between outputs",
        prevents="redundancy and collapse",
        paper="the essay, read literally",
        essay_cost="low",
        ablation_of="infomax_em",
    )
    activation = "identity"
    competitive = True
    lambda_tc: float = param(
        1.0, valid="[0, inf)", search=(0.01, 100.0), log=True, help="weight of the decorrelation term"
    )
    eps: float = param(1e-8, valid="(0, inf)", help="added to each variance before its logarithm")

    def features(self, net: Net, images):
        return torch.softmax(net.encoder(images), dim=-1)

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        variance, correlation = variance_and_correlation(self.features(net, batch.images))
        entropy = 0.5 * torch.log(2 * math.pi * math.e * (variance + self.eps)).sum(-1)
        return {"entropy": -entropy, "redundancy": self.lambda_tc * off_diagonal_sum_of_squares(correlation)}
