"""Jobs in processes and on a Dask cluster: the numbers of a run in one process, whatever becomes of a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from infomax_bench.base.errors import UserError
from infomax_bench.run.workers import LOST, Workers
from tests.small_jobs import begin, end_if_first, leave, where
from tests.small_runs import go, values, write_echo

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


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_a_worker_of_another_version_is_named_before_it_has_a_job(cluster, tmp_path, monkeypatch):
    from infomax_bench.run import cluster as module
    from infomax_bench.run.versions import versions

    for name in ("infomax-bench", "torch"):
        monkeypatch.setattr(module, "versions", lambda name=name: {**versions(), name: "9.9"})
        with pytest.raises(UserError, match=rf"worker tcp://.* has {name} .* where the run has 9\.9; install the same"):
            list(Workers(scheduler=cluster.scheduler_address).map(begin, ["a"], tmp_path, tmp_path))
    assert list(tmp_path.iterdir()) == [], "no job was done, and nothing is left behind"


def test_a_worker_with_another_folder_of_that_name_is_named(cluster, tmp_path, monkeypatch):
    from infomax_bench.run import cluster as module

    @contextmanager
    def elsewhere(folder):
        yield "0123"  # a name that is not there, as where the folder is another machine's own

    monkeypatch.setattr(module, "_token", elsewhere)
    with pytest.raises(UserError, match=r"worker tcp://.* sees another folder at "):
        list(Workers(scheduler=cluster.scheduler_address).map(begin, ["a"], tmp_path, tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_comes_later_is_compared_too(tmp_path):
    from infomax_bench.run.cluster import _checked, _fault, _token
    from infomax_bench.run.versions import versions

    with _token(tmp_path) as token:
        assert _checked(versions(), tmp_path, token, len, "abc") == 3
        assert "another folder" in _fault(versions(), str(tmp_path.parent), token)
        assert "torch" in _fault({**versions(), "torch": "0"}, str(tmp_path), token)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_scheduler_that_ends_is_one_line(tmp_path):
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0") as own:
        jobs = Workers(scheduler=own.scheduler_address).map(begin, ["a", "b"], tmp_path, tmp_path, 60.0)
        threading.Thread(target=close_once_begun, args=(own, tmp_path)).start()
        with pytest.raises(UserError, match=r"the Dask scheduler at tcp://.* is gone; what was done is kept"):
            list(jobs)


def close_once_begun(cluster, folder: Path) -> None:
    wait_for(lambda: (folder / "a").exists())
    cluster.close(timeout=5)


def test_nobody_at_the_address_is_one_line(monkeypatch):
    from infomax_bench.run import cluster

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


# -- processes of this machine ---------------------------------------------------------------------------------------
def wait_for(condition, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_a_process_that_is_killed_costs_a_try(tmp_path):
    found = Workers(2).map(end_if_first, ["a", "b", "c"], tmp_path, tmp_path)
    assert sorted(found) == ["a", "b", "c"]


@pytest.mark.slow
def test_a_job_that_ends_every_process_is_given_up_and_the_others_are_done(tmp_path):
    found = Workers(2).map(leave, ["a", "b", "c"], tmp_path, tmp_path, lost=lambda name, why: f"{name} {why}")
    assert sorted(found) == ["a", f"b {LOST}", "c"]
    assert (tmp_path / "b").read_text() == "..."
    with pytest.raises(UserError, match="b: its process ended 3 times"):
        list(Workers(1, apart=True).map(leave, ["b"], tmp_path, tmp_path))


@pytest.mark.slow
def test_a_method_that_ends_its_process_is_recorded_and_stops_nobody(own, tmp_path, monkeypatch):
    from infomax_bench.run import workers

    monkeypatch.setattr(workers, "TRIES", 1)
    write_echo(own, "import os; os._exit(0)")
    done = go(own, tmp_path / "r", workers=Workers(1, apart=True), benchmarks=["redundancy"])
    assert done.failures == [f"echo on tiny, width 4: {LOST}"]
    assert done.results.table.groupby("method")["status"].unique().str[0].to_dict() == {"echo": "failed", "pca": "ok"}
    write_echo(own)
    again = go(own, tmp_path / "r", benchmarks=["redundancy"])
    assert (again.n_jobs, again.failures) == (1, []), "mended, it is run again"


@pytest.mark.parametrize("where", ["loss", "width", "heads", "fit"])
def test_a_method_that_ends_the_program_is_recorded_and_stops_nobody(own, tmp_path, where):
    write_echo(own, "raise SystemExit(0)" if where == "loss" else "pass")
    if where != "loss":
        text = (own / "echo.py").read_text()
        text = text.partition("    def loss")[0] if where == "fit" else text  # one of them says what it learns
        (own / "echo.py").write_text(f"{text}\n    def {where}(self, *_):\n        raise SystemExit(0)\n")
    done = go(own, tmp_path / "r", benchmarks=["redundancy"])
    assert "SystemExit" in done.failures[0]
    assert set(done.results.table.query("method == 'pca'")["status"]) == {"ok"}


@pytest.mark.parametrize("body", ["return 1 / 0", "return '8'", "return None", "return -1", "return 2.5"])
def test_a_width_that_is_none_costs_its_method_only(own, tmp_path, body):
    text = (own / "echo.py").read_text()
    (own / "echo.py").write_text(f"{text}\n    def width(self, problem):\n        {body}\n")
    done = go(own, tmp_path / "r", benchmarks=["redundancy"])
    assert [failure.startswith("echo: its width() ") for failure in done.failures] == [True]
    assert set(done.results.table["method"]) == {"pca"}


def test_a_process_newer_than_the_run_refuses_its_job(tmp_path, monkeypatch):
    """The project was edited, or replaced, while a run went on."""
    from infomax_bench.run import workers
    from infomax_bench.run.versions import versions

    monkeypatch.setattr(workers, "versions", lambda: {**versions(), "infomax-bench": "0.0"})
    with pytest.raises(UserError, match="the project was changed while the run went on"):
        list(Workers(1, apart=True).map(begin, ["a"], tmp_path, tmp_path))
    assert list(tmp_path.iterdir()) == []


ENDS = {"killed": signal.SIGKILL, "asked to end": signal.SIGTERM, "interrupted": signal.SIGINT}


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("how", ENDS)
def test_no_process_outlives_a_run(tmp_path, how):
    code = f"""
import signal
from dataclasses import replace
from infomax_bench.cli.main import COMMANDS, main
from infomax_bench.run.workers import Workers
from pathlib import Path
from tests.small_jobs import begin
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background of a shell would ignore it
folder = Path({str(tmp_path)!r})
begins = lambda _: list(Workers(2).map(begin, ["a", "b"], folder, folder, 600.0))
COMMANDS["list"] = replace(COMMANDS["list"], action=begins)
raise SystemExit(main(["list", "methods"]))
"""
    root = Path(__file__).parents[2]
    run = subprocess.Popen([sys.executable, "-c", code], cwd=root, stderr=subprocess.PIPE, text=True)
    files = [tmp_path / "a", tmp_path / "b"]
    wait_for(lambda: all(file.exists() and file.read_text() for file in files))
    run.send_signal(ENDS[how])
    _, said = run.communicate(timeout=20)
    wait_for(lambda: not any(is_alive(int(file.read_text())) for file in files), seconds=5)
    if how != "killed":
        assert run.returncode == 130
        assert said.strip().count("\n") == 0
        assert "interrupted" in said
