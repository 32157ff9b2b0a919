"""A product has the same bits wherever its matrices lie, in every process that does jobs; what is asked of MKL."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch

import infomax_bench as ib
from infomax_bench.base import repeatable
from infomax_bench.base.repeatable import ALIGNMENTS, VARIABLE, products_of
from infomax_bench.run.engine import one_job
from infomax_bench.run.machine import machine
from infomax_bench.run.workers import Workers
from tests.small_jobs import where

SHAPES = [(7, 13, 3), (1, 784, 64), (784, 1, 64), (100, 100, 1), (257, 129, 33), (128, 784, 64), (2000, 65, 10)]
"""Odd ones, rows and columns, and some that are large enough for oneDNN where that multiplies faster."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("within", [one_job, nullcontext])
def test_a_product_has_the_same_bits_at_sixteen_alignments(within: Callable, shape, dtype):
    m, k, n = shape
    stream = torch.Generator().manual_seed(0)
    a, b = (torch.randn(*size, generator=stream, dtype=dtype) for size in ((m, k), (k, n)))
    with within():
        first, *others = (products_of(a, b, place) for place in range(ALIGNMENTS))
    for other in others:
        assert [torch.equal(x, y) for x, y in zip(first, other, strict=True)] == [True] * len(first)
    torch.testing.assert_close(first[0], (a.double() @ b.double()).to(dtype), rtol=1e-4, atol=1e-4)


def test_this_process_repeats_and_says_how():
    assert repeatable.repeats()
    expected = os.environ[VARIABLE] if torch.backends.mkl.is_available() else "repeat as they are"
    assert machine()["products"].endswith(expected)


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        (None, "AUTO,STRICT"),
        ("", "AUTO,STRICT"),
        ("OFF", "AUTO,STRICT"),
        ("AVX2", "AVX2,STRICT"),
        ("auto,strict", "AUTO,STRICT"),
        ("COMPATIBLE", "COMPATIBLE"),
        ("SSE4_2", "AUTO,STRICT"),
    ],
)
def test_what_is_asked_of_mkl(given, asked, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    if given is not None:
        monkeypatch.setenv(VARIABLE, given)
    repeatable.ask()
    assert os.environ[VARIABLE] == asked


@pytest.mark.parametrize("jobs", [1, 2])
def test_jobs_are_done_where_products_repeat(jobs):
    assert [steady for _, steady in Workers(jobs).map(where, [1, 2], "unused")] == [True, True]


def by_python() -> list:
    """What somebody gets who trains, probes and looks at features in Python."""
    encoder = ib.pretrain("infomax_em", "digits", width=5, epochs=1, seeds=2)
    rows = ib.probe(encoder, "digits")
    features, labels = ib.features(encoder, "digits")
    return [{**encoder.params, "features": features}, encoder.seeds, labels.tolist(), rows.to_json()]


LATE = """
import os, sys, torch
torch.ones(9, 9) @ torch.ones(9, 9)
from infomax_bench.base import repeatable
from infomax_bench.run.workers import Workers
from tests.base.test_repeatable import by_python
from tests.small_jobs import where
assert not repeatable.repeats()
assert repeatable.in_words() == "do not repeat bit for bit"
[(pid, repeats)] = Workers(1).map(where, [1], "unused")
assert pid != os.getpid() and repeats
try:
    list(Workers(1).map(where, [-1], "unused"))
except ValueError as error:
    print("raised", error)
torch.save(by_python(), sys.argv[1])
"""


@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="there is no MKL whose mode could be wrong")
@pytest.mark.slow
def test_who_has_multiplied_before_is_told_once_and_has_the_same_bits_from_other_processes(tmp_path):
    """Jobs, training, probes and features: each moves to a fresh process, and its numbers are this process's, where
    the package came first."""
    environment = {k: v for k, v in os.environ.items() if k != VARIABLE}
    command = [sys.executable, "-c", LATE, str(tmp_path / "late")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (0, "raised a negative item\n"), done.stderr
    assert done.stderr.count("matrices were multiplied here before") == 1
    (first, *rest), (late, *others) = by_python(), torch.load(tmp_path / "late")
    assert rest == others
    assert all(torch.equal(p, late[name]) for name, p in first.items())
