"""Fine-tuning: the pretrained encoder and a linear classifier on it, trained together on labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from infomax_bench.base.streams import Rng
from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.declare import Metric, Row, evaluation
from infomax_bench.models.blocks import Linear, Net, Params, Problem
from infomax_bench.training.data import Data, data_for
from infomax_bench.training.frozen import CHUNK, Encoder
from infomax_bench.training.method import ANY_ENCODER, Batch, Method
from infomax_bench.training.objectives import cross_entropy
from infomax_bench.training.trainer import train


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


@dataclass(frozen=True)
class Tuning:
    """Trainings of an encoder and a linear classifier on the labels, which differ in where they begin and how long."""

    method: Method
    problem: Problem
    data: Data
    seeds: tuple[int, ...]
    device: str

    @classmethod
    def of(cls, context: Context, batch_size: int, n_train: int = 0, **settings: Any) -> Tuning:
        """n_train: of the labelled images, 0 is all; settings: hyperparameters of `FineTuned`."""
        encoder = context.need_encoder()
        assert context.target is not None
        problem = replace(encoder.problem, n_classes=context.target.n_classes)
        data = data_for(context.target, problem, encoder.seeds, context.validation, n_train, FineTuned.needs)
        n = min(len(own.train) for own in data.splits)
        problem = replace(problem, n_train=n, batch_size=min(batch_size, n))
        method = FineTuned.of(encoder.method)(**settings, centred=False)
        return cls(method, problem, data, encoder.seeds, context.device)

    def __call__(self, start: Params, epochs: int, masks: Params | None = None) -> Params:
        """The parameters after so many epochs from `start`, which has those of the encoder, and the classifier's or
        not."""
        return train(self.method, self.problem, self.data, self.seeds, epochs, self.device, start, masks).params

    def accuracy(self, params: Params, part: str) -> Tensor:
        """Share of the part's images whose label the classifier gives, `[S]`."""
        return accuracy(self.method, self.problem, params, self.data, self.seeds, part)


FINETUNED = Metric("finetuned_accuracy", "accuracy on test images at the end", "higher", range=(0, 1))
FINETUNED_VALIDATION = replace(FINETUNED, name="finetuned_validation_accuracy", help="the same on validation images")


@evaluation(metrics=[FINETUNED, FINETUNED_VALIDATION])
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
    tuning = Tuning.of(
        context,
        batch_size,
        n_train,
        learning_rate=learning_rate,
        optimizer=optimizer,
        momentum=momentum,
        weight_decay=weight_decay,
        schedule=schedule,
    )
    params = tuning(context.need_encoder().kept(), epochs)
    rows = context.rows("finetuned_accuracy", tuning.accuracy(params, "test"))
    if context.validation:
        rows += context.rows("finetuned_validation_accuracy", tuning.accuracy(params, "validation"))
    return rows


@torch.no_grad()
def accuracy(method: Method, problem: Problem, params: Params, data: Data, seeds: tuple[int, ...], part: str) -> Tensor:
    """Share of the part's images whose label the classifier gives, `[S]`."""
    right = []
    for i in range(len(seeds)):
        one = Encoder(method, problem, {k: p[[i]] for k, p in params.items()}, (seeds[i],), "")
        where = getattr(data.splits[i], part)
        weight, bias = params["classifier.weight"][i], params["classifier.bias"][i]
        guesses = [(one.features(data.images[w])[0] @ weight + bias).argmax(-1) for w in where.split(CHUNK)]
        right.append((torch.cat(guesses) == data.labels[where]).double().mean())
    return torch.stack(right)
