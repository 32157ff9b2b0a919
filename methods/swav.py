"""SwAV: views predict each other's cluster, the clusters being kept equally full (Caron et al. 2020).

    - sum_k q_k log p_k,  p = softmax(z . c_k / T) of one view,  q = Sinkhorn(z . c_k / epsilon) of another

z are projections and c_k prototypes, all at unit norm. Three Sinkhorn-Knopp iterations make of a batch's scores soft
assignments q that use all prototypes alike; they get no gradient. Every view predicts the assignments of each of the
first two. Unlike the paper's, all views are of full size (two by default), prototypes are fewer than a batch's images,
so that no queue of earlier images is needed to spread over them, and they learn from the first step on.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from infomax_bench import MLP, Batch, Card, Method, Native, Net, Problem, Rng, param, projections


@dataclass(frozen=True)
class Prototypes:
    """The cosine of every input `[..., B, P]` with each of `number` directions, `[..., B, number]`."""

    size: int
    number: int

    def init(self, rng: torch.Generator):
        return {"weight": F.normalize(torch.randn(self.size, self.number, generator=rng), dim=-2)}

    def __call__(self, params, z):
        return F.normalize(z, dim=-1) @ params["weight"]


def sinkhorn(scores, epsilon: float, iterations: int):
    """Soft assignments `[..., B, K]`: every row sums to 1, every column to about B/K. In logarithms: no overflow."""
    q = scores / epsilon
    for _ in range(iterations):
        q = q.log_softmax(-2).log_softmax(-1)
    return q.exp()


class SwAV(Method):
    card = Card(
        family="contrastive",
        role="prior art",
        objective="a view predicts which prototypes another is assigned to, all prototypes being used alike (Sinkhorn)",
        prevents="augmentation-variance collapse",
        paper="Caron et al. 2020, arXiv:2006.09882",
        essay_cost="medium",
    )
    native = Native("convnet")
    prototypes: int = param(
        64, valid="[2, inf)", search=(16, 32, 64, 100), help="how many; fewer than a batch has images"
    )
    temperature: float = param(0.1, valid="(0, inf)", search=(0.05, 0.5), log=True, help="of the predicted assignments")
    epsilon: float = param(
        0.05, valid="(0, inf)", search=(0.02, 0.2), log=True, help="entropy of the assignments; lower, harder ones"
    )
    iterations: int = param(3, choices=(1, 3, 10), help="of Sinkhorn-Knopp")
    crops: int = param(2, choices=(2, 3, 4, 6, 8), help="views of each image")
    hidden: int = param(256, valid="[1, inf)", help="width of the projector's hidden layer")
    projection: int = param(128, valid="[1, inf)", help="dimensions of the projection that is assigned")

    @property
    def views(self):
        return self.crops

    def heads(self, problem: Problem):
        return {
            "projector": MLP((problem.width, self.hidden, self.projection), batch_norm=True),
            "prototypes": Prototypes(self.projection, self.prototypes),
        }

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        scores = [net.prototypes(z) for z in projections(net, batch.views)]
        predicted = [(s / self.temperature).log_softmax(-1) for s in scores]
        losses = []
        for i in (0, 1):
            assigned = sinkhorn(scores[i].detach(), self.epsilon, self.iterations)
            losses += [-(assigned * p).sum(-1).mean(-1) for j, p in enumerate(predicted) if j != i]
        return torch.stack(losses).mean(0)

    def after_step(self, net: Net, batch: Batch, state, rng: Rng):
        weight = net.prototypes.weight
        weight.copy_(F.normalize(weight, dim=-2))
