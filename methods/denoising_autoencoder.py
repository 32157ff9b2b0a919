"""Denoising autoencoder: rebuild the clean image from a corrupted one (Vincent et al. 2008, 2010).

    x~ = x with a share `corruption` of its pixels, chosen at random, forced to 0 ("masking noise")
    y  = sigmoid(W x~ + b),   z = sigmoid(W^T y + c)
    loss = - sum_pixels [x log z + (1 - x) log(1 - z)], averaged over the batch

Sigmoid units, tied weights and the cross-entropy of pixels in [0, 1] are the papers' choices for images of digits. The
frozen encoder sees clean images.
"""

import torch
from torch.nn import functional as F

from infomax_bench import Batch, Bias, Card, Method, Net, Problem, Rng, param


class DenoisingAutoencoder(Method):
    card = Card(
        family="reconstruction",
        role="prior art",
        objective="cross-entropy of the clean image rebuilt from a masked one",
        prevents="information loss",
        paper="Vincent et al. 2008; Vincent et al. 2010",
        essay_cost="low",
    )
    activation = "sigmoid"
    corruption: float = param(0.25, search=(0.05, 0.6), help="probability that a pixel is forced to 0")

    def heads(self, problem: Problem):
        return {"visible": Bias(problem.input_size)}

    def start(self, net: Net, mean):
        return {"visible.bias": torch.logit(mean.clamp(0.01, 0.99))}

    def corrupt(self, x, rng: Rng):
        return x * (rng.uniform_like(x) >= self.corruption)

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        code = net.encoder(self.corrupt(batch.x, rng))
        logits = net.visible(code @ net.encoder.weight.mT)
        return F.binary_cross_entropy_with_logits(logits, batch.x, reduction="none").sum(-1).mean(-1)
