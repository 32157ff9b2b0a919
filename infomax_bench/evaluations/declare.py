"""What an evaluation declares, in its own file: the metrics that it measures, its version, and what it takes.

    @evaluation(version=1, seconds=2e-6, metrics=[Metric("silence", "share of outputs that are 0", range=(0, 1))])
    def silence(context: Context) -> list[Row]:
        "How many units are silent at a time."
        return context.rows("silence", (context.set.raw("test") == 0).double().mean((1, 2)))

Such a file is found by its place: bundled ones lie in `infomax_bench/evaluations/`, a user's own in `evaluations/`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import numpy as np

from infomax_bench.base.errors import UserError

Row = dict[str, Any]
"""One measurement: seed, metric, value, and where they say something protocol and x. An evaluation returns a list."""
Arrays = dict[str, Any]
"""What is kept beside rows, numpy arrays by name: pictures for the report, or what comparisons need."""
Result = list[Row] | tuple[list[Row], Arrays]
F = TypeVar("F", bound=Callable[..., Any])

Better = Literal["higher", "lower", "neither"]
"""Which end of a metric is the good one."""

DECLARED = "declared"
"""The attribute of a function that holds what it declares."""


class Undeclared(UserError):
    """Rows of a metric, or under a protocol, that the evaluation does not declare."""


@dataclass(frozen=True)
class Metric:
    """One measure: what its rows say, and under which protocols there are any.

    help: what it is, in a line. unit: "" for a share or a score. better: which end is the good one. range: the least
    and the largest value there can be. protocols: the ways of measuring it, "" where there is one. x: what the swept
    quantity is, and its unit; "" if nothing is swept. at: values of x that there are with default options. undefined:
    when the value is NaN; "" if never. repeats: False for times and memory, which differ from one measurement of the
    same to the next.

    Names that nobody knows before something is measured: with `each` there is one metric for each of these, called by
    `name` and theirs; with `by` protocols are these too (the factors of a data set).
    """

    name: str
    help: str
    better: Better = "neither"
    unit: str = ""
    range: tuple[float, float] = (-math.inf, math.inf)
    protocols: tuple[str, ...] = ("",)
    x: str = ""
    at: tuple[float, ...] = ()
    undefined: str = ""
    repeats: bool = True
    each: str = ""
    by: str = ""

    def under(self, *protocols: str, **changes: Any) -> Metric:
        """The same under other protocols; changes: of other fields."""
        return replace(self, protocols=protocols, **changes)

    def has(self, name: str, protocol: str | None = None) -> bool:
        """Whether rows may be of this metric, and under this protocol (None: any)."""
        known = name == self.name or bool(self.each and name.startswith(self.name))
        return known and (protocol is None or bool(self.by) or protocol in self.protocols)


@dataclass(frozen=True)
class Evaluation:
    """An evaluation of an encoder, as its file declares it. Call it with a context and its own options.

    version: raised when numbers could change by more than rounding does; it is part of the keys of results, and the
    source is not.
    seconds: about, of one core, for each image of a seed at width 64: for the order of tasks and the time left.
    per_seed: the arrays that it keeps have a leading dimension of seeds, and are kept of all; else of the first group
    of seeds that memory has room for.
    trainings: how many times as long it trains as its option `epochs` says, if it has one.
    of_files: features made elsewhere are evaluated by it too; it needs no encoder.
    of_maps: an encoder made elsewhere is evaluated by it too; it needs to know no more of one than that it turns images
    into features, and what its weights are where it asks for them.
    alone: it measures time, so that nothing else may run beside it: it is measured when that is asked for (`run
    --alone`), one job after the other.
    keeps: what its arrays are, in a line; "" if it returns rows alone.
    """

    name: str
    function: Callable[..., Any]
    metrics: tuple[Metric, ...]
    version: int = 1
    seconds: float = 1e-5
    per_seed: bool = False
    trainings: float = 1.0
    of_files: bool = False
    of_maps: bool = False
    alone: bool = False
    keeps: str = ""

    def __call__(self, context: Any, **options: Any) -> tuple[list[Row], Arrays]:
        """The rows, and the arrays by name. Raises Undeclared, and what the evaluation raises."""
        result: Result = self.function(context, **options)
        rows, arrays = result if isinstance(result, tuple) else (result, {})
        rows = [{k: v.item() if isinstance(v, np.generic) else v for k, v in row.items()} for row in rows]
        self.check(rows)
        for row in rows:
            if row.get("seed") not in context.seeds:
                seed = row.get("seed")
                raise Undeclared(f"evaluation {self.name!r} gives a row of seed {seed!r}, none of the encoder's")
        return rows, arrays

    def need_basics(self) -> None:
        """Raises ValueError if a field is not what lists and runs take it for."""
        if not all(isinstance(own, Metric) for own in self.metrics) or not (self.metrics or self.keeps):
            raise ValueError(f"{self.name}: metrics is a list of Metric(...), or keeps says what its arrays are")
        if type(self.version) is not int or self.version < 1 or not self.seconds > 0:
            raise ValueError(f"{self.name}: version is a whole number from 1 on, and seconds are above 0")

    def rough_seconds(self, images: int, width: int) -> float:
        """About how long it takes of one core, of a seed's images at a width."""
        return images * self.seconds * (64 + width) / 128

    @property
    def help(self) -> str:
        """The first sentence of its docstring."""
        text = " ".join((self.function.__doc__ or "").split("\n\n")[0].split())
        return text.partition(". ")[0].rstrip(".")

    def declared(self, metric: str, protocol: str | None = None) -> list[Metric]:
        """What it declares of a metric, under that protocol (None: under any)."""
        return [own for own in self.metrics if own.has(metric, protocol)]

    def check(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Raises Undeclared for rows of a metric, under a protocol or with an x that is not declared."""
        kinds = dict.fromkeys((row["metric"], row.get("protocol", ""), row.get("x") is not None) for row in rows)
        for metric, protocol, swept in kinds:
            found = self.declared(metric, protocol)
            if any(bool(own.x) == swept for own in found):
                continue
            if not self.declared(metric):
                wrong = f"metric {metric!r}, which it does not declare"
            elif not found:
                wrong = f"metric {metric!r} under protocol {protocol!r}, which it does not declare"
            else:
                wrong = f"metric {metric!r} {'with' if swept else 'without'} an x, which it declares otherwise"
            raise Undeclared(f"evaluation {self.name!r} gives {wrong}")


@dataclass(frozen=True)
class Pairwise(Evaluation):
    """A comparison of encoders with each other: of the arrays that the evaluation `of` kept of each.

    Its function gets what was kept of each method (method -> arrays), the pairs that are wanted (method -> others) and
    the size of a block of seeds, and returns method -> rows, whose `other` is the other method.
    """

    of: str = ""

    def compare(
        self, kept: Mapping[str, Arrays], others: Mapping[str, Collection[str]], block: int
    ) -> dict[str, list[Row]]:
        """The rows of each method. Raises Undeclared, and what the comparison raises."""
        found: dict[str, list[Row]] = self.function(kept, others, block)
        for rows in found.values():
            self.check(rows)
        return found


def evaluation(*, metrics: Sequence[Metric], name: str = "", **about: Any) -> Callable[[F], F]:
    """Declares a function of a `Context`, and of its own options, to be an evaluation; the function stays as it is.

    name: the function's own unless told otherwise. about: the other fields of `Evaluation`.
    """
    return _declaring(Evaluation, name, metrics, about)


def pairwise(*, of: str, metrics: Sequence[Metric], name: str = "", **about: Any) -> Callable[[F], F]:
    """The same for a comparison of encoders with each other, see `Pairwise`. of: the evaluation that keeps arrays."""
    return _declaring(Pairwise, name, metrics, {**about, "of": of})


def _declaring(kind: type[Evaluation], name: str, metrics: Sequence[Metric], about: dict[str, Any]) -> Callable[[F], F]:
    def declare(function: F) -> F:
        setattr(function, DECLARED, kind(name or function.__name__, function, tuple(metrics), **about))
        return function

    return declare


def declaration_of(function: Any) -> Evaluation | None:
    """What a function declares; None if it declares nothing."""
    found = getattr(function, DECLARED, None)
    return found if isinstance(found, Evaluation) else None


def evaluations_in(module: Any) -> list[Evaluation]:
    """What functions that a module defines itself declare. Raises ValueError if two have one name."""
    own = (v for v in vars(module).values() if getattr(v, "__module__", None) == module.__name__)
    found = {id(one): one for value in own if (one := declaration_of(value)) is not None}
    names = [one.name for one in found.values()]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"two evaluations are called {twice[0]!r}")
    return list(found.values())
