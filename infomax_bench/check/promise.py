"""A promise is a function that raises Broken with what it saw, or Skipped if it does not concern the plug-in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar


class Broken(AssertionError):
    """A promise that a plug-in does not keep, and what was seen instead."""


class Skipped(Exception):
    """A promise that does not concern this plug-in, and why."""


def hold(condition: bool, message: str) -> None:
    """Raises Broken unless `condition` holds."""
    if not condition:
        raise Broken(message)


Promise = TypeVar("Promise", bound=Callable[..., None])


def thorough(promise: Promise) -> Promise:
    """Marks a promise that takes long; `check --fast` leaves it out."""
    promise.thorough = True  # type: ignore[attr-defined]
    return promise
