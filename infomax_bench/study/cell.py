"""What is trained, and what is measured on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

DEFAULTS = "default settings"
"""The label of the subject's encoders with its defaults, beside the tuned ones."""


COLUMNS = (
    "benchmark", "track", "method", "family", "dataset", "target", "backbone", "depth", "width", "seed", "protocol",
    "metric", "x", "value", "status", "n_parameters", "preset", "device", "version", "git_sha",
    # beyond the contract; the tags of the benchmarks' cells come after these
    "other", "role", "label", "evaluation", "reason", "current", "cpu",
)  # fmt: skip
"""Of the table of measurements."""


@dataclass(frozen=True)
class Cell:
    """One encoder to train, for every seed: what determines it, but for the seeds."""

    method: str
    dataset: str
    width: int
    epochs: int
    batch_size: int
    backbone: str = "linear"
    """ "native" is the one that the method was published with."""
    depth: int = 1
    track: str = "controlled"
    settings: tuple[tuple[str, Any], ...] = ()
    label: str = ""
    """Tells apart several encoders of one method that differ in their settings."""
    validation: bool = True
    """False trains on all images that are not test, as some published protocols do."""
    hidden: tuple[int, ...] = ()
    """Widths of the layers below the last; () makes them all as wide as the last."""
    n_train: int = 0
    """How many training images are used; 0 is all of them."""
    without: str = ""
    """The part of the data set's augmentation that views lack, or "all"."""
    n_seeds: int = 0
    """At most so many of the run's seeds, where more would say little for what they take; 0 is all of them."""
    tags: tuple[tuple[str, str | float], ...] = ()
    """What the benchmark varies, by the names that it declares: columns of its rows, and no part of any key."""


@dataclass(frozen=True)
class Request:
    """One evaluation of an encoder: on which data set (None: its source), with which options."""

    evaluation: str
    target: str | None = None
    options: tuple[tuple[str, Any], ...] = ()


def cell_of(saved: Mapping[str, Any]) -> Cell:
    """The cell of a manifest's entry."""
    own = {name: _pairs(saved[name]) for name in ("settings", "tags") if name in saved}
    return Cell(**{**saved, **own, "hidden": tuple(saved.get("hidden", ()))})


def request_of(saved: Mapping[str, Any]) -> Request:
    """The request of a manifest's entry."""
    return Request(**{**saved, "options": _pairs(saved["options"])})


def _pairs(value: Iterable[Any]) -> tuple[tuple[str, Any], ...]:
    """Of JSON's lists."""
    return tuple((name, tuple(v) if isinstance(v, list) else v) for name, v in value)


def study_key(method: str, dataset: str, backbone: str = "linear") -> str:
    """The name under which tuned values are filed."""
    return f"{method} on {dataset}, {backbone}"
