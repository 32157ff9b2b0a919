"""Calls in forked processes return what they would here, in their order."""

from __future__ import annotations

import os
import sys

import pytest

from infomax_bench.forked import available_cores, in_parallel


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


def test_there_is_a_core():
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
