"""Where the marks of the page lie: positions in percent of a drawing's width, so that it fits any."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from infomax_bench.report.parts import signed

ROOM = 0.08
"""Beside what is drawn, of its width."""
LONGEST = 1.5
"""How much wider than its means a drawing may become by intervals, which are cut there."""


def fixed(value: float, decimals: int, plus: bool = False) -> str:
    """A number with its decimals and a real minus sign."""
    return (
        f"{value:{'+' if plus else ''}.{decimals}f}".replace("-", "−") if math.isfinite(value) else signed(value, plus)
    )


@dataclass(frozen=True)
class Axis:
    """From low to high; relative: numbers are differences, and have a sign."""

    low: float
    high: float
    relative: bool = False

    def at(self, value: float) -> float:
        """Percent of the width; what lies outside is at the end."""
        inside = min(max(value, self.low), self.high)
        return round(100 * (inside - self.low) / (self.high - self.low), 2)

    def inside(self, value: float) -> bool:
        """Whether it can be shown."""
        return self.low <= value <= self.high

    def text(self, value: float) -> str:
        """A number with as many decimals as all along the axis have."""
        decimals = max(0, 3 - math.ceil(math.log10(self.high - self.low)))
        return fixed(value, decimals, self.relative)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """At most six round numbers, with their places."""
        rough = (self.high - self.low) / 5
        power = 10 ** math.floor(math.log10(rough))
        step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough)
        first = math.ceil(self.low / step)
        values = [step * i for i in range(first, math.floor(self.high / step) + 1)]
        return [(self.at(v), signed(round(v, 10), self.relative and v != 0)) for v in values]


def axis(points: Iterable[float], ends: Iterable[float] = (), relative: bool = False) -> Axis:
    """One that shows all points, and of intervals' ends as much as leaves these their room."""
    inner = [v for v in points if math.isfinite(v)] or [0.0]
    low, high = min(inner), max(inner)
    width = (high - low) or abs(high) or 1.0
    outer = [v for v in ends if math.isfinite(v)]
    low = max(min([low, *outer]), low - (LONGEST - 1) * width)
    high = min(max([high, *outer]), high + (LONGEST - 1) * width)
    room = ROOM / 2 * ((high - low) or width)
    return Axis(low - room, high + room, relative)


@dataclass(frozen=True)
class Span:
    """A difference with its interval. side: whether it lies surely above what decides (1), below (-1), or neither.
    best: of its family."""

    name: str
    family: str
    mean: float
    low: float
    high: float
    side: Literal[-1, 0, 1]
    best: bool = False

    @property
    def known(self) -> bool:
        """Whether it has an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)


def span(name: str, family: str, found: tuple[float, float, float], line: float, best: bool = False) -> Span:
    """found: mean, low and high. One without an interval is on no side."""
    mean, low, high = found
    bounded = math.isfinite(low) and math.isfinite(high)
    side: Literal[-1, 0, 1] = 0 if not bounded else 1 if low > line else -1 if high < line else 0
    return Span(name, family, mean, low, high, side, best)


@dataclass(frozen=True)
class Strip:
    """The subject less every rival, the farthest ahead of it first: those that see no labels, those that do, and the
    median of both. line: what decides."""

    axis: Axis
    line: float
    median: Span
    spans: Sequence[Span]
    labelled: Sequence[Span]

    @property
    def everyone(self) -> list[Span]:
        return [*self.spans, *self.labelled]


@dataclass(frozen=True)
class Dot:
    """A value on one data set; counted: whether the outcome rests on it."""

    name: str
    value: float
    counted: bool = True


@dataclass(frozen=True)
class Dots:
    """Values on data sets against the line of a claim; above: whether it holds above the line."""

    axis: Axis
    line: float
    above: bool
    dots: Sequence[Dot]

    @property
    def holds(self) -> tuple[float, float]:
        """Where the claim holds: begin and length in percent."""
        at = self.axis.at(self.line)
        return (at, round(100 - at, 2)) if self.above else (0.0, at)
