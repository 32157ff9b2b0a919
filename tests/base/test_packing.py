"""Packed results: whatever jobs say comes back, a loose job goes before a packed one, and no row is lost in silence,
whichever file is damaged and whenever a process is killed."""

from __future__ import annotations

import json
import math
import random
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infomax_bench.base import packing
from infomax_bench.base.errors import UserError
from infomax_bench.base.packed import Packed, index_path
from infomax_bench.base.packing import pack, unpack
from infomax_bench.base.sealed import copy_of
from infomax_bench.base.status import Status
from infomax_bench.base.store import Job, Store
from infomax_bench.cli.main import main
from infomax_bench.run.results import read_results
from infomax_bench.study.plugins import home
from tests.small_runs import go, values


def entry(key: str, dataset: str = "one", seeds=(0, 1)) -> dict:
    cell = {"method": key, "dataset": dataset, "track": "controlled", "backbone": "linear", "width": 4, "depth": 1}
    cell |= {"label": "", "tags": []}
    request = {"evaluation": "probe", "target": None, "options": []}
    return {"benchmark": "b", "key": key, "cell": cell, "request": request, "seeds": list(seeds)}


def folder(root: Path, jobs: dict[str, Job], datasets=("one",)) -> Store:
    """A results folder that lists the jobs, of one data set after another."""
    store = Store(root)
    for key, job in jobs.items():
        store.write_job(key, job)
    entries = {key: entry(key, datasets[i % len(datasets)]) for i, key in enumerate(jobs)}
    store.update_manifest(lambda _: entries)
    return Store(root)


def told(job: Job | None) -> str:
    """All that a job says, to the last bit and the order of names."""
    return json.dumps(job and vars(job))


numbers = st.none() | st.floats() | st.integers() | st.sampled_from(["3.5", "1e3", True, 2**53, -0.0, 10**300])
texts = st.text() | st.sampled_from(["ok", "failed", "caf\udce9", "\\udce9", "a\0b"])
optional = dict.fromkeys(("protocol", "other", "status", "reason"), texts)
optional |= {"x": numbers, "more": st.none() | numbers | texts, "lists": st.lists(st.integers(0, 3))}
rows = (
    st.fixed_dictionaries({"seed": st.sampled_from([0, 1]), "metric": texts, "value": numbers}, optional=optional)
    .flatmap(lambda row: st.permutations(list(row.items())))
    .map(dict)
)
jobs = st.builds(
    Job,
    st.lists(rows, max_size=5),
    status=st.sampled_from(Status),
    reason=texts,
    retry=st.booleans(),
    seconds=st.floats(0, 1e9),
    stamp=st.dictionaries(st.text(), texts | st.integers()),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(jobs, min_size=1, max_size=4))
def test_every_job_comes_back_packed_and_unpacked(tmp_path_factory, written):
    root = tmp_path_factory.mktemp("r")
    store = folder(root, {f"{i:x}": job for i, job in enumerate(written)})
    before = {key: told(store.read_job(key)) for key in store.manifest()}
    assert "null" not in before.values()
    manifest = store.manifest()
    assert pack(root).jobs == len(before)
    assert not (root / "jobs").exists()
    assert {key: told(store.read_job(key)) for key in store.manifest()} == before
    unpack(root)
    assert not index_path(root).parent.exists()
    assert {key: told(store.read_job(key)) for key in store.manifest()} == before
    assert (store.manifest(), store.warnings) == (manifest, [])


def test_a_part_that_is_packed_beside_leaves_what_is_packed_as_it_is(tmp_path):
    """A repository keeps every version of a file: each job is to be in one. Without being asked for, all are folded."""
    rows = [{"seed": 0, "metric": "m", "value": 1.0}]
    folder(tmp_path, {key: Job(rows) for key in ("a", "b")}, ("one", "two"))
    pack(tmp_path, beside=True)
    first = {path.name for path in index_path(tmp_path).parent.glob("*.rows.*")}
    store = Store(tmp_path)
    for key in ("c", "d"):
        store.write_job(key, Job(rows, arrays=store.write_arrays(key, {"x": np.arange(3)})))
    store.update_manifest(lambda old: {**old, "c": entry("c", "one"), "d": entry("d", "three")})
    assert pack(tmp_path, beside=True).jobs == 4
    second = {path.name for path in index_path(tmp_path).parent.glob("*.rows.*")}
    assert first < second
    assert len(second) == 4
    again = Store(tmp_path)
    assert [len(again.read_job(key).rows) for key in "abcd"] == [1] * 4
    assert [again.packed.arrays(key)["x"].tolist() for key in "cd"] == [[0, 1, 2]] * 2
    assert not (tmp_path / "jobs").exists()
    assert pack(tmp_path, beside=True).jobs == 4, "nothing new"
    assert {path.name for path in index_path(tmp_path).parent.glob("*.rows.*")} == second
    again.write_job("a", Job([*rows, *rows]))  # made again: in two parts it would be there twice
    pack(tmp_path, beside=True)
    assert len(Store(tmp_path).read_job("a").rows) == 2
    assert len([part for part in Store(tmp_path).packed.parts if part.kind == "rows"]) == 3


@pytest.mark.slow
def test_jobs_of_the_documented_run_come_back(tmp_path):
    """A hundred of each data set, those with what they keep among them."""
    real = Store(home() / "results" / "standard")
    drawn = random.Random(0).sample(sorted(real.manifest().items()), 400)
    store = Store(tmp_path)
    for _, one in drawn:
        job = real.read_job(one["key"], one["seeds"])
        assert job is not None
        if job.arrays:
            job.arrays = store.write_arrays(one["key"], real.read_arrays(one["key"], job.arrays))
        store.write_job(one["key"], job)
    store.update_manifest(lambda _: dict(drawn))
    shutil.copy(real.root / "run.json", tmp_path)
    table = read_results(tmp_path).table
    files = {path.name: path.read_bytes() for path in (tmp_path / "jobs").iterdir()}
    assert any(name.endswith(".npz") for name in files)
    said = {one["key"]: told(store.read_job(one["key"])) for _, one in drawn}
    pack(tmp_path)
    assert {key: told(store.read_job(key)) for key in said} == said
    pd.testing.assert_frame_equal(read_results(tmp_path).table, table)
    unpack(tmp_path)
    assert {path.name: path.read_bytes() for path in (tmp_path / "jobs").iterdir()} == files


# -- loose and packed ------------------------------------------------------------------------------------------------
def job(value: float, **more) -> Job:
    return Job([{"seed": seed, "metric": "accuracy", "value": value} for seed in (0, 1)], **more)


def value(store: Store, key: str) -> float:
    return store.read_job(key).rows[0]["value"]


def test_a_loose_job_goes_before_a_packed_one_and_is_folded_in(tmp_path):
    store = folder(tmp_path, {"a": job(0.1), "b": job(0.2), "c": job(0.3)}, ("one", "two"))
    pack(tmp_path)
    parts = {path.name for path in index_path(tmp_path).parent.glob("*.parquet")}
    store.write_job("b", job(0.9))
    assert [value(store, key) for key in "abc"] == [0.1, 0.9, 0.3]
    pack(tmp_path)
    assert [value(store, key) for key in "abc"] == [0.1, 0.9, 0.3]
    assert not (tmp_path / "jobs").exists()
    after = {path.name for path in index_path(tmp_path).parent.glob("*.parquet")}
    assert {name.split(".")[0] for name in parts - after} == {"two"}, "a part that nothing changed stays"
    assert len(after) == len(parts)


def test_a_damaged_loose_job_is_read_packed(tmp_path):
    store = folder(tmp_path, {"a": job(0.1)})
    pack(tmp_path)
    store.write_job("a", job(0.9))
    store.job_path("a").write_text("{")
    assert value(store, "a") == 0.1
    assert "is damaged and is read packed" in store.warnings[0]


def test_arrays_are_bound_to_their_job(tmp_path):
    """Those of a job that was made again are not those that are packed."""
    store = folder(tmp_path, {})
    kept = store.write_arrays("a", {"z": np.arange(3), "b": np.array(["x", "yy"])})
    file = store.arrays_path("a").read_bytes()
    store.write_job("a", job(0.1, arrays=kept))
    store.update_manifest(lambda _: {"a": entry("a")})
    pack(tmp_path)
    assert store.done("a")
    read = store.read_arrays("a", kept)
    assert [(name, array.tolist()) for name, array in read.items()] == [("z", [0, 1, 2]), ("b", ["x", "yy"])]
    store.write_job("a", job(0.1, arrays="another"))
    assert not store.done("a")
    store.job_path("a").unlink()
    unpack(tmp_path)
    assert store.arrays_path("a").read_bytes() == file


def test_jobs_that_no_result_lists_are_loose_again(tmp_path):
    store = folder(tmp_path, {"a": job(0.1), "b": job(0.2)})
    pack(tmp_path)
    store.update_manifest(lambda manifest: {"a": manifest["a"]})
    assert "1 jobs are loose again" in pack(tmp_path).lines[0]
    assert [path.stem for path in (tmp_path / "jobs").iterdir()] == ["b"]
    assert [value(store, key) for key in "ab"] == [0.1, 0.2]


def test_a_job_of_other_seeds_is_not_believed(tmp_path):
    store = folder(tmp_path, {"a": job(0.1)})
    pack(tmp_path)
    assert store.done("a", (0, 1))
    assert not store.done("a", (5, 6))
    assert store.read_job("a", (5, 6)) is None
    assert "made again" in store.warnings[0]


def test_a_job_whose_seed_is_no_number_stays_loose(tmp_path):
    store = folder(tmp_path, {"a": job(0.1), "b": Job([{"seed": 1.0, "metric": "m", "value": 1}])})
    assert "stays as it is" in pack(tmp_path).lines[0]
    assert store.read_job("b").rows == [{"seed": 1.0, "metric": "m", "value": 1}]
    assert [path.stem for path in (tmp_path / "jobs").iterdir()] == ["b"]


# -- damage and death ------------------------------------------------------------------------------------------------
def test_flipped_bits_are_refused_or_change_nothing(tmp_path):
    store = folder(tmp_path, {"a": job(0.1), "b": job(0.2)}, ("one", "two"))
    pack(tmp_path)
    before = {key: told(store.read_job(key)) for key in "ab"}
    draw, refused = random.Random(0), []
    for path in sorted(index_path(tmp_path).parent.iterdir()):
        whole = path.read_bytes()
        for _ in range(20):
            content = bytearray(whole)
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
            path.unlink()  # the file that is open stays as it was
            path.write_bytes(content)
            index_path(tmp_path).touch()  # or what is open is read
            damaged = Store(tmp_path)
            try:
                assert {key: told(damaged.read_job(key)) for key in damaged.manifest()} == before
            except UserError as error:
                refused.append(f"{path} is damaged" in str(error) and "\n" not in str(error))
        path.unlink()
        path.write_bytes(whole)
    assert refused == [True] * 60, "of three parts; the index has a copy"
    copy_of(index_path(tmp_path)).unlink()  # as in a clone
    index_path(tmp_path).write_text("{")
    with pytest.raises(UserError, match=r"index\.json is damaged .*restore it"):
        Store(tmp_path).manifest()


def test_a_part_that_is_gone_is_said_and_its_jobs_are_missing(tmp_path):
    folder(tmp_path, {"a": job(0.1), "b": job(0.2)}, ("one", "two"))
    pack(tmp_path)
    next(index_path(tmp_path).parent.glob("two.rows.*")).unlink()
    index_path(tmp_path).touch()
    store = Store(tmp_path)
    assert (store.done("a"), store.done("b")) == (True, False)
    assert "is missing, and with it the rows of 1 jobs" in store.warnings[0]
    with pytest.raises(UserError, match="is missing"):
        pack(tmp_path)
    store.write_job("b", job(0.2))  # made anew
    pack(tmp_path)
    assert [value(Store(tmp_path), key) for key in "ab"] == [0.1, 0.2]


@pytest.mark.parametrize("step", ["_pack_manifest", "write_twice", "_remove", "_tidy"])
def test_a_pack_that_is_killed_leaves_every_job(tmp_path, monkeypatch, step):
    store = folder(tmp_path, {"a": job(0.1), "b": job(0.2)}, ("one", "two"))
    pack(tmp_path)
    store.write_job("a", job(0.9))
    with monkeypatch.context() as patch:
        patch.setattr(packing, step, lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pack(tmp_path)
    assert [value(Store(tmp_path), key) for key in "ab"] == [0.9, 0.2]
    pack(tmp_path)
    assert [value(Store(tmp_path), key) for key in "ab"] == [0.9, 0.2]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "packed"]
    assert len(list(index_path(tmp_path).parent.iterdir())) == 5, "two data sets, the manifest, the index and its copy"


def test_who_reads_while_another_packs_has_all_of_one_state(tmp_path):
    store = folder(tmp_path, {"a": job(0.1), "b": job(0.2)})
    pack(tmp_path)
    reading = store.packed
    store.write_job("a", job(0.9))
    pack(tmp_path)
    assert [reading.job(key).rows[0]["value"] for key in "ab"] == [0.1, 0.2]
    assert [value(store, key) for key in "ab"] == [0.9, 0.2]


def test_nothing_to_pack_is_one_line(tmp_path):
    with pytest.raises(UserError, match="holds no results"):
        pack(tmp_path)
    with pytest.raises(UserError, match="nothing is packed"):
        unpack(tmp_path)


# -- runs and commands -----------------------------------------------------------------------------------------------
def test_a_run_on_packed_results_does_what_is_missing_and_writes_it_beside(own, tmp_path, capsys, monkeypatch):
    """Galleries and what comparisons need are packed too; the table is the same, and what is exported."""
    root = tmp_path / "results" / "r"
    first = go(own, root, benchmarks=["interpretability", "convergence"])
    table = (root / "measurements.csv").read_bytes()
    monkeypatch.chdir(tmp_path)
    assert main(["pack"]) == 0
    assert "jobs in 4 files" in capsys.readouterr().out
    again = go(own, root, benchmarks=["interpretability", "convergence"])
    assert again.n_jobs == 0
    assert not (root / "jobs").exists()
    assert not (root / "manifest.json").exists()
    pd.testing.assert_frame_equal(values(again), values(first))
    assert sorted(again.results.arrays) == sorted(first.results.arrays)
    kept = again.results.arrays["gallery"]["echo", "tiny", 4]()
    assert "log_loss" in kept
    (root / "measurements.csv").unlink()
    assert main(["export"]) == 0
    assert (root / "measurements.csv").read_bytes() == table
    more = go(own, root, benchmarks=["interpretability", "convergence"], seeds=6)
    assert more.n_jobs > 0
    loose = len(list((root / "jobs").glob("*.json")))
    assert 0 < loose <= more.n_jobs
    assert main(["pack", "--results", str(root)]) == 0
    listed = {one["key"] for one in Store(root).manifest().values()}
    assert listed.isdisjoint(path.stem for path in (root / "jobs").iterdir()), "only what a longer block replaced"
    pd.testing.assert_frame_equal(read_results(root).table, more.results.table)
    assert main(["unpack", "--results", str(root)]) == 0
    pd.testing.assert_frame_equal(read_results(root).table, more.results.table)


def test_an_open_part_needs_no_file(tmp_path):
    folder(tmp_path, {"a": job(math.nan)})
    pack(tmp_path)
    opened = Packed(tmp_path, Store(tmp_path).packed.parts)
    shutil.rmtree(index_path(tmp_path).parent)
    assert math.isnan(opened.job("a").rows[0]["value"])


@pytest.mark.parametrize("kind", ["manifest", "rows", "arrays"])
@pytest.mark.slow
def test_with_a_part_missing_nothing_is_packed_unpacked_or_listed_anew(tmp_path, kind):
    """It can be restored: what is not there must not be taken for what never was."""
    root = tmp_path / "standard"
    shutil.copytree(Path(__file__).parents[2] / "results" / "standard", root)
    part = next(path for path in sorted((root / "packed").glob("*.parquet")) if kind in path.name)
    before = {path.name for path in (root / "packed").iterdir()} - {part.name}
    part.rename(tmp_path / part.name)
    for change in (pack, unpack):
        with pytest.raises(UserError, match="missing"):
            change(root)
    assert {path.name for path in (root / "packed").iterdir()} == before
    if kind == "manifest":
        with pytest.raises(UserError, match="missing"):
            Store(root).update_manifest(lambda old: {})
    assert not (root / "manifest.json").exists()
