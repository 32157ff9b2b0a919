"""The errors a user can cause. The command line prints each as one line and exits with status 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Bad input: the message names the culprit and the fix, in one line."""


class NotApplicable(Exception):
    """A combination that a method or measure declares it cannot do; shown as such, never an error."""


class Faulty(Exception):
    """A method whose own code fails before anything of it is run; it costs that method only."""


class Diverged(Exception):
    """Training left the finite numbers; recorded as a result of the method."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that is not there, with the nearest one that is."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
    return UserError(f"unknown {kind} {name!r}; {hint}")
