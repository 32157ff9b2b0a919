"""What runs is what was hashed: of a plug-in file, and of the modules of the user's own that it imports."""

from __future__ import annotations

import os
import py_compile
import sys
import traceback
from pathlib import Path

import pytest

from infomax_bench.study.plugins import Registry, registry, reread
from tests.small_runs import GOOD, go, values, write_echo

WITH_HELPER = f"""import sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent))
{{imports}}
from infomax_bench import Card, Method

class Mine(Method):
    card = Card(family="test", role="prior art", objective="none", prevents="nothing", paper="none")
    known = {{value}}

    def loss(self, net, batch, state, rng):
        {{lazily}}
        {GOOD}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder of plug-ins; what is imported from it is forgotten afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    reread()


def write_mine(folder: Path, imports: str = "pass", value: str = "0", lazily: str = "pass") -> None:
    (folder / "mine.py").write_text(WITH_HELPER.format(imports=imports, value=value, lazily=lazily))


def fresh(folder: Path) -> Registry:
    reread()
    return registry([str(folder)])


def source(folder: Path) -> str:
    return fresh(folder).get("methods", "mine").source


def replace_unseen(path: Path, old: str, new: str) -> None:
    """Other content of the same size and date beside byte code of the former, as an unzip may leave it."""
    py_compile.compile(str(path), doraise=True)
    stat = path.stat()
    path.write_text(path.read_text().replace(old, new))
    assert path.stat().st_size == stat.st_size
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_old_byte_code_of_a_plug_in_is_not_run(folder):
    write_mine(folder, value="1")
    before = source(folder)
    replace_unseen(folder / "mine.py", "known = 1", "known = 2")
    plugin = fresh(folder).get("methods", "mine")
    assert plugin.cls.known == 2
    assert plugin.source != before


def test_old_byte_code_of_a_helper_is_not_run(folder):
    (folder / "own_helper.py").write_text("VALUE = 1")
    write_mine(folder, "import own_helper", "own_helper.VALUE")
    before = source(folder)
    replace_unseen(folder / "own_helper.py", "1", "2")
    plugin = fresh(folder).get("methods", "mine")
    assert plugin.cls.known == 2
    assert plugin.source != before


HELPERS = {
    "at once": ("own_helper.py", {"imports": "import own_helper"}),
    "a name of it": ("own_helper.py", {"imports": "from own_helper import VALUE"}),
    "later, in a loss": ("own_helper.py", {"lazily": "import own_helper"}),
    "in a package": ("own_parts/deep.py", {"imports": "import own_parts.deep"}),
    "a name of a package": ("own_parts/deep.py", {"imports": "from own_parts import deep"}),
    "by a relative import": ("own_parts/deep.py", {"imports": "import own_parts.other"}),
    "by another helper": ("own_deeper.py", {"imports": "import own_first"}),
    "a package itself": ("own_parts/__init__.py", {"imports": "import own_parts.deep"}),
}


@pytest.mark.parametrize("case", HELPERS)
@pytest.mark.slow
def test_what_a_plug_in_imports_of_its_own_is_in_its_hash(folder, case):
    file, texts = HELPERS[case]
    (folder / "own_parts").mkdir()
    (folder / "own_parts" / "__init__.py").write_text("")
    (folder / "own_parts" / "other.py").write_text("from .deep import VALUE")
    (folder / "own_parts" / "deep.py").write_text("VALUE = 0")
    (folder / "own_first.py").write_text("import own_deeper")
    (folder / "own_helper.py").write_text("VALUE = 0")
    (folder / "own_deeper.py").write_text("VALUE = 0")
    write_mine(folder, **texts)
    before = source(folder)
    assert source(folder) == before
    (folder / "unrelated.txt").write_text("nothing")
    (folder / "own_unrelated.py").write_text("VALUE = 0")
    assert source(folder) == before, "a file that it does not import"
    (folder / file).write_text("VALUE = 1")
    changed = source(folder)
    assert changed != before
    (folder / file).write_text("" if file.endswith("__init__.py") else "VALUE = 0")
    assert source(folder) == before


def test_installed_packages_and_the_harness_are_not_in_the_hash_of_a_file(folder):
    import hashlib

    write_mine(folder, "import numpy, json, sklearn.decomposition, infomax_bench.training.objectives")
    expected = hashlib.sha256((folder / "mine.py").read_bytes()).hexdigest()[:16]
    assert source(folder) == expected
    for plugins in registry().plugins.values():  # those of the project: committed results have these keys
        for plugin in plugins.values():
            assert plugin.source == hashlib.sha256(Path(plugin.path).read_bytes()).hexdigest()[:16]


def test_an_edited_helper_runs_its_method_again(own, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(own), *sys.path])
    (own / "own_scale.py").write_text("SCALE = 1.0")
    write_echo(
        own,
        "import own_scale\n        return own_scale.SCALE * (net.encoder(batch.images) - 1).square().mean((-2, -1))",
    )
    before = go(own, tmp_path / "r", benchmarks=["redundancy"])
    (own / "own_scale.py").write_text("SCALE = 9.0")
    after = go(own, tmp_path / "r", benchmarks=["redundancy"])
    assert (before.n_jobs, after.n_jobs) == (2, 1)
    alone = go(own, tmp_path / "alone", benchmarks=["redundancy"])
    assert values(alone).equals(values(after)), "no old module is left"
    assert not values(before).equals(values(after))


def test_a_traceback_shows_the_line(folder):
    write_mine(folder, lazily="raise RuntimeError('here')")
    method = fresh(folder).method("mine")
    with pytest.raises(RuntimeError) as caught:
        method.loss(None, None, {}, None)
    assert "raise RuntimeError('here')" in "".join(traceback.format_exception(caught.value))


BROKEN = {
    "no card": ("    card = Card", "    other = Card", "no card"),
    "a card that is none": ('card = Card(family="test",', 'card = dict(family="test",', "no card"),
    "a card of numbers": ('family="test"', "family=3", "no card"),
    "an annotation that does not resolve": ("    known = 0", "    known: 'Nowhere' = param(0.0, help='h')", "Nowhere"),
    "variants that are a list": ("    known = 0", "    variants = ['a']", "variants"),
    "a variant that is no mapping": ("    known = 0", "    variants = {'a': None}", "'a'"),
    "a variant that is called by a number": ("    known = 0", "    variants = {3: {}}", "3"),
    "a variant with a value of another kind": ("    known = 0", "    variants = {'a': {'centred': 3}}", "centred"),
    "a program that ends": ("import sys", "import sys; sys.exit(0)", "SystemExit"),
    "a program that ends with a word": ("import sys", "import sys; sys.exit('bye')", "bye"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plug_in_costs_one_line_and_nobody_else(folder, case):
    old, new, said = BROKEN[case]
    write_mine(folder)
    text = (folder / "mine.py").read_text().replace("import Card, Method", "import Card, Method, param")
    assert old in text
    (folder / "mine.py").write_text(text.replace(old, new))
    found = fresh(folder)
    (warning,) = found.warnings
    assert "mine.py does not load and is left out" in warning
    assert said in warning
    assert "\n" not in warning
    assert "mine" not in found.plugins["methods"]
    assert "pca" in found.plugins["methods"]


@pytest.mark.parametrize("command", ["encode", "check"])
def test_a_plug_in_that_ends_the_program_later_is_no_success(folder, capsys, command):
    from infomax_bench.cli.main import main

    write_mine(folder, lazily="sys.exit(0)")
    if command == "check":
        assert main(["check", str(folder / "mine.py")]) == 1
        return
    out = folder / "out.npz"
    with pytest.raises(SystemExit) as stop:
        main(["encode", "mine", "digits", "--epochs", "1", "--plugins", str(folder), "--out", str(out)])
    assert stop.value.code == 2
    assert "a plug-in ended the program" in capsys.readouterr().err
    assert not out.exists()


def test_a_variant_that_replaces_another_files_method_is_said(folder):
    write_mine(folder)
    text = (folder / "mine.py").read_text()
    (folder / "mine.py").write_text(text.replace("known = 0", "variants = {'pca': {}}"))
    (warning,) = fresh(folder).warnings
    assert "mine.py replaces" in warning
    assert "pca.py" in warning


@pytest.mark.parametrize("kind", ["Dataset", "Benchmark"])
def test_a_data_set_or_benchmark_that_lacks_the_basics_is_left_out(folder, kind):
    (folder / "bare.py").write_text(f"from infomax_bench import {kind}\nclass Bare({kind}):\n    pass\n")
    (warning,) = fresh(folder).warnings
    assert "bare.py does not load" in warning


def test_an_installed_package_runs_what_was_hashed_too(folder):
    """Whose byte code is stale, or which was edited while this process lives."""
    package = folder / "site" / "brings_one"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "value.py").write_text("VALUE = 1\n")
    (package / "plugin.py").write_text(
        WITH_HELPER.format(imports="from brings_one.value import VALUE", value="VALUE", lazily="pass")
    )
    about = folder / "site" / "brings_one-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: brings-one\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[infomax_bench.methods]\nbrought = brings_one.plugin:Mine\n")
    (about / "top_level.txt").write_text("brings_one\n")
    sys.path.insert(0, str(folder / "site"))
    reread()
    first = registry().get("methods", "brought")
    assert first.cls.known == 1
    replace_unseen(package / "value.py", "1", "2")
    reread()
    second = registry().get("methods", "brought")
    assert second.cls.known == 2
    assert second.source != first.source
