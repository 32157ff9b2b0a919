"""What `new-...` writes is a plug-in of its kind that keeps its promises as it stands."""

from __future__ import annotations

import contextlib
import io
from functools import partial

import pytest

from infomax_bench.check import methods as check
from infomax_bench.check.promise import Skipped
from infomax_bench.cli.main import main
from infomax_bench.cli.new import HOOKS, KINDS
from infomax_bench.cli.template import FOLDER, filled
from infomax_bench.models.backbones import BACKBONES
from infomax_bench.study.plugins import load_file, registry, reread
from tests.promises import held

QUICK = (
    check.card_is_complete,
    check.hyperparameters_are_declared,
    check.same_seed_same_numbers,
    check.gradient_reaches_the_encoder,
    check.an_update_moves_the_encoder,
    check.a_fit_counts_its_passes,
    check.alone_as_in_a_group,
)
"""The promises of a method that take no time."""
OTHERS = [kind for kind in KINDS if kind != "methods"]


@pytest.fixture
def here(tmp_path):
    yield tmp_path
    BACKBONES.pop("my_idea", None)
    reread()


def kept(path, kind: str) -> int:
    """Tries the promises of a file's plug-in; how many there were to try."""
    return held(registry([str(path)]), kind, path.stem)


def written(folder, command: str, *more: str):
    assert main([command, "my_idea", "--dir", str(folder), *more]) == 0
    return folder / "my_idea.py"


@pytest.mark.parametrize("hooks", HOOKS)
def test_a_method_of_each_kind_shows_its_hooks_and_runs(here, hooks):
    cls = load_file(written(here, "new-method", "--kind", hooks))[1]["my_idea"]
    for promise in QUICK:
        with contextlib.suppress(Skipped):
            promise(cls.build({}))
    assert cls.__name__ == "MyIdea"
    assert cls.hook() == {"update": "update", "fit": "fit"}.get(hooks, "loss")
    shown = {name for name in ("state", "after_step", "start", "heads", "unavailable", "features") if name in vars(cls)}
    expected = {"loss": "heads", "labels": "heads", "update": "start after_step", "fit": "unavailable features"}
    assert shown == set(expected.get(hooks, "heads state after_step").split())
    assert cls.supervised() == (hooks == "labels")


@pytest.mark.slow
@pytest.mark.parametrize("hooks", HOOKS)
def test_a_method_of_each_kind_keeps_all_its_promises(here, hooks):
    assert kept(written(here, "new-method", "--kind", hooks), "methods") >= 9


@pytest.mark.parametrize("kind", OTHERS)
def test_the_other_kinds_keep_all_their_promises(here, kind):
    assert kept(written(here, f"new-{kind.rstrip('s')}"), kind) >= 3


def test_every_template_has_a_command():
    assert {path.stem for path in FOLDER.glob("*.py")} == {f"method_{hooks}" for hooks in HOOKS} | {
        kind.rstrip("s") for kind in OTHERS
    }


def test_a_file_that_is_there_is_left_alone(here, capsys):
    path = here / "my_idea.py"
    path.write_text("mine")
    with pytest.raises(SystemExit):
        main(["new-benchmark", "my_idea", "--dir", str(here)])
    assert "already" in capsys.readouterr().err
    assert path.read_text() == "mine"


def test_the_first_of_a_kind_makes_the_folder(tmp_path, monkeypatch):
    """And each goes into that of its kind."""
    monkeypatch.setattr("infomax_bench.cli.template.home", lambda: tmp_path)
    monkeypatch.setattr("infomax_bench.cli.template.in_clone", lambda: True)
    for kind in KINDS:
        assert main([f"new-{kind.rstrip('s')}", "my_idea"]) == 0
        assert (tmp_path / kind / "my_idea.py").is_file()


@pytest.mark.parametrize(("answer", "hooks"), [("fit\n", "fit"), ("\n", "loss"), ("", "loss")])
def test_on_a_terminal_the_kind_is_asked_for(tmp_path, monkeypatch, capsys, answer, hooks):
    class Terminal(io.StringIO):
        isatty = partial(bool, True)

    monkeypatch.setattr("sys.stdin", Terminal(answer))
    path = written(tmp_path, "new-method")
    assert "what is it? [loss]" in capsys.readouterr().out
    assert path.read_text() == filled("methods", "my_idea", hooks)


def test_a_name_that_the_template_uses_itself_is_no_clash(tmp_path):
    assert main(["new-dataset", "images", "--dir", str(tmp_path)]) == 0
    _, own, _ = load_file(tmp_path / "images.py")
    assert own["images"].__name__ == "ImagesDataset"
    assert len(own["images"]().load().images) == own["images"].n_rest + own["images"].n_test
