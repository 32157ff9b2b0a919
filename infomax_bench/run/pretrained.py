"""Pretrained networks by name, from the libraries that have them, and objects that were kept in files.

No code of a hub is run, and nothing is unpickled unless its user trusts it. What is in the user's cache needs no
network.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from infomax_bench.base.errors import UserError, unknown

T = TypeVar("T")

FORCED = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".joblib")


@dataclass(frozen=True)
class Opened:
    """A thing that was named. found: how images are prepared for it (see `foreign.preparation`); layer: the part whose
    input is its features, "" where its output is."""

    thing: Any
    found: Mapping[str, Any] = field(default_factory=dict)
    layer: str = ""


def is_named(what: Any) -> bool:
    """Whether it is the name of a library's model."""
    return isinstance(what, str) and what.partition(":")[0] in LIBRARIES and ":" in what


def opened(name: str, weights: Path | None = None, trust: bool = False) -> Opened:
    """The network `timm:NAME`, `torchvision:NAME` or `hf:OWNER/NAME`, with weights of a file (of `hf`, of a folder), or
    those that come with it.

    Raises UserError for a library or a model that is not there, for weights that are neither here nor to be had, and
    for those that do not fit.
    """
    kind, _, model = name.partition(":")
    if weights is not None and not weights.exists():
        raise UserError(f"weights {weights}: no such file")
    return LIBRARIES[kind](model, weights, trust)


def kept(path: Path, trust: bool) -> Opened:
    """An object in a file that Python's pickle wrote: a whole module, a fitted transformer.

    Raises UserError unless it is trusted: reading such a file runs whatever code it holds.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if not trust:
        fix = "--trust (trust=True) reads it, if you know who made it; weights alone go with --weights"
        raise UserError(f"{path}: a pickle, and to read one runs the code in it; {fix}")
    try:
        if path.suffix in (".pt", ".pth"):
            thing = torch.load(path, map_location="cpu", weights_only=False)
        else:
            import joblib

            thing = joblib.load(path)
    except Exception as error:  # whatever the code in it raises
        raise UserError(f"{path}: not readable ({_reason(error)})") from error
    if isinstance(thing, Mapping):
        raise UserError(f"{path}: holds weights and no module; name the model, and give these by --weights")
    return Opened(thing)


def of_script(path: Path, name: str) -> Opened:
    """What a Python file calls `name`: a module, a transformer or a function. The file is run: it is its user's own.

    Raises UserError for a file that is not there or fails, and for a name that it does not have.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(script)
    except Exception as error:  # somebody else's code may raise anything
        raise UserError(f"{path} does not run: {type(error).__name__}: {_reason(error)}") from error
    if not hasattr(script, name):
        raise unknown(f"name in {path}", name, (own for own in vars(script) if not own.startswith("_")))
    return Opened(getattr(script, name))


def _library(name: str, asked: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        fix = "pip install 'infomax-bench[encoders]'"
        raise UserError(f"{asked} needs the library {name}, which is not there ({_reason(error)}); {fix}") from None


def _had(label: str, get: Callable[[], T], trust: bool) -> T:
    """What a library finds in its cache or downloads; its pickles are read as weights alone, unless trusted."""
    try:
        with _weights_only(not trust):
            return get()
    except Exception as error:  # each library and each kind of network failure has its own
        fix = "load it once where there is a network, or give its weights (--weights FILE)"
        raise UserError(f"{label}: its weights are not here and could not be had ({_reason(error)}); {fix}") from error


@contextlib.contextmanager
def _weights_only(asked: bool) -> Iterator[None]:
    """torch.load runs no code, whatever a library tells it: torch heeds this variable at every call."""
    before = os.environ.get(FORCED)
    try:
        if asked:
            os.environ[FORCED] = "1"
        yield
    finally:
        os.environ.pop(FORCED, None)
        if before is not None:
            os.environ[FORCED] = before


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else f"{text[:157]}..."


def _timm(model: str, weights: Path | None, trust: bool) -> Opened:
    import infomax_bench.data._torchvision  # noqa: F401 - which timm imports, and which may need help

    timm = _library("timm", f"timm:{model}")
    if not timm.is_model(model):
        raise unknown("timm model", model, timm.list_models())
    label = f"timm:{model}"
    module = _had(label, lambda: timm.create_model(model, pretrained=weights is None, num_classes=0), trust)
    if weights is not None:
        load_weights(module, weights, label)
    config = timm.data.resolve_model_data_config(module)
    return Opened(module, {key: config[key] for key in ("input_size", "mean", "std")})


def _torchvision(model: str, weights: Path | None, trust: bool) -> Opened:
    from infomax_bench.data._torchvision import models

    if model not in models.list_models(module=models):
        raise unknown("torchvision model", model, models.list_models(module=models))
    label = f"torchvision:{model}"
    best = models.get_model_weights(model).DEFAULT
    module = _had(label, lambda: models.get_model(model, weights=best if weights is None else None), trust)
    if weights is not None:
        load_weights(module, weights, label)
    prepare = best.transforms()
    found = {"input_size": (3, *prepare.crop_size * 2)[:3], "mean": prepare.mean, "std": prepare.std}
    linear = [name for name, part in module.named_modules() if isinstance(part, nn.Linear)]
    return Opened(module, found, linear[-1] if linear else "")  # what the classifier gets


def _hugging_face(model: str, weights: Path | None, trust: bool) -> Opened:
    import infomax_bench.data._torchvision  # noqa: F401 - as for timm

    transformers = _library("transformers", f"hf:{model}")
    where, label = str(weights or model), f"hf:{model}"
    options = {"trust_remote_code": False, "use_safetensors": None if trust else True}
    module = _had(label, lambda: transformers.AutoModel.from_pretrained(where, **options), trust)
    module = getattr(module, "vision_model", module)  # of two towers, the one that sees
    try:
        said, _ = transformers.ImageProcessingMixin.get_image_processor_dict(where)
    except (OSError, ValueError):  # a model may come without
        said = {}
    size = said.get("crop_size") or said.get("size") or getattr(module.config, "image_size", None)
    if isinstance(size, Mapping):
        size = [size.get(side) or size.get("shortest_edge") for side in ("height", "width")]
    found: dict[str, Any] = {}
    if size:
        height, width = (size, size) if isinstance(size, int) else size
        found["input_size"] = (getattr(module.config, "num_channels", 3), height, width)
    if said.get("do_normalize", True):
        found |= {name: said[f"image_{name}"] for name in ("mean", "std") if said.get(f"image_{name}")}
    return Opened(module, found)


LIBRARIES: dict[str, Callable[[str, Path | None, bool], Opened]] = {
    "timm": _timm,
    "torchvision": _torchvision,
    "hf": _hugging_face,
}


def load_weights(module: nn.Module, path: Path, label: str) -> None:
    """Gives a module the weights of a file: safetensors, or a state that torch saved, of which nothing is run.

    What the module has no place for (a classifier) is left out. Raises UserError for a file that holds none, and where
    a weight of the module is not there or has another shape.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file, or one with code in it
        raise UserError(f"weights {path}: not readable without running code ({_reason(error)})") from None
    for inside in ("state_dict", "model", "model_state_dict"):
        if isinstance(state, Mapping) and isinstance(state.get(inside), Mapping):
            state = state[inside]
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"weights {path}: holds no weights by name")
    state = {name.removeprefix("module."): value for name, value in state.items()}
    wanted = module.state_dict()
    wrong = [name for name in wanted if name not in state or state[name].shape != wanted[name].shape]
    if wrong:
        shape = f"{list(state[wrong[0]].shape)} there" if wrong[0] in state else "not there"
        is_wanted = f"{wrong[0]} {list(wanted[wrong[0]].shape)}"
        raise UserError(f"weights {path}: {len(wrong)} of {len(wanted)} of {label} do not fit, {is_wanted} is {shape}")
    module.load_state_dict({name: state[name] for name in wanted})
