"""Fine-tuning: the pretrained encoder and a linear classifier on it, trained together on labels."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from infomax_bench.blocks import Linear, Net, Problem
from infomax_bench.evaluate.context import Context, Row
from infomax_bench.frozen import CHUNK, Encoder
from infomax_bench.method import ANY_ENCODER, Batch, Method
from infomax_bench.objectives import cross_entropy
from infomax_bench.random import Rng
from infomax_bench.train import Data, Trained, data_for, train


class FineTuned(Method):
    """Cross-entropy of the labels through a linear classifier on the features of a pretrained method.

    `of(method)` makes one; it has that method's features, and its own optimiser.
    """

    pretrained: ClassVar[Method]
    backbones = ANY_ENCODER
    needs = ("labels",)

    @classmethod
    def of(cls, method: Method) -> type[FineTuned]:
        names = ("activation", "batch_norm", "dropout", "initialisation", "batched", "input_range")
        own = {name: getattr(method, name) for name in names}
        return type(cls.__name__, (cls,), {**own, "pretrained": method, "__module__": cls.__module__})

    def heads(self, problem: Problem):  # type: ignore[no-untyped-def]
        return {"classifier": Linear(problem.width, problem.n_classes)}

    def features(self, net: Net, images: Tensor) -> Tensor:
        return self.pretrained.features(net, images)

    def loss(self, net: Net, batch: Batch, state: dict[str, Tensor], rng: Rng) -> Tensor:
        assert batch.labels is not None
        return cross_entropy(net.classifier(self.encode(net, batch.images)), batch.labels)


def finetune(
    context: Context,
    epochs: int = 20,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    optimizer: str = "adam",
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    schedule: str = "cosine",
    n_train: int = 0,
) -> list[Row]:
    """Test accuracy after `epochs` passes over the labelled images, of which there are `n_train` (0: all).

    The budget is fixed, so that nothing is chosen on the test images. Encoders that were frozen with statistics of
    batch norm keep them.
    """
    encoder = context.need_encoder()
    assert context.target is not None
    problem = replace(encoder.problem, n_classes=context.target.n_classes)
    data = data_for(context.target, problem, encoder.seeds, context.validation, n_train, FineTuned.needs)
    n = min(len(own.train) for own in data.splits)
    problem = replace(problem, n_train=n, batch_size=min(batch_size, n))
    method = FineTuned.of(encoder.method)(
        learning_rate=learning_rate, optimizer=optimizer, momentum=momentum, weight_decay=weight_decay,
        schedule=schedule, centred=False, initial_scale=1.0,
    )  # fmt: skip
    trained = train(method, problem, data, encoder.seeds, epochs, context.device, encoder.kept())
    rows = context.rows("finetuned_accuracy", accuracy(method, problem, trained, data, encoder.seeds, "test"))
    if context.validation:
        values = accuracy(method, problem, trained, data, encoder.seeds, "validation")
        rows += context.rows("finetuned_validation_accuracy", values)
    return rows


@torch.no_grad()
def accuracy(
    method: Method, problem: Problem, trained: Trained, data: Data, seeds: tuple[int, ...], part: str
) -> Tensor:
    """Share of the part's images whose label the classifier gives, `[S]`."""
    right = []
    for i in range(len(seeds)):
        one = Encoder(method, problem, {k: p[[i]] for k, p in trained.params.items()}, (seeds[i],), "")
        where = getattr(data.splits[i], part)
        weight, bias = trained.params["classifier.weight"][i], trained.params["classifier.bias"][i]
        guesses = [(one.features(data.images[w])[0] @ weight + bias).argmax(-1) for w in where.split(CHUNK)]
        right.append((torch.cat(guesses) == data.labels[where]).double().mean())
    return torch.stack(right)
