"""What the report shows of an encoder: its units' weights as images, the images that drive them, their names, and how
its loss fell in training."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from infomax_bench.data.dataset import Dataset, images_as
from infomax_bench.evaluations.context import Context, FeatureSet
from infomax_bench.evaluations.declare import Arrays, Row, evaluation
from infomax_bench.evaluations.naming import naming
from infomax_bench.evaluations.parts import as_many, concept_sizes, factor_codes

MAX_UNITS = 64
TOP_IMAGES = 6


@evaluation(
    version=3,
    seconds=1e-6,
    metrics=[],
    keeps="units' weights, the images that drive them, and their names; every term of the loss over training",
)
def gallery(context: Context) -> tuple[list[Row], Arrays]:
    """What the report shows of an encoder's units.

    For the first seed: `filters` int8 `[K, C, H, W]` (each scaled to its own largest weight), and for every unit
    (the 64 best named, if there are more), best named first, `units`, its number, `names`, the concept it stands for,
    `auroc`, how well (see `interpret.selectivity`), each `[U]`; of the first of these, `top` uint8 `[T, TOP_IMAGES, C,
    H, W]`, the test images that drive it most. K and T are as many as `as_many` allows.

    For all seeds, if it was trained by gradient: `log_steps` `[P]` and for every loss term `log_TERM` `[S, P]`."""
    encoder = context.need_encoder()
    assert context.target is not None
    shape = encoder.problem.input_shape
    data = context.set
    named = naming(context)
    auroc, concept, direction = named.auroc[0], named.by_concept.concept[0], named.by_concept.direction[0]
    arrays: Arrays = {}
    weight = encoder.kept().get("encoder.weight")
    if weight is not None and weight.shape[1] == encoder.problem.input_size:
        kept = as_many(MAX_UNITS, encoder.problem.input_size)
        arrays["filters"] = _as_bytes(weight[0, :, :kept].T.reshape(-1, *shape))
    units = auroc.argsort(descending=True, stable=True)[:MAX_UNITS]
    test = data.splits[0].test
    drive = data.features[0, test][:, units[: as_many(MAX_UNITS, TOP_IMAGES * encoder.problem.input_size)]]
    top = test[drive.topk(min(TOP_IMAGES, len(test)), dim=0).indices.T]  # [T, TOP_IMAGES]
    words = _words(context.target, data)
    arrays["top"] = images_as(context.target, shape)[top].numpy()
    arrays["units"] = units.numpy().astype(np.int32)
    arrays["auroc"] = auroc[units].numpy().astype(np.float32)
    arrays["names"] = np.array([_name(words, int(concept[u]), float(direction[u])) for u in units])
    return [], arrays | _log(encoder.facts)


def _words(dataset: Dataset, data: FeatureSet) -> list[str]:
    """What the concepts are called, in the order of `interpret.concepts`: "heart", and "scale small"."""
    words = list(dataset.class_names)
    values = [] if data.factors is None else factor_codes(data.factors)[1]
    for factor, own in zip(dataset.factor_names, values, strict=True):
        called = dataset.factor_words.get(factor)
        words += [f"{factor} {called[v] if called else v}" for v in own.tolist()]
    assert len(words) == sum(concept_sizes(data))
    return words


def _name(words: list[str], concept: int, direction: float) -> str:
    """A unit's name: what it fires for, or after "not" what it falls silent for; "none" for a dead one."""
    return "none" if concept < 0 else ("not " if direction < 0 else "") + words[concept]


def _log(facts: dict[str, Any]) -> Arrays:
    terms = {f"log_{name}": np.array(values, dtype=np.float32) for name, values in facts.get("log", {}).items()}
    return {"log_steps": np.array(facts["log_steps"], dtype=np.int32)} | terms if terms else {}


def _as_bytes(filters: Tensor) -> np.ndarray:
    largest = filters.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12)
    return (filters / largest * 127).round().to(torch.int8).numpy()
