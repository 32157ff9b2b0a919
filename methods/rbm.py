"""Restricted Boltzmann machine, by contrastive divergence or with persistent chains.

    E(v, h) = - c^T v - b^T h - v^T W h,     F(v) = - c^T v - sum_j softplus(v^T W + b)_j = - log sum_h exp(-E(v, h))

The gradient of the log-likelihood is the difference of the free energy's gradient between data and samples of the
model. The loss is that difference itself, its negatives held fixed: descending it is the update of CD-k (Hinton 2002),
with the negatives k Gibbs steps away from the data, or of persistent CD (Tieleman 2008), with chains that go on from
step to step. As in Hinton's guide (2010), pixels in [0, 1] are used as probabilities, and so are CD's reconstructions;
persistent chains are samples. A deep belief net is a stack of RBMs, each trained on the probabilities of the one below
(Hinton, Osindero and Teh 2006).

The weights start as every method's do (+-1/sqrt(D), a standard deviation of 0.02 on MNIST), which is the scale of the
guide's N(0, 0.01); the same start under the same seed is worth more here than the exact number.
"""

from dataclasses import replace
from typing import ClassVar

import torch
from torch.nn import functional as F

from infomax_bench import ONE_LAYER, Batch, Bias, Card, Method, Native, Net, Problem, Rng, log_odds, param


class RBM(Method):
    card = Card(
        family="density",
        role="prior art",
        objective="likelihood of the image under a bipartite energy model (contrastive divergence)",
        prevents="poor initialisation",
        paper="Hinton 2002; Tieleman 2008; Hinton 2010",
        essay_cost="high",
    )
    variants: ClassVar = {
        "rbm_persistent": {"persistent": True},
        "dbn": {
            "card": replace(
                card,
                objective="likelihood of the image under one bipartite energy model on top of another",
                paper="Hinton, Osindero and Teh 2006",
            ),
            "backbones": ("stack",),
            "native": Native("stack", 3),
        },
    }
    backbones = ONE_LAYER
    activation = "sigmoid"
    input_range = "unit"
    learning_rate: float = param(0.1, search=(1e-3, 1.0), log=True, help="step size of the optimiser")
    optimizer: str = param("sgd", choices=("adam", "sgd"), help="update rule")
    k: int = param(1, help="Gibbs steps for each update")
    persistent: bool = param(False, help="the chains go on from the last update's negatives, not from the data")

    def heads(self, problem: Problem):
        return {"visible": Bias(problem.input_size)}

    def start(self, net: Net, mean):
        return {"visible.bias": log_odds(mean)}

    def state(self, net: Net, rng: Rng):
        if not self.persistent:
            return {}
        noise = rng.uniform(net.problem.batch_size, net.problem.input_size)
        return {"chains": (noise < torch.sigmoid(net.visible.bias).unsqueeze(-2)).float()}

    def free_energy(self, net: Net, v):
        """F(v), `[..., B]`."""
        visible = (v @ net.visible.bias.unsqueeze(-1)).squeeze(-1)
        return -visible - F.softplus(net.encoder.linear(v)).sum(-1)

    def negatives(self, net: Net, v, rng: Rng):
        """Visible vectors k Gibbs steps after `v`."""
        for _ in range(self.k):
            h = rng.bernoulli(net.encoder(v))
            v = torch.sigmoid(net.visible(h @ net.encoder.weight.mT))
            if self.persistent:
                v = rng.bernoulli(v)
        return v

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        with torch.no_grad():
            v = self.negatives(net, state["chains"] if self.persistent else batch.x, rng)
        if self.persistent:
            state["chains"] = v
        data, model = self.free_energy(net, torch.cat([batch.x, v], dim=-2)).tensor_split(2, dim=-1)
        return data.mean(-1) - model.mean(-1)
