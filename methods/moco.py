"""MoCo: a view is told from a queue of other images, encoded by a slow copy of the network (He et al. 2020).

    - log [ exp(q.k+ / T) / (exp(q.k+ / T) + sum_{queue} exp(q.k- / T)) ]

q is the projection of one view; k+, of the other view, comes from the momentum encoder and then enters the queue. The
projector is a two-layer perceptron and the default temperature 0.2, as in MoCo v2 (Chen et al. 2020); its hidden layer
has batch norm, as in MoCo v3 (Chen, Xie and He 2021), since small encoders have none of their own. The momentum is
0.99, not ImageNet's 0.999, because trainings here have thousands of steps, not millions.
"""

import torch
from torch.nn import functional as F

from infomax_bench import MLP, Batch, Card, Method, Native, Net, Problem, Rng, follow, param, projections


def info_nce(q, k, queue, temperature: float):
    """The loss `[...]` of queries and their keys `[..., B, P]` against `queue` `[..., Q, P]`; all of unit norm."""
    positive = (q * k).sum(-1, keepdim=True) / temperature
    logits = torch.cat([positive, q @ queue.mT / temperature], dim=-1)
    return (logits.logsumexp(-1) - positive.squeeze(-1)).mean(-1)


class MoCo(Method):
    card = Card(
        family="contrastive",
        role="prior art",
        objective="two views of an image agree, and differ from a queue of images encoded by a momentum encoder",
        prevents="augmentation-variance collapse",
        paper="He et al. 2020, arXiv:1911.05722; Chen et al. 2020, arXiv:2003.04297",
        essay_cost="medium",
    )
    native = Native("convnet")
    views = 2
    temperature: float = param(
        0.2, valid="(0, inf)", search=(0.02, 1.0), log=True, help="of the similarities; lower, harder negatives"
    )
    key_momentum: float = param(
        0.99, valid="[0, 1]", search=(0.9, 0.99, 0.999), help="how much of itself the momentum encoder keeps"
    )
    queue: int = param(512, valid="[1, inf)", help="how many keys of earlier images are negatives")
    projection: int = param(128, valid="[1, inf)", help="dimensions of the projection that is compared")

    def unavailable(self, problem: Problem) -> str | None:
        # The queue holds the latest images; one longer than an epoch would hold a query's own image as a negative.
        if self.queue + problem.batch_size > problem.n_train:
            return f"a queue of {self.queue} is too long for {problem.n_train} training images"
        return None

    def heads(self, problem: Problem):
        return {"projector": MLP((problem.width, problem.width, self.projection), batch_norm=True)}

    def state(self, net: Net, rng: Rng):
        queue = F.normalize(rng.normal(self.queue, self.projection), dim=-1)
        return {"queue": queue, **net.copy_params("encoder", "projector")}

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        [q] = projections(net, batch.views[:1])
        with torch.no_grad():
            [k] = projections(net.with_params({name: state[name] for name in net.params}), batch.views[1:])
            k = F.normalize(k, dim=-1)
        loss = info_nce(F.normalize(q, dim=-1), k, state["queue"], self.temperature)
        state["queue"] = torch.cat([k, state["queue"]], dim=-2)[..., : self.queue, :]  # the newest first
        return loss

    def after_step(self, net: Net, batch: Batch, state, rng: Rng):
        follow(state, net, self.key_momentum)
