"""What pretraining costs: time, arithmetic, parameters and memory for one image of one seed."""

from __future__ import annotations

import itertools
import math
import statistics
import time
import tracemalloc
import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import FlopCounterMode

from infomax_bench.base.errors import NotApplicable
from infomax_bench.data.dataset import images_as
from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.declare import Metric, Row, evaluation
from infomax_bench.models.backbones import encoding_of
from infomax_bench.training.data import data_for
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.session import Session, session_for
from infomax_bench.training.trainer import train

MEASURED_STEPS = 3

_Amount = partial(Metric, better="lower", range=(0, math.inf))


class PeakMemory(TorchDispatchMode):
    """Counts the bytes of all tensors that come into being inside it and are alive at the same time."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self.seen: weakref.WeakSet[Any] = weakref.WeakSet()

    def _gone(self, size: int) -> None:
        self.live -= size

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_iter(out):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage not in self.seen:
                    self.seen.add(storage)
                    self.live += storage.nbytes()
                    self.peak = max(self.peak, self.live)
                    weakref.finalize(storage, self._gone, storage.nbytes())
        return out


@evaluation(
    version=2,
    seconds=1e-7,
    of_maps=True,
    metrics=[
        _Amount("train_seconds", "time of pretraining one seed", unit="s", repeats=False),
        _Amount("train_seconds_per_sample", "the same, of one image that is seen", unit="s", repeats=False),
        _Amount("n_steps", "updates; 0 without a gradient"),
        _Amount("parameters", "numbers that the encoder consists of"),
        _Amount("discarded_parameters", "numbers that were trained beside the encoder"),
        Metric("final_loss", "the objective's value at the end of training, a mean over the last sixtieth of it"),
    ],
)
def training(context: Context) -> list[Row]:
    """What the training that made this encoder took: seconds for one image of one seed, updates, parameters.

    And the loss that it ended with, a mean over the last sixtieth of the updates, for methods that have one. Of an
    encoder of whose training nothing is known: parameters alone.
    """
    encoder = context.need_encoder()
    facts = encoder.facts
    if not facts:
        return _shared(context, {"parameters": encoder.n_parameters})
    seen = facts["n_steps"] * encoder.problem.batch_size or encoder.problem.n_train
    values = {
        "train_seconds": facts["seconds"] / len(facts["seeds"]),
        "train_seconds_per_sample": facts["seconds"] / len(facts["seeds"]) / seen,
        "n_steps": facts["n_steps"],
        "parameters": encoder.n_parameters,
        "discarded_parameters": encoder.n_discarded,
    }
    rows = _shared(context, values)
    if facts["log"] and encoder.method.by_gradient():
        last = torch.tensor(list(facts["log"].values()), dtype=torch.float64)[:, :, -1].sum(0)
        here = [facts["seeds"].index(seed) for seed in context.seeds]
        rows += context.rows("final_loss", last[here])
    return rows


def _shared(context: Context, values: dict[str, float]) -> list[Row]:
    """Rows of measures that are the same for all seeds of the block."""
    same = torch.ones(len(context.seeds), dtype=torch.float64)
    return [row for metric, value in values.items() for row in context.rows(metric, same * value)]


@evaluation(
    version=2,
    seconds=1e-6,
    of_maps=True,
    metrics=[
        _Amount("train_flops_per_sample", "floating-point operations of training on one image"),
        _Amount("encode_flops_per_sample", "floating-point operations of encoding one image"),
        _Amount(
            "peak_memory",
            "memory of a step of one seed at its peak",
            unit="bytes",
            repeats=False,
        ),
    ],
)
def cost(context: Context) -> list[Row]:
    """Floating-point operations for one training image and one encoded image, and peak memory of pretraining.

    Operations are those of matrix products and convolutions, forward and backward, as torch counts them; a method that
    is fitted by another library has no such count; of an encoder of whose training nothing is known, encoding is
    counted alone. Memory is what one seed's step (or whole fit) allocates at its
    peak, beside the stored images.
    """
    encoder = context.need_encoder()
    assert context.target is not None
    problem, method = encoder.problem, encoder.method
    if not encoder.facts:
        encoding = _encode_flops(encoder, images_as(context.target, problem.input_shape))
        if not encoding:
            raise NotApplicable("torch counts no operations of it")
        return _shared(context, {"encode_flops_per_sample": encoding})
    if encoding_of(problem.backbone).greedy:
        raise NotApplicable("counted for one training at a time, not for a stack of them")
    seed = encoder.seeds[0]
    data = data_for(context.target, problem, [seed], needs=method.needs)
    values = {}
    encoding = _encode_flops(encoder, data.images)
    if encoding or not encoder.n_parameters:  # torch counts no operations of a distance
        values["encode_flops_per_sample"] = encoding
    if not method.fitted():
        session = session_for(method, problem, data, [seed], MEASURED_STEPS)
        session.advance()  # the first step brings what is made once: an order, a queue
        values["peak_memory"] = _peak(session.advance)
        with FlopCounterMode(display=False) as counter:
            session.advance()
        values["train_flops_per_sample"] = counter.get_total_flops() / problem.batch_size
    else:
        values["peak_memory"] = _peak(lambda: train(method, problem, data, [seed], epochs=1))
    return _shared(context, values)


@evaluation(
    version=1,
    seconds=1e-4,
    alone=True,
    metrics=[
        _Amount("pass_seconds_per_sample", "CPU time of training one seed on one image, once", unit="s", repeats=False),
        Metric(
            "waiting_share", "share of that time's clock in which it did not run", "lower", range=(0, 1), repeats=False
        ),
    ],
)
def pace(context: Context, stretches: int = 7, least: float = 0.01) -> list[Row]:
    """CPU seconds of an image and pass of one seed's training, by itself: the median of some stretches of updates.

    A stretch has so many updates that it takes about `least` CPU seconds; the first update, which brings what is made
    once, is in none. What is not trained in steps has no pace.
    """
    encoder = context.need_encoder()
    assert context.target is not None
    problem, method, seed = encoder.problem, encoder.method, encoder.seeds[0]
    if method.fitted() or encoding_of(problem.backbone).greedy:
        raise NotApplicable("timed for one training at a time, and in steps")
    data = data_for(context.target, problem, [seed], needs=method.needs)
    problem = replace(problem, n_train=len(data.splits[0].train))  # all there are, however few the encoder saw
    one, _ = _clocked(session_for(method, problem, data, [seed], 1 + MEASURED_STEPS), MEASURED_STEPS, 1)
    steps = max(1, round(least / max(one[0] / MEASURED_STEPS, 1e-6)))
    session = session_for(method, problem, data, [seed], 1 + stretches * steps)
    found, waited = _clocked(session, steps, stretches)
    per_image = statistics.median(found) / (steps * problem.batch_size)
    return _shared(context, {"pass_seconds_per_sample": per_image, "waiting_share": waited})


def _clocked(session: Session, steps: int, stretches: int) -> tuple[list[float], float]:
    """CPU seconds of each of some stretches of updates after the first; and the share of the clock's that it waited."""
    session.advance()
    spent, begin = [time.process_time()], time.perf_counter()
    for _ in range(stretches):
        for _ in range(steps):
            session.advance()
        spent.append(time.process_time())
    whole = time.perf_counter() - begin
    return [b - a for a, b in itertools.pairwise(spent)], max(0.0, 1 - (spent[-1] - spent[0]) / whole)


def _peak(work: Callable[[], Any]) -> int:
    """Bytes at the peak of `work`, in torch's tensors and in numpy's arrays."""
    with PeakMemory():
        torch.empty(0)  # what torch imports for the first one is none of the work's
    tracemalloc.start()
    try:
        with PeakMemory() as torch_memory:
            work()
        numpy_peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return int(torch_memory.peak + numpy_peak)


def _encode_flops(encoder: Encoder, images: torch.Tensor) -> float:
    one = encoder.take([0])
    with FlopCounterMode(display=False) as counter:
        one.features(images[:64])
    return float(counter.get_total_flops() / 64)
