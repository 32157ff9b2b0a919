"""One training in progress, a step at a time.

The images stay on the device as bytes and are gathered by index. Seeds are stacked along a leading dimension and
trained in one batched product; their losses are added, so each seed's gradient is its own, and every random draw
belongs to its seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from infomax_bench.base.streams import Rng, generator
from infomax_bench.data.dataset import to_unit
from infomax_bench.data.mapped import is_mapped
from infomax_bench.models.backbones import build_blocks, encoding_of
from infomax_bench.models.backbones.stack import layers_of
from infomax_bench.models.blocks import Block, Net, Params, Problem, init_params
from infomax_bench.models.encoder import is_constant
from infomax_bench.training.data import Data, mean_images
from infomax_bench.training.method import Batch, Method
from infomax_bench.training.optimizers import Optimizer
from infomax_bench.training.stack import Lower, through

SIZE = "size of the update"
"""What is logged of a method that has no loss."""

STATISTICS_BATCHES = 40
"""Training batches over which the statistics of a frozen encoder are measured."""


@dataclass
class Session:
    """One training in progress: the parameters, the state and the streams of a few seeds, and the next step.

    start: parameters, by their full names, that take the place of fresh ones; the whole encoder's, and heads' or not.
    lower: the layers below, in a stack. masks: 1 or 0 for each number of some parameters, by their full names and
    stacked `[S, ...]`; where it is 0 the parameter is 0 before the first update and after every one.
    """

    method: Method
    problem: Problem
    data: Data
    seeds: Sequence[int]
    n_steps: int
    stacked: bool
    device: torch.device
    start: Params | None = None
    lower: Lower | None = None
    masks: Params | None = None

    def __post_init__(self) -> None:
        self.flat = self.data.images.flatten(1)
        if not is_mapped(self.flat):  # what is too much for memory stays where it is
            self.flat = self.flat.to(self.device)
        self.train = torch.stack([s.train for s in self.data.splits]).to(self.device)
        self.targets = {
            name: values.to(self.device)
            for name, values in (("labels", self.data.labels), ("captions", self.data.captions))
            if name in self.method.needs and values is not None
        }
        self.layer = self.lower.depth if self.lower else 0
        self.rng = self._rng("method")
        self.view_rng = self._rng("views")
        with torch.no_grad():
            self.net = self._first_net()
            self.masks = self._own_masks()
            self._mask()
            self.state = self.method.state(self.net, self.rng)
        self.trained = [p.requires_grad_() for name, p in self.net.params.items() if not is_constant(name)]
        self.streams = [generator(seed, self._purpose("order")) for seed in self.seeds]
        self.per_epoch = self.train.shape[1] // self.problem.batch_size
        by_gradient = self.trained if self.method.by_gradient() else []
        self.optimizer = Optimizer(self.method, by_gradient, self.n_steps)
        self.step = 0

    def _mean(self) -> Tensor:
        """The mean training input, `[S, D]`."""
        if self.lower is None:
            return mean_images(self.flat, self.train).to(self.device)
        return torch.stack([self._lower_of(i).mean(0) for i in range(len(self.seeds))])

    def _lower_of(self, i: int) -> Tensor:
        """What the seed at position i is trained on in a stack, `[N, n]`."""
        assert self.lower is not None
        which = self.data.splits[i].train
        return through(self.lower.alone(i).to(self.device), self.data.images, which).flatten(1)

    def _first_net(self) -> Net:
        """The net before its first step."""
        mean = self._mean()
        if not self.stacked:
            mean = mean[0]
        heads = self.method.heads(self.problem)
        fresh_start = self.start is None
        blocks = build_blocks(self.problem, self.method, heads, mean if self.method.centred else None, fresh_start)
        if self.start is not None:  # what is given is not drawn
            fresh = init_params({k: b for k, b in blocks.items() if k != "encoder"}, self.seeds, self.device)
            given = {name: p.to(self.device, copy=True) for name, p in self.start.items()}
            params = {**given, **fresh, **given}
        else:
            params = fresh_params(blocks, self.method, self.seeds, self.device, self.layer)
        if not self.stacked:
            params = {name: p[0] for name, p in params.items()}
        if self.lower is not None:
            self.lower = self.lower.to(self.device) if self.stacked else self.lower.alone(0).to(self.device)
        net = Net(self.problem, blocks, params)
        return net.with_params(self.method.start(net, mean, self._rng("start")))

    def _own_masks(self) -> Params:
        """The masks on the device, shaped as the net's parameters are."""
        own = {name: m.to(self.device) for name, m in (self.masks or {}).items()}
        return own if self.stacked else {name: m[0] for name, m in own.items()}

    def _mask(self) -> None:
        for name, mask in (self.masks or {}).items():
            self.net.params[name].mul_(mask)

    def _purpose(self, purpose: str) -> str:
        return f"{purpose}.{self.layer}" if self.layer else purpose

    def _rng(self, purpose: str) -> Rng:
        return Rng.of(self.seeds, self._purpose(purpose), self.device, self.stacked)

    def _indices(self) -> Tensor:
        """The images of this step, `[S, B]`; a new order every epoch, partial batches dropped."""
        at = self.step % self.per_epoch
        if at == 0:
            n, size = self.train.shape[1], self.problem.batch_size
            order = torch.stack([torch.randperm(n, generator=g) for g in self.streams]).to(self.device)
            full = self.train.gather(1, order)[:, : self.per_epoch * size]
            self.order: Tensor = full.unflatten(1, (self.per_epoch, size)).transpose(0, 1).contiguous()
        return self.order[at]

    def batch(self) -> Batch:
        """The next batch, with what the method asked for."""
        indices = self._indices()
        images = self._images(indices)
        targets = {name: values[indices if self.stacked else indices[0]] for name, values in self.targets.items()}
        views = tuple(self._input(self.data.augmentation(images, self.view_rng)) for _ in range(self.method.views))
        return Batch(images=self._input(images), views=views, progress=self.step / self.n_steps, **targets)

    def _images(self, indices: Tensor) -> Tensor:
        """The images at `[S, B]`, in [0, 1]."""
        chosen = self.flat.index_select(0, indices.flatten().to(self.flat.device))
        pixels = to_unit(chosen.to(self.device))  # on bytes, many times faster than indexing
        lead = tuple(indices.shape) if self.stacked else (indices.shape[1],)
        return pixels.view(*lead, *self.data.images.shape[1:])

    def _input(self, images: Tensor) -> Tensor:
        return images if self.lower is None else self.lower(images)

    def finished(self) -> Params:
        """The parameters of the frozen encoder, and the heads'."""
        own = self.net.encoder.finished(self._batches)
        heads = {name: p for name, p in self.net.params.items() if not name.startswith("encoder.")}
        return {**{f"encoder.{name}": p.detach() for name, p in own.items()}, **heads}

    def _batches(self) -> Iterator[Tensor]:
        """The first training images, in batches, for measuring statistics."""
        for indices in self.train.split(self.problem.batch_size, dim=1)[:STATISTICS_BATCHES]:
            yield self._input(self._images(indices))

    def differentiate(self, terms: Mapping[str, Tensor]) -> None:
        """Gives the parameters the gradients of the sum of a loss's terms, over all seeds.

        Raises ValueError if a term is not one number a seed, or if none depends on a parameter.
        """
        name, wanted = self._name, (len(self.seeds),) if self.stacked else ()
        for label, term in terms.items():
            if tuple(term.shape) != wanted:
                raise ValueError(
                    f"loss term {label!r} of {name} is {tuple(term.shape)}, not one number a seed {wanted}: reduce all "
                    "but the leading dimension, of seeds, or say batched = False"
                )
        for p in self.trained:
            p.grad = None
        losses = [term for term in terms.values() if term.requires_grad]
        if not losses:
            raise ValueError(f"the loss of {name} depends on no parameter; net.encoder(batch.images) does")
        torch.autograd.backward(losses, [torch.ones_like(loss) for loss in losses])

    @property
    def _name(self) -> str:
        return self.method.name or type(self.method).__name__

    @torch.no_grad()
    def changes(self, batch: Batch) -> Params:
        """What the method's `update` says. Raises ValueError if that is not a change of parameters in their shapes."""
        found = self.method.update(self.net, batch, self.state, self.rng)
        moves = {name: p for name, p in self.net.params.items() if not is_constant(name)}
        for name, change in found.items():
            if name not in moves:
                raise ValueError(f"update() of {self._name} changes {name!r}; its parameters are {', '.join(moves)}")
            if change.shape != moves[name].shape:
                raise ValueError(
                    f"update() of {self._name} changes {name!r} by {tuple(change.shape)}, and it is "
                    f"{tuple(moves[name].shape)}: sum over the batch, and keep the leading dimension, of seeds"
                )
        return found

    def _add(self, changes: Params) -> dict[str, Tensor]:
        """Makes one step of them; returns their size, the norm over all parameters."""
        self.optimizer.add((self.net.params[name], change) for name, change in changes.items())
        own = [change.flatten(1 if self.stacked else 0).square().sum(-1) for change in changes.values()]
        none = torch.zeros(len(self.seeds) if self.stacked else (), device=self.device)
        return {SIZE: torch.stack([none, *own]).sum(0).sqrt()}

    def advance(self) -> dict[str, Tensor]:
        """One update; returns the loss terms, each `[S]` (or a scalar for one seed alone): of a method without a loss,
        the size of its update."""
        batch = self.batch()
        if self.method.by_gradient():
            terms = named_terms(self.method.loss(self.net, batch, self.state, self.rng))
            self.differentiate(terms)
            self.optimizer.step()
        else:
            terms = self._add(self.changes(batch))
        with torch.no_grad():
            self._mask()
            self.method.after_step(self.net, batch, self.state, self.rng)
        self.step += 1
        return {name: term.detach() for name, term in terms.items()}


Watch = Callable[[Session], None]
"""Called after every update, whose gradients the parameters still have; it draws from no stream and changes nothing."""


def session_for(
    method: Method,
    problem: Problem,
    data: Data,
    seeds: Sequence[int],
    n_steps: int = 1,
    device: torch.device | str = "cpu",
) -> Session:
    """A training at its first step, for looking at single steps (costs, checks, tests): of a stack, its first layer."""
    if not method.batched and len(seeds) != 1:
        raise ValueError("a method that is not batched trains one seed at a time")
    if encoding_of(problem.backbone).greedy:
        problem = layers_of(problem)[0]
    return Session(method, problem, data, seeds, n_steps, method.batched, torch.device(device))


def fresh_params(
    blocks: Mapping[str, Block], method: Method, seeds: Sequence[int], device: torch.device | str, layer: int = 0
) -> Params:
    """`init_params`, with the encoder's weights, matrices and kernels but no biases and no gains, times the method's
    `initial_scale`; the heads are as they are."""
    params = init_params(blocks, seeds, device, layer)
    if method.initial_scale == 1.0:
        return params

    def is_scaled(name: str, p: Tensor) -> bool:
        return name.startswith("encoder.") and name.endswith("weight") and p.dim() > 2

    return {name: method.initial_scale * p if is_scaled(name, p) else p for name, p in params.items()}


def named_terms(loss: Tensor | dict[str, Tensor]) -> dict[str, Tensor]:
    """A method's loss as named terms."""
    return loss if isinstance(loss, dict) else {"loss": loss}
