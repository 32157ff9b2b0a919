"""Competitive Hebbian learning: the unit that is nearest to an image moves towards it (Rumelhart and Zipser 1985).

    w_k += rate (x - w_k)  if k wins,   the winner of x being the unit of least ||x - w_k||;   averaged over the batch

Where it stands still every unit is the mean of the images that it wins, as in k-means. The features are how much nearer
than the average unit each is (the triangle code of Coates, Lee and Ng 2011).
"""

import torch
from torch.nn import functional as F

from infomax_bench import ONE_LAYER, Batch, Card, Method, Net, Rng, param


class Competitive(Method):
    card = Card(
        family="clustering",
        objective="the nearest unit moves towards the image, the others stay",
        prevents="nothing",
        paper="Rumelhart and Zipser 1985",
    )
    activation = "identity"
    backbones = ONE_LAYER
    competitive = True
    centred = False
    learning_rate: float = param(1.0, valid="(0, inf)", search=(0.1, 10.0), log=True, help="what updates are times")
    spread: float = param(0.1, valid="(0, inf)", help="deviation of the first weights from the mean image")

    def start(self, net: Net, mean, rng: Rng):
        weight = mean.unsqueeze(-1) + self.spread * rng.normal_like(net.encoder.weight)
        return {"encoder.weight": weight, "encoder.bias": 0 * net.encoder.bias}

    def update(self, net: Net, batch: Batch, state, rng: Rng):
        w, x = net.encoder.weight, batch.x
        won = F.one_hot(torch.cdist(x, w.mT).argmin(-1), w.shape[-1]).to(x)  # [..., B, K]
        return {"encoder.weight": (x.mT @ won - w * won.sum(-2, keepdim=True)) / x.shape[-2]}

    def features(self, net: Net, images):
        z = torch.cdist(images.flatten(-3), net.encoder.weight.mT)
        return torch.relu(z.mean(-1, keepdim=True) - z)
