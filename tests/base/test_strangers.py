"""A results folder from somebody else: whatever its names, reasons and cards hold, its pages show it as text."""

import functools
import io
import json
import re
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from infomax_bench.base.printable import printable
from infomax_bench.base.store import Store
from infomax_bench.report import build as report
from infomax_bench.report import parts as report_parts
from infomax_bench.report.build import MOVED
from infomax_bench.report.pages import link, markdown, templates
from infomax_bench.report.parts import file_name
from infomax_bench.run import decisions, rows
from infomax_bench.run.decisions import find_all, write_decisions
from infomax_bench.run.record import RECORD, STUDY, fitted
from infomax_bench.run.results import write_table
from infomax_bench.study.plugins import registry
from tests.report.made import DATASETS, ROLES, build, make_results

INJECTIONS = {
    "script": "<script>alert(1)</script>",
    "picture": "<img src=x onerror=alert(1)>",
    "drawing": "<svg onload=alert(1)><a xlink:href=javascript:alert(1)>x</a></svg>",
    "double quote": '" onmouseover="alert(1)" style="position:fixed',
    "single quote": "' onfocus='alert(1)' autofocus='",
    "address": "javascript:alert(1)",
    "frame": '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    "end of what is open": "</script></style></title></textarea>--><body onload=alert(1)>",
    "template": "{{7*7}}{% raw %}${7*7}",
    "markdown": "[x](javascript:alert(1)) ![y](http://e.vil/z) `<b>` **b** | c <http://e.vil> http://e.vil ~~s~~",
    "more markdown": "``` \\` \\| \\[x](y) <details open ontoggle=alert(1)>",
    "entities": "&lt;img src=x onerror=alert(1)&gt;&#60;script&#62;",
}


def spoiled(root, more):
    """The results with `more` behind every text that is no word of the harness."""
    make_results(root, benchmarks=("interpretability", "cost"), failed=["gamma"], lost=["delta"])
    names = {*ROLES, *DATASETS, "torch"}

    def every(value):
        if isinstance(value, dict):
            return {(key + more if key in names else key): every(one) for key, one in value.items()}
        if isinstance(value, list):
            return [every(one) for one in value]
        return value if not isinstance(value, str) or value in ROLES.values() else value + more

    info = json.loads((root / "run.json").read_text())
    info["tuning"] = {
        "alpha@one": {
            "method": "alpha",
            "dataset": "one",
            "backbone": "linear",
            "settings": {f"rate{more}": more},
            "default": 0.5,
            "best": 0.6,
            "trials": 3,
            "spread": 0.1,
            "seconds": 1.0,
            "seeds": 2,
            "current": False,
        }
    }
    info["broken"] = {f"epsilon{more}": "SyntaxError: "}
    info["datasets"]["one"] |= {"factors": ["scale"], "verified": False}
    info["machine"]["products"] = "MKL"
    info = every(info)
    info["methods"]["delta" + more]["role"] += more
    (root / "run.json").write_text(json.dumps(info))
    manifest = json.loads((root / "manifest.json").read_text())
    for slot, entry in manifest.items():
        cell = entry["cell"]
        cell |= {name: cell[name] + more for name in ("method", "dataset")}
        if slot.startswith("cost|beta"):
            cell |= {"label": more, "track": more, "backbone": more}
    (root / "manifest.json").write_text(json.dumps(manifest))
    for path in (root / "jobs").glob("*.json"):
        spoil_job(path, more)
    for path in (root / "jobs").glob("*.npz"):
        arrays = dict(np.load(path))
        arrays["names"] = np.array([f"{name}{more}" for name in arrays["names"]])
        np.savez(path, **arrays)


def spoil_job(path, more):
    store = Store(path.parents[1])
    job = store.read_job(path.stem)
    job.reason += more if job.reason else ""
    job.stamp |= {name: job.stamp[name] + more for name in ("version", "git_sha", "device")}
    first = job.rows[0] if job.rows else {}
    if first:
        job.rows.append({**first, "metric": first["metric"] + more, "protocol": more})
        job.rows.append({**first, "status": "failed", "reason": f"why{more}", "value": None})
    store.write_job(path.stem, job)


class Structure(HTMLParser):
    """What is no text: elements with their attributes' names, and what the attributes say."""

    def __init__(self):
        super().__init__()
        self.elements, self.values, self.scripts, self.texts = Counter(), [], [], []

    def handle_starttag(self, tag, attrs):
        self.elements[tag, tuple(sorted(name for name, _ in attrs))] += 1
        self.values += [(name, value or "") for name, value in attrs]
        self.open = tag

    def handle_endtag(self, tag):
        self.elements[f"/{tag}"] += 1
        self.open = ""

    def handle_data(self, data):
        (self.scripts if getattr(self, "open", "") == "script" else self.texts).append(data)

    def handle_comment(self, data):
        self.elements["comment"] += 1


def structure(html):
    parser = Structure()
    parser.feed(html)
    parser.close()
    return parser


@pytest.fixture(scope="module", autouse=True)
def undrawn():
    """Pages without the pictures, which take most of the time."""
    picture = io.BytesIO()
    Image.new("L", (1, 1)).save(picture, "PNG")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_parts, "png", lambda figure, made="": picture.getvalue())
        for module in (report, decisions, rows):
            patch.setattr(module, "available_cores", lambda: 1)
        yield


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Text behind every name -> the four pages of such a results folder."""

    @functools.cache
    def made(more):
        folder = tmp_path_factory.mktemp("stranger")
        spoiled(folder / "results" / "quick", more)
        build(folder / "results" / "quick", folder / "out")
        return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("out/*.*")}

    return made


LENGTH = max(map(len, INJECTIONS.values()))
HARMLESS = "x" * LENGTH


@pytest.mark.parametrize("kind", INJECTIONS)
@pytest.mark.slow
def test_nothing_that_a_stranger_writes_is_part_of_a_page(pages, kind):
    """Neither an element nor an attribute more than with a harmless text of the same length; no address, no script."""
    more = INJECTIONS[kind].ljust(LENGTH, "x")
    bad, good = pages(more), pages(HARMLESS)
    for name in ("index.html", "report.html", "answers.html"):
        found = structure(bad[name])
        assert found.elements == structure(good[name]).elements
        for attribute, value in found.values:
            assert not attribute.startswith("on")
            if attribute == "href":
                assert re.fullmatch(r"#[\w-]+(\?[\w=&%.~-]*)?|index\.html|data:,|data/[\w.-]+\.csv", value)
            if attribute in ("src", "srcdoc", "style"):
                assert re.fullmatch(
                    r"data:image/png;base64,[\w+/=]+|data/static/\w+\.js|(left|width|height):[\d.]+(%|px)(;width:[\d.]+%)?",
                    value,
                )
    told = structure(bad["index.html"])
    assert any(f"alpha{more}" in text for text in "".join(told.texts).split("\n"))
    (methods,) = told.scripts  # no script, but what scripts read
    assert f"alpha{more}" in json.loads(methods)
    for name in ("report.md", "answers.md"):
        assert marks_of(bad[name]) == marks_of(good[name])


def marks_of(text):
    """How often each character stands in Markdown where it means something."""
    text = re.sub(r"(?<![\\`])(`+)(?!`).*?(?<!`)\1(?!`)", "code", text)
    text = re.sub("(<details><summary>)[^<>]*(</summary>)", r"\1HTML\2", text)
    lines = [re.sub(r"\\[\\|*_`\[\]~$]", "", line) for line in text.split("\n")]
    found = Counter(c for line in lines for c in line if c in "<>`|[]*~$")
    return found, len(lines), text.count("://"), text.count("www.")


def test_a_page_may_run_and_load_what_lies_beside_it_and_nothing_else(pages):
    """No script that stands in it, and nothing from a network."""
    found = structure(pages(HARMLESS)["index.html"])
    (policy,) = (value for name, value in found.values if name == "content" and "default-src" in value)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert (rules["default-src"], rules["base-uri"], rules["form-action"]) == ("'none'", "'none'", "'none'")
    assert rules["script-src"] == "'self' file:"
    assert rules["img-src"] == "'self' file: data:"
    assert set(rules) == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}


@pytest.mark.parametrize("kind", ["html", "md"])
def test_no_template_can_forget_to_escape(kind):
    """Every environment escapes, and no template or module marks as safe what it has not made."""
    environment = templates(kind)
    for name in environment.list_templates(extensions=["jinja"]):
        source = environment.loader.get_source(environment, name)[0]
        assert not re.search(r"\|\s*safe|autoescape|Markup", source)
    macro = "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(a) }}{{ a }}{{ a ~ 'b' }}{{ [a, a]|join(', ') }}{{ a|upper }}"
    assert "<" not in environment.from_string(macro).render(a="<i>")


def test_a_control_character_reaches_no_page_and_no_table(tmp_path):
    """A terminal that shows a page or a log would obey it. A name that is not UTF-8 costs nothing either."""
    more = "\x1b]0;x\x07\x9b31m\udce9\u202e\r"
    root = tmp_path / "results" / "quick"
    spoiled(root, more)
    *_, verdicts, read = build(root, tmp_path / "out")
    write_table(root / "measurements.csv", read)
    found = registry()
    benchmarks = [found.benchmark(name) for name in found.names("benchmarks")]
    write_decisions(root, verdicts, find_all(read, benchmarks, verdicts))
    written = [*(tmp_path / "out").glob("[!.]*.*"), root / "measurements.csv"]
    written += [root / "verdicts.json", root / "findings.json"]
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert not set(text) & (set(map(chr, [*range(9), *range(11, 32), *range(127, 160)])) | set("\u202e\r"))
        assert "\\udce9" in text or path.name in MOVED
    assert {"alpha" + printable(more), "beta" + printable(more)} <= set(read.table["method"])


def test_texts_that_cannot_be_printed_stay_different():
    same = [r"C:\data", "a\\", "犬と猫", "a\tb\nc", "", "1\u202f200"]
    odd = [
        "caf\udce9",
        "caf\udce8",
        r"caf\udce9",
        r"caf\\udce9",
        "\\\udce9",
        "\x1b",
        r"\x1b",
        "\x9b",
        "\udc9b",
        "\r",
        r"\x0d",
    ]
    shown = [printable(text) for text in [*same, *odd]]
    assert len(set(shown)) == len(shown)
    assert shown[: len(same)] == same
    assert all("\\" in text and text.isprintable() for text in shown[len(same) :])
    assert printable({"\udce9": ["\x1b", 1, None]}) == {r"\udce9": [r"\x1b", 1, None]}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b _c_", r"a_b \_c\_"),
        ("# h", r"\# h"),
        ("- x", r"\- x"),
        ("-0.5", "-0.5"),
        ("1. x", r"1\. x"),
        ("a\nb", "a; b"),
        ("a|b", r"a\|b"),
        ("{{7*7}}", r"{{7\*7}}"),
        ("www.e.vil", "www&#46;e.vil"),
    ],
)
def test_markdown_shows_text_as_it_is(text, shown):
    assert markdown(text) == shown


def test_names_as_files_neither_clash_nor_leave_the_folder():
    names = [
        "a:b",
        "a/b",
        "a-b",
        "A-b",
        "../../a",
        "..",
        ".",
        "",
        "a\0b",
        "x" * 300,
        "x" * 301,
        "犬",
        "猫",
        "con fig",
        r"\udce9",
        "nul",
    ]
    files = [file_name(name) for name in names]
    assert len({name.lower() for name in files}) == len(names)
    assert all(re.fullmatch(r"[\w-][\w.-]{0,99}", name, re.ASCII) for name in files)
    assert file_name("infomax_em") == "infomax_em"
    assert link("figures/ä (b).png") == "figures/%C3%A4%20%28b%29.png"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd") / "results" / "quick"
    make_results(folder, benchmarks=("cost",), failed=["gamma"], lost=["delta"])
    info = json.loads((folder / "run.json").read_text())
    info["tuning"] = {
        "alpha@one": dict.fromkeys(STUDY, 1)
        | {"method": "alpha", "dataset": "one", "backbone": "linear", "settings": {"rate": 0.1}, "current": True}
    }
    return folder, info


NAMED = ("methods", "datasets", "tuning")
ODD_SHAPES = {
    "parts": lambda info, odd: info | dict.fromkeys(("machine", *NAMED, "broken", "runs"), odd),
    "cards": lambda info, odd: info | {part: dict.fromkeys(info[part], odd) for part in NAMED},
    "fields": lambda info, odd: (
        info | {part: {name: dict.fromkeys(own, odd) for name, own in info[part].items()} for part in NAMED}
    ),
    "numbers": lambda info, odd: (
        info
        | {"seconds": odd, "runs": [odd]}
        | {"suite": info["suite"] | dict.fromkeys(("widths", "epochs", "width", "batch_size"), odd)}
    ),
}


@pytest.mark.parametrize(
    ("part", "odd"), [("parts", "odd"), ("cards", None), ("fields", [None]), ("fields", {}), ("numbers", "odd")]
)
def test_a_record_of_another_shape_costs_what_is_odd_alone(small, tmp_path, part, odd):
    folder, info = small
    (folder / "run.json").write_text(json.dumps(ODD_SHAPES[part](info, odd)))
    html, markdown, *_ = build(folder, tmp_path)
    assert "How it was run, and on what" in html
    assert "infomax-bench run" in markdown


def test_what_is_fitted_loses_nothing_that_fits(small):
    def is_kept(before, after):
        if isinstance(before, dict):
            return all(is_kept(one, after[name]) for name, one in before.items())
        return before == after or all(is_kept(*two) for two in zip(before, after, strict=True))

    assert is_kept(small[1], fitted(small[1], RECORD))
    for odd in ("odd", None, 7, True, [], [None], {}, {"a": 1}):
        for part in ODD_SHAPES:
            found = fitted(ODD_SHAPES[part](small[1], odd), RECORD)
            assert found["suite"]["preset"] == "quick"
            for card in found["methods"].values():
                assert isinstance(card["family"], str)
                assert isinstance(card.get("backbones", []), list)
            assert all(isinstance(study.get("trials", 1), int) for study in found["tuning"].values())
