"""Encoders of several kinds, each trained in several ways: from other initial weights, at other learning rates and
widths, and on fewer images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infomax_bench.study.amounts import ends
from infomax_bench.study.cell import Cell
from infomax_bench.study.suite import Suite

START, RATE = "start", "rate"
"""Multiples of the normal initial weights, and of a method's own learning rate."""


def varied(
    suite: Suite,
    dataset: str,
    kinds: Mapping[str, tuple[str, Mapping[str, Any]]],
    factors: Sequence[float],
    alone: Sequence[str] = (),
) -> Iterator[tuple[str, Cell]]:
    """The encoders of every kind on a data set, with the tags `cell`, `sweep` and `amount`.

    kinds: name -> method and settings. They are trained as they are; on the first two of the data sets that are swept,
    at `factors` of START and RATE; and where methods are compared in size, at its ends. alone: kinds that are trained
    as they are and in no other way.
    """
    swept: list[tuple[str, float, dict[str, Any]]] = [(what, x, {}) for what in (START, RATE) for x in factors]
    ways = [("", 0.0, {}), *(swept if dataset in (suite.swept or suite.datasets)[:2] else [])]
    ways += ends(suite, dataset) if dataset in suite.scaled else []
    for what, x, changes in ways:
        for kind, (method, settings) in kinds.items():
            if what and kind in alone:
                continue
            tags = {"cell": kind, "sweep": what, "amount": x} if what else {"cell": kind}
            label = f"{kind}; {what} {x:.15g}" if what else kind
            own = tuple(sorted({**settings, **_changed(suite, method, settings, what, x)}.items()))
            yield kind, suite.cell(method, dataset, **{"settings": own, "label": label, "tags": tags, **changes})


def _changed(suite: Suite, method: str, settings: Mapping[str, Any], what: str, x: float) -> dict[str, Any]:
    if what == START and x != 1:
        return {"initial_scale": x}
    if what == RATE and x != 1:
        return {"learning_rate": float(f"{settings.get('learning_rate', suite.learning_rates[method]) * x:.6g}")}
    return {}
