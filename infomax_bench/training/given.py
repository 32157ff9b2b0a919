"""An encoder that was made elsewhere, seen as a frozen one: whatever turns images into features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from infomax_bench.base.errors import NotApplicable, UserError
from infomax_bench.base.progress import watched
from infomax_bench.models.blocks import Params
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.method import Method

Function = Callable[[Params, Tensor], Tensor]
"""One seed's parameters by name, without that dimension ({} where none are known), and uint8 images `[n, C, H, W]` ->
features `[n, K]`."""

BATCH = 64
TRIED = 8
"""Images on which a function shows whether it is one."""
OTHERS = 0.05
"""Of the largest feature: what the rest of a batch may change. Solvers stop by the batch (scikit-learn's NMF)."""


class MadeElsewhere(Method):
    """In the place of the method of an encoder that was not trained here: nothing is known of it."""

    activation = "identity"


@dataclass(frozen=True, repr=False)
class Given(Encoder):
    """The encoder that functions of images are, one for each seed, or one for all.

    params: of a network its own, named `encoder.NAME`, `[S, ...]`; {} where they are not known. facts: {}, since
    nothing is known of the training. label: what it is called. batch: images that a function gets at a time. threads:
    those that it may use.
    """

    functions: tuple[Function, ...] = ()
    label: str = ""
    batch: int = BATCH
    threads: int = 1

    @property
    def name(self) -> str:
        """What it is called."""
        return self.label

    def __repr__(self) -> str:
        shape = ", ".join(map(str, self.problem.input_shape))
        known = f"{self.n_parameters:,} parameters" if self.params else "parameters are not known"
        return (
            f"{self.name}: {self.width} features, made elsewhere, on {self.dataset}\n"
            f"{known}; encoder(images): uint8 [N, {shape}] -> float32 [{len(self.seeds)}, N, {self.width}]"
        )

    @property
    def n_parameters(self) -> int:
        """Parameters of one seed's function. Raises NotApplicable where they are not known."""
        if not self.params:
            raise NotApplicable(f"the parameters of {self.name} are not known")
        return super().n_parameters

    @property
    def weight(self) -> Tensor:
        """Raises NotApplicable: which of its parameters are those of a last layer is not known."""
        raise NotApplicable(f"{self.name} was made elsewhere, and what its last layer is, is not known; see its params")

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """uint8 images `[N, C, H, W]` of the encoder's input shape -> float32 features `[S, N, width]`.

        Raises UserError for images of another kind or shape, and for features that are not finite, or of another width.
        """
        images = self._checked(images)
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            own = [self._of_seed(i, images) for i in range(1 if self._shared() else len(self.seeds))]
        finally:
            torch.set_num_threads(before)
        return torch.stack(own) if len(own) == len(self.seeds) else own[0].expand(len(self.seeds), *own[0].shape)

    def _shared(self) -> bool:
        """Whether all seeds have the same function and parameters."""
        one_function = len(set(map(id, self.functions))) == 1
        return one_function and all(len(p) == 1 or p.stride(0) == 0 for p in self.params.values())

    def _of_seed(self, i: int, images: Tensor) -> Tensor:
        params = {name: p[i] for name, p in self.params.items()}
        made = torch.empty(len(images), self.width)
        with tqdm(
            total=len(images), desc=self.name, unit=" images", disable=not watched(), leave=False, delay=2
        ) as bar:
            for out, part in zip(made.split(self.batch), images.split(self.batch), strict=True):
                found = self.functions[i](params, part)
                if found.shape != out.shape:
                    raise UserError(
                        f"{self.name} makes {list(found.shape)} of {len(part)} images, and before {self.width} features"
                    )
                out.copy_(found)
                bar.update(len(part))
        if not made.isfinite().all():
            row, column = (~made.isfinite()).nonzero()[0].tolist()
            raise UserError(f"{self.name} makes features that are not finite: of image {row}, in column {column}")
        return made

    def _encoded(self, x: Tensor) -> Tensor:
        raise NotApplicable(f"{self.name} was made elsewhere, and is known for whole images alone")

    def map_weights(self, change: Callable[[Tensor], Tensor], centre: Tensor) -> Encoder:
        """`change` applied to the weights of every layer, each as `[S, n_in, n_out]`; biases stay as they are.

        Raises NotApplicable where no weights are known.
        """
        weights = {name: p for name, p in self.params.items() if name.endswith("weight") and p.dim() > 2}
        if not weights:
            raise NotApplicable(f"no weights are known of {self.name}")
        return self.with_params({n: change(p.flatten(2).mT).mT.reshape(p.shape) for n, p in weights.items()})

    def keep_units(self, units: Tensor) -> Encoder:
        raise NotApplicable(f"{self.name} was made elsewhere, and which of its numbers make a unit is not known")

    def take(self, which: Sequence[int]) -> Encoder:
        """Only the seeds at the given positions."""
        return replace(
            self,
            params={name: p[list(which)] for name, p in self.params.items()},
            seeds=tuple(self.seeds[i] for i in which),
            functions=tuple(self.functions[i] for i in which),
        )

    def save(self, path: Path, key: str = "") -> None:
        """Raises UserError: what is kept of it is its features."""
        raise UserError(f"{self.name} was made elsewhere and is not saved here; save it where it was made")


@torch.no_grad()
def tried(label: str, function: Function, params: Params, images: Tensor) -> int:
    """How many features a function makes of images uint8 `[n, C, H, W]`, tried on a few.

    Raises UserError if it fails on them, or gives anything but numbers, a row for each image that depends on that image
    alone and is the same at a second call.
    """
    some = images[:TRIED]

    def call(part: Tensor) -> Tensor:
        shape = f"images {list(part.shape)} (uint8)"
        try:
            made = function(params, part)
        except UserError:
            raise
        except Exception as error:  # somebody else's code may raise anything
            reason = " ".join(str(error).split())[:160] or "it says no more"
            fix = "say what it takes (size, mean, std), or give a function of uint8 images"
            raise UserError(f"{label} fails on {shape}: {type(error).__name__}: {reason}; {fix}") from error
        if made.dim() != 2 or len(made) != len(part) or not made.shape[1]:
            raise UserError(f"{label} makes {list(made.shape)} of {shape}, and a row of features for each is wanted")
        return made

    made = call(some), call(some), call(some[:1])
    first, again, alone = (one.where(one.isfinite(), 0.0) for one in made)  # what is not finite is told with its place
    if not torch.equal(first, again):
        fix = "drop-out or noise that eval() does not end, or a state that changes: end it, or fix what is drawn"
        raise UserError(f"{label} makes other features of the same images at a second call; {fix}")
    if not torch.allclose(first[:1], alone, rtol=OTHERS, atol=OTHERS * float(first.abs().max())):
        fix = "normalise by running means, not by the batch's own"
        raise UserError(f"{label} makes features of an image that depend on which others stand beside it; {fix}")
    return first.shape[1]


def given(label: str, functions: Sequence[Function], params: Params, seeds: Sequence[int], **about: Any) -> Given:
    """An encoder of functions. about: the other fields of `Given`: problem, dataset, batch, threads."""
    method = MadeElsewhere.build({})
    return Given(method, params=params, seeds=tuple(seeds), functions=tuple(functions), label=label, **about)
