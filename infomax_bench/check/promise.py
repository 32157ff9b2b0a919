"""A promise is a function that raises Broken with what it saw, or Skipped if it does not concern the plug-in."""

from __future__ import annotations


class Broken(AssertionError):
    """A promise that a plug-in does not keep, and what was seen instead."""


class Skipped(Exception):
    """A promise that does not concern this plug-in, and why."""


def hold(condition: bool, message: str) -> None:
    """Raises Broken unless `condition` holds."""
    if not condition:
        raise Broken(message)
