"""The main job on a small data set of its own: nothing is lost or done twice, and one method's trouble is its own."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
import weakref
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from infomax_bench.base.store import Job, Store
from infomax_bench.report.facts import UNVERIFIED, datasets
from infomax_bench.run import engine, machine
from infomax_bench.run.results import COLUMNS, read_results
from infomax_bench.run.runner import _Record
from infomax_bench.run.workers import Workers
from infomax_bench.study.cell import Cell, Request
from infomax_bench.study.plan import Planner
from infomax_bench.study.plugins import registry
from tests.small_runs import go, values, write_echo


def test_table_has_the_contract_columns_and_a_row_for_each_seed(own, tmp_path):
    done = go(own, tmp_path / "r")
    assert list(done.results.table.columns) == list(COLUMNS)
    on_disk = pd.read_csv(tmp_path / "r" / "measurements.csv")
    assert len(on_disk) == len(done.results.table)
    assert set(on_disk["seed"]) == {0, 1}
    assert set(on_disk["status"]) == {"ok"}
    assert on_disk["n_parameters"].unique().tolist() == [104]
    assert done.failures == []


def test_a_second_run_does_nothing_and_loads_no_data(own, tmp_path, monkeypatch):
    told = []
    first = go(own, tmp_path / "r", watch=lambda *how: told.append(how))
    assert [(done, of) for done, of, _ in told] == [(n, 8) for n in range(8 // len(told), 9, 8 // len(told))]
    assert told[0][2] > told[-1][2] == 0, "seconds are left while there is work"
    monkeypatch.setattr(engine, "run_task", lambda *_: pytest.fail("a job was run again"))
    second = go(own, tmp_path / "r")
    assert (first.n_jobs, second.n_jobs) == (8, 0)
    pd.testing.assert_frame_equal(values(first), values(second))


def test_an_interrupted_run_ends_with_the_numbers_of_an_uninterrupted_one(own, tmp_path, monkeypatch):
    whole = go(own, tmp_path / "whole")
    real, count = Store.write_job, []

    def interrupted(self, key, job):
        count.append(key)
        if len(count) == 3:
            raise KeyboardInterrupt
        real(self, key, job)

    monkeypatch.setattr(Store, "write_job", interrupted)
    with pytest.raises(KeyboardInterrupt):
        go(own, tmp_path / "cut")
    monkeypatch.undo()
    resumed = go(own, tmp_path / "cut")
    assert resumed.n_jobs == 6, "two of the eight jobs were there"
    pd.testing.assert_frame_equal(values(whole), values(resumed))


def test_processes_do_not_change_the_numbers(own, tmp_path):
    alone, two = go(own, tmp_path / "one"), go(own, tmp_path / "two", workers=Workers(2))
    pd.testing.assert_frame_equal(values(alone), values(two))


def test_editing_a_method_runs_that_method_only(own, tmp_path):
    before = go(own, tmp_path / "r")
    write_echo(own, comment="edited")
    after = go(own, tmp_path / "r")
    assert after.n_jobs == 4
    pd.testing.assert_frame_equal(values(before), values(after))


def test_more_seeds_are_added_to_those_that_are_there(own, tmp_path):
    five = go(own, tmp_path / "r", methods=["pca"], benchmarks=["redundancy"], seeds=5)
    ten = go(own, tmp_path / "r", methods=["pca"], benchmarks=["redundancy"], seeds=10)
    assert (five.n_jobs, ten.n_jobs) == (1, 1)
    assert sorted(ten.results.table["seed"].unique()) == list(range(10))


def test_a_method_that_throws_is_reported_and_stops_nobody(own, tmp_path):
    write_echo(own, "raise RuntimeError('the idea was bad')")
    done = go(own, tmp_path / "r")
    [(label, reason)] = done.results.failures
    assert label.startswith("echo")
    assert "the idea was bad" in reason
    table = done.results.table
    assert set(table.loc[table["method"] == "echo", "status"]) == {"failed"}
    assert set(table.loc[table["method"] == "pca", "status"]) == {"ok"}
    write_echo(own)
    assert go(own, tmp_path / "r").results.failures == [], "mended, it is run again"


def test_a_method_that_diverges_is_a_result(own, tmp_path):
    write_echo(own, "return net.encoder(batch.images).mean((-2, -1)) / 0.0")
    done = go(own, tmp_path / "r")
    assert [reason for _, reason in done.results.failures] == ["training diverged"]
    assert set(done.results.table.loc[done.results.table["method"] == "echo", "status"]) == {"diverged"}
    assert go(own, tmp_path / "r").n_jobs == 0, "it is not tried again"


def test_one_diverged_seed_leaves_the_others(own, tmp_path):
    body = """h = net.encoder(batch.images).square().mean((-2, -1))
        return h * torch.tensor([1.0, float("nan")])[: len(h)]"""
    write_echo(own, body)
    table = go(own, tmp_path / "r", methods=["echo"]).results.table
    assert set(table.loc[table["seed"] == 0, "status"]) == {"ok"}
    assert set(table.loc[table["seed"] == 1, "status"]) == {"diverged"}


def test_what_a_method_cannot_do_is_not_applicable(own, tmp_path):
    done = go(own, tmp_path / "r", methods=["pca"], widths=[50])
    assert done.results.failures == []
    assert {reason for _, reason in done.results.not_applicable} != set()
    assert set(done.results.table["status"]) == {"not applicable"}


def test_a_data_set_on_which_nothing_was_trained_is_told_with_the_reason(own, tmp_path):
    """Fewer images than a batch: the terminal says it, not the report alone."""
    done = go(own, tmp_path / "r", batch_size=128)
    assert done.results.untrained(["tiny"]) == [
        "no method was trained on tiny: 75 training images do not fill a batch of 128"
    ]
    assert go(own, tmp_path / "s").results.untrained(["tiny"]) == []


def test_what_no_checksum_vouches_for_is_called_unverified_in_the_report(own, tmp_path):
    """And stays so where the files are gone when the report is made again."""
    tiny = own / "tiny.py"
    known = tiny.read_text()
    for verified, expected in (("False", True), ("None", True), ("True", False)):
        tiny.write_text(f"{known}\n    verified = {verified}\n")
        done = go(own, tmp_path / "r", methods=["pca"], benchmarks=["cost"])
        assert [(UNVERIFIED in row[0]) for row in datasets(done.results)] == [expected]


def test_damaged_files_are_made_again(own, tmp_path):
    root = tmp_path / "r"
    before = go(own, root)
    job = next((root / "jobs").glob("*.json"))
    job.write_text(job.read_text().replace('"value": 0', '"value": 1', 1)[:-3])
    for encoder in (root / "encoders").glob("*"):
        encoder.write_bytes(encoder.read_bytes()[:100])
    after = go(own, root)
    assert after.n_jobs == 1
    pd.testing.assert_frame_equal(values(before), values(after))


def test_a_changed_number_in_a_job_is_noticed(tmp_path):
    store = Store(tmp_path)
    store.write_job("k", Job([{"seed": 0, "metric": "accuracy", "value": 0.5}]))
    path = store.job_path("k")
    path.write_text(path.read_text().replace("0.5", "0.9"))
    assert store.read_job("k") is None
    assert "checksum" in store.warnings[0]


def test_rows_of_other_code_are_marked(own, tmp_path):
    go(own, tmp_path / "r")
    write_echo(own, comment="edited")
    done = go(own, tmp_path / "r", methods=["pca"])
    current = done.results.table.groupby("method")["current"].all()
    assert current.to_dict() == {"echo": False, "pca": True}


def test_foreign_targets_of_one_file_are_told_apart():
    planner = Planner(registry(), "cpu")
    cell = Cell("pca", "digits", 8, 1, 32)
    keys = {planner.key(cell, Request("probe", target), (0,)) for target in (None, "sprites", "sprites:coarse")}
    assert len(keys) == 3


def test_of_a_number_that_two_requests_asked_for_the_current_one_counts(own, tmp_path):
    root = tmp_path / "r"
    go(own, root, methods=["echo"], benchmarks=["redundancy"])
    store = Store(root)
    slot, entry = next(iter(store.manifest().items()))
    job = store.read_job(entry["key"])
    store.write_job("0" * 24, replace(job, rows=[{**row, "value": -1.0} for row in job.rows]))
    old = {**entry, "key": "0" * 24, "current": False}
    store.update_manifest(lambda manifest: {**manifest, slot + "|old": old})
    table = read_results(root).table
    assert (table["value"] != -1.0).all()
    assert len(table) == len(job.rows)


@pytest.mark.slow
def test_seeds_that_do_not_fit_together_are_evaluated_apart_with_the_same_numbers(own, tmp_path, monkeypatch):
    together = go(own, tmp_path / "together", seeds=5)
    monkeypatch.setattr(engine, "AT_ONCE", 2 * 120 * 4)  # two seeds' features of 120 images at width 4
    apart = go(own, tmp_path / "apart", seeds=5)
    assert [len(g) for g in engine.seed_groups(5, 120 * 4)] == [2, 2, 1]
    by = ["benchmark", "method", "metric", "protocol", "x", "seed"]
    one, other = (values(done).sort_values(by, ignore_index=True) for done in (together, apart))
    pd.testing.assert_frame_equal(one, other, rtol=1e-3)


def test_features_are_let_go_once_their_seeds_are_evaluated(own, tmp_path, monkeypatch):
    """Even where what evaluations share refers to itself: else a run would need the features of all seeds at once."""
    made, alive = engine.context_for, []

    def watched(*arguments):
        assert all(features() is None for features in alive)
        context = made(*arguments)
        context.cache["itself"] = context
        alive.append(weakref.ref(context.set.features))
        return context

    monkeypatch.setattr(engine, "context_for", watched)
    monkeypatch.setattr(engine, "AT_ONCE", 120 * 4)
    gc.disable()
    try:
        done = go(own, tmp_path / "r", methods=["echo"], benchmarks=["redundancy"], seeds=3)
    finally:
        gc.enable()
    assert len(alive) == 3
    assert done.failures == []


@pytest.mark.slow
def test_a_run_records_its_time_its_memory_and_its_machine(own, tmp_path):
    go(own, tmp_path / "r", workers=Workers(2))
    (did,) = json.loads((tmp_path / "r" / "run.json").read_text())["runs"]
    assert did["jobs"] == 8
    assert did["seconds"] > 0
    assert 0.2 < did["peak_gib"] < 16
    assert " cores, " in did["machine"]


def test_workers_that_were_replaced_are_not_counted_with_those_that_replaced_them(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "peak_bytes", lambda: 1 << 30)
    record = _Record(tmp_path, 0.0, n_workers=2)
    for worker, gib in ((-1, 1), (-2, 2), (-1, 1), (-3, 1), (-4, 1), (-3, 2)):
        record.add(engine.Outcome(SimpleNamespace(wanted=(), cost=1.0), worker=worker, peak_bytes=gib << 30))
    assert record.peak == 4 << 30  # 1 and 2 with this process; and 2 and 1


def test_a_run_in_pieces_took_the_sum_of_their_seconds(own, tmp_path):
    class Stopped(Workers):
        def map(self, *arguments, **named):
            yield next(super().map(*arguments, **named))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(own, tmp_path / "r", workers=Stopped())
    go(own, tmp_path / "r")
    info = json.loads((tmp_path / "r" / "run.json").read_text())
    first, second = info["runs"]
    assert 0 < first["jobs"] < 8
    assert first["jobs"] + second["jobs"] == 8
    assert info["seconds"] == pytest.approx(first["seconds"] + second["seconds"], abs=0.11)


def test_a_partial_folder_can_be_read(own, tmp_path):
    root = tmp_path / "r"
    go(own, root)
    gone = sorted((root / "jobs").glob("*.json"))[:3]
    for path in gone:
        path.unlink()
    assert len(read_results(root).missing) == 3


def test_a_killed_run_goes_on(own, tmp_path):
    """Killed with no chance to tidy up, and started again, it ends as one that was left alone."""
    options = {"methods": ["echo", "pca", "random_features", "infomax_em"], "benchmarks": ["redundancy"]}
    left_alone = go(own, tmp_path / "a", **options)
    root = tmp_path / "b"
    code = f"from tests.run.test_runner import go, Path; go(Path({str(own)!r}), Path({str(root)!r}), **{options!r})"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2], start_new_session=True)
    while process.poll() is None and not list((root / "jobs").glob("*.json")):
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    pd.testing.assert_frame_equal(values(left_alone), values(go(own, root, **options)))


def test_an_unreachable_data_set_stops_the_run_before_anything_starts(own, tmp_path, monkeypatch):
    from infomax_bench.base.errors import UserError

    tiny = (own / "tiny.py").read_text()
    body = "from infomax_bench import UserError\n        raise UserError('it cannot be had')\n"
    (own / "tiny.py").write_text(tiny.replace("rng = torch", f"{body}        rng = torch", 1))
    monkeypatch.setattr(engine, "run_task", lambda *_: pytest.fail("a job was started"))
    with pytest.raises(UserError, match="it cannot be had"):
        go(own, tmp_path / "r")


def test_what_needs_no_unreachable_data_set_is_run(own, tmp_path):
    """A missing download costs what is asked of it and no more, and is told."""
    tiny = (own / "tiny.py").read_text()
    body = "from infomax_bench import UserError\n        raise UserError('it cannot be had')\n"
    gone = tiny.replace("rng = torch", f"{body}        rng = torch", 1).replace("class Tiny", "class Gone")
    (own / "gone.py").write_text(gone)
    done = go(own, tmp_path / "r", methods=["pca"], datasets=["tiny", "gone"], benchmarks=["transfer", "cost"])
    assert done.failures == ["without gone: it cannot be had"]
    assert set(done.results.table["dataset"]) == {"tiny"}
    assert set(done.results.table["target"]) == {"tiny"}
    assert {entry["cell"]["dataset"] for entry in done.results.missing} == {"tiny", "gone"}


def test_methods_come_from_installed_packages_too(own, monkeypatch):
    from infomax_bench.study import plugins

    class Entry:
        name, value = "echo", "package:Echo"

        @staticmethod
        def load() -> type:
            return plugins.load_file(own / "echo.py")[1]["echo"]

    monkeypatch.setattr(plugins, "entry_points", lambda group: [Entry()] if group.endswith("methods") else [])
    plugins._registry.cache_clear()
    assert registry().method("echo").card.family == "test"
    plugins._registry.cache_clear()


@pytest.mark.slow
def test_a_run_at_another_width_leaves_the_verdicts_alone(own, tmp_path):
    """The folder then holds rows of two widths; claims are about the suite's."""
    root = tmp_path / "r"
    go(own, root, widths=[4], methods=["echo", "infomax_em", "pca"])
    both = go(own, root, widths=[8], methods=["echo", "infomax_em", "pca"])
    alone = go(own, tmp_path / "alone", widths=[8], methods=["echo", "infomax_em", "pca"])
    assert [v.as_json() for v in both.verdicts] == [v.as_json() for v in alone.verdicts]


@pytest.mark.slow
def test_a_data_set_that_only_others_have_leaves_the_verdicts_alone(own, tmp_path):
    root = tmp_path / "r"
    before = go(own, root, methods=["echo", "infomax_em"])
    go(own, root, methods=["echo"], datasets=["digits"])
    after = go(own, root, methods=["echo", "infomax_em"])
    assert [v.as_json() for v in before.verdicts] == [v.as_json() for v in after.verdicts]


def test_better_than_all_needs_all(own, tmp_path):
    """Rivals that were not run are named, and nothing is supported without them."""
    done = go(own, tmp_path / "r", methods=["echo", "infomax_em"], seeds=5, benchmarks=["redundancy"])
    assert "autoencoder" in done.verdicts[0].missing
    assert {v.verdict for v in done.verdicts} <= {"inconclusive", "refuted"}


def test_fewer_seeds_never_replace_more(own, tmp_path):
    go(own, tmp_path / "r", methods=["pca"], seeds=5)
    done = go(own, tmp_path / "r", methods=["pca"], seeds=3)
    assert done.n_jobs == 0
    assert sorted(done.results.table["seed"].unique()) == [0, 1, 2, 3, 4]


def test_another_budget_is_marked(own, tmp_path):
    go(own, tmp_path / "r", epochs=1)
    done = go(own, tmp_path / "r", methods=["pca"])
    assert done.results.table.groupby("method")["current"].all().to_dict() == {"echo": False, "pca": True}


def test_a_flipped_bit_in_an_encoder_is_noticed(own, tmp_path):
    from infomax_bench.training.frozen import Encoder

    go(own, tmp_path / "r", methods=["pca"])
    path = next((tmp_path / "r" / "encoders").glob("*"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="checksum"):
        Encoder.load(path, registry().get("methods", "pca").cls)
