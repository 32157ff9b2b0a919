"""What a preset gives to one benchmark: declared by it, and every slip in `presets.toml` is told in one line."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from infomax_bench.base.errors import UserError
from infomax_bench.study.given import Given, read_table
from infomax_bench.study.plan import make_suite
from infomax_bench.study.plugins import home, registry
from infomax_bench.study.presets import load_presets

DECLARED = {
    "layers": Given(dict[str, int], "layers"),
    "shares": Given(tuple[float, ...], "shares", (0.5,)),
    "names": Given(dict[str, tuple[str, ...]], "names", {}),
}
PRESETS = load_presets(home() / "benchmarks")
TEXT = (home() / "benchmarks" / "presets.toml").read_text()


def test_values_have_the_types_that_are_declared():
    found = read_table(DECLARED, {"layers": {"d": 2}, "shares": [1, 0.25], "names": {"d": ["a", "b"]}}, "here")
    assert found == {"layers": {"d": 2}, "shares": (1.0, 0.25), "names": {"d": ("a", "b")}}
    assert type(found["shares"][0]) is float
    assert read_table(DECLARED, {"layers": {}}, "here") == {"layers": {}, "shares": (0.5,), "names": {}}


WRONG = {
    "unknown": ({"layers": {}, "share": [1]}, "here: unknown key 'share'; did you mean 'shares'"),
    "missing": ({}, "here: layers is missing"),
    "a number": ({"layers": 2}, "here: layers is to be a table by name, each a whole number; 2 is no"),
    "a half": ({"layers": {"d": 2.5}}, "2.5 is no whole number"),
    "a flag": ({"layers": {"d": True}}, "True is no whole number"),
    "a word": ({"layers": {}, "shares": ["a"]}, "'a' is no number"),
}


@pytest.mark.parametrize(("table", "words"), WRONG.values(), ids=WRONG)
def test_what_is_not_as_declared_is_named(table, words):
    with pytest.raises(UserError) as stop:
        read_table(DECLARED, table, "here")
    assert words in str(stop.value)


IN_FILE = {
    "a benchmark": ("[quick.depth]", "[quick.dept]", "[quick]: unknown benchmark 'dept'; did you mean 'depth'"),
    "its key": ("layers = { digits = 2 }", "layer = { digits = 2 }", "[quick.depth]: unknown key 'layer'"),
    "its table": ("[quick.depth]\nlayers = { digits = 2 }", "", "[quick.depth]: layers is missing"),
    "a preset's key": ("batch_size = 128", "batch_sise = 128", "[quick]: unknown key 'batch_sise'"),
    "who is asked on few": ("redundancy = [", "redundanci = [", "[quick]: only: unknown benchmark 'redundanci'"),
    "where": ('gaps = ["sprites:', 'gaps = ["sprite:', "[quick]: only: unknown data set 'sprite:coarse'"),
    "a pair": ('digits = ["linked:', 'digits = ["link:', "[quick]: pairs: unknown data set 'link:few'"),
    "what is held out": ("epochs = {", 'held_out = "bars"\nepochs = {', "[quick]: held_out: unknown data set 'bars'"),
    "no pair": ("epochs = {", 'held_out = "digits"\nepochs = {', "[quick]: held_out: digits is one of the pairs"),
    "who sweeps": (
        "batch_size = 128",
        "batch_size = 128\nswept = {wide = {}}",
        "[quick]: swept: unknown benchmark 'wide'",
    ),
    "a sweep": (
        "batch_size = 128",
        "batch_size = 128\nswept = {width = {x = 1}}",
        "[quick]: swept: width: unknown key 'x'",
    ),
    "a preset's number": ("seeds = 5\n", "", "[quick]: seeds is missing"),
}


@pytest.mark.parametrize(("old", "new", "words"), IN_FILE.values(), ids=IN_FILE)
def test_a_slip_in_the_file_names_file_table_and_key(tmp_path, old, new, words):
    assert old in TEXT
    (tmp_path / "presets.toml").write_text(TEXT.replace(old, new, 1))
    with pytest.raises(UserError) as stop:
        make_suite(registry(), load_presets(tmp_path)["quick"])
    assert str(stop.value).startswith(f"{tmp_path / 'presets.toml'}: {words}")


def test_a_suite_holds_only_what_several_read():
    """A number of one benchmark is in its table and nowhere else."""
    suite = make_suite(registry(), replace(load_presets(home() / "benchmarks")["quick"]))
    assert suite.given["compression"]["fractions"] == (0.25, 0.5, 0.7, 0.9)
    assert not {"depths", "finetuned", "compressed", "fractions"} & set(vars(suite))


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_data_set_is_source_and_target_in_as_many_pairs(preset):
    """So that no data set weighs more than another in what is said of transfer."""
    pairs = [(source, target) for source, targets in preset.pairs.items() for target in targets]
    assert len(set(pairs)) == len(pairs)
    assert all(source != target for source, target in pairs)
    for side in zip(*pairs, strict=True):
        assert len(set(Counter(side).values())) == 1
        assert not pairs or set(side) == set(preset.datasets) - {preset.held_out}


def test_transfer_to_near_twins_is_not_asked():
    """What is tuned on the held-out set is not judged there, and features of a twin would tell nothing of transfer."""
    pairs = {frozenset((source, target)) for source, own in PRESETS["standard"].pairs.items() for target in own}
    assert PRESETS["standard"].held_out == "glyphs"
    assert len(pairs) == 27, "any two of the nine once at most"
    assert not pairs & {frozenset(twins) for twins in (("digits", "mnist"), ("cifar10", "cifar100:25k"))}


def test_a_benchmark_may_have_a_sweep_of_its_own():
    """Widths that are named are those of all benchmarks."""
    plugins, preset = registry(), PRESETS["standard"]
    own = make_suite(plugins, preset, methods=["pca"])
    cells = [cell for cell, _ in plugins.benchmark("width").asked(own)]
    assert {(cell.width, cell.n_seeds) for cell in cells} == {(32, 3), (64, 0), (128, 3)}
    assert (own.of("scale").widths, own.of("scale").sweep_seeds) == (preset.widths, 5)
    named = make_suite(plugins, preset, widths=[16, 64], seeds=2).of("width")
    assert (named.widths, named.sweep_seeds) == ((16, 64), 2)


def test_who_names_data_sets_asks_everything_on_all_of_them():
    """What the preset leaves out to save time is left out of its own run alone."""
    plugins, preset = registry(), PRESETS["quick"]
    own, named = make_suite(plugins, preset), make_suite(plugins, preset, datasets=["digits", "sprites:coarse"])
    asked = {name: {cell.dataset for cell, _ in plugins.benchmark(name).asked(own)} for name in ("pruning", "gaps")}
    assert asked == {"pruning": set(preset.datasets), "gaps": {"sprites:coarse"}}
    assert {cell.dataset for cell, _ in plugins.benchmark("gaps").asked(named)} == {"digits", "sprites:coarse"}
    assert (own.targets("digits"), own.of("gaps").targets("digits")) == (("linked:few",), ())
    assert named.targets("digits") == ("sprites:coarse",)
    foreign = {(cell.dataset, request.target) for cell, request in plugins.benchmark("transfer").asked(own)}
    assert {pair for pair in foreign if pair[1]} == {(s, t) for s, targets in preset.pairs.items() for t in targets}
