"""Invariant information clustering: two views' soft clusters tell as much of each other as can be (Ji et al. 2019).

    - I(c; c') = - sum_{k l} P_kl log(P_kl / (P_k P_l)),     P = (Q + Q^T) / 2,   Q = mean softmax(v) softmax(v')^T

P is the joint distribution of the clusters of an image's two views over the batch, made symmetric.
"""

import torch

from infomax_bench import Batch, Card, Linear, Method, Native, Net, Problem, Rng, param


def mutual_information(first, second):
    """Of soft assignments `[..., B, C]` of two views, in nats: `[...]`."""
    joint = first.mT @ second / first.shape[-2]
    joint = ((joint + joint.mT) / 2).clamp(min=1e-12)
    rows, columns = joint.sum(-1, keepdim=True), joint.sum(-2, keepdim=True)
    return (joint * (joint.log() - rows.log() - columns.log())).sum((-2, -1))


class IIC(Method):
    card = Card(
        family="clustering",
        objective="mutual information of the clusters of two views of an image",
        prevents="augmentation-variance collapse",
        paper="Ji, Henriques and Vedaldi 2019, arXiv:1807.06653",
    )
    native = Native("convnet")
    views = 2
    clusters: int = param(10, valid="[2, inf)", search=(5, 10, 20, 50), help="how many")

    def heads(self, problem: Problem):
        return {"clusters": Linear(problem.width, self.clusters)}

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        first, second = (torch.softmax(net.clusters(net.encoder(view)), dim=-1) for view in batch.views)
        return -mutual_information(first, second)
