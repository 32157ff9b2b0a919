"""The pages of a report, from results that are whole."""

import json
import re
from dataclasses import replace
from html import unescape
from urllib.parse import unquote

import pytest

from infomax_bench.report.build import is_made, made_from, write_report
from infomax_bench.report.pages import markdown
from infomax_bench.report.parts import capital
from infomax_bench.report.power import power
from infomax_bench.study.plugins import registry
from tests.report.made import ROLES, build, make_results

pytestmark = pytest.mark.slow
"""Documents are built."""


def test_a_page_needs_nothing_but_what_lies_beside_it(whole):
    html, out = whole[0], whole[-1] / "out"
    loaded = set(re.findall(r"""(?:src|href)=["'](?!data:|#)([^"'#]*)""", html))
    assert "data/static/page.js" in loaded
    for path in loaded:
        assert (out / unquote(path)).is_file()
    assert "@import" not in html
    assert not re.findall(r"url\((?!data:)", html)
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#(?!explore\?)([^"]+)"', html)) <= set(ids)


def test_where_the_page_was_leads_to_it(whole):
    for name in ("report.html", "answers.html"):
        text = (whole[-1] / "out" / name).read_text(encoding="utf-8")
        assert 'content="0; url=index.html"' in text
        assert 'href="index.html"' in text


def test_the_essay_is_answered_in_its_order_and_its_words(whole):
    """Every sentence once, the predictions first, with a link to where its outcome is explained; wherever documents are
    kept."""
    *_, verdicts, results, folder = whole
    text = (folder / "out" / "answers.md").read_text(encoding="utf-8")
    plugins = registry()
    essay = plugins.benchmark("pruning").essay
    lines = [str(markdown(f"“{one.words}”")) for one in sorted(essay.sentences, key=lambda one: not one.predicts)]
    assert [line.removeprefix("- ") for line in text.splitlines() if line.startswith("- “")] == lines
    html, measured = unescape(whole[0]), {*results.table["benchmark"]}
    for one in essay.sentences:
        assert f"“{one.words}”" in html or not measured & {*one.by}
    for one in essay.untested:
        assert capital(one.why) in text
    assert set(re.findall(r"\]\(index\.html#([^)]*)\)", text)) <= set(re.findall(r' id="([^"]+)"', whole[0]))
    kept = folder / "elsewhere" / "docs" / "answers.md"
    write_report(folder / "results", folder / "out", plugins, results, verdicts, kept)
    pages = re.findall(r"\]\(([^)#]*)[^)]*\)", kept.read_text(encoding="utf-8"))
    assert pages
    for page in pages:
        assert (kept.parent / unquote(page)).is_file()


def test_a_report_is_made_again_only_if_something_changed(whole):
    *_, verdicts, _, folder = whole
    root, out, plugins = folder / "results", folder / "out", registry()
    assert is_made(root, out, plugins, verdicts)
    assert not is_made(root, out, plugins, [replace(verdicts[0], subject="beta"), *verdicts[1:]])  # of another subject
    path = root / "run.json"
    before = path.read_bytes()
    path.write_bytes(before + b"\n")
    assert not is_made(root, out, plugins, verdicts)
    path.write_bytes(before)
    assert is_made(root, out, plugins, verdicts)
    page = out / "answers.md"
    text = page.read_bytes()
    page.unlink()
    assert not is_made(root, out, plugins, verdicts)
    page.write_bytes(text)


def test_what_is_not_of_a_report_stays(tmp_path):
    """In a folder that has a data/ of its own; what a former report has beside its page goes."""
    root, out = make_results(tmp_path / "results", benchmarks=["cost"]), tmp_path / "out"
    for name in ("data/mine.csv", "figures/mine.png", "mine.txt"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("mine")
    (tmp_path / "outside.txt").write_text("mine")
    _, _, verdicts, *_ = build(root, out)
    assert is_made(root, out, registry(), verdicts), (
        "no prediction, and so no figure of one, is no reason to make it again"
    )
    mark = out / ".made-from"
    (out / "data/series-former.js").write_text("")
    mark.write_text(mark.read_text() + "\ndata/series-former.js\n../outside.txt\n" + str(tmp_path / "outside.txt"))
    build(root, out)
    for name in ("data/mine.csv", "figures/mine.png", "mine.txt", "../outside.txt"):
        assert (out / name).read_text() == "mine"
    assert not (out / "data/series-former.js").exists()
    (out / "data/series.js").unlink()
    assert not is_made(root, out, registry(), verdicts)


@pytest.mark.parametrize("name", ["words/mine.jinja", "mine.csv"])
def test_an_edited_sentence_is_another_report(tmp_path, name):
    """Words are part of what a report is made from, and so are the files that benchmarks read."""
    (tmp_path / "words").mkdir()
    source = '"""."""\nfrom infomax_bench import Benchmark\nclass Mine(Benchmark):\n    title = "Mine"\n'
    (tmp_path / "mine.py").write_text(source)
    (tmp_path / name).write_text("a")
    plugins = registry([str(tmp_path)])
    before = made_from(tmp_path, plugins, [])
    assert made_from(tmp_path, plugins, []) == before
    (tmp_path / name).write_text("b")
    assert made_from(tmp_path, plugins, []) != before


def test_every_verdict_is_on_the_page_with_its_word_and_rule(whole):
    html, md, verdicts, *_ = whole
    assert len(verdicts) > 8
    text = unescape(html)
    for verdict in verdicts:
        assert verdict.sentence in text
        assert verdict.rule[1:] in text
        assert f'"outcome {verdict.verdict}"' in html
        assert verdict.title in text
    assert "Indicative: this preset is for looking, not for deciding." in md
    assert "Indicative: this preset is for looking, not for deciding." in html


def test_what_stands_beside_an_outcome_is_on_the_page(whole):
    """Of a prediction the best of each family, controls and references among them; of all what the same rule says of
    these."""
    html, _, verdicts, *_ = whole
    compared = [v for v in verdicts if v.families and v.claim.startswith("P")]
    assert compared
    for verdict in compared:
        for family in verdict.families:
            assert re.search(f">{family.method}</t[hd]><td[^>]*>{family.family}</td>", html)
    assert "The same rule says of methods that learn next to nothing: inconclusive (delta)." in html


def test_the_summary_is_of_two_pages_and_its_links_lead_somewhere(whole):
    html, md, folder = whole[0], whole[1], whole[-1]
    assert 40 < len(md.splitlines()) < 130
    ids = set(re.findall(r' id="([^"]+)"', html))
    for link in re.findall(r"\]\(([^)]+)\)", md):
        path, _, place = link.partition("#")
        assert (folder / "out" / path).is_file()
        assert not place or place in ids
    assert "figures/pruning-1.png" in md
    assert all(line.count("|") >= 3 for line in md.splitlines() if line.startswith("| "))


def test_every_method_is_compared_and_supervision_marked(whole):
    html = whole[0]
    table = html.split('id="all-methods"')[1].split("</table>")[0]
    assert [name in table for name in ROLES] == [True] * 4
    assert "delta ‡" in table
    assert "a &lt; b &amp; c" in table
    assert table.index("alpha") < table.index("beta")


def test_training_is_shown(whole):
    html, markdown, *_ = whole
    assert "fit" in html.split('id="training"')[1]
    for text in (html, markdown):
        assert "The loss of alpha was still falling when training ended (one, two)" in text


def test_how_it_was_run_is_said(whole):
    for text in (unescape(whole[0]), whole[1]):
        for fact in (
            "infomax-bench run",
            "a processor, 2 cores, no GPU; a faster one, 64 cores, no GPU",
            "2 minutes",
            "0.1 (abc)",
            "0, 1, 2, 3, 4",
        ):
            assert fact in text
    assert "Nothing: everything that was asked for is here." not in whole[0]  # one benchmark asks for more


def test_what_was_not_verified_and_how_products_were_made_is_said(tmp_path):
    """Older results say neither; their files were verified."""
    root = make_results(tmp_path / "results", benchmarks=["cost"])
    html, md, *_ = build(root, tmp_path / "out")
    assert "not verified" not in html + md
    info = json.loads((root / "run.json").read_text())
    info["datasets"]["one"]["verified"], info["datasets"]["two"]["verified"] = False, True
    info["machine"]["products"] = "MKL, AUTO,STRICT"
    info["runs"] = []
    (root / "run.json").write_text(json.dumps(info))
    html, md, *_ = build(root, tmp_path / "out")
    assert ">one<small>files not verified: no checksum is known</small></td>" in html
    assert (html + md).count("not verified") == 1
    for text in (html, md):
        assert "a processor, 2 cores, no GPU, matrix products: MKL, AUTO,STRICT" in text


def test_whom_to_cite_for_data_is_said(tmp_path):
    root = make_results(tmp_path / "results", benchmarks=["cost"])
    info = json.loads((root / "run.json").read_text())
    info["datasets"]["one"] |= {"licence": "CC0", "citation": "Somebody 1999"}
    (root / "run.json").write_text(json.dumps(info))
    html, *_ = build(root, tmp_path / "out")
    assert "<small>Somebody 1999; licence: CC0</small></td>" in html


def test_the_same_results_give_the_same_bytes(tmp_path):
    root = make_results(tmp_path / "results", benchmarks=["interpretability"])
    first, second = (build(root, tmp_path / "out") for _ in range(2))
    assert first[:2] == second[:2]
    hidden = {path.name for path in (tmp_path / "out").rglob(".*")}
    assert hidden == {".made-from", ".lock"}  # no temporary file stays


def test_a_figure_is_shown_once(whole):
    html = whole[0]
    assert html.count("<figure>") == len({*re.findall(r'<img class="figure" src="([^"]+)"', html)})


def test_the_power_behind_verdicts_is_told(whole):
    html, _, verdicts, *_ = whole
    assert "What could have been seen" in html
    assert power(verdicts).lines[0][3] in html


def test_what_was_known_before_is_said(whole):
    assert "Bell and Sejnowski 1995" in whole[0]


def test_speed_is_told_where_it_was_measured(tmp_path):
    machine = {"cpu": "A Processor", "gpu": "", "cores": 2, "packages": {"torch": "2"}, "python": "3"}
    race = {
        "work": "a | training",
        "against": "a loop",
        "theirs": [4.0, 9.0, 4.2],
        "ratio": 2.1,
        "at_least": 2.5,
        "aim": 4,
        "unit": "x",
    }
    share = {"work": "wide", "against": "a product", "ratio": 0.46, "at_least": 0.4, "aim": 0.6, "unit": "%"}
    found = {
        "machine_info": machine,
        "commit_info": {"id": "abc"},
        "benchmarks": [
            {"extra_info": race, "stats": {"data": [2.0, 2.1, 1.9]}},
            {"extra_info": share, "stats": {"data": [1.0]}},
            {"extra_info": {}, "stats": {"data": [1.0]}},
        ],
    }
    root = make_results(tmp_path / "results" / "quick", benchmarks=("cost",))
    path = tmp_path / "results" / "speed" / "benchmark.json"
    path.parent.mkdir()
    for content in (json.dumps(found), "not json", "{}"):
        path.write_text(content)
        html, *_ = build(root, tmp_path / "out")
        assert ("How fast it is" in html) == (content[0] == "{" and len(content) > 2)
        if "How fast it is" in html:
            assert "A Processor, 2 cores, with torch 2, at commit abc" in html
            cells = [re.findall(r"<td[^>]*>([^<]*)</td>", line) for line in html.split("<tr>")]
            assert ["a | training", "a loop", "4.20", "2.00", "2.1 ×", "2.5 ×", "4 ×"] in cells
            assert ["wide", "a product", "–", "1.00", "46 %", "40 %", "60 %"] in cells
