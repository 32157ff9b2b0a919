"""The frozen encoder: what pretraining leaves, on disk and in use."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from infomax_bench.base.console import few
from infomax_bench.base.errors import Diverged, NotApplicable, UserError
from infomax_bench.data.dataset import to_unit
from infomax_bench.models.backbones import build_blocks
from infomax_bench.models.blocks import Net, Params, Problem
from infomax_bench.models.encoder import is_constant
from infomax_bench.training.method import Method

CHUNK = 4096


FORMAT = 2
"""Of an encoder's file. 1: the checksum covered names and values of parameters, and nothing that is said of them."""


def _checksum(params: Params, about: Mapping[str, Any] | None = None) -> str:
    """A hash of names, shapes and values, and of what is said of them, which notices a flipped bit. Without `about`, as
    in format 1: of names and values."""
    total = hashlib.sha256()
    if about is not None:
        said = {name: value for name, value in about.items() if name != "sha256"}
        total.update(json.dumps(said, sort_keys=True).encode())
    for name in sorted(params):
        total.update(name.encode())
        if about is not None:
            total.update(f"{params[name].dtype} {list(params[name].shape)}".encode())
        total.update(params[name].contiguous().numpy().tobytes())
    return total.hexdigest()


def _count(params: Params) -> int:
    """Trained numbers of one seed."""
    return sum(p[0].numel() for name, p in params.items() if not is_constant(name))


@dataclass(frozen=True, repr=False)
class Encoder:
    """The pretrained encoders of one method, one for each seed.

    params: stacked `[S, ...]`; seeds: S of them; dataset: the name of the source; facts: what is worth knowing about
    the training (seconds, steps, the log of the loss terms), JSON values only.
    """

    method: Method
    problem: Problem
    params: Params
    seeds: tuple[int, ...]
    dataset: str
    diverged: tuple[bool, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        seeds = f"seed{'s' if len(self.seeds) > 1 else ''} {few(list(map(str, self.seeds)))}"
        shape = "x".join(map(str, self.problem.input_shape))
        what = f"{self.name}: {self.width} units of {shape} images, {self.problem.backbone}"
        return (
            f"{what}, {seeds}, from {self.dataset}\n"
            f"{self.n_parameters:,} parameters; encoder(images): uint8 [N, {shape.replace('x', ', ')}] -> "
            f"float32 [{len(self.seeds)}, N, {self.width}]"
        )

    @property
    def name(self) -> str:
        """Of the method."""
        return self.method.name

    @property
    def width(self) -> int:
        """How many features there are."""
        return self.problem.width

    @property
    def weight(self) -> Tensor:
        """The weights of the last layer, `[S, n_in, width]`; of a single layer, a column for each unit's filter.

        Raises NotApplicable for an encoder without such a layer.
        """
        if "encoder.weight" not in self.params:
            raise NotApplicable(f"{self.name} ({self.problem.backbone}) has no weights of a last layer")
        return self.params["encoder.weight"]

    @property
    def net(self) -> Net:
        blocks = build_blocks(self.problem, self.method, {})
        return Net(self.problem, blocks, self.params)

    def kept(self) -> Params:
        """The encoder's own parameters; the rest is discarded after pretraining."""
        return {name: p for name, p in self.params.items() if name.startswith("encoder.")}

    @property
    def n_parameters(self) -> int:
        """Trained parameters of one seed's encoder."""
        return _count(self.kept())

    @property
    def n_discarded(self) -> int:
        """Parameters of one seed's heads, trained and thrown away."""
        return _count(self.params) - self.n_parameters

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """uint8 images `[N, C, H, W]` of the encoder's input shape -> float32 features `[S, N, width]`.

        Raises UserError for images of another kind or shape, Diverged if the features are not finite.
        """
        images = self._checked(images)
        parts = [self._encoded(to_unit(part).expand(len(self.seeds), *part.shape)) for part in images.split(CHUNK)]
        if len(images) and not all(torch.stack(torch.aminmax(part)).isfinite().all() for part in parts):
            raise Diverged("the features are not finite")
        return torch.cat(parts, dim=1)

    def __call__(self, images: Tensor) -> Tensor:
        """The same as `features`."""
        return self.features(images)

    def encode(self, images: Tensor) -> Tensor:
        """The same as `features`."""
        return self.features(images)

    def transform(self, images: Tensor) -> np.ndarray:
        """The same for one seed, as scikit-learn has it: float32 array `[N, width]`. Raises UserError for several."""
        if len(self.seeds) > 1:
            raise UserError(f"transform is of one seed, and there are {len(self.seeds)}: encoder.take([0]).transform")
        array: np.ndarray = self.features(images)[0].numpy()
        return array

    def _checked(self, images: Any) -> Tensor:
        """uint8 images `[N, C, H, W]` as a tensor; numpy's are fine too."""
        if isinstance(images, np.ndarray) and images.dtype == np.uint8:
            images = torch.from_numpy(np.ascontiguousarray(images))
        wanted = f"uint8 images from 0 to 255, [N, {', '.join(map(str, self.problem.input_shape))}]"
        if not isinstance(images, Tensor):
            what = f"numpy {images.dtype}" if isinstance(images, np.ndarray) else f"a {type(images).__name__}"
            raise UserError(f"features takes {wanted}, a tensor or a numpy array, not {what}")
        if images.dtype != torch.uint8:
            fix = "; images in [0, 1] become that by (255 * images).round().to(torch.uint8)"
            raise UserError(f"features takes {wanted}, not {images.dtype}{fix if images.is_floating_point() else ''}")
        if images.shape[1:] != tuple(self.problem.input_shape):
            raise UserError(f"features takes {wanted}, not {list(images.shape)}; one image alone is images[None]")
        return images

    def _encoded(self, x: Tensor) -> Tensor:
        """Float images `[S, n, C, H, W]`, each seed's its own -> features `[S, n, width]`."""
        net = self.net
        if self.method.batched:
            return self.method.encode(net, x).float()
        nets = [net.with_params({k: p[i] for k, p in self.params.items()}) for i in range(len(self.seeds))]
        return torch.stack([self.method.encode(own, part).float() for own, part in zip(nets, x, strict=True)])

    def with_params(self, params: Params) -> Encoder:
        """The same encoder with other values for the named parameters."""
        return replace(self, params={**self.params, **params})

    def map_weights(self, change: Callable[[Tensor], Tensor], centre: Tensor) -> Encoder:
        """`change` applied to the weights `[S, n_in, n_out]` of the map of images less `centre` `[S, n_in]`.

        As `x W + b = (x - centre) W + (b + centre W)`, the bias takes up `centre (W - W')`: the pre-activation of
        `centre` stays as it was. Where features are not made of `x W + b` (distances, densities) there is no such bias,
        and none is changed.

        Raises NotApplicable for anything but a single layer.
        """
        self._need_one_layer()
        own = self.kept()
        changed = {k: change(p) for k, p in own.items() if k.endswith("weight")}
        if self._is_affine(centre):
            lost = own["encoder.weight"] - changed["encoder.weight"]
            changed["encoder.bias"] = own["encoder.bias"] + (centre.unsqueeze(1) @ lost).squeeze(1)
        return self.with_params(changed)

    @torch.no_grad()
    def _is_affine(self, centre: Tensor) -> bool:
        """Whether features depend on `x W + b` alone: moving `x` moves nothing if `b` makes up for it. Tried on one
        seed's `centre` and on the images on both sides of it."""
        own = {k: p[:1] for k, p in self.params.items()}
        if {"encoder.weight", "encoder.bias"} - own.keys():
            return False
        step = centre[:1]
        moved = own["encoder.bias"] + (step.unsqueeze(1) @ own["encoder.weight"]).squeeze(1)
        x = torch.stack([0 * step, step, 2 * step], dim=1).unflatten(-1, self.problem.input_shape)
        one = replace(self, params=own, seeds=self.seeds[:1])
        before = one._encoded(x)
        after = one.with_params({"encoder.bias": moved})._encoded(
            x - step.unflatten(-1, self.problem.input_shape).unsqueeze(1)
        )
        return torch.allclose(before, after, rtol=1e-3, atol=1e-3 * float(before.abs().max()))

    def keep_units(self, units: Tensor) -> Encoder:
        """The encoder of a single layer with only the units `[S, m]`; those that compete share out anew.

        Raises NotApplicable for anything but a single layer.
        """
        self._need_one_layer()
        index = units.unsqueeze(1)
        own = self.kept()
        taken = {
            name: p.gather(-1, index.expand(*p.shape[:-1], -1) if p.dim() == 3 else units) for name, p in own.items()
        }
        problem = replace(self.problem, width=units.shape[1])
        return replace(self, problem=problem, params=taken)

    def _need_one_layer(self) -> None:
        if self.problem.backbone != "linear":
            raise NotApplicable(f"defined for a single layer, not for {self.problem.backbone}")

    def take(self, which: Sequence[int]) -> Encoder:
        """Only the seeds at the given positions."""
        index = list(which)
        return replace(
            self,
            params={k: p[index] for k, p in self.params.items()},
            seeds=tuple(self.seeds[i] for i in index),
            diverged=tuple(self.diverged[i] for i in index),
        )

    def save(self, path: Path, key: str = "") -> None:
        """Writes a safetensors file; nothing in it is ever unpickled. key: the name under which it is looked for."""
        params = {name: p.contiguous() for name, p in self.params.items()}
        about = {
            "format": FORMAT,
            "key": key,
            "method": self.method.name,
            "settings": self.method.settings(),
            "problem": asdict(self.problem),
            "seeds": self.seeds,
            "dataset": self.dataset,
            "diverged": self.diverged,
            "facts": self.facts,
        }
        about = json.loads(json.dumps(about))  # as it will be read
        save_file(params, path, {"about": json.dumps({**about, "sha256": _checksum(params, about)})})

    @classmethod
    def load(cls, path: Path, method: type[Method], key: str | None = None) -> Encoder:
        """Reads what `save` wrote. Raises ValueError if the file is damaged, or was saved under another key than a
        given one."""
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads((file.metadata() or {})["about"])
                params = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            said = None if about.get("format", 1) == 1 else about
            if about["sha256"] != _checksum(params, said):
                raise ValueError("its checksum does not match")
            if said is not None and key is not None and about["key"] != key:
                raise ValueError("it is another encoder's")
            if about["method"] != method.name:
                raise ValueError(f"it is of {about['method']}, not of {method.name}")
            problem = about["problem"]
            problem["input_shape"], problem["hidden"] = tuple(problem["input_shape"]), tuple(problem["hidden"])
            return cls(
                method=method.build(about["settings"]),
                problem=Problem(**problem),
                params=params,
                seeds=tuple(about["seeds"]),
                dataset=about["dataset"],
                diverged=tuple(about["diverged"]),
                facts=about["facts"],
            )
        except Exception as error:  # whatever a changed bit can do to a reader
            raise ValueError(f"{path}: not a readable encoder file ({error})") from error
