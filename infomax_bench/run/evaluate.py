"""Every evaluation of whatever turns images into features, or of the features themselves, in one call."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from infomax_bench.base.errors import NotApplicable, UserError
from infomax_bench.base.progress import progress, watched
from infomax_bench.data.dataset import Dataset
from infomax_bench.data.dataset import load as load_images
from infomax_bench.evaluations.context import Context, context_for
from infomax_bench.evaluations.declare import Evaluation
from infomax_bench.numerics._solver import NotSolved
from infomax_bench.run import pretrained
from infomax_bench.run.api import on_encoder
from infomax_bench.run.arguments import memory_told, seeds_of
from infomax_bench.run.catalogue import is_saved, load
from infomax_bench.run.engine import one_job
from infomax_bench.run.feature_files import FeatureFile, checked, of_images
from infomax_bench.run.feature_readers import NEEDED, read_arrays
from infomax_bench.run.foreign import Asked, bring
from infomax_bench.study import plugins
from infomax_bench.study.plugins import Registry
from infomax_bench.training.frozen import Encoder

COLUMNS = ["encoder", "dataset", "evaluation", "protocol", "metric", "x", "seed", "value"]
"""Of the table: what was evaluated and on what, by which evaluation and way of measuring ("" where there is one), which
metric at which swept value (missing where nothing is swept), under which seed, and the number."""
KINDS = ("datasets", "evaluations")
FEATURES = "features"
"""What an array is called that has no name."""


def evaluate(
    what: Any,
    dataset: str | None = None,
    evaluations: Sequence[str] | None = None,
    *,
    seeds: int | Iterable[int] = 1,
    labels: Any = None,
    test: Any = None,
    factors: Any = None,
    size: int | Sequence[int] | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    layer: str = "",
    batch_size: int = 0,
    device: str | torch.device | None = None,
    name: str = "",
    weights: str | Path | None = None,
    trust: bool = False,
    folders: Sequence[str] = (),
    say: Callable[[str], None] = warnings.warn,
) -> pd.DataFrame:
    """All evaluations that something allows, or those that are named: rows with the columns COLUMNS.

    what: an encoder of `pretrain`, or a file of one; a torch module; a scikit-learn transformer, fitted or to be fitted
    here to each seed's training images; a function of uint8 images `[n, C, H, W]`; "timm:NAME", "torchvision:NAME",
    "hf:OWNER/NAME", or "FILE.py:NAME" of one's own; features float `[N, K]`, one row for each image of the data set, as
    an array or a file (.npz, .npy, .parquet, .safetensors); or features with `labels` int `[N]` of their own, without a
    data set, and where they are known `test` bool `[N]` and `factors` int `[N, F]`.
    seeds: how many divisions of what is not test into training and validation, or which.
    size, mean, std, layer, batch_size, device, name: of a module or function, see `Asked`.
    weights: of a named model, a file (of hf, a folder) in place of its own. trust: read pickles too. say: is told what
    numbers do not say. Raises UserError, in one line, for what cannot be evaluated.
    """
    found, given = plugins.registry(folders, KINDS), tuple(seeds_of(seeds))
    _chosen(found, evaluations, None)  # what is no evaluation is told before the work
    asked = Asked(size, mean, std, layer, batch_size, device, name)
    data = _dataset(found, dataset)
    own = {"labels": labels, "test": test, "factors": factors}
    own = {key: _array(value) for key, value in own.items() if value is not None}
    come: Mapping[str, Any] = {}
    if weights is not None and not pretrained.is_named(what):
        raise UserError("weights are for a model that is named, as in 'timm:resnet18'")
    if isinstance(what, str | Path):
        what, come, asked = _opened(what, Path(weights) if weights else None, trust, asked, data is None, folders)
    if isinstance(what, np.ndarray | torch.Tensor | pd.DataFrame):
        what = {"features": what}
    if isinstance(what, Mapping):
        arrays = {**{key: _array(value) for key, value in what.items()}, **own}
        context, remarks = _of_features(arrays, data, given, asked)
        label = asked.name or FEATURES
        rows, said = measured(context, _chosen(found, evaluations, None), label)
    else:
        encoder = _encoder(what, data, given, asked, come, own)
        rows, said = on_encoder(_of_encoder, encoder, folders, dataset, evaluations)
        remarks, label = [], encoder.name
    if remarks + said:
        say(f"{label}: " + "; ".join(remarks + said))
    rows = rows.assign(encoder=label, dataset=dataset or "").reindex(columns=COLUMNS)
    return rows.fillna({"protocol": ""})


def _dataset(found: Registry, name: Any) -> Dataset | None:
    if name is not None and not isinstance(name, str):
        raise UserError(f"dataset is a name, as in 'digits', not a {type(name).__name__}; ib.datasets() has them")
    return None if name is None else found.dataset(name)


def _encoder(
    what: Any,
    data: Dataset | None,
    seeds: Sequence[int],
    asked: Asked,
    come: Mapping[str, Any],
    labels: Mapping[str, np.ndarray],
) -> Encoder:
    if data is None or labels:
        fix = "name the data set, as in evaluate(encoder, 'digits'), and give no other labels"
        raise UserError(f"an encoder is evaluated on the images of a data set, and with its labels; {fix}")
    if not isinstance(what, Encoder):
        return bring(what, data, seeds, asked, come)
    if asked != Asked(name=asked.name) or tuple(seeds) != (0,):
        options = "size, mean, std, layer, batch_size, device and seeds"
        raise UserError(f"{what.name} was trained here and is used as it was: leave out {options}")
    return what


def _opened(
    what: str | Path, weights: Path | None, trust: bool, asked: Asked, alone: bool, folders: Sequence[str]
) -> tuple[Any, Mapping[str, Any], Asked]:
    """What a name or a file stands for: a thing, how images are prepared for it, and how it is used."""
    text, path = str(what), Path(what).expanduser()
    if pretrained.is_named(text):
        opened = pretrained.opened(text, weights, trust)
    elif (script := text.rpartition(":"))[0].endswith(".py"):
        opened = pretrained.of_script(Path(script[0]).expanduser(), script[2])
        text = ""
    elif path.suffix in pretrained.PICKLES:
        opened = pretrained.kept(path, trust)
        text = ""
    elif is_saved(path):
        return load(path, folders), {}, asked
    elif path.suffix or path.exists():
        return read_arrays(path, NEEDED if alone else NEEDED[:1]), {}, replace(asked, name=asked.name or text)
    else:
        forms = ", ".join(f"{kind}:NAME" for kind in pretrained.LIBRARIES)
        raise UserError(
            f"{text!r} is no file and no model; models are {forms} or FILE.py:NAME, and features lie in .npz"
        )
    asked = replace(asked, name=asked.name or text, layer=asked.layer or opened.layer)
    return opened.thing, opened.found, asked


def _array(value: Any) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = value.float() if value.dtype == torch.bfloat16 else value
    return np.asarray(value)


def _of_features(
    arrays: Mapping[str, np.ndarray], data: Dataset | None, seeds: Sequence[int], asked: Asked
) -> tuple[Context, list[str]]:
    source = asked.name or FEATURES
    if asked != Asked(name=asked.name):
        raise UserError(f"{source}: size, mean, std, layer, batch_size and device are of what makes features of images")
    if data is None:
        if "labels" not in arrays:
            raise UserError(f"{source}: name the data set whose images these are features of, or give labels")
        if len(seeds) > 1:
            fix = "give one of seeds, as in [3]"
            raise UserError(f"{source}: features with labels of their own are divided once; {fix}")
        found: FeatureFile = checked({"seed": np.array(seeds[0]), **arrays}, source)
        return Context((found.seed,), lambda _: found.data), found.remarks
    found = of_images(arrays["features"], source, data, seeds)
    _need_same(arrays, data, source)
    return Context(tuple(seeds), lambda _: found.data), found.remarks


def _need_same(arrays: Mapping[str, np.ndarray], data: Dataset, source: str) -> None:
    """Raises UserError if labels, test or factors that came with features are not those of the data set: then the rows
    may be in another order."""
    for name in ("labels", "test", "factors"):
        mine, own = arrays.get(name), getattr(load_images(data), name)
        if mine is not None and (own is None or not np.array_equal(mine, own.numpy())):
            fix = f"give a row for each image in the order of ib.images({data.label!r}), or name no data set"
            raise UserError(f"{source}: {name} are not those of {data.label}; {fix}")


def _of_encoder(
    encoder: Encoder, folders: Sequence[str], dataset: str, names: Sequence[str] | None
) -> tuple[pd.DataFrame, list[str]]:
    found = plugins.registry(folders)
    return measured(context_for(encoder, found.dataset(dataset)), _chosen(found, names, encoder), encoder.name)


def _chosen(found: Registry, names: Sequence[str] | None, encoder: Encoder | None) -> list[Evaluation]:
    """The evaluations that there are for features, and for an encoder if there is one; or those that are named."""
    if names is not None:
        return [found.evaluation(name) for name in ([names] if isinstance(names, str) else names)]
    every = [found.evaluation(name) for name in found.names("evaluations")]
    return [one for one in every if one.of_files or (one.of_maps and encoder is not None)]


def measured(context: Context, chosen: Sequence[Evaluation], label: str) -> tuple[pd.DataFrame, list[str]]:
    """The rows of evaluations of a context, with a bar; and what is to be said of them: what was left out, and what
    could not be solved well. Raises UserError if there is not enough memory."""
    n, width = context.set.features.shape[1:]  # an encoder's features are made here, by all cores
    expected = {one: len(context.seeds) * one.rough_seconds(n, width) for one in chosen}
    frames, left_out = [pd.DataFrame()], []
    with (
        warnings.catch_warnings(record=True) as caught,
        one_job(),
        memory_told(f"{label}: {n} rows of {width} features"),
    ):
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", NotSolved)
        with progress(sum(expected.values()), quiet=not watched()) as bar:
            for evaluation, seconds in expected.items():
                bar.set_postfix_str(evaluation.name)
                try:
                    frames.append(pd.DataFrame(evaluation(context)[0]).assign(evaluation=evaluation.name))
                except NotApplicable as error:
                    left_out.append(f"no {evaluation.name}: {error}")
                bar.update(seconds)
        said = list(dict.fromkeys(str(warning.message) for warning in caught))
    more = [f"{len(said) - 1} more of this kind"] if said[1:] else []
    return pd.concat(frames, ignore_index=True), [*left_out, *said[:1], *more]


def summary(rows: pd.DataFrame, folders: Sequence[str] = ()) -> pd.DataFrame:
    """One line for each metric that is not swept, from rows of `evaluate`: `value`, the mean over seeds; `sd`, their
    standard deviation (missing for one); `seeds`, how many; and what is declared of the metric: `better` (which end is
    the good one), `unit`, and `means`, in words."""
    found = plugins.registry(folders, ["evaluations"])
    keys = [name for name in ("encoder", "dataset", "evaluation", "metric", "protocol") if name in rows]
    plain = rows[rows["x"].isna()].fillna({"protocol": ""})
    grouped = plain.groupby(keys, sort=False)["value"]
    table = grouped.agg(value="mean", sd="std", seeds="size").reset_index()
    told = []
    for evaluation, metric, protocol in table[["evaluation", "metric", "protocol"]].itertuples(index=False):
        own = next((one for one in found.evaluation(evaluation).declared(metric, protocol) if not one.x), None)
        told.append({"better": own.better, "unit": own.unit, "means": own.help} if own else {})
    return pd.concat([table, pd.DataFrame(told, columns=["better", "unit", "means"])], axis=1)
