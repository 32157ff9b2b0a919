"""How a row, or a whole job, came out."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Tables and files hold its text.

    OK: there is a value. FAILED: a fault, none of the method's. DIVERGED: training left the finite numbers, a result of
    the method. NOT_APPLICABLE: the method or the measure declares that it cannot do this.
    """

    OK = "ok"
    FAILED = "failed"
    DIVERGED = "diverged"
    NOT_APPLICABLE = "not applicable"


LOST = (Status.FAILED, Status.DIVERGED)
"""Where a value is missing that should be there."""
