"""Features made elsewhere: whatever a file holds, its numbers are right, or one line says what is wrong."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from infomax_bench.base.errors import UserError
from infomax_bench.cli.main import COMMANDS, main
from infomax_bench.data.dataset import split
from infomax_bench.evaluations.context import Context, FeatureSet
from infomax_bench.evaluations.probe import linear_probe, nearest_neighbours
from infomax_bench.evaluations.prune_units import prune_units
from infomax_bench.evaluations.redundancy import measure_redundancy
from infomax_bench.run import evaluate as evaluating
from infomax_bench.run.evaluate import evaluate
from infomax_bench.run.feature_files import FeatureFile, checked
from infomax_bench.run.feature_readers import read_arrays

LABELS = np.arange(90) % 3


def blobs(n: int = 90, k: int = 3, seed: int = 0) -> np.ndarray:
    """Classes that lie apart, float64."""
    return np.random.default_rng(seed).normal(size=(n, k)) + 4 * (np.arange(n) % 3)[:, None]


def file_of(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "features.npz", **{"features": blobs(), "labels": LABELS, **arrays})  # type: ignore[arg-type]
    return folder / "features.npz"


def read_feature_file(path: Path) -> FeatureFile:
    return checked(read_arrays(path), path)


def evaluated(path: Path) -> tuple[dict[tuple[str, str, str, float], float], list[str]]:
    """The rows by evaluation, protocol, metric and x, and what was said."""
    said: list[str] = []
    rows = evaluate(path, say=said.append).fillna({"protocol": "", "x": -1.0})
    keys = rows[["evaluation", "protocol", "metric", "x"]].itertuples(index=False, name=None)
    return dict(zip(keys, rows["value"], strict=True)), said


# -- arrays that are refused, or left alone ---------------------------------------------------------------------------
REFUSED = {
    "objects that are needed": ({"labels": LABELS.astype(object)}, "labels holds Python objects"),
    "labels from 1": ({"labels": LABELS + 1}, "none is 0"),
    "labels with a gap": ({"labels": LABELS * 2}, "none is 1"),
    "huge labels": ({"labels": LABELS.astype(np.uint64) + np.uint64(2**63)}, "none is 0"),
    "labels as numbers with a point": ({"labels": LABELS.astype(float)}, "return_inverse"),
    "labels as words": ({"labels": np.array(["a", "b", "c"])[LABELS]}, "return_inverse"),
    "labels as truth": ({"labels": LABELS > 0}, "return_inverse"),
    "one-hot labels": ({"labels": np.eye(3, dtype=int)[LABELS]}, "argmax(1)"),
    "missing labels": ({"labels": LABELS - 1}, "one is -1"),
    "complex features": ({"features": blobs() * 1j}, "float [N, K]"),
    "infinite features": ({"features": np.where(np.arange(90)[:, None] == 7, np.inf, blobs())}, "row 7, column 0"),
    "test of whole numbers": ({"test": np.arange(90) % 2}, "test is bool [N]"),
    "no test rows": ({"test": np.zeros(90, bool)}, "marks none"),
    "a seed in a list": ({"seed": np.array([3])}, "seed is one whole number"),
    "factors of one dimension": ({"factors": LABELS}, "factors are int [N, F]"),
    "a factor that numbers the rows": ({"factors": np.stack([LABELS, np.arange(90)], 1)}, "column 1 of factors"),
    "a class only in test": ({"test": (np.arange(90) % 5 == 0) | (LABELS == 2)}, "no rows for training, as all 30"),
    "two classes only in test": ({"test": LABELS > 0}, "classes 1 and 2 have no rows for training"),
    "one row of a class": (
        {"labels": np.where(np.arange(90) < 89, LABELS % 2, 2), "test": np.arange(90) > 80},
        "class 2 has no rows for training, as all 1",
    ),
    "two rows of each": ({"labels": np.arange(90) // 2, "test": np.arange(90) % 2 == 0}, "have too few rows, 2 of"),
    "five rows": ({"features": blobs(5), "labels": np.array([0, 0, 0, 1, 1]), "test": np.arange(5) == 0}, "at least 6"),
}


@pytest.mark.parametrize(("arrays", "culprit"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_wrong_is_named_in_one_line(arrays, culprit, tmp_path):
    path = file_of(tmp_path, **arrays)
    with pytest.raises(UserError) as refused:
        read_feature_file(path)
    assert culprit in str(refused.value)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


def test_an_array_alone_is_called_one(tmp_path):
    np.save(tmp_path / "features.npy", blobs())
    (tmp_path / "renamed.npz").write_bytes((tmp_path / "features.npy").read_bytes())
    for name in ("features.npy", "renamed.npz"):
        with pytest.raises(UserError, match=r"one array \(.npy\); wanted is an .npz"):
            read_feature_file(tmp_path / name)


def test_a_folder_and_a_cut_off_file_are_named(tmp_path):
    path = file_of(tmp_path)
    path.write_bytes(path.read_bytes()[:-200])
    for bad in (path, tmp_path):
        with pytest.raises(UserError) as refused:
            read_feature_file(bad)
        assert str(bad) in str(refused.value)


def test_arrays_that_are_not_needed_are_left_alone(tmp_path):
    """Names of files are objects, which numpy does not read unless it may run code."""
    whole = evaluate(file_of(tmp_path))
    paths = np.array([f"{i}.png" for i in range(90)], dtype=object)
    pd.testing.assert_frame_equal(evaluate(file_of(tmp_path, paths=paths)), whole)


def test_factors_without_columns_are_none_and_that_is_said(tmp_path):
    values, said = evaluated(file_of(tmp_path, factors=np.zeros((90, 0), int)))
    assert not any(metric == "mig" for *_, metric, _ in values)
    assert len(said) == 1
    assert "no columns" in said[0]


def test_the_layout_of_arrays_changes_nothing(tmp_path):
    x, factors = blobs().astype(np.float16), np.stack([LABELS, np.arange(90) // 3 % 4], 1)
    layouts = [
        (x.astype("<f4"), LABELS, factors),
        (x.astype(">f4"), LABELS.astype(">i4"), factors.astype(">i2")),
        (np.asfortranarray(x.astype(">f8")), LABELS.astype(np.uint8), np.asfortranarray(factors)),
        (x, LABELS.astype(np.uint64), factors.astype(np.uint8)),
        (x.astype(np.longdouble), LABELS, factors),
    ]
    tables = [evaluated(file_of(tmp_path, features=f, labels=y, factors=g))[0] for f, y, g in layouts]
    for table in tables[1:]:
        assert table.keys() == tables[0].keys()
        np.testing.assert_allclose(list(table.values()), list(tables[0].values()), atol=1e-5)


# -- what is said beside the numbers ----------------------------------------------------------------------------------
def test_a_class_without_test_rows_is_said(tmp_path):
    _, said = evaluated(file_of(tmp_path, test=(np.arange(90) % 5 == 0) & (LABELS < 2)))
    assert len(said) == 1
    assert "class 2 has no rows to test on" in said[0]


def test_a_class_of_few_rows_is_trained_on_whatever_the_seed(tmp_path):
    """Of two rows one is for testing; validation would take every sixth of the others, and so a class."""
    labels = np.concatenate([np.arange(60) % 2, 2 + np.repeat(np.arange(10), 2)])
    test = np.concatenate([np.arange(60) % 5 == 0, np.arange(20) % 2 == 0])
    moved = 0
    for seed in range(5):
        path = file_of(tmp_path, features=blobs(80), labels=labels, test=test, seed=np.array(seed))
        own = read_feature_file(path).data.splits[0]
        plain = split(torch.tensor(test), seed)
        assert len(np.unique(labels[own.train])) == 12
        rows = torch.cat([own.train, own.validation, own.test])
        assert rows.sort().values.tolist() == list(range(80)), "every row once"
        moved += len(plain.validation) - len(own.validation)
        assert set(own.validation.tolist()) <= set(plain.validation.tolist())
    assert moved


def test_few_rows_are_said_in_one_line_without_a_shower_of_warnings(tmp_path, capsys):
    path = file_of(tmp_path, features=blobs(10), labels=np.arange(10) % 2, factors=np.arange(10)[:, None] % 2)
    assert main(["evaluate", str(path)]) == 0
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "1 validation row is few" in said[0]
    assert "noise would read" in said[0]


def test_a_few_huge_values_are_said(tmp_path):
    """Scaled by them, the others are all but equal; values that are often 0 are not meant."""
    x = blobs()
    x[:, 0] = x[:, 0].clip(min=8)
    x[4, 2] = 1e9
    _, said = evaluated(file_of(tmp_path, features=x))
    assert len(said) == 1
    assert "1 of 3 features (column 2)" in said[0]


# -- shift and scale --------------------------------------------------------------------------------------------------
def feature_set(x: np.ndarray) -> FeatureSet:
    test = torch.arange(len(x)) % 5 == 0
    return FeatureSet(torch.tensor(x)[None], torch.arange(len(x)) % 3, [split(test, 0)], 3)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 100),
    exponents=st.lists(st.integers(-290, 290), min_size=3, max_size=3),
    shift=st.floats(-1e6, 1e6),
    sign=st.sampled_from([1.0, -1.0]),
)
def test_no_shift_and_no_scale_of_a_unit_changes_what_it_says(seed, exponents, shift, sign):
    x = blobs(seed=seed) - 4
    x[:, 1] = np.where(x[:, 1] > 0, x[:, 1], 0)
    scale = sign * 10.0 ** np.array(exponents)
    plain, moved = feature_set(x), feature_set((x + shift) * scale)
    assert torch.equal(plain.live(), moved.live())
    torch.testing.assert_close(moved.fine("test", 0) * sign, plain.fine("test", 0), rtol=0, atol=1e-8)
    assert nearest_neighbours(moved).item() == nearest_neighbours(plain).item()
    assert linear_probe(moved).test.item() == pytest.approx(linear_probe(plain).test.item(), abs=1.5 / 18)


@pytest.mark.parametrize("change", [lambda x: x + 1e9, lambda x: 1e60 * x, lambda x: 1e-60 * x, lambda x: x - 1e7])
def test_what_float32_cannot_hold_is_evaluated_all_the_same(change, tmp_path):
    """But for what is published as depending on the scale, every number is that of the plain features."""
    plain, found = (evaluated(file_of(tmp_path, features=f))[0] for f in (blobs(), change(blobs())))
    for key, value in found.items():
        if key[2] not in ("active_share", "low_variance_units", "responsibility_entropy"):
            assert value == pytest.approx(plain[key], abs=2e-2, nan_ok=True), key


def test_a_test_row_that_is_far_out_spoils_no_other():
    x = blobs()
    x[0] = 1e300
    data = feature_set(x)
    assert data.x("test").isfinite().all()
    assert nearest_neighbours(data).item() > 0.9


@pytest.mark.parametrize("value", [0.0, 14.62, 1e30, 1e300])
def test_a_dead_unit_is_dead_everywhere(value, tmp_path):
    """One is constant; one varies in training alone, and is not dead; one varies on test images alone, and is."""
    test = np.arange(90) % 5 == 0
    x = np.concatenate([blobs(k=2), np.full((90, 3), value)], 1)
    x[1::5, 3] += 1 + value
    x[test, 4] += (1 + value) * (np.arange(18) % 2)
    data = FeatureSet(torch.tensor(x)[None], torch.tensor(LABELS), [split(torch.tensor(test), 0)], 3)
    assert data.live().tolist() == [[True, True, False, True, False]]
    context = Context((0,), lambda _: data)
    for rows in (prune_units(context), measure_redundancy(context)):
        assert next(r["value"] for r in rows if r["metric"] == "dead_units") == pytest.approx(2 / 5)


# -- where it is written ----------------------------------------------------------------------------------------------
@pytest.fixture
def nothing_is_evaluated(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("a bad --out is told before the work")

    monkeypatch.setattr(evaluating, "evaluate", fail)


@pytest.mark.usefixtures("nothing_is_evaluated")
@pytest.mark.parametrize("kind", ["missing folder", "folder", "input", "link", "hard link", "a file as a folder"])
def test_a_bad_out_is_refused_before_the_work_and_the_input_stays(kind, tmp_path, capsys):
    path = file_of(tmp_path)
    whole = path.read_bytes()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.csv").symlink_to(path)
    os.link(path, tmp_path / "hard.csv")
    names = {
        "missing folder": "no/x.csv",
        "folder": "folder",
        "input": path.name,
        "link": "link.csv",
        "hard link": "hard.csv",
        "a file as a folder": f"{path.name}/x.csv",
    }
    out = tmp_path / names[kind]
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", str(path), "--out", str(out)])
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert len(said.splitlines()) == 1
    assert f"--out {out}" in said
    assert path.read_bytes() == whole


def test_the_numbers_are_printed_and_an_older_table_stays_when_writing_fails(tmp_path, monkeypatch, capsys):
    path, out = file_of(tmp_path), tmp_path / "rows.csv"
    out.write_text("older\n")

    def half(self, path, **_):
        Path(path).write_text("cut o")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pandas.DataFrame.to_csv", half)
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", str(path), "--out", str(out)])
    printed, said = capsys.readouterr()
    assert stop.value.code == 2
    assert "accuracy" in printed
    assert "No space left" in said
    assert str(out) in said
    assert out.read_text() == "older\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["features.npz", "rows.csv"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device")
def test_a_device_that_is_full_is_one_line_after_the_numbers(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", str(file_of(tmp_path)), "--out", "/dev/full"])
    printed, said = capsys.readouterr()
    assert stop.value.code == 2
    assert "accuracy" in printed
    assert "/dev/full" in said
    assert Path("/dev/full").is_char_device()


def test_a_link_is_written_through(tmp_path):
    path, target = file_of(tmp_path), tmp_path / "target.csv"
    target.write_text("older\n")
    (tmp_path / "link.csv").symlink_to(target)
    assert main(["evaluate", str(path), "--out", str(tmp_path / "link.csv")]) == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert "accuracy" in target.read_text()


@pytest.mark.parametrize(
    ("command", "goes_on"), [("evaluate", False), ("encode", False), ("run", True), ("tune", True)]
)
def test_an_interrupted_command_promises_what_it_keeps(command, goes_on, monkeypatch, capsys):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setitem(COMMANDS, command, replace(COMMANDS[command], action=interrupt))
    assert main([command, *{"evaluate": ["x.npz"], "encode": ["pca", "digits"]}.get(command, [])]) == 130
    assert ("goes on from here" in capsys.readouterr().err) == goes_on
