"""Fine-tuning deep networks from different starts: one network, one budget; only where its weights begin differs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from infomax_bench.base.errors import NotApplicable, unknown
from infomax_bench.base.streams import Rng
from infomax_bench.data.dataset import Dataset, to_unit
from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.declare import Metric, Row, evaluation
from infomax_bench.evaluations.finetune import FINETUNED, FINETUNED_VALIDATION
from infomax_bench.models.backbones.mlp import MLPEncoder
from infomax_bench.models.blocks import ACTIVATIONS, Net, Params, Problem, init_params
from infomax_bench.models.encoder import under
from infomax_bench.training.data import Data, data_for, mean_images
from infomax_bench.training.frozen import CHUNK, Encoder
from infomax_bench.training.method import Batch, Method
from infomax_bench.training.objectives import cross_entropy
from infomax_bench.training.session import Session
from infomax_bench.training.trainer import train

NETWORKS: dict[str, dict[str, Any]] = {
    "sigmoid": {"activation": "sigmoid", "batch_norm": False, "initialisation": "glorot"},
    # "identity" is the last layer's, which gives logits; the layers below it end in ReLU
    "ReLU + batch norm": {"activation": "identity", "batch_norm": True, "initialisation": "he"},
}
"""Kinds of network: what their hidden layers are, and how they begin where nothing is given."""

STARTS = ("nothing", "as trained", "rescaled")
"""How hidden layers begin: as such networks do (Glorot and Bengio 2010; He et al. 2015), whatever the stack holds; as
the stack's layers are, which takes units of one kind, or batch norm; or with their directions only (see `rescaled`)."""

HALVINGS = 9
"""The validation error is measured at the end of training, at half of it, at a quarter, ..., so many times."""


class DeepNetwork(Method):
    """Cross-entropy of the labels, for an `mlp` whose last layer gives the logits. `of(network)` makes one."""

    backbones = ("mlp",)
    needs = ("labels",)

    @classmethod
    def of(cls, network: str) -> type[DeepNetwork]:
        """Raises UserError for an unknown kind of network."""
        if network not in NETWORKS:
            raise unknown("network", network, NETWORKS)
        return type(cls.__name__, (cls,), {**NETWORKS[network], "__module__": cls.__module__})

    def loss(self, net: Net, batch: Batch, state: dict[str, Tensor], rng: Rng) -> Tensor:
        assert batch.labels is not None
        return cross_entropy(net.encoder.linear(batch.images), batch.labels)


class Curve:
    """Watches a training: the gradients of its first step, and the validation error `[S]` at some steps.

    gradients: the norm of the loss's gradient in each layer's weights, `[S, L]`, the lowest layer first.
    """

    def __init__(self, steps: Sequence[int]) -> None:
        self.steps = set(steps)
        self.errors: dict[int, Tensor] = {}
        self.gradients = torch.empty(0)

    @torch.no_grad()
    def __call__(self, session: Session) -> None:
        if session.step == 1:
            norms = [
                p.grad.flatten(1).norm(dim=1).cpu()
                for name, p in session.net.params.items()
                if name.endswith("weight") and p.grad is not None
            ]
            self.gradients = torch.stack(norms, dim=1)
        if session.step in self.steps:
            params = {name: p.cpu() for name, p in session.finished().items()}
            self.errors[session.step] = 1 - accuracy(
                session.method, session.problem, params, session.data, "validation"
            )


@evaluation(
    seconds=2e-4,
    metrics=[
        FINETUNED.under(*NETWORKS),
        FINETUNED_VALIDATION.under(*NETWORKS),
        Metric("learning_rate", "the one of least validation error", range=(0, math.inf), protocols=tuple(NETWORKS)),
        Metric(
            "finetuning_error",
            "share of validation images whose class is told wrongly",
            "lower",
            range=(0, 1),
            protocols=tuple(NETWORKS),
            x="passes over the labelled images",
            at=(0.5, 1.0, 2.0, 3.0),
        ),
        Metric(
            "gradient_norm",
            "norm of the loss's gradient in a layer's weights at the first step",
            range=(0, math.inf),
            protocols=tuple(NETWORKS),
            x="layer, from 1 to the classifier",
            at=(1, 2, 3, 4, 5),
        ),
    ],
)
def deep_finetune(
    context: Context,
    network: str = "sigmoid",
    start: str = "rescaled",
    labels: int = 0,
    passes: int = 64,
    batch_size: int = 128,
    learning_rates: tuple[float, ...] = (0.01, 0.1, 1.0),
    momentum: float = 0.9,
) -> list[Row]:
    """Trains a network as deep and wide as the context's stack, and a linear classifier on top, on labelled images.

    network: one of NETWORKS. start: one of STARTS. labels: how many images, of each seed's own order (0: all). The
    classifier begins as in such networks, the same whatever is below.

    The budget is `passes` over them, by SGD with momentum whose rate falls to 0 along a cosine, on images less their
    mean. Each seed takes the rate, of `learning_rates`, with the least validation error at the end (the smallest, if
    several have it).

    Rows, with the network as protocol: finetuned_accuracy (test) and finetuned_validation_accuracy at the end;
    finetuning_error, of validation images, x: passes done; gradient_norm, of the loss in the weights of one layer at
    the first step, x: the layer, from 1 to the classifier; learning_rate, the one taken.

    Raises NotApplicable for anything but a stack of layers `x W + b`, without validation images, and for a start "as
    trained" of other units than the network's; UserError for an unknown network or start.
    """
    kind, encoder = _network(context, network, start), context.need_encoder()
    assert context.target is not None
    seeds = encoder.seeds
    data = data_for(context.target, encoder.problem, seeds, n_train=labels)
    problem = network_problem(encoder.problem, context.target.n_classes, min(len(s.train) for s in data.splits))
    problem = replace(problem, batch_size=min(batch_size, problem.n_train))
    params = _first_params(encoder, context.target, kind, problem, data, start)
    per_pass = problem.n_train // problem.batch_size
    steps = sorted({passes * per_pass // 2**i for i in range(HALVINGS)} - {0})
    rates, runs, curves = sorted(learning_rates), [], []
    for rate in rates:
        how = {"learning_rate": rate, "optimizer": "sgd", "momentum": momentum, "schedule": "cosine"}
        curves.append(Curve(steps))
        runs.append(train(kind.build(how), problem, data, seeds, passes, context.device, params, watch=curves[-1]))
    lost = torch.ones(len(seeds), dtype=torch.float64)  # where nothing was finite any more, training had ended
    errors = torch.stack([torch.stack([curve.errors.get(step, lost) for step in steps]) for curve in curves])
    best = [min(range(len(rates)), key=last.__getitem__) for last in errors[:, -1].T.tolist()]  # the first of the least
    chosen = {k: torch.stack([runs[r].params[k][i] for i, r in enumerate(best)]) for k in runs[0].params}
    of_best = errors[best, :, torch.arange(len(seeds))]  # [S, steps]
    rows = context.rows("finetuned_accuracy", accuracy(kind.build({}), problem, chosen, data, "test"), protocol=network)
    rows += context.rows("finetuned_validation_accuracy", 1 - of_best[:, -1], protocol=network)
    rows += context.rows("learning_rate", torch.tensor(rates)[best], protocol=network)
    for at, step in enumerate(steps):
        rows += context.rows("finetuning_error", of_best[:, at], protocol=network, x=round(step / per_pass, 3))
    for layer, norms in enumerate(curves[0].gradients.unbind(1), start=1):
        rows += context.rows("gradient_norm", norms, protocol=network, x=layer)
    return rows


def _network(context: Context, network: str, start: str) -> type[DeepNetwork]:
    """The network of that name, if it can start so from the context's encoder; raises as `deep_finetune` says."""
    encoder = context.need_encoder()
    if encoder.problem.backbone != "stack":
        raise NotApplicable("starts from a stack of layers")
    if not context.validation:
        raise NotApplicable("chooses the learning rate on validation images")
    if start not in STARTS:
        raise unknown("start", start, STARTS)
    kind = DeepNetwork.of(network)
    if start == "as trained" and not kind.batch_norm and encoder.method.activation != kind.activation:
        raise NotApplicable(f"units that end in {encoder.method.activation} are not those of the {network} network")
    return kind


def _first_params(
    encoder: Encoder, target: Dataset, kind: type[DeepNetwork], problem: Problem, data: Data, start: str
) -> Params:
    """The network's parameters before its first step, stacked `[S, ...]`."""
    params = init_params({"encoder": MLPEncoder(problem, kind.build({}))}, encoder.seeds)
    if start == "nothing":
        return params
    weights = weights_of(encoder, params)
    if start == "as trained":
        layers = folded(weights, encoder.params)
    else:
        images = data_for(target, encoder.problem, encoder.seeds)
        layers = rescaled(weights, encoder.params, images, kind.activation)
    mean = mean_images(data.images.flatten(1), [s.train for s in data.splits])  # it will be taken off the images
    shift = (mean.unsqueeze(-2) @ layers["encoder.hidden.0.weight"]).squeeze(-2)
    return params | {**layers, "encoder.hidden.0.bias": layers["encoder.hidden.0.bias"] + shift}


def network_problem(stack: Problem, n_classes: int, n_train: int) -> Problem:
    """The network with the stack's layers as hidden layers, under one that gives logits."""
    hidden = stack.widths
    return replace(
        stack,
        backbone="mlp",
        depth=len(hidden) + 1,
        hidden=hidden,
        width=n_classes,
        n_classes=n_classes,
        n_train=n_train,
    )


def weights_of(encoder: Encoder, fresh: Params) -> list[Tensor]:
    """The weights of a stack's layers, `[S, n_in, n_out]`; a unit that has none takes those of a fresh network.

    Raises NotApplicable if the layers are not `x W + b`.
    """
    found = []
    for i in range(encoder.problem.depth):
        own = under(encoder.params, f"encoder.{i}")
        if {"weight", "bias"} - own.keys():
            raise NotApplicable("its layers have no weights and biases")
        empty = (own["weight"] == 0).all(-2, keepdim=True)
        found.append(torch.where(empty, fresh[f"encoder.hidden.{i}.weight"], own["weight"]))
    return found


def _named(layers: Sequence[tuple[Tensor, Tensor]]) -> Params:
    """Weights and biases by the names that they have in the network."""
    return {
        f"encoder.hidden.{i}.{name}": p
        for i, pair in enumerate(layers)
        for name, p in zip(("weight", "bias"), pair, strict=True)
    }


def folded(weights: Sequence[Tensor], params: Params) -> Params:
    """Hidden layers that do on raw images what a stack's do; what standardises its layers' inputs is folded in."""
    layers = []
    for i, weight in enumerate(weights):
        own, bias = under(params, f"encoder.{i}"), params[f"encoder.{i}.bias"]
        if "scale" in own:
            weight = own["scale"].unsqueeze(-1) * weight
            bias = bias - (own["shift"].unsqueeze(-2) @ weight).squeeze(-2)
        layers.append((weight, bias))
    return _named(layers)


@torch.no_grad()
def rescaled(weights: Sequence[Tensor], params: Params, data: Data, activation: str) -> Params:
    """Hidden layers with the directions of a stack's, for raw images, the lowest first.

    Units of another kind have another range, and what the stack's weights and biases were made for would leave them
    saturated or still. So each unit's are scaled such that its pre-activation has mean 0 and variance 1 over (at most
    CHUNK of) its seed's training images, as in Salimans and Kingma 2016; where the stack standardised a layer's inputs,
    they count by their standard deviations in the network. What batch norm makes of a layer does not depend on this;
    how fast it learns does, so all stacks begin alike.
    """
    act = ACTIVATIONS["sigmoid" if activation == "sigmoid" else "relu"]
    seeds = []
    for i, own in enumerate(data.splits):
        x = to_unit(data.images[own.train[:CHUNK]]).flatten(1)
        layers = []
        for j, stacked in enumerate(weights):
            weight = stacked[i]
            if f"encoder.{j}.scale" in params:
                weight = _inverse(x.std(0, correction=0)).unsqueeze(-1) * weight
            std, mean = torch.std_mean(x @ weight, dim=0, correction=0)
            weight, bias = weight * _inverse(std), -mean * _inverse(std)
            layers.append((weight, bias))
            x = act(x @ weight + bias)
        seeds.append(_named(layers))
    return {name: torch.stack([own[name] for own in seeds]) for name in seeds[0]}


def _inverse(std: Tensor) -> Tensor:
    """1 / std; 0 where there is no deviation but rounding."""
    return torch.where(std > 1e-6 * (std.amax() + 1e-30), 1 / std, 0.0)


@torch.no_grad()
def accuracy(method: Method, problem: Problem, params: Params, data: Data, part: str) -> Tensor:
    """Share of the part's images with the greatest logit at their label, `[S]`; one that is not finite is wrong."""
    block = MLPEncoder(problem, method)
    right = []
    for i, own in enumerate(data.splits):
        where = getattr(own, part)
        one = {k: p[i] for k, p in under(params, "encoder").items()}
        logits = torch.cat([block.linear(one, to_unit(data.images[w])) for w in where.split(CHUNK)])
        right.append(((logits.argmax(-1) == data.labels[where]) & logits.isfinite().all(-1)).double().mean())
    return torch.stack(right)
