"""Hyperparameters: typed fields of a method, each with its default, the values that make sense and those a tuner tries.

A value is checked wherever it is set: by `--set`, by a file of tuned values, by the Python interface, in a constructor,
or by an assignment afterwards.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, dataclass_transform

from infomax_bench.base.errors import UserError

KINDS: Mapping[type, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
"""What a hyperparameter can be, and what it is called then."""


@dataclass(frozen=True)
class Interval:
    """The numbers from one end to the other, written as in mathematics: "[0, 1)" has 0 and not 1.

    Raises ValueError for what is no interval.
    """

    text: str
    low: float = dataclasses.field(init=False)
    high: float = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        found = re.fullmatch(r"[\[(]\s*([^\s,]+)\s*,\s*([^\s,]+)\s*[\])]", self.text)
        try:
            low, high = (float(end) for end in found.groups()) if found else (math.nan, math.nan)
        except ValueError:
            low = high = math.nan
        if not low < high:
            raise ValueError(f"{self.text!r} is no range of numbers such as '[0, 1)' or '(0, inf)'")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def __contains__(self, value: float) -> bool:
        above = self.low <= value if self.text[0] == "[" else self.low < value
        return above and (value <= self.high if self.text[-1] == "]" else value < self.high)

    def __str__(self) -> str:
        """As "at least 0 and below 1"."""
        low = f"{'at least' if self.text[0] == '[' else 'above'} {self.low:g}" if math.isfinite(self.low) else ""
        high = f"{'at most' if self.text[-1] == ']' else 'below'} {self.high:g}" if math.isfinite(self.high) else ""
        return " and ".join(end for end in (low, high) if end) or "any number"


def param(
    default: Any,
    *,
    help: str,
    valid: str = "",
    search: tuple[float, float] | tuple[Any, ...] | None = None,
    log: bool = False,
    choices: tuple[Any, ...] | None = None,
) -> Any:
    """A hyperparameter: its default and what it means.

    valid: the numbers that make sense, as in "[0, 1)" or "(0, inf)"; any other is refused. choices: instead, all that
    it may be. search: the range (or the values) that a tuner tries, a part of those; log: on a logarithmic scale.
    """
    interval = Interval(valid) if valid else None
    meta = {"help": help, "valid": interval, "search": search, "log": log, "choices": choices}
    return dataclasses.field(default=default, metadata=meta)


@dataclass_transform(kw_only_default=True, field_specifiers=(param,))
class Hyperparameters:
    """Makes every subclass a keyword-only dataclass of its annotated fields, whose values are checked.

    A plain value in the place of an inherited field, as in `centred = False`, is another default.

    Raises ValueError, when the subclass is made, for a default or a search range that is not valid; UserError, when a
    field is set, for a value of the wrong type or one that is not valid.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        annotated = inspect.get_annotations(cls)
        inherited: tuple[Any, ...] = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
        for field in inherited:
            if field.name in vars(cls) and field.name not in annotated:
                setattr(cls, field.name, dataclasses.field(default=vars(cls)[field.name], metadata=field.metadata))
                annotated[field.name] = field.type
        cls.__annotations__ = annotated
        dataclass(kw_only=True, repr=True, eq=True)(cls)
        for field in cls.parameters().values():
            for value in (field.default, *(field.metadata.get("search") or ())):
                problem = _invalid(value, field.metadata)
                if problem:
                    raise ValueError(f"{cls.__name__}.{field.name} {problem}: its default and search range lie there")

    def __setattr__(self, name: str, value: Any) -> None:
        own: Any = type(self)
        field = own.parameters().get(name)
        if field is not None:
            label = f"{getattr(self, 'name', '') or own.__name__}.{name}"
            value = _typed(label, value, _kind(own, name))
            problem = _invalid(value, field.metadata)
            if problem:
                raise UserError(f"{label} {problem}")
        super().__setattr__(name, value)

    @classmethod
    def parameters(cls) -> dict[str, dataclasses.Field[Any]]:
        """The hyperparameters' fields by name; `metadata` holds help, valid, search, log and choices."""
        made: Any = cls
        return {field.name: field for field in dataclasses.fields(made)}


@functools.cache
def _kind(cls: Any, name: str) -> Any:
    return typing.get_type_hints(cls)[name]


def kind_of(cls: Any, name: str) -> str:
    """What a field takes, in words: "a whole number"."""
    return _in_words(_kind(cls, name))


def _in_words(kind: Any) -> str:
    return KINDS.get(kind) or str(getattr(kind, "__name__", kind))


def _invalid(value: Any, meta: Mapping[str, Any]) -> str:
    """What is wrong with a value of the right type, or ""."""
    valid, choices = meta.get("valid"), meta.get("choices")
    if choices and value not in choices:
        return f"is one of {', '.join(map(str, choices))}, not {value!r}"
    if valid is not None and isinstance(value, int | float) and value not in valid:
        return f"is {valid}, not {value!r}"
    return ""


def _typed(label: str, value: Any, kind: type) -> Any:
    """A value, given as it is, as text, or as a number of numpy or torch. Raises UserError for one of another type."""
    taken = _in_words(kind)
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, str) and kind is not str:
        text = value.strip()
        try:
            value = {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
        except (KeyError, ValueError):
            raise UserError(f"{label} takes {taken}, not {value!r}") from None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise UserError(f"{label} takes {taken}, not {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{label} takes a finite number, not {value!r}")
    return value
