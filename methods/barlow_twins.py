"""Barlow Twins: the same unit agrees across two views, different units are uncorrelated (Zbontar et al. 2021).

    sum_j (1 - C_jj)^2 + lambda sum_{j != k} C_jk^2,  C the cross-correlation over the batch of the views' projections

lambda is the paper's, and so are the projector's three layers with batch norm, but they are narrower, as the encoders
here are.
"""

from infomax_bench import (
    MLP,
    Batch,
    Card,
    Method,
    Native,
    Net,
    Problem,
    Rng,
    cross_correlation,
    off_diagonal_sum_of_squares,
    param,
    projections,
)


class BarlowTwins(Method):
    card = Card(
        family="non-redundancy",
        role="control",
        objective="cross-correlation of two views' projections close to the identity",
        prevents="redundancy and collapse",
        paper="Zbontar et al. 2021, arXiv:2103.03230",
    )
    native = Native("convnet")
    views = 2
    redundancy: float = param(
        5e-3, valid="[0, inf)", search=(1e-3, 0.1), log=True, help="lambda: weight of what is off the diagonal"
    )
    projection: int = param(128, valid="[1, inf)", help="width of the projector's layers and of the projection")

    def heads(self, problem: Problem):
        return {"projector": MLP((problem.width, *[self.projection] * 3), batch_norm=True)}

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        a, b = projections(net, batch.views)
        c = cross_correlation(a, b)
        return {
            "invariance": (1 - c.diagonal(dim1=-2, dim2=-1)).square().sum(-1),
            "redundancy": self.redundancy * off_diagonal_sum_of_squares(c),
        }
