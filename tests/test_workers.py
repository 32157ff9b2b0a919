"""Jobs on a Dask cluster of several processes: the numbers of a local run, whatever becomes of a worker."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from infomax_bench.errors import UserError
from infomax_bench.workers import Workers
from tests.small_runs import go, values, write_echo
from tests.test_repeatable import where

SLOW = """import time
        from pathlib import Path
        flag = Path(__file__).parent / "begun"
        first = not flag.exists()
        flag.touch()
        if first:
            time.sleep(60)  # whoever comes here first stays, until it is killed
        return (net.encoder(batch.images) - 1).square().mean((-2, -1))"""


@pytest.fixture(scope="module")
def cluster():
    from distributed import LocalCluster

    with LocalCluster(n_workers=3, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:
        yield cluster


def busy(cluster) -> list[str]:
    """Addresses of workers that have a job at hand."""
    return [address for address, worker in cluster.scheduler.workers.items() if worker.processing]


def test_a_cluster_gives_a_local_runs_numbers(own, tmp_path, cluster):
    local = go(own, tmp_path / "local")
    spread = go(own, tmp_path / "cluster", workers=Workers(scheduler=cluster.scheduler_address))
    assert spread.failures == []
    assert spread.n_jobs == local.n_jobs
    pd.testing.assert_frame_equal(values(local), values(spread))
    again = go(own, tmp_path / "cluster", workers=Workers(scheduler=cluster.scheduler_address))
    assert again.n_jobs == 0


def test_products_repeat_on_a_cluster(tmp_path, cluster):
    assert [steady for _, steady in Workers(scheduler=cluster.scheduler_address).map(where, range(6), tmp_path)] == [
        True
    ] * 6


def test_a_worker_that_is_killed_changes_nothing(own, tmp_path, cluster):
    write_echo(own, SLOW)
    killed = []

    def kill() -> None:
        """The process that waits in the slow method, once it does."""
        end = time.monotonic() + 60
        while time.monotonic() < end and not (own / "begun").exists():
            time.sleep(0.05)
        time.sleep(0.5)
        for worker in cluster.workers.values():
            if worker.worker_address in busy(cluster):
                killed.append(worker.process.pid)
                os.kill(worker.process.pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    spread = go(own, tmp_path / "cluster", workers=Workers(scheduler=cluster.scheduler_address))
    thread.join()
    assert killed
    assert spread.failures == []
    local = go(own, tmp_path / "local")
    pd.testing.assert_frame_equal(values(local), values(spread))


def test_nobody_at_the_address_is_one_line(monkeypatch):
    from infomax_bench import cluster

    monkeypatch.setattr(cluster, "CONNECT", 0.5)
    with pytest.raises(
        UserError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9 .*'dask scheduler' starts one"
    ):
        list(Workers(scheduler="tcp://127.0.0.1:9").map(str, [1], Path(".")))


def test_a_worker_that_does_not_see_the_results_is_named(cluster):
    with pytest.raises(UserError, match=r"worker tcp://.* does not see .*/nowhere"):
        list(Workers(scheduler=cluster.scheduler_address).map(str, [1], Path("/nowhere")))


def test_a_worker_with_threads_is_named(tmp_path):
    from distributed import LocalCluster

    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", dashboard_address=":0"
        ) as cluster,
        pytest.raises(UserError, match="--nthreads 1"),
    ):
        list(Workers(scheduler=cluster.scheduler_address).map(str, [1], tmp_path))
