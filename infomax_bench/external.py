"""Features as files: written for use elsewhere, or made elsewhere and evaluated here like our own.

The format is an .npz with `features` float `[N, K]`, `labels` int `[N]`, and where they are known `test` bool `[N]`,
`seed` int (it decides training against validation), and `factors` int `[N, F]`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from infomax_bench import api, plugins
from infomax_bench.data import VALIDATION_SHARE, load, split, stratified_test
from infomax_bench.errors import NotApplicable, UserError
from infomax_bench.evaluate import EVALUATIONS
from infomax_bench.evaluate.context import Context, FeatureSet
from infomax_bench.store import replacing

TEST_SHARE = 0.2
ON_FEATURES = ("probe", "few_shot_knn", "prune_units", "redundancy", "robustness", "interpretability", "factors")
"""The evaluations that need no more than features."""


def encode(
    method: str, dataset: str, out: Path, *, width: int, seed: int, epochs: int,
    folders: Sequence[str] = (), settings: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Pretrains one encoder and writes the features of all images of its data set. Raises UserError for bad input."""
    if out.suffix != ".npz":
        raise UserError(f"--out {out}: the file's name ends in .npz")
    if not out.parent.is_dir():
        raise UserError(f"--out {out}: no such folder")
    try:
        encoder = api.pretrain(
            method, dataset, width=width, seeds=[seed], epochs=epochs, folders=folders, **(settings or {})
        )
    except NotApplicable as error:
        raise UserError(f"{method} on {dataset}: {error}") from None
    features, labels = api.features(encoder, dataset, folders)
    data = load(plugins.registry(folders).dataset(dataset))
    arrays = {"features": features[0].numpy(), "labels": labels.numpy(), "test": data.test.numpy()}
    arrays["seed"] = np.array(seed)
    if data.factors is not None:
        arrays["factors"] = data.factors.numpy()
    with replacing(out) as temporary:
        np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]  # numpy's stub takes no dict of arrays


def read_features(path: Path) -> tuple[dict[str, np.ndarray], int]:
    """The checked arrays of a file, and its seed. Raises UserError, in one line, for anything that is wrong with it."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except Exception as error:  # numpy, zipfile and zlib each have errors of their own for a damaged file
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path}: not a readable .npz file ({reason})") from None
    for name in ("features", "labels"):
        if name not in arrays:
            raise UserError(f"{path}: has no array {name!r}; it has {', '.join(arrays) or 'none'}")
    features, labels = arrays["features"], arrays["labels"]
    if features.ndim != 2 or features.dtype.kind != "f" or 0 in features.shape:
        raise UserError(f"{path}: features are float [N, K], not {features.dtype} {list(features.shape)}")
    if not np.isfinite(features.astype(np.float32)).all():
        raise UserError(f"{path}: features has values that are not finite")
    if labels.shape != features.shape[:1] or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise UserError(f"{path}: labels are int [N] from 0, one for each of the {len(features)} feature rows")
    n_classes = len(np.unique(labels))
    if n_classes < 2 or labels.max() >= n_classes:
        raise UserError(f"{path}: labels run from 0 to the number of classes less one, and there are at least two")
    for name, kinds, dimensions in (("test", "b", 1), ("factors", "iu", 2), ("seed", "iu", 0)):
        value = arrays.get(name)
        if value is None:
            continue
        fits = (
            value.dtype.kind in kinds and value.ndim == dimensions and (value.ndim == 0 or len(value) == len(features))
        )
        if not fits or (name == "seed" and value < 0):
            raise UserError(f"{path}: {name} does not fit: {value.dtype} {list(value.shape)}")
    test = arrays.setdefault("test", stratified_test(labels, TEST_SHARE))
    rest = int((~test).sum())
    if not test.any() or rest < max(2 * n_classes, VALIDATION_SHARE):
        raise UserError(f"{path}: test leaves {rest} of {len(test)} rows for training")
    return arrays, int(arrays.get("seed", 0))


def evaluate_file(path: Path) -> pd.DataFrame:
    """Every evaluation that features alone allow: rows with evaluation, protocol, metric, x and value."""
    arrays, seed = read_features(path)
    labels = torch.from_numpy(arrays["labels"].astype(np.int64))
    test = torch.from_numpy(arrays["test"])
    factors = torch.from_numpy(arrays["factors"].astype(np.int64)) if "factors" in arrays else None
    data = FeatureSet(
        torch.from_numpy(arrays["features"].astype(np.float32)).unsqueeze(0), labels, [split(test, seed)],
        int(labels.max()) + 1, factors,
    )  # fmt: skip
    context = Context((seed,), lambda _: data)
    frames = []
    for name in ON_FEATURES:
        rows = pd.DataFrame(EVALUATIONS[name].function()(context))
        frames.append(rows.assign(evaluation=name))
    table = pd.concat(frames, ignore_index=True)
    return table.reindex(columns=["evaluation", "protocol", "metric", "x", "value"])
