"""Encoders that people bring: a torch module, a scikit-learn transformer, any function of images.

Each becomes the one thing that `training/given.py` knows: a function of parameters and uint8 images.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from infomax_bench.base.errors import UserError, unknown
from infomax_bench.data.dataset import Dataset, convert, load, split, to_unit
from infomax_bench.models.blocks import Params, Problem
from infomax_bench.run.arguments import device_of, whole
from infomax_bench.run.engine import one_job
from infomax_bench.training.given import BATCH, Function, Given, given, tried

PREFIX = "encoder."
BATCH_OF_VECTORS = 4096
"""Images at a time of what is no network: that takes no memory for maps, and some of it is slow for few."""


@dataclass(frozen=True)
class Asked:
    """How an encoder is to be used, as far as its user says so.

    size: height and width of the images that it takes, or one number for both; mean, std: by channel, of images in
    [0, 1]; layer: the part of a module whose input is taken as features; batch_size: images at a time, 0 for what suits
    it; device: None for the one where a module lies; name: what it is called.
    """

    size: int | Sequence[int] | None = None
    mean: float | Sequence[float] | None = None
    std: float | Sequence[float] | None = None
    layer: str = ""
    batch_size: int = 0
    device: str | torch.device | None = None
    name: str = ""

    @property
    def prepares(self) -> bool:
        return any(value is not None for value in (self.size, self.mean, self.std))


@dataclass(frozen=True)
class Prepared:
    """uint8 images `[n, C, H, W]` as a network takes them: in its shape, as float32 in [0, 1], less mean, over std."""

    shape: tuple[int, int, int]
    mean: Tensor
    std: Tensor

    def __call__(self, images: Tensor) -> Tensor:
        return (to_unit(convert(images, self.shape)) - self.mean) / self.std


def preparation(label: str, asked: Asked, shape: Sequence[int], found: Mapping[str, Any]) -> Prepared:
    """What is done to a data set's images of this shape: as asked for, else as found with the network (`input_size`
    (C, H, W), `mean`, `std`), else nothing. Raises UserError for sizes, means and deviations that are none."""
    channels, *own = found.get("input_size") or shape
    size = own if asked.size is None else asked.size
    height, width = (size, size) if isinstance(size, int) else (*size, *size)[:2]
    wanted = (channels, whole("size", height, 1), whole("size", width, 1))
    values = []
    for name, usual, least in (("mean", 0.0, -torch.inf), ("std", 1.0, 0.0)):
        value = getattr(asked, name)
        value = found.get(name, usual) if value is None else value
        numbers = torch.as_tensor(value, dtype=torch.float32).flatten()
        if len(numbers) not in (1, channels) or not ((numbers > least) & (numbers < torch.inf)).all():
            fix = f"one number{', above 0,' if name == 'std' else ''} or one for each of its {channels} channels"
            raise UserError(f"{name} of {label} is {fix}, not {value}")
        values.append(numbers.view(-1, 1, 1))
    return Prepared(wanted, *values)


def found_with(module: nn.Module, shape: Sequence[int]) -> dict[str, Any]:
    """What a module itself says of the images that it takes: timm's and Hugging Face's have a configuration; else the
    first convolution says how many channels."""
    for name in ("pretrained_cfg", "default_cfg"):
        config = getattr(module, name, None)
        if isinstance(config, Mapping) and config.get("input_size"):
            return {key: config[key] for key in ("input_size", "mean", "std") if config.get(key) is not None}
    config = getattr(module, "config", None)  # Hugging Face's
    if isinstance(size := getattr(config, "image_size", None), int):
        return {"input_size": (getattr(config, "num_channels", 3), size, size)}
    first = next((m for m in module.modules() if isinstance(m, nn.Conv2d)), None)
    return {"input_size": (first.in_channels, *shape[1:])} if first is not None else {}


def pooled(made: Any) -> Tensor:
    """Features `[n, K]` float32 of what a network or a function gives: maps and tokens by their mean over places.

    Raises TypeError for what holds no numbers.
    """
    if isinstance(made, Mapping):  # Hugging Face's outputs
        best = (made.get(name) for name in ("pooler_output", "last_hidden_state"))
        made = next((value for value in best if value is not None), None)
        if made is None:
            raise TypeError("a mapping without pooler_output or last_hidden_state")
    if isinstance(made, tuple | list) and made and isinstance(made[0], Tensor):
        made = made[0]
    if hasattr(made, "toarray"):  # scipy's sparse matrices
        made = made.toarray()
    numbers = made if isinstance(made, Tensor) else torch.from_numpy(np.asarray(made, dtype=np.float32))
    found = numbers.detach().float().cpu()
    if found.dim() == 4:
        found = found.flatten(2).mT
    return found.mean(1) if found.dim() == 3 else found


@contextlib.contextmanager
def _as_evaluated(module: nn.Module) -> Iterator[None]:
    """In eval mode; each part is left as it was."""
    before = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training


@dataclass
class Network:
    """A module as a function of its parameters: in eval mode, without gradients, on its device. It stays as it was.

    A compiled one (TorchScript) has none outside it, and is called as it is.
    """

    module: nn.Module
    prepare: Prepared
    device: torch.device
    layer: str = ""
    buffers: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _is_script(self.module):
            self.buffers = {name: b.detach().clone().to(self.device) for name, b in self.module.named_buffers()}

    @torch.no_grad()
    def __call__(self, params: Params, images: Tensor) -> Tensor:
        own = {name.removeprefix(PREFIX): p for name, p in params.items()}
        seen: list[Tensor] = []
        with _as_evaluated(self.module), contextlib.ExitStack() as end:
            if self.layer:
                part = self.module.get_submodule(self.layer)
                end.callback(part.register_forward_pre_hook(lambda _, given: seen.append(given[0])).remove)
            kind = next((p.dtype for p in own.values() if p.is_floating_point()), torch.float32)
            x = self.prepare(images).to(self.device, kind)
            outside = {**self.buffers, **own}
            made = torch.func.functional_call(self.module, outside, (x,)) if outside else self.module(x)
        return pooled(seen[-1] if self.layer else made)

    def changed(self) -> str:
        """A buffer that is no longer what it was, or ""."""
        own = dict(self.module.named_buffers())
        return next((name for name, b in self.buffers.items() if not torch.equal(b.cpu(), own[name].cpu())), "")


def _is_script(module: nn.Module) -> bool:
    return isinstance(module, torch.jit.ScriptModule)


def _of_module(module: nn.Module, asked: Asked, data: Dataset, found: Mapping[str, Any]) -> tuple[Network, Params]:
    label = asked.name or type(module).__name__
    if asked.layer and asked.layer not in dict(module.named_modules()):
        raise unknown(f"layer of {label}", asked.layer, dict(module.named_modules()))
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in module.parameters()):
        raise UserError(f"{label} has parameters that are not there yet: call it with a batch of images first")
    here = next((p.device for p in module.parameters()), torch.device("cpu"))
    device = here if asked.device is None or _is_script(module) else torch.device(device_of(asked.device))
    prepare = preparation(label, asked, data.shape, found or found_with(module, data.shape))
    own = {} if _is_script(module) else dict(module.named_parameters())
    params = {f"{PREFIX}{name}": p.detach().to(device).unsqueeze(0) for name, p in own.items()}
    return Network(module, prepare, device, asked.layer), params


# -- scikit-learn -----------------------------------------------------------------------------------------------------
def _transforms(estimator: Any) -> Function:
    def function(_: Params, images: Tensor) -> Tensor:
        return pooled(estimator.transform(to_unit(images).flatten(1).numpy()))

    return function


def _is_fitted(estimator: Any) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    except TypeError:  # somebody's own, which has no fit
        return True
    return True


def _fitted_here(label: str, estimator: Any, data: Dataset, seeds: Sequence[int]) -> list[Function]:
    """One for each seed, fitted to its training images; to their labels too, if it asks for them."""
    from sklearn.base import clone
    from sklearn.utils import get_tags

    loaded, functions = load(data), []
    for seed in seeds:
        own, train = clone(estimator), split(loaded.test, seed).train
        drawn = {k: seed % 2**32 for k, v in own.get_params().items() if k.endswith("random_state") and v is None}
        own.set_params(**drawn)
        images = to_unit(loaded.images[train]).flatten(1).numpy()
        labels = loaded.labels[train].numpy() if get_tags(own).target_tags.required else None
        try:
            with one_job():
                own.fit(images, labels)
        except Exception as error:  # scikit-learn's own words say what is wrong
            reason = " ".join(str(error).split())[:160]
            shape = list(images.shape)
            raise UserError(f"{label} cannot be fitted to {data.label}'s training images {shape}: {reason}") from error
        functions.append(_transforms(own))
    return functions


# -- all --------------------------------------------------------------------------------------------------------------
def bring(
    thing: Any, data: Dataset, seeds: Sequence[int], asked: Asked, found: Mapping[str, Any] | None = None
) -> Given:
    """A module, transformer or function as an encoder of a data set's images.

    found: the preparation that comes with it, see `preparation`. Raises UserError for what is none of these, and for
    one that is not a function of each image.
    """
    if isinstance(thing, type):
        raise UserError(f"{thing.__name__} is a class; give one of it, as in {thing.__name__}()")
    if isinstance(thing, nn.DataParallel):
        thing = thing.module
    label, params, network = asked.name or _name_of(thing), Params(), None
    functions: Sequence[Function]
    if isinstance(thing, nn.Module):
        network, params = _of_module(thing, asked, data, found or {})
        functions = [network]
    elif hasattr(thing, "transform"):
        functions = [_transforms(thing)] if _is_fitted(thing) else _fitted_here(label, thing, data, seeds)
    elif callable(thing):
        functions = [_calls(thing, preparation(label, asked, data.shape, {}) if asked.prepares else None)]
    else:
        raise UserError(_no_encoder(thing))
    if asked.layer and network is None:
        raise UserError(f"layer={asked.layer!r} is of a torch module, and {label} is none")
    batch = whole("batch_size", asked.batch_size or (BATCH if params else BATCH_OF_VECTORS), 1)
    width = tried(label, functions[0], {name: p[0] for name, p in params.items()}, load(data).images)
    if network is not None and (name := network.changed()):
        fix = "let it be as it is when training is False"
        raise UserError(f"{label} changes in eval mode: its buffer {name!r} does; {fix}")
    n = len(seeds)
    return given(
        label,
        functions if len(functions) == n else [functions[0]] * n,
        {name: p.expand(n, *p.shape[1:]) for name, p in params.items()},
        seeds,
        problem=Problem(data.shape, width, data.n_classes, data.n_train, batch, "made elsewhere"),
        dataset=data.label,
        batch=batch,
        threads=torch.get_num_threads(),
    )


def _calls(thing: Callable[[Tensor], Any], prepare: Prepared | None) -> Function:
    def function(_: Params, images: Tensor) -> Tensor:
        return pooled(thing(images if prepare is None else prepare(images)))

    return function


def _name_of(thing: Any) -> str:
    if isinstance(thing, functools.partial):
        return _name_of(thing.func)
    own = getattr(thing, "__name__", "")
    if not own and hasattr(thing, "steps"):  # a pipeline
        own = "+".join(type(step).__name__ for _, step in thing.steps)
    return str(own or type(thing).__name__)


def _no_encoder(thing: Any) -> str:
    what = type(thing).__name__
    if hasattr(thing, "predict"):
        return f"{what} predicts and does not transform; of a pipeline, pipeline[:-1] gives features"
    return f"a {what} is no encoder: give a torch module, a transformer, a function of images, or features"
