"""My idea: what it minimises, in one line (Authors year, where).

Say here, in a few lines and in the paper's symbols, what the objective is. As it stands, this file is cross-entropy of
the labels through a linear classifier on noisy outputs:

    - log softmax(V (h + noise e) + c)_label,   e standard normal
"""

from infomax_bench import Batch, Card, Linear, Method, Net, Problem, Rng, cross_entropy, param


class MyIdea(Method):
    card = Card(
        family="end-to-end",  # what the report groups it with
        objective="cross-entropy of the labels through a linear classifier on noisy outputs",
        prevents="nothing",
        paper="unpublished",
        # no role: a draft, which takes no part in claims about others; with role="prior art" or "control" it would
    )
    activation = "relu"  # what the encoder ends in: relu, sigmoid or identity
    needs = ("labels",)  # or ("captions",): either makes the method supervised, and marked so in every table

    # Hyperparameters: default, the numbers that make sense, those that a tuner tries, help. learning_rate and the
    # optimiser are inherited.
    noise: float = param(0.1, valid="[0, inf)", search=(0.01, 1.0), log=True, help="deviation of the outputs' noise")

    def heads(self, problem: Problem):
        # trainable parts beside the encoder, called as net.NAME(...); thrown away after pretraining
        return {"classifier": Linear(problem.width, problem.n_classes)}

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        # Several seeds are trained at once along leading dimensions, written "...": reduce over the last ones only.
        h = net.encoder(batch.images)  # [..., B, K]
        noisy = h + self.noise * rng.normal_like(h)  # draw by rng alone: it belongs to the seed
        return cross_entropy(net.classifier(noisy), batch.labels)  # labels int64 [..., B]; one number a seed
