"""What a run says it would do and take, before it begins; and what is remembered of what it took."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from infomax_bench.base.errors import UserError
from infomax_bench.base.packing import pack
from infomax_bench.base.places import user_cache
from infomax_bench.base.progress import in_time
from infomax_bench.base.store import Job, Store
from infomax_bench.cli.main import main
from infomax_bench.evaluations.declare import Pairwise
from infomax_bench.run import estimate as estimates
from infomax_bench.run.estimate import Estimate, estimate, in_bytes, in_words, packed
from infomax_bench.run.planned import planned
from infomax_bench.run.spent import known_prices, of_job, remembered
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.cell import Cell, Request
from infomax_bench.study.plan import Planner
from infomax_bench.study.plugins import Registry
from infomax_bench.study.suite import Suite
from tests.small_runs import go, suite_of

BENCHMARKS = ("redundancy", "convergence")
Asked = tuple[Registry, Suite, list[Benchmark]]


def estimated(asked_for: Asked, root: Path, *folders: Path) -> Estimate:
    """By what the cache and some folders tell."""
    plugins, suite, chosen = asked_for
    planner = Planner(plugins, "cpu")
    asked = planned(planner, suite, chosen, Store(root))
    return estimate(planner, asked, chosen, known_prices(planner, folders), 2)


def counts(found: Estimate, there: bool) -> dict[str, int]:
    return {line.part: line.there if there else line.jobs for line in found.lines}


def test_an_estimate_before_and_after_a_run(own, tmp_path, monkeypatch):
    """It writes nothing, counts what is there, and knows what was done: by the cache, and by the folder, packed too."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    root, other = tmp_path / "r", tmp_path / "other"
    asked_for = suite_of(own, benchmarks=BENCHMARKS)
    before = estimated(asked_for, root)
    assert not root.exists()
    assert not user_cache().exists()
    assert set(counts(before, there=True).values()) == {0}
    assert before.total.seconds > 0 == before.total.recorded
    assert "0 there: " in in_words(before, 2, root)

    go(own, root, benchmarks=BENCHMARKS, remembers=True)
    after = estimated(asked_for, root)
    assert counts(after, there=True) == counts(before, there=False)
    assert (after.total.seconds, after.disk, after.wall) == (0, 0, 0)
    assert in_words(after, 2, root).endswith(f"all there: nothing to run in {root}")

    took = _took(asked_for[0], root)
    for again in (estimated(asked_for, other), _forgotten(asked_for, other, root)):
        compared = again.lines[-1]
        assert compared.part == "comparisons"
        assert again.total.seconds - compared.seconds == pytest.approx(took, abs=0.05)
        assert again.total.recorded - compared.recorded == pytest.approx(took, abs=0.05)
        assert 1e8 < again.memory < 1e10
        assert counts(again, there=True) == counts(before, there=True)


def _took(plugins: Registry, root: Path) -> float:
    """CPU seconds of the trainings and evaluations of a folder."""
    store = Store(root)
    entries = {entry["key"]: entry for entry in store.manifest().values()}
    jobs = {
        key: store.read_job(key)
        for key, entry in entries.items()
        if not isinstance(plugins.evaluation(entry["request"]["evaluation"]), Pairwise)
    }
    training = {entries[key]["encoder_key"]: job.stamp["training_seconds"] for key, job in jobs.items()}
    return sum(job.stamp["cpu_seconds"] for job in jobs.values()) + sum(training.values())


def _forgotten(asked_for: Asked, other: Path, root: Path) -> Estimate:
    """By a packed folder, and a cache that is damaged; before, by one that another version writes, too."""
    pack(root)
    book = user_cache() / "prices.json"
    known, lines = remembered(), json.loads(book.read_text())
    assert len(known) > 4
    later = {**lines[0], "cell": {**lines[0]["cell"], "of_a_later_version": 1}}
    book.write_text(json.dumps([later, *lines]))
    assert remembered() == known, "one line that nobody understands costs no other"
    book.write_text(book.read_text()[:-5])
    assert remembered() == {}
    return estimated(asked_for, other, root)


def test_what_took_nothing_is_no_price_of_its_kin():
    """DCI of a data set without factors, say."""
    cell = Cell("echo", "tiny", 4, 2, 16)
    stamp = {"device": "cpu", "training_seconds": 2.0}
    for seconds, alone in ((0.0, True), (0.5, False)):
        records = of_job(cell, Request("dci"), 2, Job([], stamp={**stamp, "cpu_seconds": seconds}), disk=1)
        assert [record.alone for record in records] == [alone, False]


def test_what_older_jobs_say_of_training_is_found():
    """Their stamp has nothing of it, and a row has: the mapping of old columns says which."""
    cell = Cell("echo", "tiny", 4, 2, 16, settings=(("learning_rate", 0.1),))
    job = Job([{"seed": seed, "metric": "train_seconds", "value": 2.5} for seed in (0, 1)], seconds=3.0)
    job.stamp = {"device": "cpu", "n_parameters": 104}
    evaluation, training = of_job(cell, Request("training"), 2, job, disk=700)
    assert (evaluation.cost.seconds, evaluation.cost.disk, evaluation.cpu) == (3.0, 700, "")
    assert (training.cost.seconds, training.request, training.cell.settings) == (5.0, None, ())
    job.stamp |= {"training_seconds": 4.0, "cpu_seconds": "somebody else's", "peak_bytes": -1}
    evaluation, training = of_job(cell, Request("training"), 2, job, disk=700)
    assert (evaluation.cost.seconds, training.cost.seconds) == (3.0, 4.0)
    assert math.isnan(evaluation.cost.memory)
    job.status = "not applicable"
    [nothing] = of_job(cell, Request("training"), 2, job, disk=700)
    assert nothing.alone


def test_a_run_that_the_disk_has_no_room_for_is_refused_before_it_begins(own, tmp_path, monkeypatch):
    monkeypatch.setattr(estimates, "free_bytes", lambda root: 100.0)
    with pytest.raises(UserError, match=r"takes about \d+ kB of disk, and 0 kB are free; make room"):
        go(own, tmp_path / "r", benchmarks=["redundancy"])
    assert not (tmp_path / "r").exists()


def test_the_command_prints_a_line_for_each_part_and_one_in_total(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "110")  # tables fit the terminal
    monkeypatch.setattr("infomax_bench.run.spent.brought_results", lambda: [])
    monkeypatch.chdir(tmp_path)
    asked = ["--methods", "pca", "--datasets", "digits", "--seeds", "2", "--results", "r", "--jobs", "2"]
    assert main(["run", "redundancy", "width", "--dry-run", *asked]) == 0
    head, training, redundancy, width, total, tuning = capsys.readouterr().out.splitlines()
    assert head.split() == ["part", "jobs", "there", "core", "time", "recorded", "memory", "disk"]
    assert training.split()[:6] == ["training", "(blocks", "of", "encoders)", "2", "0"]
    assert redundancy.split()[:3] == ["redundancy", "1", "0"]
    assert width.split()[:3] == ["width", "4", "0"]
    assert total.startswith("5 jobs, 0 there: ")
    assert tuning.startswith("not part of it: 'infomax-bench tune --preset quick' would make ")
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == []


def test_tasks_are_taken_up_the_longest_first_by_whoever_is_free():
    assert packed([3.0, 1.0, 1.0, 1.0, 2.0], 2) == 4.0
    assert packed([3.0, 1.0], 1) == 4.0
    assert packed([], 3) == 0.0


def test_times_and_sizes_in_words():
    assert [in_time(s) for s in (0.2, 40, 700, 90_000)] == ["less than 1 s", "40 s", "12 min", "25.0 h"]
    assert [in_time(s, "about ") for s in (0.2, 40)] == ["less than 1 s", "about 40 s"]
    assert [in_bytes(n) for n in (300, 4.2e6, 42e6, 3.4e9, 340e9)] == ["0 kB", "4 MB", "42 MB", "3.4 GB", "340 GB"]
