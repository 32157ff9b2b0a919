"""Calls in forked processes return what they would here, in their order."""

from __future__ import annotations

import gc
import os
import signal
import sys

import pytest

from infomax_bench.base.errors import UserError
from infomax_bench.base.forked import held, in_parallel


def test_results_come_in_order_and_from_other_processes():
    held = {"x": [1, 2, 3]}  # what is not sent but shared
    found = in_parallel([lambda i=i: (held["x"][i], os.getpid()) for i in range(3)], 2)
    assert [value for value, _ in found] == [1, 2, 3]
    if sys.platform == "linux":
        assert os.getpid() not in {process for _, process in found}


def test_one_process_is_this_one():
    assert in_parallel([os.getpid, os.getpid], 1) == [os.getpid()] * 2
    assert in_parallel([], 2) == []


def test_what_is_raised_is_raised_here():
    with pytest.raises(ZeroDivisionError):
        in_parallel([lambda: 1, lambda: 1 / 0], 2)
    assert in_parallel([lambda: 1, lambda: 2], 2) == [1, 2]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
def test_a_process_that_is_killed_is_no_endless_wait():
    with pytest.raises(UserError, match="was killed twice"):
        in_parallel([lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: 1], 2)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
def test_a_process_that_is_killed_once_costs_nothing_but_time(tmp_path):
    def end_if_first() -> int:
        if not (tmp_path / "flag").exists():
            (tmp_path / "flag").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 2

    assert in_parallel([lambda: 1, end_if_first], 2) == [1, 2]


def test_what_is_held_is_not_looked_through_for_garbage():
    """Reading a documented run takes half a second less; errors leave nothing switched off."""
    before = gc.get_freeze_count()
    try:
        with pytest.raises(UserError, match="looked for: True"), held():
            raise UserError(f"no garbage is looked for: {not gc.isenabled()}")
        assert gc.isenabled()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
