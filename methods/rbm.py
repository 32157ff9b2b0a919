"""Restricted Boltzmann machine, by contrastive divergence or with persistent chains.

    E(v, h) = - c^T v - b^T h - v^T W h,     F(v) = - c^T v - sum_j softplus(v^T W + b)_j = - log sum_h exp(-E(v, h))

The gradient of the log-likelihood is the difference of the free energy's gradient between data and samples of the
model. The loss is that difference, its negatives held fixed: descending it is the update of CD-k (Hinton 2002), with
negatives k Gibbs steps away from the data, or of persistent CD (Tieleman 2008), with chains that go on. As in Hinton's
guide (2010), pixels in [0, 1] serve as probabilities, and so do CD's reconstructions; chains are samples. A deep belief
net is a stack of RBMs, each trained on the probabilities of the one below (Hinton, Osindero and Teh 2006).

The weights start as every method's do (+-1/sqrt(D); on MNIST a standard deviation of 0.02, against the guide's 0.01).
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
            "card": replace(card, objective="likelihood under a stack of energy models", paper="Hinton et al. 2006"),
            "backbones": ("stack",),
            "native": Native("stack", 3),
        },
    }
    backbones = ONE_LAYER
    activation = "sigmoid"
    input_range = "unit"
    learning_rate: float = param(0.1, valid="(0, inf)", search=(1e-3, 3.0), log=True, help="step size of the optimiser")
    optimizer: str = param("sgd", choices=("adam", "sgd"), help="update rule")
    k: int = param(1, valid="[1, inf)", help="Gibbs steps for each update")
    persistent: bool = param(False, help="the chains go on from the last update's negatives, not from the data")

    def heads(self, problem: Problem):
        return {"visible": Bias(problem.input_size)}

    def start(self, net: Net, mean, rng: Rng):
        return {"visible.bias": log_odds(mean)}

    def state(self, net: Net, rng: Rng):
        if not self.persistent:
            return {}
        rate = torch.sigmoid(net.visible.bias).unsqueeze(-2)
        noise = rng.uniform(net.problem.batch_size, net.problem.input_size)
        return {"chains": net.encoder.linear((noise < rate).float())}

    def free_energy(self, net: Net, v, pre):
        """The mean of F(v) over a batch, `[...]`; pre = v^T W + b, what the hidden units get."""
        return -(v.mean(-2) * net.visible.bias).sum(-1) - F.softplus(pre).sum(-1).mean(-1)

    @torch.no_grad()
    def negatives(self, net: Net, pre, rng: Rng, k: int):
        """Visible vectors k Gibbs steps from the ones that gave the hidden units `pre`."""
        for left in reversed(range(k)):
            h = rng.bernoulli(torch.sigmoid(pre))
            v = torch.sigmoid(net.visible(h @ net.encoder.weight.mT))
            v = rng.bernoulli(v) if self.persistent else v
            pre = net.encoder.linear(v) if left else pre
        return v

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        data = net.encoder.linear(batch.x)
        v = self.negatives(net, state.get("chains", data), rng, self.k)
        model = net.encoder.linear(v)
        if "chains" in state:
            state["chains"] = model.detach()
        return self.free_energy(net, batch.x, data) - self.free_energy(net, v, model)
