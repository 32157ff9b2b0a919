"""End-to-end classification: the encoder is trained with a linear classifier on its outputs.

    - log softmax(V a + c)_label,  averaged over the batch

The features are the penultimate layer: the encoder's outputs. It sees labels, and is marked so in every table. Two deep
variants stand for the two ages of training: sigmoid units from a plain start, where deep nets were hard to train, and
what made pretraining unnecessary, ReLU with batch normalisation, He's initialisation and drop-out.
"""

from dataclasses import replace
from typing import ClassVar

from infomax_bench import Batch, Card, Linear, Method, Native, Net, Problem, Rng, cross_entropy


class Supervised(Method):
    card = Card(
        family="end-to-end",
        role="prior art",
        objective="cross-entropy of the labels through a linear classifier",
        prevents="nothing",
        paper="Rumelhart, Hinton and Williams 1986",
    )
    needs = ("labels",)
    variants: ClassVar = {
        "supervised_sigmoid": {
            "card": replace(card, objective="the same through three layers of sigmoid units"),
            "activation": "sigmoid",
            "backbones": ("mlp",),
            "native": Native("mlp", 3),
        },
        "supervised_modern": {
            "card": replace(
                card,
                objective="the same through three layers of ReLU with batch norm, drop-out and He's initialisation",
                paper="Ioffe and Szegedy 2015; Srivastava et al. 2014; He et al. 2015",
            ),
            "batch_norm": True,
            "dropout": 0.2,
            "initialisation": "he",
            "backbones": ("mlp",),
            "native": Native("mlp", 3),
        },
    }

    def heads(self, problem: Problem):
        return {"classifier": Linear(problem.width, problem.n_classes)}

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        return cross_entropy(net.classifier(net.encoder(batch.images, rng)), batch.labels)
