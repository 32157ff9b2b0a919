"""One figure by its name, in a format that papers take; a name that is none says what there is."""

from __future__ import annotations

import pytest

from infomax_bench.cli.main import main
from infomax_bench.plots import theme as look
from tests.report.made import make_results


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp("drawn") / "results", benchmarks=("transfer", "redundancy"))


@pytest.mark.parametrize(
    ("name", "how", "out", "begins"),
    [
        ("P2", [], "P2.pdf", b"%PDF"),
        ("redundancy-1", ["--format", "svg"], "redundancy-1.svg", b"<?xml"),
        ("first", ["--dark", "--out", "a.png"], "a.png", b"\x89PNG"),
    ],
)
def test_a_figure_is_drawn_by_its_name(root, tmp_path, monkeypatch, capsys, name, how, out, begins):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(look, "DPI", 40)
    assert main(["figure", name, "--results", str(root), *how]) == 0
    assert capsys.readouterr().out.strip() == out
    assert (tmp_path / out).read_bytes().startswith(begins)


def test_all_names_are_listed_with_their_captions(root, capsys):
    assert main(["figure", "--list", "--results", str(root)]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert {"transfer-1", "transfer-2", "redundancy-1"} <= set(names)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ([], "which figure?"),
        (["transfr"], "did you mean 'transfer'?"),
        (["zzz"], "known: P1, P2, P3, P4, backbones"),
        (["transfer-9"], "unknown figure 'transfer-9'; transfer has transfer-1 to transfer-"),
        (["width"], "these results have nothing that width shows"),
        (["P2", "--out", "a.gif"], "figures are written as pdf, png, svg"),
        (["P2", "--out", "a.pdf", "--format", "png"], "contradict each other"),
        (["P2", "--out", "nowhere/a.pdf"], "no such folder"),
        (["P2", "--dark"], "--dark is for 'first'"),
        (["P2", "--subject", "nobody"], "unknown method 'nobody'"),
    ],
)
def test_what_is_no_figure_is_said_in_a_line(root, tmp_path, monkeypatch, capsys, typed, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["figure", *typed, "--results", str(root)])
    assert ended.value.code == 2
    told = capsys.readouterr().err.strip()
    assert said in told
    assert "\n" not in told
    assert not list(tmp_path.iterdir())
