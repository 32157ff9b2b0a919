"""End-to-end classification: the encoder is trained with a linear classifier on its outputs.

    - log softmax(V a + c)_label,  averaged over the batch

The features are the penultimate layer: the encoder's outputs. It sees labels, and is marked so in every table.
"""

from infomax_bench import Batch, Card, Linear, Method, Net, Problem, Rng


class Supervised(Method):
    card = Card(
        family="end-to-end",
        role="prior art",
        objective="cross-entropy of the labels through a linear classifier",
        prevents="nothing",
        paper="Rumelhart, Hinton and Williams 1986",
    )
    needs = ("labels",)

    def heads(self, problem: Problem):
        return {"classifier": Linear(problem.width, problem.n_classes)}

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        logits = net.classifier(net.encoder(batch.images))
        own = logits.gather(-1, batch.labels.unsqueeze(-1)).squeeze(-1)
        return (logits.logsumexp(-1) - own).mean(-1)
