"""BYOL: a view predicts what a slow copy of the network makes of another; no negatives (Grill et al. 2020).

    || q / |q| - z' / |z'| ||^2 = 2 - 2 cos(q, z'),  q = predictor(projector(encoder(v))),  z' = target(v')

and the same with the views exchanged, averaged over the batch and added. The target is a copy of encoder and projector
that gets no gradient: after every step it keeps a share m of itself and takes the rest from the network, m rising to 1
along a cosine. Projector and predictor have one hidden layer with batch norm, as in the paper; they are narrower, as
the encoders here are, and m starts at 0.99, not 0.996, because trainings here have thousands of steps, not millions.
"""

import math

import torch
from torch.nn import functional as F

from infomax_bench import MLP, Batch, Card, Method, Native, Net, Problem, Rng, follow, param, projections


def distance(prediction, target):
    """The squared distance `[...]` of `[..., B, P]`, each vector at unit norm; its mean over the batch."""
    return (F.normalize(prediction, dim=-1) - F.normalize(target, dim=-1)).square().sum(-1).mean(-1)


class BYOL(Method):
    card = Card(
        family="contrastive",
        role="prior art",
        objective="a view's projection predicts a momentum encoder's projection of the other view; no negatives",
        prevents="augmentation-variance collapse",
        paper="Grill et al. 2020, arXiv:2006.07733",
        essay_cost="medium",
    )
    native = Native("convnet")
    views = 2
    target_momentum: float = param(
        0.99, valid="[0, 1]", search=(0.9, 0.999), help="share of itself that the target keeps, at first"
    )
    hidden: int = param(256, valid="[1, inf)", help="width of the hidden layers of projector and predictor")
    projection: int = param(128, valid="[1, inf)", help="dimensions of the projection that is predicted")

    def heads(self, problem: Problem):
        return {
            "projector": MLP((problem.width, self.hidden, self.projection), batch_norm=True),
            "predictor": MLP((self.projection, self.hidden, self.projection), batch_norm=True),
        }

    def state(self, net: Net, rng: Rng):
        return net.copy_params("encoder", "projector")

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        first, second = (net.predictor(z) for z in projections(net, batch.views))
        with torch.no_grad():
            first_target, second_target = projections(net.with_params(state), batch.views)
        return distance(first, second_target) + distance(second, first_target)

    def after_step(self, net: Net, batch: Batch, state, rng: Rng):
        follow(state, net, 1 - (1 - self.target_momentum) * (math.cos(math.pi * batch.progress) + 1) / 2)
