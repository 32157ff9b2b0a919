"""What a preset gives to one benchmark alone: declared by the benchmark, written in its own table of `presets.toml`."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infomax_bench.base.errors import UserError, unknown

REQUIRED = object()
"""The default of what every preset has to say."""


@dataclass(frozen=True)
class Given:
    """A value of a preset that one benchmark reads.

    kind: its type: int, float, str, `tuple[T, ...]` for a list, or `dict[str, T]` by data set, of which one that the
    preset does not have gets the most that another has. help: what it says, in a few words. default: for presets that
    do not say it.
    """

    kind: Any
    help: str
    default: Any = REQUIRED

    @property
    def by_dataset(self) -> bool:
        """Whether it is a table by data set."""
        return typing.get_origin(self.kind) is dict


def read(kind: Any, value: Any) -> Any:
    """A value of TOML as `kind`. Raises TypeError if it is none."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is dict and isinstance(value, dict):
        return {str(name): read(inner[1], one) for name, one in value.items()}
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(read(inner[0], one) for one in value)
    if origin is None and isinstance(value, int | float if kind is float else kind) and not isinstance(value, bool):
        return kind(value)
    raise TypeError(f"{value!r} is no {in_words(kind)}")


def in_words(kind: Any) -> str:
    """A type, for a user."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is dict:
        return f"table by name, each a {in_words(inner[1])}"
    if origin is tuple:
        return f"list of {in_words(inner[0])}s"
    return {int: "whole number", float: "number", str: "text"}[kind]


def read_table(declared: Mapping[str, Given], table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """What a benchmark's table gives. where: the file and the table, for errors.

    Raises UserError, which names the key, for one that is not declared, is missing, or is of another kind.
    """
    for key in table:
        if key not in declared:
            raise UserError(f"{where}: {unknown('key', key, declared)}")
    found = {}
    for key, given in declared.items():
        value = table.get(key, given.default)
        if value is REQUIRED:
            raise UserError(f"{where}: {key} is missing ({given.help})")
        try:
            found[key] = read(given.kind, value)
        except TypeError as error:
            raise UserError(f"{where}: {key} is to be a {in_words(given.kind)}; {error}") from None
    return found
