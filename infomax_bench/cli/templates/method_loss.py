"""My idea: what it minimises, in one line (Authors year, where).

Say here, in a few lines and in the paper's symbols, what the objective is. As it stands, this file rebuilds each image
from outputs h that are uncorrelated over the batch:

    mean (x - (V h + c))^2  +  weight sum_{j != k} Cov(h)_jk^2
"""

from infomax_bench import (
    Batch,
    Card,
    Method,
    Net,
    Problem,
    Rng,
    covariance,
    decoder,
    off_diagonal_sum_of_squares,
    param,
)


class MyIdea(Method):
    card = Card(
        family="independence",  # what the report groups it with
        objective="squared error of the image rebuilt from its code; no correlation between outputs",
        prevents="information loss and redundancy",
        paper="unpublished",
        # no role: a draft, which takes no part in claims about others; with role="prior art" or "control" it would
    )
    activation = "relu"  # what the encoder ends in: relu, sigmoid or identity
    views = 0  # how many augmented views of each image the loss needs, in batch.views

    # Hyperparameters: default, the numbers that make sense, those that a tuner tries, help. learning_rate and the
    # optimiser are inherited.
    weight: float = param(0.1, valid="[0, inf)", search=(1e-3, 10.0), log=True, help="weight of the decorrelation")

    def heads(self, problem: Problem):
        # Trainable parts beside the encoder (Linear, MLP, Bias, decoder), called as net.NAME(...); thrown away after
        # pretraining. Leave this out if there are none.
        return {"decoder": decoder(problem)}

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        # Several seeds are trained at once along leading dimensions, written "...": reduce over the last ones only.
        # If that does not suit your objective, set `batched = False` and forget about "...". Draw by `rng` alone.
        h = net.encoder(batch.images)  # [..., B, K]
        error = net.decoder(h) - batch.x  # batch.x: the images as vectors [..., B, D]
        # one number a seed, or named terms: they are added, logged and plotted apart
        return {
            "reconstruction": error.square().mean((-2, -1)),
            "correlation": self.weight * off_diagonal_sum_of_squares(covariance(h)),
        }
