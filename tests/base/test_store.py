"""Results on disk: whatever becomes of a file, it is healed or refused in one line, and nothing is silently lost."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from infomax_bench.base.errors import UserError
from infomax_bench.base.sealed import copy_of, digest
from infomax_bench.base.store import Job, Store
from infomax_bench.run.results import read_info, read_results
from infomax_bench.study.plugins import registry
from infomax_bench.training import frozen
from infomax_bench.training.frozen import Encoder
from tests.small_runs import go, values

ROWS = [{"seed": 0, "metric": "accuracy", "value": 0.5}, {"seed": 1, "metric": "accuracy", "value": 0.25}]


def write_old_job(store: Store, key: str, rows=ROWS) -> None:
    """As format 1 had it: the key is nowhere in the file."""
    body = {"rows": rows, "status": "ok", "reason": "", "retry": False, "seconds": 1.0, "arrays": "", "stamp": {}}
    store.job_path(key).parent.mkdir(parents=True, exist_ok=True)
    store.job_path(key).write_text(json.dumps({"format": 1, "sha256": digest(body), "body": body}))


# -- jobs ------------------------------------------------------------------------------------------------------------
def test_every_flipped_bit_of_a_job_is_noticed_or_changes_nothing(tmp_path):
    store = Store(tmp_path)
    store.write_job("0a1b", Job(ROWS, stamp={"version": "0.1"}))
    path = store.job_path("0a1b")
    whole, good = path.read_bytes(), store.read_job("0a1b")
    for i in range(len(whole)):
        for bit in range(8):
            content = bytearray(whole)
            content[i] ^= 1 << bit
            path.write_bytes(content)
            found = Store(tmp_path).read_job("0a1b")
            assert found in (None, good), (i, bit)


def test_a_job_under_anothers_name_is_not_believed(tmp_path):
    store = Store(tmp_path)
    for key, value in (("a", 0.1), ("b", 0.9)):
        store.write_job(key, Job([{"seed": 0, "metric": "accuracy", "value": value}]))
    one, other = store.job_path("a"), store.job_path("b")
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    assert (store.read_job("a"), store.read_job("b")) == (None, None)
    assert len(store.warnings) == 2


def test_a_job_of_the_former_format_is_read_and_its_seeds_compared(tmp_path):
    store = Store(tmp_path)
    write_old_job(store, "old")
    assert store.read_job("old").rows == ROWS
    assert store.done("old", (0, 1))
    assert not store.done("old", (5, 6))
    assert "other seeds" in store.warnings[0]


def test_arrays_are_bound_to_their_job(own, tmp_path):
    root = tmp_path / "r"
    go(own, root, methods=["echo"], benchmarks=["interpretability"])
    store = Store(root)
    path = next((root / "jobs").glob("*.npz"))
    assert store.done(path.stem)
    path.write_bytes(path.read_bytes() + b" ")
    assert not store.done(path.stem)
    results = read_results(root)
    assert all(path not in places.values() for places in results.arrays.values())
    assert any("npz is damaged" in warning for warning in results.warnings)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"3", b"{}", b'{"body": 3}', b"[" * 20000, b"\xff", b'{"body"']
)
def test_a_job_of_another_shape_is_made_again(tmp_path, content):
    store = Store(tmp_path)
    store.write_job("k", Job(ROWS))
    store.job_path("k").write_bytes(content)
    assert store.read_job("k") is None
    assert "is damaged and will be made again" in store.warnings[0]


# -- manifest and run.json -------------------------------------------------------------------------------------------
def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def high_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] |= 0x80
    path.write_bytes(content)


def changed(path: Path) -> None:
    text = path.read_text()
    path.write_text(text.replace("tiny", "tinx", 1))
    assert path.read_text() != text


def holding(text: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(text)

    return write


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "cut": cut,
    "a high bit": high_bit,
    "a letter": changed,
    "empty": holding(""),
    "a list": holding("[]"),
    "null": holding("null"),
    "a number": holding("7"),
    "deep": holding("[" * 20000),
    "an empty object": holding("{}"),
    "a list inside": holding('{"a|b": []}'),
    "an entry without a key": holding('{"a|b": {"benchmark": "b", "cell": {}, "request": {}, "seeds": [0]}}'),
    "a folder": as_folder,
    "gone": Path.unlink,
}


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory) -> tuple[Path, Path]:
    """The plug-ins and the results of two runs on one folder, of which the second did not ask for the first's."""
    from tests.small_runs import TINY, write_echo

    own = tmp_path_factory.mktemp("plugins")
    (own / "tiny.py").write_text(TINY)
    write_echo(own)
    root = tmp_path_factory.mktemp("results") / "r"
    go(own, root, methods=["pca"], benchmarks=["redundancy"])
    go(own, root, methods=["echo"], benchmarks=["redundancy"])
    return own, root


@pytest.fixture
def copied(two_runs, tmp_path) -> tuple[Path, Path]:
    shutil.copytree(two_runs[1], tmp_path / "r")
    return two_runs[0], tmp_path / "r"


@pytest.mark.parametrize("name", ["manifest.json", "run.json"])
@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.slow
def test_a_damaged_file_is_replaced_by_its_copy_and_no_row_is_lost(two_runs, copied, name, how):
    own, root = copied
    DAMAGES[how](root / name)
    warned = read_results(root).warnings
    assert [name in warning and "its copy" in warning for warning in warned] == [True]
    pd.testing.assert_frame_equal(values_of(root), values_of(two_runs[1]))
    if how not in ("cut", "gone", "a folder"):  # whatever it is, it is dealt with alike
        return
    if how == "a folder":  # in the way of what is to be written
        with pytest.raises(OSError, match=name):
            go(own, root, methods=["echo"], benchmarks=["redundancy"])
        return
    after = go(own, root, methods=["echo"], benchmarks=["redundancy"])
    assert after.n_jobs == 0
    assert set(after.results.table["method"]) == {"echo", "pca"}
    pd.testing.assert_frame_equal(values(after), values_of(two_runs[1]))
    assert (root / name).read_bytes() == copy_of(root / name).read_bytes(), "healed"


def values_of(root: Path) -> pd.DataFrame:
    table = read_results(root).table
    return table[~table["metric"].str.contains("second")].drop(columns=["git_sha"])


@pytest.mark.parametrize("how", [how for how in DAMAGES if how != "gone"])
def test_without_a_whole_copy_a_manifest_is_refused_and_left_alone(copied, how):
    own, root = copied
    for path in (root / "manifest.json", copy_of(root / "manifest.json")):
        DAMAGES[how](path)
    before = sorted(path.name for path in root.rglob("*"))
    refused = r"manifest\.json is damaged .*; restore it, or delete it"
    with pytest.raises(UserError, match=refused) as caught:
        read_results(root)
    assert "\n" not in str(caught.value)
    if how == "cut":
        with pytest.raises(UserError, match=refused):
            go(own, root, methods=["echo"])
    assert sorted(path.name for path in root.rglob("*")) == before


def test_a_manifest_that_is_gone_with_its_copy_is_said(copied, capsys):
    own, root = copied
    for path in (root / "manifest.json", copy_of(root / "manifest.json")):
        path.unlink()
    store = Store(root)
    assert store.manifest() == {}
    assert "manifest.json is missing" in store.warnings[0]
    after = go(own, root, methods=["pca"], benchmarks=["redundancy"])
    assert after.n_jobs == 0, "what is asked for is found again"


@pytest.mark.parametrize("how", DAMAGES)
def test_without_a_whole_copy_a_record_of_runs_is_made_anew(two_runs, copied, how):
    own, root = copied
    for path in (root / "run.json", copy_of(root / "run.json")):
        DAMAGES[how](path)
    with pytest.raises(UserError, match="run"):
        read_results(root)
    if how in ("cut", "a list inside", "gone"):
        after = go(own, root, methods=["echo"], benchmarks=["redundancy"])
        pd.testing.assert_frame_equal(values(after), values_of(two_runs[1]))


def test_files_of_the_former_format_are_read(two_runs, copied):
    own, root = copied
    expected = values_of(root)
    for name in ("manifest.json", "run.json"):
        path = root / name
        content = json.loads(path.read_text())
        del content["sha256"]
        path.write_text(json.dumps(content["entries"] if name == "manifest.json" else content))
        copy_of(path).unlink()
    assert read_results(root).warnings == []
    pd.testing.assert_frame_equal(values_of(root), expected)
    go(own, root, methods=["echo"], benchmarks=["redundancy"])
    assert json.loads((root / "manifest.json").read_text())["format"] == 3
    pd.testing.assert_frame_equal(values_of(root), expected)


def test_flipped_bits_anywhere_give_the_same_rows_or_are_said(two_runs, copied):
    """What is not said leaves every number as it was."""
    root = copied[1]
    expected = values_of(root)
    draw = random.Random(0)
    files = sorted(path for path in root.rglob("*") if path.suffix == ".json")
    for _ in range(60):
        path = draw.choice(files)
        whole = path.read_bytes()
        content = bytearray(whole)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
        results = read_results(root)
        if not results.warnings:
            pd.testing.assert_frame_equal(values_of(root), expected)
        path.write_bytes(whole)


@pytest.mark.parametrize("name", ["jobs", "encoders"])
def test_a_file_in_the_way_is_one_line(copied, name):
    own, root = copied
    shutil.rmtree(root / name)
    (root / name).write_text("")
    with pytest.raises(UserError, match=f"{name} is no folder, and is in the way of one"):
        go(own, root, methods=["echo"], benchmarks=["redundancy"])


def test_what_was_asked_for_and_is_not_there_is_said(copied):
    root = copied[1]
    for path in (root / "jobs").glob("*.json"):
        path.unlink()
    assert read_results(root).warnings == ["2 results that were asked for are not there (of echo, pca)"]


# -- encoders --------------------------------------------------------------------------------------------------------
@pytest.fixture
def encoder_file(two_runs, tmp_path) -> tuple[Path, str]:
    path = next(p for p in sorted((two_runs[1] / "encoders").iterdir()) if Encoder is not None)
    return Path(shutil.copy(path, tmp_path)), path.stem


def about_of(path: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["about"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


SAID = {
    "seeds": [5, 6],
    "diverged": [True, False],
    "dataset": "other",
    "settings": {"centred": False},
    "facts": {},
    "key": "0" * 24,
    "format": 1,
}


@pytest.mark.parametrize("name", SAID)
def test_what_an_encoder_says_of_itself_is_under_its_checksum(encoder_file, name):
    path, key = encoder_file
    about, params = about_of(path)
    cls = registry().get("methods", "pca").cls
    about[name] = SAID[name]
    save_file(params, path, {"about": json.dumps(about)})
    with pytest.raises(ValueError, match="checksum"):
        Encoder.load(path, cls, key)


def test_an_encoder_of_another_key_is_not_believed(encoder_file):
    path, key = encoder_file
    cls = registry().get("methods", "pca").cls
    Encoder.load(path, cls, key)
    with pytest.raises(ValueError, match="another encoder's"):
        Encoder.load(path, cls, "0" * 24)


def as_format_1(path: Path, **changes) -> None:
    about, params = about_of(path)
    old = {name: value for name, value in about.items() if name not in ("format", "key")}
    save_file(params, path, {"about": json.dumps({**old, **changes, "sha256": frozen._checksum(params)})})


OLD = {
    "as it was": {},
    "other seeds": {"seeds": [5, 6]},
    "other settings": {"settings": {"learning_rate": 0.5}},
    "settings that are not there": {"settings": {"learning_rote": 0.5}},
    "another method": {"method": "ica"},
    "another data set": {"dataset": "digits"},
    "too few": {"diverged": [False]},
}


@pytest.mark.parametrize("case", OLD)
@pytest.mark.slow
def test_an_encoder_of_the_former_format_is_compared_with_what_is_asked_for(two_runs, copied, case):
    """Used if it fits, trained again if it does not; the rows are the same."""
    own, root = copied
    for path in (root / "encoders").iterdir():
        as_format_1(path, **OLD[case])
    for path in (root / "jobs").glob("*.json"):
        path.unlink()
    after = go(own, root, methods=["echo", "pca"], benchmarks=["redundancy"])
    pd.testing.assert_frame_equal(values(after), values_of(two_runs[1]))
    log = (root / "run.log").read_text()
    assert log.count("trained again") == (0 if case == "as it was" else 2)
    assert {about_of(path)[0].get("format", 1) for path in (root / "encoders").iterdir()} == (
        {1} if case == "as it was" else {2}
    )


# -- two runs at once ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("other", [{"widths": [8]}, {"epochs": 1}, {"seeds": 1}, {"subject": "pca"}])
@pytest.mark.slow
def test_another_run_on_the_folder_in_the_meantime_changes_nothing(own, tmp_path, other, monkeypatch):
    """The other one begins after this one has written its plan, and ends before this one decides."""
    from infomax_bench.run import runner as main_job

    asked = {"methods": ["echo", "infomax_em", "pca"], "benchmarks": ["redundancy"], "subject": "infomax_em"}
    alone = go(own, tmp_path / "alone", **asked)
    work, root = main_job._work, tmp_path / "shared"

    def meanwhile(*arguments):
        failures = work(*arguments)
        monkeypatch.setattr(main_job, "_work", work)
        go(own, root, **{**asked, **other})
        return failures

    monkeypatch.setattr(main_job, "_work", meanwhile)
    shared = go(own, root, **asked)
    expected = values(alone)
    for results in (shared.results, read_results(root)):  # as it was told, and as it lies there
        assert results.claims() == alone.results.claims()
        table = results.table[results.table["width"] == 4]
        table = table[~table["metric"].str.contains("second")].drop(columns=["git_sha"])
        pd.testing.assert_frame_equal(table.reset_index(drop=True), expected.reset_index(drop=True))
    info = read_info(root)
    assert len(info["runs"]) == (1 if "subject" in other else 2), "one had nothing to do"


def test_a_job_that_says_of_a_seed_what_another_was(tmp_path):
    store = Store(tmp_path)
    job = Job(ROWS)
    store.write_job("k", job)
    store.write_job("k", replace(job, rows=[{**row, "seed": 9} for row in ROWS]))
    assert store.read_job("k", (0, 1)) is None
