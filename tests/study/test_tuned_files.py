"""Which tuned values a run uses, and that they are what tuning wrote."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from infomax_bench.base.errors import UserError
from infomax_bench.cli.main import main
from infomax_bench.run import tuning
from infomax_bench.study.plan import Planner
from infomax_bench.study.plugins import home, registry, reread
from infomax_bench.study.presets import load_presets
from infomax_bench.study.tuned import Study, Trial, add_study, brought_path, read_studies, tuned_path, tuned_values
from tests.small_runs import write_echo

STUDY = Study("pca", "digits", "linear", 8, 1, 16, 1, (Trial({"centred": True}, 0.5),), 1.0, "source", "identity")


@pytest.mark.parametrize("preset", ["quick", "standard"])
def test_the_project_brings_its_own_with_a_checksum(preset, tmp_path, monkeypatch):
    """Wherever the command runs."""
    monkeypatch.chdir(tmp_path)
    studies, said = tuned_values(preset)
    assert said == ""
    assert studies == read_studies(brought_path(preset)) != {}
    content = json.loads(brought_path(preset).read_text())
    assert set(content) == {"studies", "sha256"}
    changed = brought_path(preset).read_text().replace('"score": 0.9', '"score": 0.8', 1)
    (tmp_path / "t.json").write_text(changed)
    with pytest.raises(UserError, match=r"t\.json is damaged \(its checksum does not match\)"):
        read_studies(tmp_path / "t.json")


def test_a_users_own_go_first_and_it_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    add_study(tuned_path("quick"), STUDY)
    studies, said = tuned_values("quick")
    assert studies == {STUDY.key: STUDY}
    assert str(tuned_path("quick")) in said


def test_in_the_clone_nothing_is_said(monkeypatch):
    monkeypatch.chdir(home())
    assert tuned_values("quick")[1] == ""


@pytest.mark.slow
def test_tuning_elsewhere_begins_with_what_the_project_brings(tmp_path, monkeypatch):
    """Else the other methods would stand there untuned."""
    monkeypatch.chdir(tmp_path)
    assert main(["tune", "pixels", "--preset", "quick", "--datasets", "digits", "--backbones", "linear"]) == 0
    theirs, own = read_studies(brought_path("quick")), read_studies(tuned_path("quick"))
    assert theirs.keys() <= own.keys()
    add_study(tuned_path("quick"), STUDY)
    assert main(["tune", "pixels", "--preset", "quick", "--datasets", "digits", "--backbones", "linear"]) == 0
    assert STUDY.key in read_studies(tuned_path("quick"))


def test_a_file_without_a_checksum_is_read(tmp_path):
    path = tmp_path / "t.json"
    path.write_text(json.dumps({"studies": [asdict(STUDY)]}))
    assert read_studies(path) == {STUDY.key: STUDY}


RECORD = asdict(STUDY)
SHAPES = {
    "a list": [],
    "null": None,
    "a number": 3,
    "no studies": {},
    "studies that are none": {"studies": 3},
    "a study that is a number": {"studies": [3]},
    "a study without trials": {"studies": [{**RECORD, "trials": None}]},
    "a score in words": {"studies": [{**RECORD, "trials": [{"settings": {}, "score": "high"}]}]},
    "settings that are none": {"studies": [{**RECORD, "trials": [{"settings": [], "score": 1.0}]}]},
    "a setting that is a list": {"studies": [{**RECORD, "trials": [{"settings": {"centred": [1]}, "score": 1.0}]}]},
    "a width that is none": {"studies": [{**RECORD, "width": None}]},
    "a method that is none": {"studies": [{**RECORD, "method": None}]},
}


@pytest.mark.parametrize("case", [*SHAPES, "not UTF-8"])
def test_a_file_of_another_shape_is_one_line(tmp_path, case):
    path = tmp_path / "t.json"
    path.write_bytes(b'{"studies": "\xff"}' if case == "not UTF-8" else json.dumps(SHAPES[case]).encode())
    with pytest.raises(UserError, match=r"t\.json is damaged .*; restore it, or delete it and tune again") as caught:
        read_studies(path)
    assert "\n" not in str(caught.value)


def test_a_method_that_fails_is_not_tuned_and_stops_nobody(own, tmp_path):
    write_echo(own, "raise SystemExit(0)")
    reread()
    plugins = registry([str(own)])
    preset = replace(
        load_presets(home() / "benchmarks")["quick"], epochs={"tiny": 1}, width=4, batch_size=16, native={}, deeper={}
    )
    path = tmp_path / "t.json"
    with pytest.raises(UserError, match=r"echo on tiny, linear: SystemExit.*1 not tuned, what was is kept in"):
        tuning.tune(plugins, preset, path, methods=["echo", "pca"], trials=1, seeds=1, folders=[str(own)], quiet=True)
    assert [study.method for study in read_studies(path).values()] == ["pca"]


def test_a_study_is_not_made_from_another_method_than_was_planned(own):
    """As on a cluster's machine that has another version of the file."""
    reread()
    plugins = registry([str(own)])
    preset = replace(
        load_presets(home() / "benchmarks")["quick"], epochs={"tiny": 1}, width=4, batch_size=16, native={}, deeper={}
    )
    from infomax_bench.study.plan import make_suite

    suite = make_suite(plugins, preset, methods=["echo"])
    (plan,) = tuning.plans(plugins, suite, 1, 1, {}, False, planner=Planner(plugins, "cpu"))
    assert "methods/echo" in plan.used
    changed = {**plan.used, "methods/echo": "0" * 16}
    for other in (replace(plan, used=changed), replace(plan, data={"tiny": "0" * 24})):
        made = tuning.make_study(other, [str(own)], "cpu")
        assert isinstance(made, tuning.Failure)
        assert "another" in made.reason


def test_the_wheel_carries_them():
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert '"infomax_bench._plugins.results.tuned" = "results/tuned"' in text
