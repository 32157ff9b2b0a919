"""The one trainer: every method, one seed or many at once, without a DataLoader."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from infomax_bench.base.errors import NotApplicable
from infomax_bench.base.streams import Rng
from infomax_bench.data.dataset import to_unit
from infomax_bench.models.backbones import build_blocks, encoding_of
from infomax_bench.models.backbones.stack import StackEncoder, layers_of
from infomax_bench.models.blocks import Net, Params, Problem
from infomax_bench.models.encoder import under
from infomax_bench.training.budget import Budget
from infomax_bench.training.data import Data, mean_images
from infomax_bench.training.method import Method
from infomax_bench.training.session import STATISTICS_BATCHES, Session, Watch, fresh_params
from infomax_bench.training.stack import Lower, moments, through

VERSION = 2
"""Part of every key that depends on training; raise it when numbers could change by more than rounding changes them."""

LOG_POINTS = 60
MOST_FITTED = 4 << 30
"""Bytes of images up to which a method without a gradient gets them all as numbers: 16 GiB."""


@dataclass
class Trained:
    """What training leaves behind.

    params: stacked `[S, ...]`, the encoder's and the heads'. log: for every named loss term, `[S, points]` means over
    stretches of training; `log_steps` says where each stretch ends. diverged: per seed. seconds: of CPU time; of
    wall time on a GPU. passes: those that a fit says it made, the most of any seed.
    """

    params: Params
    log: dict[str, Tensor] = field(default_factory=dict)
    log_steps: list[int] = field(default_factory=list)
    diverged: list[bool] = field(default_factory=list)
    seconds: float = 0.0
    n_steps: int = 0
    passes: float = 0.0


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
    training in steps of one net to hold them in.
    """
    layered = encoding_of(problem.backbone).greedy and start is None
    if masks and (layered or method.fitted()):
        raise ValueError("masks are held while one net is trained in steps")
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
    if method.fitted():
        return _fitted(method, problem, data, seeds, epochs, device, lower)
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


def steps_for(problem: Problem, epochs: int) -> int:
    """Updates in `epochs` passes; partial batches are dropped.

    Raises NotApplicable if there is not a single full batch.
    """
    per_epoch = problem.n_train // problem.batch_size
    if per_epoch == 0:
        raise NotApplicable(f"{problem.n_train} training images do not fill a batch of {problem.batch_size}")
    return epochs * per_epoch


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
    with torch.no_grad():
        finished = {name: p.detach().cpu() for name, p in session.finished().items()}
    params = finished if session.stacked else {name: p.unsqueeze(0) for name, p in finished.items()}
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


def _stacked(
    method: Method, problem: Problem, data: Data, seeds: Sequence[int], epochs: int, device: torch.device
) -> Trained:
    """A stack, greedily from below."""
    stack = StackEncoder(problem, method)
    whole = Trained({})
    encoder: Params = {}
    for i, layer in enumerate(layers_of(problem)):
        if i and method.input_range == "standardised":
            encoder |= {f"{i}.{name}": p for name, p in moments(Lower(stack, encoder, i), data, device).items()}
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


def _fitted(
    method: Method,
    problem: Problem,
    data: Data,
    seeds: Sequence[int],
    epochs: int,
    device: torch.device,
    lower: Lower | None,
) -> Trained:
    """Fits a method that is not trained in steps, one seed after another, each within its budget."""
    if lower is None and data.images.numel() > MOST_FITTED:
        raise NotApplicable(f"fits to all images at once, and as numbers they are {data.images.numel() * 4e-9:.0f} GB")
    heads = method.heads(problem)
    blocks = build_blocks(problem, method, heads)
    layer = lower.depth if lower else 0
    size = problem.batch_size
    per_seed, spent = [], []
    for i, (seed, part) in enumerate(zip(seeds, data.splits, strict=True)):
        params = {name: p[0] for name, p in fresh_params(blocks, method, [seed], device, layer).items()}
        if lower is None:
            own = to_unit(data.images[part.train]).to(device)
            mean = mean_images(data.images.flatten(1), [part.train])[0].to(device)
        else:
            own = through(lower.alone(i).to(device), data.images, part.train)
            mean = own.flatten(1).mean(0)
        # fitted methods begin from what every method begins from, as it would be frozen
        begin = Net(problem, build_blocks(problem, method, heads, mean if method.centred else None, True), params)
        with torch.no_grad():
            frozen = begin.encoder.finished(partial(own[: STATISTICS_BATCHES * size].split, size))
        params = {**params, **{f"encoder.{k}": p for k, p in frozen.items()}}
        asked = data.labels[part.train].to(device) if "labels" in method.needs else None
        with torch.no_grad():
            rng = Rng.of([seed], f"method.{layer}" if layer else "method", device, stacked=False)
            budget = Budget(epochs, len(own), method.name or type(method).__name__)
            with warnings.catch_warnings():  # that a budget ends before a library's algorithm does is no news
                warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
                params = method.fit(Net(problem, blocks, params), own, asked, budget, rng)
        spent.append(budget.spent)
        per_seed.append({name: p.cpu() for name, p in params.items()})
    return Trained({name: torch.stack([p[name] for p in per_seed]) for name in per_seed[0]}, passes=max(spent))
