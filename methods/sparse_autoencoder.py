"""Sparse autoencoders: rebuild the image from a code with few active units.

    l1:    mean (x - x^)^2 + penalty * mean |a|,  a = relu(W x + b)     the baseline of Oursland 2026, arXiv:2601.06478
    topk:  mean (x - x^)^2,  a = the k largest of W x + b, the others 0  Makhzani and Frey 2013; Gao et al. 2024

Both means are over everything: pixels or units, and the batch. The decoder is untied and as deep as the encoder (linear
for one layer).
"""

from typing import ClassVar

import torch

from infomax_bench import Batch, Card, Method, Net, Problem, Rng, decoder, param


class SparseAutoencoder(Method):
    card = Card(
        family="reconstruction",
        role="prior art",
        objective="squared error of the image rebuilt from a sparse code: an L1 penalty, or the k largest units only",
        prevents="information loss",
        paper="Ng 2011; Makhzani and Frey 2013; Gao et al. 2024",
        essay_cost="low",
    )
    variants: ClassVar = {"topk_autoencoder": {"sparsity": "topk", "penalty": 0.0}}
    sparsity: str = param("l1", choices=("l1", "topk"), help="what makes the code sparse")
    penalty: float = param(
        0.01, valid="[0, inf)", search=(1e-3, 1.0), log=True, help="l1: weight of the mean absolute activation"
    )
    active: float = param(
        0.25, valid="(0, 1]", search=(0.05, 0.9), log=True, help="topk: share of the units that stay active"
    )

    @property
    def competitive(self):
        return self.sparsity == "topk"

    @property
    def activation(self):
        return "identity" if self.sparsity == "topk" else "relu"

    def heads(self, problem: Problem):
        return {"decoder": decoder(problem)}

    def features(self, net: Net, images):
        a = net.encoder(images)
        if self.sparsity == "l1":
            return a
        top = a.topk(max(1, round(self.active * a.shape[-1])), dim=-1)
        return torch.zeros_like(a).scatter(-1, top.indices, top.values)

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        code = self.features(net, batch.images)
        terms = {"reconstruction": (net.decoder(code) - batch.x).square().mean((-2, -1))}
        if self.sparsity == "l1":
            terms["sparsity"] = self.penalty * code.abs().mean((-2, -1))
        return terms
