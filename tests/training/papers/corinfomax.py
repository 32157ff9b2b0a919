"""CorInfoMax: views agree, and their projections' running covariance has a large determinant (Ozsoy et al. 2022).

    - sum_v log det(R_v + eps 1) / P  +  alpha mean (z_1 - z_2)^2,     R_v <- f R_v + (1 - f) Cov(z_v)

R_v is the covariance of view v's projections z_v, P units each, as batches before and this one say; the gradient is
this batch's. Half its logarithm's determinant is, up to constants, the second-order (Gaussian) entropy of z.
"""

import torch

from infomax_bench import MLP, Batch, Card, Method, Native, Net, Problem, Rng, covariance, param, projections


class CorInfoMax(Method):
    card = Card(
        family="non-redundancy",
        objective="two views agree; the log-determinant of their running covariances is large",
        prevents="redundancy and collapse",
        paper="Ozsoy et al. 2022, arXiv:2209.07999",
    )
    native = Native("convnet")
    views = 2
    alpha: float = param(50.0, valid="[0, inf)", search=(1.0, 500.0), log=True, help="weight of the views' agreement")
    forgetting: float = param(0.99, valid="[0, 1)", search=(0.9, 0.999), help="f: what the covariance keeps of itself")
    eps: float = param(1e-4, valid="(0, inf)", help="added to the covariance's diagonal")
    projection: int = param(32, valid="[1, inf)", help="width of the projector's layers and of the projection")

    def heads(self, problem: Problem):
        return {"projector": MLP((problem.width, *[self.projection] * 2), batch_norm=True)}

    def state(self, net: Net, rng: Rng):
        identity = rng.zeros(self.projection, self.projection) + torch.eye(self.projection, device=rng.device)
        return {"first": identity, "second": identity.clone()}

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        z = projections(net, batch.views)
        ridge = self.eps * torch.eye(self.projection, device=z[0].device)
        information = 0.0
        for name, own in zip(("first", "second"), z, strict=True):
            running = self.forgetting * state[name] + (1 - self.forgetting) * covariance(own)
            information = information - torch.linalg.slogdet(running + ridge)[1] / self.projection
            state[name] = running.detach()
        return {"information": information, "agreement": self.alpha * (z[0] - z[1]).square().mean((-2, -1))}
