"""What the report shows of an encoder: its units' weights as images, the images that drive them, their names, and how
its loss fell in training."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from infomax_bench.data import images_as
from infomax_bench.evaluate.context import Context, Row
from infomax_bench.evaluate.interpret import class_alignment

MAX_UNITS = 64
SHOWN_UNITS = 12
TOP_IMAGES = 6

Arrays = dict[str, np.ndarray]


def gallery(context: Context) -> tuple[list[Row], Arrays]:
    """For the first seed: `filters` int8 `[K, C, H, W]` (each scaled to its own largest weight), and for the units with
    the highest AUROC, `top` uint8 `[U, TOP_IMAGES, C, H, W]`, `units`, `auroc` and `best_class`, each `[U]`.

    For all seeds, if it was trained by gradient: `log_steps` `[P]` and for every loss term `log_TERM` `[S, P]`."""
    encoder = context.need_encoder()
    assert context.target is not None
    shape = encoder.problem.input_shape
    data = context.set
    test = data.splits[0].test
    features = data.features[:1, test]
    alignment = class_alignment(features, data.labels[test])
    auroc, best_class = alignment["auroc"][0], alignment["best_class"][0]
    arrays: Arrays = {}
    weight = encoder.kept().get("encoder.weight")
    if weight is not None and weight.shape[1] == encoder.problem.input_size:
        arrays["filters"] = _as_bytes(weight[0, :, :MAX_UNITS].T.reshape(-1, *shape))
    units = auroc.argsort(descending=True)[:SHOWN_UNITS]
    drive = features[0][:, units]
    top = test[drive.topk(min(TOP_IMAGES, len(test)), dim=0).indices.T]  # [U, TOP_IMAGES]
    arrays["top"] = images_as(context.target, shape)[top].numpy()
    arrays["units"] = units.numpy().astype(np.int32)
    arrays["auroc"] = auroc[units].numpy().astype(np.float32)
    arrays["best_class"] = best_class[units].numpy().astype(np.int32)
    return [], arrays | _log(encoder.facts)


def _log(facts: dict[str, Any]) -> Arrays:
    terms = {f"log_{name}": np.array(values, dtype=np.float32) for name, values in facts.get("log", {}).items()}
    return {"log_steps": np.array(facts["log_steps"], dtype=np.int32)} | terms if terms else {}


def _as_bytes(filters: Tensor) -> np.ndarray:
    largest = filters.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12)
    return (filters / largest * 127).round().to(torch.int8).numpy()
