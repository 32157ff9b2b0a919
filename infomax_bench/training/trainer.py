"""The one trainer: every method, one seed or many at once, without a DataLoader.

The images stay on the device as bytes and are gathered by index. Seeds are stacked along a leading dimension and
trained in one batched product; their losses are added, so each seed's gradient is its own, and every random draw
belongs to its seed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from infomax_bench.base.errors import NotApplicable
from infomax_bench.base.streams import Rng, generator
from infomax_bench.data.augment import Augmentation
from infomax_bench.data.dataset import Dataset, Split, captions_of, images_as, load, split, to_unit
from infomax_bench.models.backbones import build_blocks
from infomax_bench.models.blocks import Block, Net, Params, Problem, init_params
from infomax_bench.models.encoder import StackEncoder, is_constant, layers_of, under
from infomax_bench.training.method import Batch, Method
from infomax_bench.training.optimizers import Optimizer

VERSION = 2
"""Part of every key that depends on training; raise it when numbers could change by more than rounding changes them."""

LOG_POINTS = 60

CHUNK = 4096

STATISTICS_BATCHES = 40
"""Training batches over which the statistics of a frozen encoder are measured."""


@dataclass
class Trained:
    """What training leaves behind.

    params: stacked `[S, ...]`, the encoder's and the heads'. log: for every named loss term, `[S, points]` means over
    stretches of training; `log_steps` says where each stretch ends. diverged: per seed. seconds: of CPU time; of
    wall time on a GPU.
    """

    params: Params
    log: dict[str, Tensor] = field(default_factory=dict)
    log_steps: list[int] = field(default_factory=list)
    diverged: list[bool] = field(default_factory=list)
    seconds: float = 0.0
    n_steps: int = 0


@dataclass(frozen=True)
class Lower:
    """The trained lower layers of a stack: what stands between the images and the layer in training.

    params: `[S, ...]`, of the whole encoder so far, without the prefix "encoder.".
    """

    stack: StackEncoder
    params: Params
    depth: int

    def __call__(self, images: Tensor) -> Tensor:
        """Images `[..., B, C, H, W]` -> the layer's input `[..., B, 1, 1, n]`."""
        with torch.no_grad():
            return self.stack.below(self.params, images, self.depth)

    def take(self, which: Sequence[int]) -> Lower:
        """Only the seeds at the given positions."""
        return replace(self, params={name: p[list(which)] for name, p in self.params.items()})

    def alone(self, seed: int) -> Lower:
        """One seed's, without the leading dimension."""
        return replace(self, params={name: p[seed] for name, p in self.params.items()})

    def to(self, device: torch.device) -> Lower:
        return replace(self, params={name: p.to(device) for name, p in self.params.items()})


@dataclass(frozen=True)
class Data:
    """What is trained on.

    images: uint8 `[N, C, H, W]`; labels: int64 `[N]`; splits: one a seed; captions: int64 `[N, L]`, the ids of their
    words, where they are needed.
    """

    images: Tensor
    labels: Tensor
    splits: Sequence[Split]
    augmentation: Augmentation = field(default_factory=Augmentation)
    captions: Tensor | None = None

    def take(self, which: Sequence[int]) -> Data:
        """The data of the seeds at the given positions."""
        return replace(self, splits=[self.splits[i] for i in which])


def data_for(
    dataset: Dataset,
    problem: Problem,
    seeds: Sequence[int],
    validation: bool = True,
    n_train: int = 0,
    needs: Sequence[str] = (),
) -> Data:
    """A data set's images in the problem's input shape, divided by each seed.

    validation: as in `split`; n_train: the training images used, of each seed's own order (0: all of them); needs:
    the method's; captions are only written for one that wants them.
    """
    loaded = load(dataset)
    splits = [split(loaded.test, seed, validation) for seed in seeds]
    if n_train:
        splits = [replace(own, train=own.train[:n_train]) for own in splits]
    captions = captions_of(dataset) if "captions" in needs else None
    return Data(images_as(dataset, problem.input_shape), loaded.labels, splits, dataset.augmentation, captions)


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
        self.flat = self.data.images.flatten(1).to(self.device)
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
        self.optimizer = Optimizer(self.method, self.trained, self.n_steps)
        self.step = 0

    def _mean(self) -> Tensor:
        """The mean training input, `[S, D]`."""
        if self.lower is None:
            return mean_images(self.flat, self.train)
        return torch.stack([self._lower_of(i).mean(0) for i in range(len(self.seeds))])

    def _lower_of(self, i: int) -> Tensor:
        """What the seed at position i is trained on in a stack, `[N, n]`."""
        assert self.lower is not None
        images = self.data.images[self.data.splits[i].train]
        return through(self.lower.alone(i).to(self.device), images).flatten(1)

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
        return net.with_params(self.method.start(net, mean))

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
            self.order = full.unflatten(1, (self.per_epoch, size)).transpose(0, 1).contiguous()
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
        pixels = to_unit(self.flat.index_select(0, indices.flatten()))  # on bytes, many times faster than indexing
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
        name, wanted = self.method.name or type(self.method).__name__, (len(self.seeds),) if self.stacked else ()
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

    def advance(self) -> dict[str, Tensor]:
        """One update; returns the loss terms, each `[S]` (or a scalar for one seed alone)."""
        batch = self.batch()
        terms = named_terms(self.method.loss(self.net, batch, self.state, self.rng))
        self.differentiate(terms)
        self.optimizer.step()
        with torch.no_grad():
            self._mask()
            self.method.after_step(self.net, batch, self.state, self.rng)
        self.step += 1
        return {name: term.detach() for name, term in terms.items()}


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


Watch = Callable[[Session], None]
"""Called after every update, whose gradients the parameters still have; it draws from no stream and changes nothing."""


def mean_images(flat: Tensor, indices: Sequence[Tensor] | Tensor) -> Tensor:
    """The means of several choices of uint8 images `[N, D]`, as `[S, D]` in [0, 1]."""
    shares = torch.zeros(len(indices), len(flat), device=flat.device)  # products, since gathering copies all images
    for row, own in zip(shares, indices, strict=True):
        row[own] = 1 / (255 * len(own))
    parts = zip(shares.split(CHUNK, dim=1), flat.split(CHUNK), strict=True)
    return torch.stack([share @ images.to(share.dtype) for share, images in parts]).sum(0)


def through(lower: Lower, images: Tensor) -> Tensor:
    """uint8 images `[N, C, H, W]` through one seed's lower layers, `[N, 1, 1, n]`."""
    device = next(iter(lower.params.values())).device
    return torch.cat([lower(to_unit(part.to(device))) for part in images.split(CHUNK)])


def named_terms(loss: Tensor | dict[str, Tensor]) -> dict[str, Tensor]:
    """A method's loss as named terms."""
    return loss if isinstance(loss, dict) else {"loss": loss}


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
    data: Data,
    seeds: Sequence[int],
    epochs: int,
    device: torch.device | str = "cpu",
    start: Params | None = None,
    masks: Params | None = None,
    watch: Watch | None = None,
) -> Trained:
    """Trains one method for several seeds; a stack's layers one after the other, each for all the epochs.

    start: parameters by their full names, stacked, that take the place of fresh ones: all of the encoder's, and heads'
    or not. masks: what stays zero (see `Session`). watch: looks on (not at the layers of a stack, which are trainings
    of their own). The result's parameters are stacked `[S, ...]` on the CPU. A seed whose parameters are no longer
    finite is marked in `diverged`.

    Raises NotApplicable if the method declares that it cannot do the problem, ValueError if there are masks and no
    training by gradient of one net to hold them in.
    """
    layered = problem.backbone == "stack" and start is None
    if masks and (layered or not method.by_gradient()):
        raise ValueError("masks are held while one net is trained by gradient")
    problems = layers_of(problem) if layered else [problem]
    reason = next(filter(None, map(method.unavailable, problems)), None)
    if reason is None and problem.backbone not in method.backbones:
        reason = f"runs on {', '.join(method.backbones)} only"
    if reason is not None:
        raise NotApplicable(reason)
    device = torch.device(device)
    clock = time.process_time if device.type == "cpu" else time.perf_counter  # other jobs beside it cost it nothing
    begin = clock()
    if layered:
        trained = _stacked(method, problem, data, seeds, epochs, device)
    else:
        trained = _trained(method, problem, data, seeds, epochs, device, start, masks=masks, watch=watch)
    trained.diverged = [
        not all(bool(p[i].isfinite().all()) for p in trained.params.values()) for i in range(len(seeds))
    ]
    trained.seconds = clock() - begin
    return trained


def _trained(
    method: Method,
    problem: Problem,
    data: Data,
    seeds: Sequence[int],
    epochs: int,
    device: torch.device,
    start: Params | None = None,
    lower: Lower | None = None,
    masks: Params | None = None,
    watch: Watch | None = None,
) -> Trained:
    """One encoder, or one layer of a stack."""
    if not method.by_gradient():
        return _fitted(method, problem, data, seeds, device, lower)
    n_steps = steps_for(problem, epochs)
    groups = [list(range(len(seeds)))] if method.batched else [[i] for i in range(len(seeds))]
    parts = [
        _run(
            Session(
                method,
                problem,
                data.take(group),
                [seeds[i] for i in group],
                n_steps,
                method.batched,
                device,
                {name: p[group] for name, p in start.items()} if start else None,
                lower.take(group) if lower else None,
                {name: m[group] for name, m in masks.items()} if masks else None,
            ),
            watch,
        )
        for group in groups
    ]
    trained = _joined(parts)
    trained.n_steps = n_steps
    return trained


def _stacked(
    method: Method, problem: Problem, data: Data, seeds: Sequence[int], epochs: int, device: torch.device
) -> Trained:
    """A stack, greedily from below."""
    stack = StackEncoder(problem, method)
    whole = Trained({})
    encoder: Params = {}
    for i, layer in enumerate(layers_of(problem)):
        if i and method.input_range == "standardised":
            encoder |= {f"{i}.{name}": p for name, p in _moments(Lower(stack, encoder, i), data, device).items()}
        lower = Lower(stack, encoder, i) if i else None
        part = _trained(method, layer, data, seeds, epochs, device, lower=lower)
        for name, p in part.params.items():
            head, _, rest = name.partition(".")
            whole.params[f"{head}.{i}.{rest}"] = p
        encoder |= {f"{i}.{k}": p for k, p in under(part.params, "encoder").items()}
        whole.log |= {f"{term}, layer {i + 1}" if i else term: values for term, values in part.log.items()}
        whole.log_steps = part.log_steps
        whole.n_steps += part.n_steps
    whole.params |= {f"encoder.{name}": p for name, p in encoder.items()}
    return whole


def _moments(lower: Lower, data: Data, device: torch.device) -> Params:
    """What standardises the inputs of a layer over each seed's training images; a dead unit becomes 0."""
    parts = []
    for i, own in enumerate(data.splits):
        x = through(lower.alone(i).to(device), data.images[own.train]).flatten(1)
        std, mean = torch.std_mean(x, dim=0, correction=0)
        dead = std <= 1e-6 * (x.abs().amax(0) + 1e-30)
        parts.append((mean.cpu(), torch.where(dead, 0.0, 1 / std).cpu()))
    return {"shift": torch.stack([m for m, _ in parts]), "scale": torch.stack([s for _, s in parts])}


def _run(session: Session, watch: Watch | None = None) -> Trained:
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
            if watch is not None:
                watch(session)
        log_steps.append(end)
        for name, total in sums.items():
            log.setdefault(name, []).append((total / count).reshape(-1).cpu())
        if not torch.stack([v[-1] for v in log.values()]).isfinite().all(0).any():
            break
    lead = (lambda p: p) if session.stacked else (lambda p: p.unsqueeze(0))
    with torch.no_grad():
        params = {name: lead(p.detach()).cpu() for name, p in session.finished().items()}
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
    method: Method, problem: Problem, data: Data, seeds: Sequence[int], device: torch.device, lower: Lower | None
) -> Trained:
    """Fits a method that has no gradient, one seed after another."""
    heads = method.heads(problem)
    blocks = build_blocks(problem, method, heads)
    layer = lower.depth if lower else 0
    size = problem.batch_size
    per_seed = []
    for i, (seed, part) in enumerate(zip(seeds, data.splits, strict=True)):
        params = {name: p[0] for name, p in fresh_params(blocks, method, [seed], device, layer).items()}
        if lower is None:
            own = to_unit(data.images[part.train]).to(device)
            mean = mean_images(data.images.flatten(1), [part.train])[0].to(device)
        else:
            own = through(lower.alone(i).to(device), data.images[part.train])
            mean = own.flatten(1).mean(0)
        # fitted methods begin from what every method begins from, as it would be frozen
        begin = Net(problem, build_blocks(problem, method, heads, mean if method.centred else None, True), params)
        with torch.no_grad():
            frozen = begin.encoder.finished(partial(own[: STATISTICS_BATCHES * size].split, size))
        params = {**params, **{f"encoder.{k}": p for k, p in frozen.items()}}
        asked = data.labels[part.train].to(device) if "labels" in method.needs else None
        with torch.no_grad():
            rng = Rng.of([seed], f"method.{layer}" if layer else "method", device, stacked=False)
            params = method.fit(Net(problem, blocks, params), own, asked, rng)
        per_seed.append({name: p.cpu() for name, p in params.items()})
    return Trained({name: torch.stack([p[name] for p in per_seed]) for name in per_seed[0]})


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
    if problem.backbone == "stack":
        problem = layers_of(problem)[0]
    return Session(method, problem, data, seeds, n_steps, method.batched, torch.device(device))
