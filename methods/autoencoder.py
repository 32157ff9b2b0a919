"""Autoencoder: a code from which the image can be rebuilt (Rumelhart, Hinton and Williams 1986).

    mean over pixels of (x - (V a + c))^2,  a = relu(W x + b)

The decoder is untied and as deep as the encoder (linear for one layer, as above), and the squared error's mean is over
pixels and batch, as in the sparse autoencoder beside it.
"""

from infomax_bench import Batch, Card, Method, Net, Problem, Rng, decoder


class Autoencoder(Method):
    card = Card(
        family="reconstruction",
        role="prior art",
        objective="squared error of the image rebuilt from its code by a decoder as deep as the encoder",
        prevents="information loss",
        paper="Rumelhart, Hinton and Williams 1986",
        essay_cost="low",
    )

    def heads(self, problem: Problem):
        return {"decoder": decoder(problem)}

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        rebuilt = net.decoder(net.encoder(batch.images))
        return (rebuilt - batch.x).square().mean((-2, -1))
