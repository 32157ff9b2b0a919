"""Features as a file, for use elsewhere. `feature_files` says what stands in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from infomax_bench.base.errors import NotApplicable, UserError
from infomax_bench.base.outputs import check_out, write_whole
from infomax_bench.data.dataset import load
from infomax_bench.run import api
from infomax_bench.run.arguments import MOST_SEED, memory_told
from infomax_bench.study import plugins


def encode(
    method: str,
    dataset: str,
    out: Path,
    *,
    width: int,
    seed: int,
    epochs: int,
    folders: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Pretrains one encoder and writes the features of all images of its data set. Raises UserError for bad input."""
    if out.suffix != ".npz":
        raise UserError(f"--out {out}: the file's name ends in .npz")
    check_out(out)
    if not 0 <= seed <= MOST_SEED:
        raise UserError(f"--seed is from 0 to {MOST_SEED}, not {seed}")
    registry, given = plugins.registry(folders), dict(settings or {})
    for option in {"width", "seed", "epochs"} & given.keys() - registry.method(method).parameters().keys():
        raise UserError(f"--set {option}={given[option]}: no hyperparameter of {method}; --{option} is wanted")
    registry.method(method, given)  # other unknown names are told here too
    try:
        encoder = api.pretrain(method, dataset, width=width, seeds=[seed], epochs=epochs, folders=folders, **given)
        with memory_told(f"--width {width}"):
            features, labels = api.features(encoder, dataset, folders)
    except NotApplicable as error:
        raise UserError(f"{method} on {dataset}: {error}") from None
    data = load(registry.dataset(dataset))
    arrays = {"features": features[0].numpy(), "labels": labels.numpy(), "test": data.test.numpy()}
    arrays["seed"] = np.array(seed)
    if data.factors is not None:
        arrays["factors"] = data.factors.numpy()
    write_whole(out, lambda path: np.savez_compressed(path, **arrays))  # type: ignore[arg-type]  # numpy's stub
