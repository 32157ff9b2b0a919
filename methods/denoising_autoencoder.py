"""Denoising autoencoder: rebuild the clean image from a corrupted one (Vincent et al. 2008, 2010).

    x~ = x with a share `corruption` of its pixels, chosen at random, forced to 0 ("masking noise")
    y  = sigmoid(W x~ + b),   z = sigmoid(W^T y + c)
    loss = - sum_pixels [x log z + (1 - x) log(1 - z)], averaged over the batch

Sigmoid units, tied weights and the cross-entropy of pixels in [0, 1] are the papers' choices for images of digits. The
frozen encoder sees clean images, and so does the next layer of a stack, which corrupts them itself.
"""

from dataclasses import replace
from typing import ClassVar

from infomax_bench import (
    ONE_LAYER,
    Batch,
    Bias,
    Card,
    Method,
    Native,
    Net,
    Problem,
    Rng,
    bernoulli_nll,
    log_odds,
    param,
)


class DenoisingAutoencoder(Method):
    card = Card(
        family="reconstruction",
        role="prior art",
        objective="cross-entropy of the clean image rebuilt from a masked one",
        prevents="information loss",
        paper="Vincent et al. 2008; Vincent et al. 2010",
        essay_cost="low",
    )
    variants: ClassVar = {
        "stacked_denoising_autoencoder": {
            "card": replace(
                card,
                objective="the same as denoising_autoencoder, for one layer on top of another",
                paper="Vincent et al. 2010",
            ),
            "backbones": ("stack",),
            "native": Native("stack", 3),
        }
    }
    backbones = ONE_LAYER
    activation = "sigmoid"
    input_range = "unit"
    corruption: float = param(0.25, valid="[0, 1)", search=(0.01, 0.6), help="probability that a pixel is forced to 0")

    def heads(self, problem: Problem):
        return {"visible": Bias(problem.input_size)}

    def start(self, net: Net, mean, rng: Rng):
        return {"visible.bias": log_odds(mean)}

    def corrupt(self, x, rng: Rng):
        return x * (rng.uniform_like(x) >= self.corruption)

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        code = net.encoder(self.corrupt(batch.x, rng))
        logits = net.visible(code @ net.encoder.weight.mT)
        return bernoulli_nll(logits, batch.x).mean(-1)
