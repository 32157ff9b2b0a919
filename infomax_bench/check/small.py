"""A small problem, on which methods are tried."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from infomax_bench.check.promise import Broken, Skipped
from infomax_bench.data.augment import Augmentation
from infomax_bench.data.dataset import Split, split
from infomax_bench.models.backbones import encoding_of
from infomax_bench.models.blocks import Problem
from infomax_bench.training.budget import Overspent
from infomax_bench.training.data import Data
from infomax_bench.training.method import Method
from infomax_bench.training.session import Session
from infomax_bench.training.trainer import Trained, train

WIDTH = 6

BATCH = 16

N_IMAGES = 780
"""More than a small queue or a few clusters need, so that no promise is out of reach."""

N_CLASSES = 4

EPOCHS = 1

SHAPE = (1, 8, 8)

ODD_SHAPE = (3, 12, 16)

PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "mv", "_euclidean_dist", "_cdist_forward")
PRODUCTS_A_PASS = 8
"""More than a pass over the images takes: k-means makes two, a mixture four."""


def images_of(shape: tuple[int, int, int], kind: str = "varied") -> Tensor:
    """A few uint8 images of a shape: varied, all identical, or each constant."""
    rng = torch.Generator().manual_seed(1)
    varied = torch.randint(0, 256, (N_IMAGES, *shape), generator=rng, dtype=torch.uint8)
    if kind == "identical":
        return varied[:1].expand(N_IMAGES, *shape).contiguous()
    return torch.full_like(varied, 128) if kind == "constant" else varied


def labels_of() -> Tensor:
    return torch.arange(N_IMAGES) % N_CLASSES


def captions_of() -> Tensor:
    """Two words that all captions share and one that says the class; the first class's has a word less."""
    words = torch.tensor([[1, 2, 3 + label] if label else [1, 3, 0] for label in range(N_CLASSES)])
    return words[labels_of()]


def _splits(seeds: Sequence[int]) -> list[Split]:
    test = torch.arange(N_IMAGES) >= N_IMAGES - 20
    return [split(test, seed) for seed in seeds]


def problem_of(method: Method, shape: tuple[int, int, int] = SHAPE, width: int = WIDTH, backbone: str = "") -> Problem:
    """A small problem for the method, on the first of its backbones unless told otherwise."""
    backbone = backbone or method.backbones[0]
    n = len(_splits([0])[0].train)
    depth, words = (2 if encoding_of(backbone).deep else 1), captions_of()
    asked = Problem(shape, width, N_CLASSES, n, BATCH, backbone, depth, (), int(words.max()) + 1, words.shape[1])
    problem = replace(asked, width=method.width(asked))
    reason = method.unavailable(problem)
    if reason:
        raise Skipped(f"declared as not available on a small problem: {reason}")
    return problem


def data_of(problem: Problem, seeds: Sequence[int], **changes: Any) -> Data:
    """Random images, of which 12 are held out."""
    augmentation = Augmentation(shift=0.1, noise=0.02)
    data = Data(images_of(problem.input_shape), labels_of(), _splits(seeds), augmentation, captions_of())
    return replace(data, **changes)


def fitted(method: Method, problem: Problem, seeds: Sequence[int] = (0, 1), **changes: Any) -> Trained:
    """The method trained on the small problem. Raises Broken for one that spends more than it is given."""
    try:
        return train(method, problem, data_of(problem, seeds, **changes), seeds, EPOCHS)
    except Overspent as error:
        raise Broken(str(error)) from None


class Looks(TorchDispatchMode):
    """Counts products and distances of what has a line for each of n images."""

    def __init__(self, n: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.n, self.often = n, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        product = func.__name__.partition(".")[0] in PRODUCTS
        self.often += product and any(self.n in one.shape for one in args if isinstance(one, Tensor))
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def double_precision() -> Iterator[None]:
    """Trains in float64 within: what rounding does to a few updates then stays far below what a mistake does."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def doubled(session: Session) -> Session:
    """The session, with its state in torch's default type whatever a method made it of."""
    kind = torch.get_default_dtype()
    session.state = {name: v.to(kind) if v.is_floating_point() else v for name, v in session.state.items()}
    return session
