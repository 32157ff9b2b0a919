"""What is recorded beside every job: what it was made on, and what it took."""

from __future__ import annotations

import os

from infomax_bench.base.packing import pack, unpack
from infomax_bench.base.store import Store
from infomax_bench.run.machine import forget_peak, make_of_cpu, peak_bytes
from infomax_bench.run.results import read_results
from tests.small_runs import go

TOOK = ("cpu", "cpu_seconds", "peak_bytes", "training_seconds", "encoder_bytes")


def test_jobs_record_what_they_took_and_the_make_of_cpu_packed_too(own, tmp_path):
    root = tmp_path / "r"
    go(own, root, methods=["echo"], benchmarks=["redundancy"])
    store = Store(root)
    [entry] = store.manifest().values()
    key, job = entry["key"], store.read_job(entry["key"])
    assert job.stamp["cpu"] == make_of_cpu() != ""
    assert 0 < job.stamp["cpu_seconds"] < 60
    assert job.stamp["training_seconds"] > 0
    assert 1 << 26 < job.stamp["peak_bytes"] < 1 << 36
    assert job.stamp["encoder_bytes"] == 4 * 2 * job.stamp["n_parameters"], "two seeds, no heads, of float32"
    assert set(read_results(root).table["cpu"]) == {make_of_cpu()}
    pack(root)
    assert not store.job_path(key).exists()
    assert Store(root).read_job(key).head() == job.head()
    assert set(read_results(root).table["cpu"]) == {make_of_cpu()}
    unpack(root)
    assert Store(root).read_job(key).head() == job.head()

    for name in TOOK:  # a job of before
        del job.stamp[name]
    store.write_job(key, job)
    assert Store(root).done(key), "what is unknown of it is no reason to make it again"
    assert set(read_results(root).table["cpu"]) == {""}


def test_the_peak_of_one_job_is_not_counted_for_the_next():
    bulk = bytearray(200 << 20)
    before = peak_bytes()
    del bulk
    forget_peak()
    fell = peak_bytes() < before - (150 << 20)
    assert fell or not os.access("/proc/self/clear_refs", os.W_OK)
