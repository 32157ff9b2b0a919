"""Encoders of several kinds, each trained in several ways: from other initial weights, at other learning rates and
widths, and on fewer images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from infomax_bench.study.amounts import ends
from infomax_bench.study.cell import Cell
from infomax_bench.study.suite import Suite

START, RATE = "start", "rate"
"""Multiples of the normal initial weights, and of a method's own learning rate."""


def ablated(
    suite: Suite, dataset: str, off: Mapping[str, Sequence[str]], otherwise: str
) -> dict[str, tuple[str, dict[str, Any]]]:
    """Kinds of the subject, with the settings that it has on a data set: name -> method and settings, in which the
    weights that `off` gives the name are 0. A subject that lacks one of all these weights has one kind, `otherwise`."""
    own = dict(suite.settings_of(suite.subject, dataset))
    weights = {weight for names in off.values() for weight in names}
    if not all({**suite.subject_settings, **own}.get(weight) for weight in weights):
        return {otherwise: (suite.subject, own)}
    return {kind: (suite.subject, own | dict.fromkeys(names, 0.0)) for kind, names in off.items()}


def beside(suite: Suite, dataset: str, methods: Mapping[str, str]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Kinds that are other methods than the subject, with settings of their own: name -> method and settings, of those
    that the suite has."""
    there = {kind: method for kind, method in methods.items() if method in suite.methods and method != suite.subject}
    return {kind: (method, dict(suite.settings_of(method, dataset))) for kind, method in there.items()}


def varied(
    suite: Suite,
    dataset: str,
    kinds: Mapping[str, tuple[str, Mapping[str, Any]]],
    factors: Sequence[float],
    alone: Sequence[str] = (),
) -> Iterator[tuple[str, Cell]]:
    """The encoders of every kind on a data set, with the tags `cell`, `sweep` and `amount`.

    kinds: name -> method and settings. They are trained as they are; on the first two data sets, at `factors` of START
    and RATE; and where methods are compared in size, at its ends. alone: kinds that are trained as they are and in no
    other way.
    """
    swept: list[tuple[str, float, dict[str, Any]]] = [(what, x, {}) for what in (START, RATE) for x in factors]
    ways = [("", 0.0, {}), *(swept if dataset in suite.datasets[:2] else [])]
    ways += ends(suite, dataset) if dataset in suite.scaled else []
    for what, x, changes in ways:
        for kind, (method, settings) in kinds.items():
            if what and kind in alone:
                continue
            tags = {"cell": kind, "sweep": what, "amount": x} if what else {"cell": kind}
            label = f"{kind}; {what} {x:.15g}" if what else kind
            own = tuple(sorted({**settings, **_changed(suite, method, settings, what, x)}.items()))
            yield kind, suite.cell(method, dataset, **{"settings": own, "label": label, "tags": tags, **changes})


def in_batches(suite: Suite, method: str, dataset: str, size: int) -> dict[str, Any]:
    """What a cell changes for batches of another size: the learning rate goes with the square root of the size, as
    Adam's should (Malladi et al. 2022, arXiv:2205.10287)."""
    own = dict(suite.settings_of(method, dataset))
    own |= _rate(suite, method, own, (size / suite.batch_size) ** 0.5) if size != suite.batch_size else {}
    return {"batch_size": size, "settings": tuple(sorted(own.items()))}


def at_width(rows: pd.DataFrame, width: int | None) -> pd.DataFrame:
    """The rows of encoders of one width (of any if it is None), and of those whose width is swept."""
    return rows if width is None else rows[(rows["width"] == width) | (rows["sweep"] == "width")]


def once(encoders: pd.DataFrame, width: int | None) -> pd.DataFrame:
    """Encoders that are varied so (`sweep`, and `amount` as `x`), each training once: without those of a sweep that
    are as they are without it, at START or RATE of 1, at the suite's width, or with most images of their data set."""
    most = encoders.groupby(["dataset", "sweep"])["x"].transform("max")
    unchanged = encoders["sweep"].map({START: 1.0, RATE: 1.0, "width": width}).astype(float)
    return encoders[encoders["x"] != unchanged.where(encoders["sweep"] != "images", most)]


def _changed(suite: Suite, method: str, settings: Mapping[str, Any], what: str, x: float) -> dict[str, Any]:
    if what == START and x != 1:
        return {"initial_scale": x}
    return _rate(suite, method, settings, x) if what == RATE and x != 1 else {}


def _rate(suite: Suite, method: str, settings: Mapping[str, Any], times: float) -> dict[str, float]:
    """A multiple of a method's own learning rate."""
    return {"learning_rate": float(f"{settings.get('learning_rate', suite.learning_rates[method]) * times:.6g}")}
