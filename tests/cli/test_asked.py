"""What was asked for: who is compared, who is trained beside a subject, and what there is to measure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infomax_bench.base.errors import UserError
from infomax_bench.cli.asked import check_grids, company
from infomax_bench.cli.main import main
from infomax_bench.cli.template import filled
from infomax_bench.run.planned import plan_entries
from infomax_bench.run.workers import Workers
from infomax_bench.study.plan import Planner, make_suite
from infomax_bench.study.plugins import Registry, home, registry, reread
from infomax_bench.study.presets import Preset, load_presets
from infomax_bench.study.suite import Suite
from tests.small_runs import go, write_echo

PRESETS = load_presets(home() / "benchmarks")
BUDGETS = ("native", "deeper", "scaled")
GIVEN = (("depth", "layers"), ("history", "updates"), ("compression", "backbones"))
ALONE = ("echo", "pca", "infomax_em")


def draft(folder: Path, name: str, role: str = "", more: str = "") -> None:
    """A method of the user's own: what `new-method` writes, with a role if one is given."""
    text = filled("methods", "mine")
    said = '        paper="unpublished",'
    text = text.replace(said, f'{said}\n        role="{role}",' if role else said)
    (folder / f"{name}.py").write_text(text.replace("    views = 0", f"    views = 0{more}"))


def found(own: Path) -> Registry:
    reread()
    return registry([str(own)])


def suite_of(plugins: Registry, preset: Preset = PRESETS["quick"], **changes) -> Suite:
    return make_suite(plugins, preset, **changes)


# -- who is compared --------------------------------------------------------------------------------------------------
def test_every_bundled_method_says_which_part_it_takes():
    assert suite_of(registry()).drafts == ()


def test_what_new_method_writes_declares_nothing(own):
    """Nor does a copy of the project's own file become prior art for saying "this work"."""
    draft(own, "mine")
    draft(own, "copied", role="this work")
    draft(own, "declared", role="prior art")
    assert suite_of(found(own)).drafts == ("copied", "mine")


@pytest.mark.parametrize("role", ["", "this work"])
@pytest.mark.slow
def test_a_draft_leaves_every_verdict_alone(own, tmp_path, role):
    """It is measured and shown, and stands against nobody: not as a rival, nor as the best of all methods."""
    benchmarks, options = ("redundancy", "universality"), {"seeds": 5, "datasets": ["digits"]}
    before = go(own, tmp_path / "r", ("echo", "infomax_em"), benchmarks, **options)
    draft(own, "mine", role)
    after = go(own, tmp_path / "r", ("echo", "infomax_em", "mine"), benchmarks, **options)
    assert "mine" in set(after.results.table["method"])
    assert before.verdicts
    assert [v.as_json() for v in before.verdicts] == [v.as_json() for v in after.verdicts]
    assert "mine" not in after.results.claims().roles
    assert after.results.cards["mine"]["role"] == "draft"
    about = after.results.claims("mine")
    assert "infomax_em" in about.rivals("prior art"), "the project's own method is what came before a draft"
    assert {"mine"} < set(about.roles)


def test_a_declared_method_is_a_rival(own, tmp_path):
    draft(own, "mine", role="prior art")
    done = go(own, tmp_path / "r", ("infomax_em", "mine"), ("redundancy",), seeds=5, datasets=["digits"])
    assert "mine" in {c.rival for v in done.verdicts for c in v.comparisons}


# -- who is trained beside a subject ----------------------------------------------------------------------------------
def asked_of(own: Path, root: Path, changed: tuple[str, ...] = (), methods=ALONE, **options):
    plugins = found(own)
    preset = replace(PRESETS["quick"], batch_size=16)
    given = {"datasets": ["tiny"], "widths": [4], "epochs": 2, "seeds": 2, "subject": "mine", **options}
    suite = make_suite(plugins, preset, methods=[*methods, "mine"], **given)
    return company(Planner(plugins, "cpu"), suite, [plugins.benchmark("redundancy")], root, changed)


def test_a_subject_is_trained_alone_where_its_rivals_rows_are_there(own, tmp_path):
    draft(own, "mine")
    go(own, tmp_path / "r", ALONE, ("redundancy",))
    beside = asked_of(own, tmp_path / "r")
    assert beside.methods == ("mine",)
    assert beside.lines == [f"mine is trained alone, against the results in {tmp_path / 'r'}"]
    write_echo(own, comment="edited")
    assert asked_of(own, tmp_path / "r").methods == ("mine",), "rows of another version are there, and marked"
    assert asked_of(own, tmp_path / "r", epochs=7).methods == ("mine",), "and so are those of another budget"


def test_what_else_is_trained_is_said_with_the_reason(own, tmp_path):
    draft(own, "mine")
    go(own, tmp_path / "r", ("pca", "infomax_em"), ("redundancy",))
    beside = asked_of(own, tmp_path / "r")
    assert beside.methods == ("mine", "echo")
    (line,) = beside.lines
    assert line.startswith("echo is trained too (1 of the methods, 1 of the jobs)")
    assert "missing" in line
    nothing = asked_of(own, tmp_path / "empty")
    assert set(nothing.methods) == {"mine", *ALONE}
    assert "echo, infomax_em, pca are trained too" in nothing.lines[0]


def test_a_method_whose_settings_are_changed_is_trained_too(own, tmp_path):
    """Else --set would be ignored in silence."""
    draft(own, "mine")
    go(own, tmp_path / "r", ALONE, ("redundancy",))
    beside = asked_of(own, tmp_path / "r", ("pca",))
    assert beside.methods == ("mine", "pca")
    assert "pca is trained too: --set" in beside.lines[0]


# -- what there is to measure -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_a_data_set_of_ones_own_has_every_question(own, preset):
    """It gets the most that the preset gives any other."""
    plugins = found(own)
    suite = suite_of(plugins, preset, datasets=["tiny"])
    for name in BUDGETS:
        table = getattr(preset, name)
        assert getattr(suite, name) == ({"tiny": max(table.values())} if table else {}), name
    for benchmark, key in GIVEN:
        most = max(map(as_read, preset.given[benchmark][key].values()))
        assert suite.given[benchmark][key] == {"tiny": most}, key
    everything = [b for n in plugins.names("benchmarks") if not (b := plugins.benchmark(n)).on_request]
    kept, lines = check_grids(Planner(plugins, "cpu"), suite, everything, named=True, datasets=True, methods=False)
    without = [] if preset.deeper or preset.native else ["backbones"]
    assert [b.name for b in everything if b not in kept] == without
    assert lines == []


def test_the_presets_own_data_sets_keep_their_budgets():
    for preset in PRESETS.values():
        suite = suite_of(registry(), preset)
        for name in BUDGETS:
            assert getattr(suite, name) == getattr(preset, name)
        for benchmark, key in GIVEN:
            own = {data: as_read(value) for data, value in preset.given[benchmark][key].items()}
            assert suite.given[benchmark][key] == own


def as_read(value):
    return tuple(value) if isinstance(value, list) else value


def grids(plugins, names, methods=None, datasets=None, named=True, alone=False):
    suite = replace(suite_of(plugins, methods=methods, datasets=datasets), alone=alone)
    benchmarks = [plugins.benchmark(name) for name in names]
    return check_grids(
        Planner(plugins, "cpu"), suite, benchmarks, named=named, datasets=bool(datasets), methods=bool(methods)
    )


REFUSED = {
    "no budget": (["scale"], None, ["sprites:coarse"], "scale: nothing to measure on sprites:coarse in preset quick"),
    "no such start": (["history"], ["simclr"], None, "history: nothing to measure of simclr"),
    "no subject": (["mechanism"], ["pca"], None, "mechanism: nothing to measure of pca"),
    "one layer only": (["compression"], ["pca", "kmeans"], None, "compression: nothing to measure of pca, kmeans"),
    "another data set": (["replication"], None, ["digits"], "replication: nothing to measure on digits"),
}


@pytest.mark.parametrize(("names", "methods", "datasets", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_asked_for_by_name_and_has_nothing_to_measure_is_refused(names, methods, datasets, words):
    with pytest.raises(UserError) as stop:
        grids(registry(), names, methods, datasets)
    assert words in str(stop.value)
    with pytest.raises(UserError):
        grids(registry(), ["redundancy", *names], methods, datasets)


def test_what_has_to_be_measured_alone_is_run_apart():
    """All that is asked of a quiet machine, or all but that."""
    planner, quick = Planner(registry(), "cpu"), suite_of(registry(), methods=["rbm", "pca"])
    asked = {}
    for alone in (False, True):
        entries = plan_entries(planner, replace(quick, alone=alone), [registry().benchmark("cost")])
        asked[alone] = {(entry.request.evaluation, entry.cell.method) for entry in entries}
    assert asked == {
        False: {(what, who) for what in ("training", "cost") for who in ("rbm", "pca")},
        True: {("pace", "rbm")},
    }
    with pytest.raises(UserError, match="redundancy: nothing to measure alone on the machine in"):
        grids(registry(), ["redundancy"], alone=True)
    kept, lines = grids(registry(), ["redundancy", "cost"], named=False, alone=True)
    assert ([b.name for b in kept], lines) == (
        ["cost"],
        ["left out, with nothing to measure alone on the machine: redundancy"],
    )


@pytest.mark.parametrize("other", [["--jobs", "2"], ["--engine", "dask", "--scheduler", "tcp://127.0.0.1:1"]])
def test_what_is_measured_alone_takes_one_worker(other, capsys, monkeypatch):
    monkeypatch.setattr(Workers, "check", lambda self: None)
    with pytest.raises(SystemExit) as stop:
        main(["run", "cost", "--alone", *other])
    assert stop.value.code == 2
    assert "--alone is one job after the other on this machine" in capsys.readouterr().err


def test_of_all_that_is_asked_what_has_nothing_to_measure_is_said():
    kept, lines = grids(registry(), ["redundancy", "history", "scale"], ["simclr"], ["sprites:coarse"], named=False)
    assert [b.name for b in kept] == ["redundancy"]
    assert lines == ["left out, with nothing to measure of simclr on sprites:coarse: history, scale"]
    kept, lines = grids(registry(), ["redundancy", "scale"], None, ["digits", "sprites:coarse"])
    assert len(kept) == 2
    assert lines == ["sprites:coarse is left out of scale: preset quick plans nothing for it there"]
    with pytest.raises(UserError):
        grids(registry(), ["history"], ["simclr"], named=False)


# -- names ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["methods", "benchmarks"])
def test_only_data_sets_take_an_argument(kind):
    name = registry().names(kind)[0]
    with pytest.raises(UserError, match=f"{kind} take no argument; did you mean '{name}'"):
        registry().get(kind, f"{name}:2")


def test_a_variant_that_takes_a_name_is_told_of(own):
    """As a file that does; a file that replaces another whole is told of once."""
    draft(own, "mine", more='\n    variants = {"pca": {}, "fresh": {}}')
    (line,) = found(own).warnings
    assert "mine.py replaces 'pca' of" in line
    (own / "mine.py").unlink()
    (own / "pca.py").write_text((home() / "methods" / "pca.py").read_text())
    (line,) = found(own).warnings
    assert line == f"{own / 'pca.py'} replaces {home() / 'methods' / 'pca.py'}"


def test_names_that_nothing_could_ask_for_do_not_load(own):
    """They would end lists, tables or the run; and one such file must not break the others."""
    for name in ("a,b", "a:b", "a\x1b[2J"):
        draft(own, name)
    draft(own, "v1.2")
    plugins = found(own)
    assert len(plugins.warnings) == 3
    assert all("is no name for a plug-in" in line for line in plugins.warnings)
    assert {"v1.2", "echo"} <= set(plugins.names("methods"))
    assert suite_of(plugins).drafts == ("v1.2",)


def test_a_broken_file_says_what_is_used_in_its_place(own):
    (own / "pca.py").write_text("def oops(:\n")
    (line,) = found(own).warnings
    assert "is left out" in line
    assert str(home() / "methods" / "pca.py") in line
