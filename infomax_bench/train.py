"""The one trainer: every method, one seed or many at once, without a DataLoader.

The images stay on the device as bytes and are gathered by index. Seeds are stacked along a leading dimension and
trained in one batched product; their losses are added, so each seed's gradient is its own, and every random draw
belongs to its seed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from infomax_bench.augment import Augmentation
from infomax_bench.data import Split, to_unit
from infomax_bench.encoder import Net, Params, Problem, build_blocks, init_params
from infomax_bench.errors import NotApplicable
from infomax_bench.method import Batch, Method
from infomax_bench.random import Rng, generator

VERSION = 2
"""Part of every key that depends on training; raise it when a change here could change numbers."""

LOG_POINTS = 60


@dataclass
class Trained:
    """What training leaves behind.

    params: stacked `[S, ...]`, the encoder's and the heads'. log: for every named loss term, `[S, points]` means over
    stretches of training; `log_steps` says where each stretch ends. diverged: per seed. seconds: wall time of training.
    """

    params: Params
    log: dict[str, Tensor] = field(default_factory=dict)
    log_steps: list[int] = field(default_factory=list)
    diverged: list[bool] = field(default_factory=list)
    seconds: float = 0.0
    n_steps: int = 0


@dataclass
class Session:
    """One training in progress: the parameters, the state and the streams of a few seeds, and the next step."""

    method: Method
    problem: Problem
    images: Tensor
    labels: Tensor
    splits: Sequence[Split]
    seeds: Sequence[int]
    augmentation: Augmentation
    n_steps: int
    stacked: bool
    device: torch.device

    def __post_init__(self) -> None:
        self.flat = self.images.flatten(1).to(self.device)
        self.labels = self.labels.to(self.device)
        self.train = torch.stack([s.train for s in self.splits]).to(self.device)
        mean = torch.stack([mean_image(self.flat, part) for part in self.train])
        self.rng = self._rng("method")
        self.view_rng = self._rng("views")
        with torch.no_grad():
            self.net = self._start(mean if self.stacked else mean[0])
            self.state = self.method.state(self.net, self.rng)
        for p in self.net.params.values():
            p.requires_grad_()
        self.streams = [generator(seed, "order") for seed in self.seeds]
        self.per_epoch = self.train.shape[1] // self.problem.batch_size
        self.optimizer, self.scheduler = _optimizer(self.method, list(self.net.params.values()), self.n_steps)
        self.step = 0

    def _start(self, mean: Tensor) -> Net:
        """The net before its first step."""
        heads = self.method.heads(self.problem)
        blocks = build_blocks(self.problem, self.method.activation, heads, mean if self.method.centred else None)
        params = init_params(blocks, self.seeds, self.device)
        if not self.stacked:
            params = {name: p[0] for name, p in params.items()}
        net = Net(self.problem, blocks, params)
        return net.with_params(self.method.start(net, mean))

    def _rng(self, purpose: str) -> Rng:
        return Rng.of(self.seeds, purpose, self.device, self.stacked)

    def _indices(self) -> Tensor:
        """The images of this step, `[S, B]`; a new order every epoch, partial batches dropped."""
        at = self.step % self.per_epoch
        if at == 0:
            n = self.train.shape[1]
            order = torch.stack([torch.randperm(n, generator=g) for g in self.streams]).to(self.device)
            self.order = self.train.gather(1, order)
        size = self.problem.batch_size
        return self.order[:, at * size : (at + 1) * size]

    def batch(self) -> Batch:
        """The next batch, with what the method asked for."""
        indices = self._indices()
        pixels = to_unit(self.flat.index_select(0, indices.flatten()))  # on bytes, many times faster than indexing
        lead = tuple(indices.shape) if self.stacked else (indices.shape[1],)
        images = pixels.view(*lead, *self.problem.input_shape)
        labels = None
        if "labels" in self.method.needs:
            labels = self.labels[indices].view(lead)
        views = tuple(self.augmentation(images, self.view_rng) for _ in range(self.method.views))
        return Batch(images=images, views=views, labels=labels, progress=self.step / self.n_steps)

    def advance(self) -> dict[str, Tensor]:
        """One update; returns the loss terms, each `[S]` (or a scalar for one seed alone)."""
        batch = self.batch()
        terms = named_terms(self.method.loss(self.net, batch, self.state, self.rng))
        total = torch.stack([term.sum() for term in terms.values()]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        self.optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()
        with torch.no_grad():
            self.method.after_step(self.net, batch, self.state, self.rng)
        self.step += 1
        return {name: term.detach() for name, term in terms.items()}


def mean_image(flat: Tensor, indices: Tensor) -> Tensor:
    """The mean of the given images, uint8 `[N, D]`, as float32 `[D]` in [0, 1]."""
    return flat.index_select(0, indices).mean(0, dtype=torch.float32).div_(255)


def folded(net: Net) -> Params:
    """The net's parameters for an encoder that does not subtract the mean image."""
    return {**net.params, **{f"encoder.{name}": p for name, p in net.encoder.folded().items()}}


def named_terms(loss: Tensor | dict[str, Tensor]) -> dict[str, Tensor]:
    """A method's loss as named terms."""
    return loss if isinstance(loss, dict) else {"loss": loss}


def _optimizer(
    method: Method, params: list[Tensor], n_steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler | None]:
    optimizer: torch.optim.Optimizer
    if method.optimizer == "adam":
        optimizer = torch.optim.Adam(params, lr=method.learning_rate, weight_decay=method.weight_decay, fused=True)
    else:
        optimizer = torch.optim.SGD(
            params, lr=method.learning_rate, momentum=method.momentum, weight_decay=method.weight_decay, fused=True
        )
    if method.schedule == "cosine":
        cosine = lambda step: 0.5 * (1 + math.cos(math.pi * min(1.0, step / n_steps)))  # noqa: E731
        return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, cosine)
    return optimizer, None


def steps_for(problem: Problem, epochs: int) -> int:
    """Updates in `epochs` passes; partial batches are dropped.

    Raises NotApplicable if there is not a single full batch.
    """
    per_epoch = problem.n_train // problem.batch_size
    if per_epoch == 0:
        raise NotApplicable(f"{problem.n_train} training images do not fill a batch of {problem.batch_size}")
    return epochs * per_epoch


def train(
    method: Method,
    problem: Problem,
    images: Tensor,
    labels: Tensor,
    splits: Sequence[Split],
    seeds: Sequence[int],
    epochs: int,
    augmentation: Augmentation | None = None,
    device: torch.device | str = "cpu",
) -> Trained:
    """Trains one method for several seeds.

    images: uint8 `[N, C, H, W]`; labels: int64 `[N]`; splits: one a seed. The result's parameters are stacked
    `[S, ...]` on the CPU. A seed whose parameters are no longer finite is marked in `diverged`.

    Raises NotApplicable if the method declares that it cannot do the problem.
    """
    reason = method.unavailable(problem)
    if reason is None and problem.backbone not in method.backbones:
        reason = f"runs on {', '.join(method.backbones)} only"
    if reason is not None:
        raise NotApplicable(reason)
    device = torch.device(device)
    begin = time.perf_counter()
    if method.by_gradient():
        n_steps = steps_for(problem, epochs)
        groups = [list(range(len(seeds)))] if method.batched else [[i] for i in range(len(seeds))]
        parts = []
        for group in groups:
            session = Session(
                method,
                problem,
                images,
                labels,
                [splits[i] for i in group],
                [seeds[i] for i in group],
                augmentation or Augmentation(),
                n_steps,
                method.batched,
                device,
            )
            parts.append(_run(session))
        trained = _joined(parts)
        trained.n_steps = n_steps
    else:
        trained = _fitted(method, problem, images, labels, splits, seeds, device)
    trained.diverged = [
        not all(bool(p[i].isfinite().all()) for p in trained.params.values()) for i in range(len(seeds))
    ]
    trained.seconds = time.perf_counter() - begin
    return trained


def _run(session: Session) -> Trained:
    """Trains to the end, or until no seed is finite any more."""
    n = session.n_steps
    ends = sorted({math.ceil(n * (i + 1) / LOG_POINTS) for i in range(LOG_POINTS)})
    log: dict[str, list[Tensor]] = {}
    log_steps: list[int] = []
    for end in ends:
        sums: dict[str, Tensor] = {}
        count = end - session.step
        while session.step < end:
            for name, term in session.advance().items():
                sums[name] = sums[name] + term if name in sums else term
        log_steps.append(end)
        for name, total in sums.items():
            log.setdefault(name, []).append((total / count).reshape(-1).cpu())
        if not torch.stack([v[-1] for v in log.values()]).isfinite().all(0).any():
            break
    lead = (lambda p: p) if session.stacked else (lambda p: p.unsqueeze(0))
    params = {name: lead(p.detach()).cpu() for name, p in folded(session.net).items()}
    return Trained(params, {name: torch.stack(v, dim=1) for name, v in log.items()}, log_steps)


def _joined(parts: Sequence[Trained]) -> Trained:
    if len(parts) == 1:
        return parts[0]
    points = min(len(p.log_steps) for p in parts)
    return Trained(
        {name: torch.cat([p.params[name] for p in parts]) for name in parts[0].params},
        {name: torch.cat([p.log[name][:, :points] for p in parts]) for name in parts[0].log},
        parts[0].log_steps[:points],
    )


def _fitted(
    method: Method,
    problem: Problem,
    images: Tensor,
    labels: Tensor,
    splits: Sequence[Split],
    seeds: Sequence[int],
    device: torch.device,
) -> Trained:
    """Fits a method that has no gradient, one seed after another."""
    heads = method.heads(problem)
    blocks = build_blocks(problem, method.activation, heads)
    flat = images.flatten(1)
    per_seed = []
    for seed, part in zip(seeds, splits, strict=True):
        params = {name: p[0] for name, p in init_params(blocks, [seed], device).items()}
        if method.centred:
            mean = mean_image(flat, part.train).to(device)
            params = folded(Net(problem, build_blocks(problem, method.activation, heads, mean), params))
        own = to_unit(images[part.train]).to(device)
        asked = labels[part.train].to(device) if "labels" in method.needs else None
        with torch.no_grad():
            rng = Rng.of([seed], "method", device, stacked=False)
            params = method.fit(Net(problem, blocks, params), own, asked, rng)
        per_seed.append({name: p.cpu() for name, p in params.items()})
    return Trained({name: torch.stack([p[name] for p in per_seed]) for name in per_seed[0]})


def session_for(
    method: Method,
    problem: Problem,
    images: Tensor,
    labels: Tensor,
    splits: Sequence[Split],
    seeds: Sequence[int],
    augmentation: Augmentation | None = None,
    n_steps: int = 1,
    device: torch.device | str = "cpu",
) -> Session:
    """A training at its first step, for looking at single steps (costs, checks, tests)."""
    if not method.batched and len(seeds) != 1:
        raise ValueError("a method that is not batched trains one seed at a time")
    return Session(
        method,
        problem,
        images,
        labels,
        splits,
        seeds,
        augmentation or Augmentation(),
        n_steps,
        method.batched,
        torch.device(device),
    )
