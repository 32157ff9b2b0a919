"""VICReg: views agree, every unit varies, and no two units vary together (Bardes, Ponce and LeCun 2022).

    lambda mean (a - b)^2 + mu/2 [v(a) + v(b)] + nu [c(a) + c(b)],  a and b the projections of two views, P units each
    v(z) = mean_j max(0, 1 - sqrt(Var z_j + 0.0001)),    c(z) = sum_{j != k} Cov(z_j, z_k)^2 / P

The weights are the paper's. The first term's mean over units and the second's half are the authors' code's, for which
these weights were found (the paper's formula sums over units, and has no half). The projector ("expander") has three
layers with batch norm, narrower than the paper's, as the encoders here are.
"""

import torch

from infomax_bench import (
    MLP,
    Batch,
    Card,
    Method,
    Native,
    Net,
    Problem,
    Rng,
    covariance,
    off_diagonal_sum_of_squares,
    param,
    projections,
)


class VICReg(Method):
    card = Card(
        family="non-redundancy",
        role="control",
        objective="two views agree; every unit's variance is at least 1; covariance between units is 0",
        prevents="redundancy and collapse",
        paper="Bardes, Ponce and LeCun 2022, arXiv:2105.04906",
    )
    native = Native("convnet")
    views = 2
    invariance: float = param(
        25.0, valid="[0, inf)", search=(0.1, 100.0), log=True, help="lambda: weight of the views' distance"
    )
    variance: float = param(
        25.0, valid="[0, inf)", search=(1.0, 100.0), log=True, help="mu: weight of the units' missing deviation"
    )
    decorrelation: float = param(
        1.0, valid="[0, inf)", search=(0.01, 25.0), log=True, help="nu: weight of the units' covariance"
    )
    projection: int = param(128, valid="[1, inf)", help="width of the projector's layers and of the projection")

    def heads(self, problem: Problem):
        return {"projector": MLP((problem.width, *[self.projection] * 3), batch_norm=True)}

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        views = projections(net, batch.views)
        missing = [torch.relu(1 - (z.var(-2) + 1e-4).sqrt()).mean(-1) for z in views]
        shared = [off_diagonal_sum_of_squares(covariance(z)) / self.projection for z in views]
        return {
            "invariance": self.invariance * (views[0] - views[1]).square().mean((-2, -1)),
            "variance": self.variance * (missing[0] + missing[1]) / 2,
            "covariance": self.decorrelation * (shared[0] + shared[1]),
        }
