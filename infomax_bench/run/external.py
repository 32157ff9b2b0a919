"""Features as files: written for use elsewhere, or made elsewhere and evaluated here like our own.

`feature_files` says what stands in a file.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from infomax_bench.base.errors import NotApplicable, UserError
from infomax_bench.base.outputs import check_out, write_whole
from infomax_bench.base.progress import progress
from infomax_bench.data.dataset import load
from infomax_bench.evaluations.context import Context
from infomax_bench.numerics._solver import NotSolved
from infomax_bench.run import api
from infomax_bench.run.arguments import MOST_SEED, memory_told
from infomax_bench.run.engine import one_job
from infomax_bench.run.feature_files import read_feature_file
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


def evaluate_file(path: Path, say: Callable[[str], None] = warnings.warn, folders: Sequence[str] = ()) -> pd.DataFrame:
    """Every evaluation that features alone allow: rows with evaluation, protocol, metric, x and value.

    What the numbers do not say, or not well, is said in one line. Raises UserError for a file that cannot be evaluated.
    """
    file = read_feature_file(path)
    context = Context((file.seed,), lambda _: file.data)
    n, width = file.data.features.shape[1:]
    found = plugins.registry(folders, ["evaluations"])
    chosen = [found.evaluation(name) for name in found.names("evaluations") if found.evaluation(name).of_files]
    expected = {one: one.rough_seconds(n, width) for one in chosen}
    frames, said = [], []
    with (
        warnings.catch_warnings(record=True) as caught,
        one_job(),
        memory_told(f"{path}: {n} rows of {width} features"),
    ):
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", NotSolved)
        with progress(sum(expected.values()), quiet=not sys.stderr.isatty()) as bar:
            for evaluation, seconds in expected.items():
                bar.set_postfix_str(evaluation.name)
                frames.append(pd.DataFrame(evaluation(context)[0]).assign(evaluation=evaluation.name))
                bar.update(seconds)
        said = list(dict.fromkeys(str(warning.message) for warning in caught))
    remarks = [*file.remarks, *said[:1], *([f"{len(said) - 1} more of this kind"] if said[1:] else [])]
    if remarks:
        say(f"{path}: " + "; ".join(remarks))
    table = pd.concat(frames, ignore_index=True)
    return table.reindex(columns=["evaluation", "protocol", "metric", "x", "value"])
