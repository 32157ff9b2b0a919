"""SimCLR: two views of an image are told from all other images of the batch (Chen et al. 2020).

    l(i, j) = - log [ exp(s_ij / T) / sum_{k != i} exp(s_ik / T) ],  s the cosine similarity of the projections z

averaged over the 2B ordered pairs of views ("NT-Xent"). The projection head, a layer as wide as the features, batch
norm, ReLU and a linear layer, is thrown away, as in the paper.
"""

import torch
from torch.nn import functional as F

from infomax_bench import MLP, Batch, Card, Method, Native, Net, Problem, Rng, param


def nt_xent(z, temperature: float):
    """The loss `[...]` of projections `[..., 2B, P]`: the first views, then the second in the same order."""
    z = F.normalize(z, dim=-1)
    similarity = z @ z.mT / temperature
    positive = similarity.diagonal(z.shape[-2] // 2, dim1=-2, dim2=-1)  # symmetric: it serves both directions
    itself = torch.eye(z.shape[-2], dtype=torch.bool, device=z.device)
    others = similarity.masked_fill(itself, -torch.inf).logsumexp(-1)
    return others.mean(-1) - positive.mean(-1)


class SimCLR(Method):
    card = Card(
        family="contrastive",
        role="prior art",
        objective="two views of an image agree, views of different images do not (NT-Xent within the batch)",
        prevents="augmentation-variance collapse",
        paper="Chen et al. 2020, arXiv:2002.05709",
        essay_cost="medium",
    )
    native = Native("convnet")
    views = 2
    temperature: float = param(
        0.5, valid="(0, inf)", search=(0.05, 1.0), log=True, help="of the similarities; lower, harder negatives"
    )
    projection: int = param(128, valid="[1, inf)", help="dimensions of the projection that is compared")

    def heads(self, problem: Problem):
        return {"projector": MLP((problem.width, problem.width, self.projection), batch_norm=True)}

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        z = net.projector(net.encoder(torch.cat(batch.views, dim=-4)))
        return nt_xent(z, self.temperature)
