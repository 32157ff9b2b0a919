"""The command line: help at once, one clear line for every mistake, and nothing written when there is one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from infomax_bench.base.errors import UserError
from infomax_bench.cli.main import build_parser, main


def run_cli(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infomax_bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120)


def test_help_does_not_wait_for_torch():
    code = (
        "import sys; from infomax_bench.cli.main import build_parser as build; build().format_help();"
        " print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.parametrize("command", ["list", "run", "check", "report", "encode", "evaluate", "new-method"])
def test_every_command_has_help_that_explains(command, capsys):
    with pytest.raises(SystemExit) as stop:
        build_parser().parse_args([command, "--help"])
    assert stop.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 8


def test_a_comma_may_stand_in_a_path(tmp_path, monkeypatch):
    """It ends a name only where no such path is there."""
    (tmp_path / "2024,05 birds, all").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in (f"folder:{tmp_path}/2024,05 birds, all", "folder:~/2024,05 birds, all"):
        arguments = build_parser().parse_args(["run", "--datasets", f"digits,{path} , sprites:coarse"])
        assert arguments.datasets == ["digits", path, "sprites:coarse"]
    assert build_parser().parse_args(["tune", "--datasets", "folder:a,b,"]).datasets == ["folder:a", "b"]


LONG = "x" * 300
BAD = {
    "no data set": (["run", "--datasets", " ,"], "an empty list"),
    "no command": ([], "COMMAND"),
    "unknown command": (["rum"], "rum"),
    "unknown method": (["run", "--methods", "infomax_me"], "'infomax_em'"),
    "unknown data set": (["run", "--datasets", "sprite"], "'sprites'"),
    "unknown benchmark": (["run", "prunning"], "'pruning'"),
    "unknown preset": (["run", "--preset", "quik"], "'quick'"),
    "unknown subject": (["run", "--subject", "infomax_me"], "infomax_em"),
    "unknown hyperparameter": (["run", "--set", "infomax_em.lambda_ct=1"], "'lambda_tc'"),
    "value of the wrong type": (["run", "--set", "infomax_em.lambda_tc=much"], "takes a number"),
    "a momentum below 0": (["run", "--set", "rbm.momentum=-5"], "rbm.momentum is at least 0 and below 1, not -5"),
    "a temperature below 0": (["run", "--set", "simclr.temperature=-1"], "simclr.temperature is above 0, not -1"),
    "fewer than no steps": (["run", "--set", "rbm.k=-3"], "rbm.k is at least 1, not -3"),
    "no prototypes": (["run", "--set", "swav.prototypes=0"], "swav.prototypes is at least 2, not 0"),
    "more corruption than there is": (
        ["encode", "denoising_autoencoder", "digits", "--set", "corruption=7"],
        "denoising_autoencoder.corruption is at least 0 and below 1, not 7",
    ),
    "choice that is none": (["run", "--set", "infomax_em.optimizer=adan"], "adam"),
    "malformed --set": (["run", "--set", "lambda_tc"], "METHOD.PARAM=VALUE"),
    "width 0": (["run", "--widths", "0,16"], "at least 1"),
    "width that is no number": (["run", "--widths", "wide"], "wide"),
    "negative seeds": (["run", "--seeds", "-1"], "seeds"),
    "no epochs": (["run", "--epochs", "0"], "epochs"),
    "no jobs": (["run", "--jobs", "0"], "--jobs"),
    "more seeds than time": (["run", "--seeds", "1000000000"], "at most 1,000"),
    "more width than memory": (["run", "--widths", "8,100000000"], "memory"),
    "epochs without end": (["run", "--epochs", "1000000000000"], "would not end"),
    "more workers than cores": (["run", "--jobs", "100000"], "cores"),
    "an empty results path": (["run", "--results", ""], "an empty path"),
    "an empty report path": (["run", "--out", " "], "an empty path"),
    "an empty plug-in path": (["run", "--plugins", ""], "an empty path"),
    "an empty subject": (["run", "--subject", ""], "an empty name"),
    "an empty preset": (["run", "--preset", ""], "an empty name"),
    "an empty benchmark": (["run", ""], "an empty name"),
    "empty lists": (["run", "--methods", ","], "an empty list"),
    "no data sets": (["run", "--datasets", ""], "an empty list"),
    "no widths": (["run", "--widths", ","], "an empty list"),
    "a results path that is no text": (["run", "--results", "r\udce9"], r"r\udce9 holds bytes"),
    "a report path that is no text": (["report", "--out", "r\udce9"], r"r\udce9 holds bytes"),
    "a plug-in path that is no text": (["run", "--plugins", "r\udce9"], r"r\udce9 holds bytes"),
    "a data set that is no text": (["run", "--datasets", "folder:r\udce9"], r"r\udce9 holds bytes"),
    "results with a name too long": (["run", "--results", LONG], "too long"),
    "results too deep": (["run", "--results", "/".join([LONG[:200]] * 30)], "too long"),
    "a report with a name too long": (["run", "--out", LONG], "too long"),
    "results that are a file": (["run", "--results", __file__], "a file"),
    "a report in a file": (["run", "--out", f"{__file__}/out"], "a file"),
    "a report in a file, rebuilt": (["report", "--results", "nowhere", "--out", __file__], "a file"),
    "plug-ins in a file of another kind": (
        ["run", "--plugins", str(Path(__file__).parents[2] / "pyproject.toml")],
        "no .py file",
    ),
    "one setting twice": (["run", "--set", "pca.whiten=true", "--set", "pca.whiten=false"], "twice: true and false"),
    "a setting of a method with an argument": (["run", "--set", "infomax_em:x.learning_rate=5"], "no argument"),
    "a setting of a method that does not run": (["run", "--methods", "pca", "--set", "rbm.momentum=0"], "rbm"),
    "a subject with an argument": (["run", "--subject", "infomax_em:2"], "did you mean 'infomax_em'"),
    "a benchmark with an argument": (["run", "pruning:2"], "did you mean 'pruning'"),
    "a data set with an argument it does not take": (["run", "--datasets", "digits:2"], "no argument"),
    "a question without a budget": (["run", "scale", "--datasets", "sprites:coarse"], "scale: nothing to measure"),
    "tuning a backbone that is none": (["tune", "--backbones", "lineer"], "'linear'"),
    "tuning a backbone that nobody trains": (["tune", "pca", "--backbones", "mlp"], "nothing to tune"),
    "no trials": (["tune", "--trials", "0"], "trials"),
    "trials without end": (["tune", "--trials", "1000000000"], "would not end"),
    "tuning nobody": (["tune", ""], "an empty name"),
    "checking nothing": (["check", ""], "an empty name"),
    "a report of nobody's": (["report", "--subject", ""], "an empty name"),
    "encode with a setting that is none": (["encode", "pca", "digits", "--set", "width=5"], "'width'"),
    "encode with one setting twice": (["encode", "pca", "digits", "--set", "whiten=1", "--set", "whiten=0"], "twice"),
    "encode with a width beyond memory": (["encode", "pca", "digits", "--width", "1000000000"], "memory"),
    "encode with a seed that is none": (["encode", "pca", "digits", "--seed", "99999999999"], "at most"),
    "encode without end": (["encode", "pca", "digits", "--epochs", "10000000000"], "would not end"),
    "encode to an empty name": (["encode", "pca", "digits", "--out", ""], "an empty path"),
    "evaluating nothing": (["evaluate", ""], "an empty path"),
    "evaluating to nothing": (["evaluate", "x.npz", "--out", ""], "an empty path"),
    "a new method nowhere": (["new-method", "my_idea", "--dir", ""], "an empty path"),
    "a cluster without an address": (["run", "--engine", "dask"], "--scheduler ADDRESS"),
    "an address without a cluster": (["tune", "--scheduler", "tcp://127.0.0.1:1"], "--engine dask"),
    "a scheduler that is no address": (["run", "--engine", "dask", "--scheduler", "here"], "here"),
    "plug-in folder that is not there": (["run", "--plugins", "nowhere"], "nowhere"),
    "plug-in that is not there": (["check", "nobody"], "nobody"),
    "plug-in file that is not there": (["check", "nowhere/x.py"], "no such file"),
    "encode with width 0": (["encode", "pca", "digits", "--width", "0"], "width"),
    "encode with a negative seed": (["encode", "pca", "digits", "--seed", "-3"], "--seed"),
    "encode to a wrong name": (["encode", "pca", "digits", "--out", "features.csv"], ".npz"),
    "encode beyond a limit": (["encode", "pca", "digits", "--width", "65"], "64"),
    "no results": (["report"], "no results"),
    "a folder without results": (["report", "--results", "."], "holds no results"),
    "method name that is none": (["new-method", "My-Idea"], "My-Idea"),
    "method name that is taken": (["new-method", "pca"], "already"),
    "data set name that is taken": (["new-dataset", "digits"], "there is a dataset 'digits' already"),
    "evaluation name that is a word of Python": (["new-evaluation", "class"], "'class'"),
    "backbone nowhere": (["new-backbone", "mine", "--dir", "nowhere"], "nowhere"),
    "benchmark name that is none": (["new-benchmark", "my.idea"], "my.idea"),
    "kind of method that has no template": (["new-method", "mine", "--kind", "lost"], "loss, state, update, fit"),
    "features that are not there": (["evaluate", "nowhere.npz"], "no such file"),
    "a GPU that is not there": (["run", "--device", "cuda"], "CUDA"),
}


@pytest.mark.parametrize(("arguments", "culprit"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_one_line_and_leaves_nothing(arguments, culprit, tmp_path, monkeypatch, capsys):
    import torch

    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert len(error.splitlines()) == 1, error
    assert culprit in error
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_results_folder_is_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as stop:
        main(["run", "cost", "--results", str(tmp_path / "file" / "results")])
    assert stop.value.code == 2
    assert "cannot be written" in capsys.readouterr().err


def test_an_empty_plugin_folder_and_reports_that_would_overwrite_each_other_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty" / "methods").mkdir(parents=True)
    for name in ("one", "two"):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "manifest.json").write_text("{}")
    for arguments, culprit in (
        (["list", "methods", "--plugins", "empty"], "no plug-in files"),
        (["report", "--out", "here"], "results in 2 folders"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2
        assert culprit in capsys.readouterr().err
    assert not (tmp_path / "here").exists()


def test_a_setting_belongs_to_the_last_dot(tmp_path):
    from infomax_bench.cli.run import settings_by_method
    from infomax_bench.study.plugins import registry

    assert main(["new-method", "mine", "--dir", str(tmp_path)]) == 0
    (tmp_path / "mine.py").rename(tmp_path / "v1.2.py")
    assert settings_by_method(registry([str(tmp_path)]), ["v1.2.weight=3"]) == {"v1.2": {"weight": 3.0}}


def test_names_are_taken_once_and_a_comma_may_stand_in_a_path(tmp_path):
    (tmp_path / "a,b").mkdir()
    given = [
        "run",
        "--methods",
        "pca, pca,,rbm",
        "--datasets",
        f"digits,folder:{tmp_path}/a,b,mnist",
        "--widths",
        "8,4",
    ]
    read = build_parser().parse_args(given)
    assert read.methods == ["pca", "rbm"]
    assert read.datasets == ["digits", f"folder:{tmp_path}/a,b", "mnist"]
    assert read.widths == [8, 4]


def test_a_plugin_that_does_not_load_costs_a_line_unless_it_is_asked_for(tmp_path, capsys):
    (tmp_path / "broken.py").write_text("def oops(:\n")
    assert main(["list", "methods", "--plugins", str(tmp_path), "--json"]) == 0
    out, error = capsys.readouterr()
    assert "infomax_em" in {m["name"] for m in json.loads(out)}
    assert len(error.splitlines()) == 1
    assert "broken.py" in error
    with pytest.raises(SystemExit) as stop:
        main(["run", "--methods", "broken", "--plugins", str(tmp_path)])
    assert stop.value.code == 2
    assert "SyntaxError" in capsys.readouterr().err.splitlines()[-1]


def test_an_older_python_is_told_so():
    """The check comes before anything that an older Python could not parse."""
    code = "import sys; sys.version_info = (3, 10, 4); import infomax_bench"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "needs Python 3.11" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_lists_name_everything(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")  # in a narrow terminal names are broken
    known = {"methods": "rbm_persistent", "datasets": "folder:PATH", "benchmarks": "pruning", "presets": "quick"}
    for kind, one in known.items():
        assert main(["list", kind, "--json"]) == 0
        assert one in {record["name"] for record in json.loads(capsys.readouterr().out)}
        assert main(["list", kind]) == 0
        assert one in capsys.readouterr().out


def test_one_is_told_of_at_length(capsys, monkeypatch):
    """Of a data set whom to cite and on which terms it may be used, for every one that comes with the project."""
    monkeypatch.setenv("COLUMNS", "110")  # lines are as wide as the terminal
    assert main(["list", "datasets", "mnist"]) == 0
    told = capsys.readouterr().out
    assert "licence   CC BY-SA 3.0\n" in told
    assert "citation  LeCun" in told
    assert main(["list", "presets", "quick", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "quick"
    assert main(["list", "methods", "infomax", "--json"]) == 0
    own = {one["name"]: one for one in json.loads(capsys.readouterr().out)["hyperparameters"]}
    assert own["lambda_lse"] | {"help": ""} == {
        **{"name": "lambda_lse", "takes": "a number", "default": 0.0, "valid": "[0, inf)", "search": "", "help": ""}
    }, "a variant has the value that it fixes"
    assert own["learning_rate"]["search"] == "3e-05 to 0.3, logarithmic"
    assert main(["list", "methods", "swav"]) == 0
    assert "16, 32, 64, 100" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["list", "methods", "infomax_en"])
    assert "did you mean 'infomax_em'?" in capsys.readouterr().err
    assert main(["list", "datasets", "--json"]) == 0
    own = [record for record in json.loads(capsys.readouterr().out) if ":" not in record["name"]]
    assert [record["name"] for record in own if not (record["licence"] and record["citation"])] == []


def test_check_finds_what_is_broken(tmp_path, capsys):
    """A method that looks at nothing but chance breaks determinism, and check says so and exits with 1."""
    (tmp_path / "chance.py").write_text(
        "import torch\nfrom infomax_bench import Card, Method\n\n"
        "class Chance(Method):\n"
        "    card = Card(family='f', role='control', objective='o', prevents='p', paper='')\n"
        "    def loss(self, net, batch, state, rng):\n"
        "        h = net.encoder(batch.images)\n"
        "        return (h - torch.rand_like(h)).square().mean((-2, -1))\n"
    )
    assert main(["check", "--fast", str(tmp_path / "chance.py")]) == 1
    out = capsys.readouterr().out
    assert "card.paper is empty" in out
    assert "differ: draw only from `rng`" in out


def test_features_go_out_and_come_back(tmp_path, capsys):
    path = tmp_path / "features.npz"
    assert main(["encode", "pca", "digits", "--width", "8", "--out", str(path)]) == 0
    assert main(["evaluate", str(path), "--out", str(tmp_path / "rows.csv")]) == 0
    assert "prunable_fraction" in capsys.readouterr().out
    import pandas as pd

    import infomax_bench as ib

    rows = pd.read_csv(tmp_path / "rows.csv")
    here = ib.probe(ib.pretrain("pca", "digits", width=8), "digits")
    for protocol in ("linear", "knn"):
        there = rows[(rows["metric"] == "accuracy") & (rows["protocol"] == protocol) & (rows["evaluation"] == "probe")]
        own = here[(here["metric"] == "accuracy") & (here["protocol"] == protocol)]
        assert there["value"].iloc[0] == pytest.approx(own["value"].iloc[0])


def test_what_takes_hours_runs_when_it_is_asked_for(tmp_path, monkeypatch):
    from infomax_bench.run import runner as main_job

    asked: list[set[str]] = []

    def note(registry, suite, benchmarks, *_, **__):
        asked.append({benchmark.name for benchmark in benchmarks})
        raise UserError("enough")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(main_job, "run", note)
    for named in ([], ["replication"]):
        with pytest.raises(SystemExit):
            main(["run", "--preset", "standard", *named])
    assert {"pruning", "transfer", "width", "interpretability"} <= asked[0]
    assert "replication" not in asked[0]
    assert asked[1] == {"replication"}


GOOD_LABELS = np.arange(40) % 2
GOOD = {"features": np.zeros((40, 3), np.float32), "labels": GOOD_LABELS}
MALFORMED = {
    "no archive": b"not a zip file",
    "no features": {"labels": GOOD_LABELS},
    "no labels": {"features": np.zeros((40, 3), np.float32)},
    "whole numbers": {"features": np.zeros((40, 3), np.int64), "labels": GOOD_LABELS},
    "one dimension": {"features": np.zeros(40, np.float32), "labels": GOOD_LABELS},
    "not finite": {"features": np.full((40, 3), np.nan, np.float32), "labels": GOOD_LABELS},
    "too few labels": {"features": np.zeros((40, 3), np.float32), "labels": GOOD_LABELS[:5]},
    "one class": {"features": np.zeros((40, 3), np.float32), "labels": np.zeros(40, int)},
    "negative labels": {"features": np.zeros((40, 3), np.float32), "labels": GOOD_LABELS - 1},
    "test of another length": {**GOOD, "test": np.ones(3, bool)},
    "nothing but test": {**GOOD, "test": np.ones(40, bool)},
    "objects": {"features": np.array([{}] * 40), "labels": GOOD_LABELS},
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_features_are_one_line(content, tmp_path, capsys):
    path = tmp_path / "features.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, **content)
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", str(path)])
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert len(error.splitlines()) == 1
    assert str(path) in error
