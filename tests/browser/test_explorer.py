"""The explorer by keyboard alone: what is chosen is shown, in the link, and in the file that is saved."""

import csv
import io
import json
import math
from xml.etree import ElementTree

import numpy as np
import pytest

pytestmark = pytest.mark.slow
"""A browser is started."""


@pytest.fixture
def explorer(visit):
    """Opens it, with what its link says."""

    def open_at(kind, link="#explorer", **more):
        one = visit(kind, at=link, **more)
        one.page.wait_for_selector("#explorer table tbody tr")
        return one.page

    return open_at


def reach(page, selector):
    """Tab until it has the focus: no mouse, and no other way."""
    if not page.evaluate("document.getElementById('explorer').contains(document.activeElement)"):
        page.locator("#explorer form input:checked").first.focus()
        page.keyboard.press("Shift+Tab")
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"no way to {selector} by keyboard")


def settled(page, what):
    """Waits until the page shows it."""
    page.wait_for_function(what, timeout=5000)


def shown(page):
    """The table's rows: column -> text."""
    return page.evaluate("look.rows()")


def value(text):
    return float(text.replace("−", "-")) if text not in ("", "–") else math.nan


def saved(page, part):
    """What is downloaded when its button is pressed."""
    reach(page, f"[data-part={part}]")
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    with open(waiting.value.path(), encoding="utf-8") as file:
        return file.read()


def test_sorting_goes_both_ways_and_what_is_missing_is_last(explorer):
    page = explorer("failed")
    for order in ("ascending", "descending"):
        for _ in range(2):
            if page.locator(f"#explorer th[aria-sort={order}] [data-sort=mean]").count():
                break
            if not page.evaluate("document.activeElement.matches('[data-sort=mean]')"):
                reach(page, "[data-sort=mean]")
            page.keyboard.press("Enter")
            page.wait_for_timeout(150)
        rows = shown(page)
        means = [value(row["mean"]) for row in rows]
        known = [one for one in means if not math.isnan(one)]
        assert known == sorted(known, reverse=order == "descending")
        assert len(known) > 3
        assert [row["method"] for row in rows if math.isnan(value(row["mean"]))] == ["gamma"]
        assert math.isnan(means[-1])
        assert rows[-1]["missing"] == "failed"


def test_a_filter_is_in_the_link_and_the_link_brings_it_back(explorer, visit):
    page = explorer("plain")
    everyone = [row["method"] for row in shown(page)]
    assert len(everyone) == 8
    reach(page, "[name=search]")
    page.keyboard.type("eta")
    settled(page, "document.querySelectorAll('#explorer tbody tr').length < 8")
    found = [row["method"] for row in shown(page)]
    assert sorted(found) == sorted(name for name in everyone if "eta" in name)
    link = page.evaluate("location.hash")
    assert [row["method"] for row in shown(explorer("plain", link))] == found
    reach(page, "[data-part=reset]")
    page.keyboard.press("Enter")
    settled(page, "document.querySelectorAll('#explorer tbody tr').length === 8")
    page.go_back()
    settled(page, "document.querySelectorAll('#explorer tbody tr').length < 8")


@pytest.mark.parametrize(
    ("kind", "view"),
    [
        ("plain", "rank"),
        ("failed", "rank"),
        ("plain", "scatter"),
        ("plain", "lines"),
        ("plain", "pair"),
        ("standard", "rank"),
    ],
)
def test_a_table_is_what_is_shown(explorer, kind, view):
    """The CSV has the same rows in the same order, the same columns, and values that round to what is shown."""
    page = explorer(kind, f"#explore?view={view}")
    rows, text = shown(page), saved(page, "csv")
    table = list(csv.DictReader(io.StringIO(text)))
    assert len(table) == len(rows) > 1
    assert len(table[0]) == len(rows[0])
    for told, seen in zip(table, rows, strict=True):
        for exact, rounded in zip(told.values(), seen.values(), strict=True):
            if exact != rounded:
                digits = len(rounded.partition(".")[2])
                assert value(exact) == pytest.approx(value(rounded), abs=0.51 * 10**-digits, nan_ok=True)


def test_a_picture_is_a_drawing_of_its_own(explorer):
    root = ElementTree.fromstring(saved(explorer("plain"), "svg"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(" not in ElementTree.tostring(root, encoding="unicode")


@pytest.mark.parametrize(("kind", "rival"), [("plain", "beta"), ("standard", "")])
def test_a_pair_is_compared_as_the_findings_compare_it(explorer, folder, kind, rival):
    """Paired by seed over all pairs of data sets: the mean, the interval and the seeds of "Transfers better"."""
    verdicts = json.loads((folder(kind) / "decided" / "verdicts.json").read_text(encoding="utf-8"))
    verdict = next(one for one in verdicts if one["title"] == "Transfers better" and one["against"] == "all methods")
    known = next(one for one in verdict["comparisons"] if one["rival"] == (rival or one["rival"]))
    page = explorer(kind)
    reach(page, "[name=view]")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    settled(page, "location.hash.includes('view=pair')")
    for name, wanted in (("b", known["rival"]), ("target", "all other data sets")):
        reach(page, f"[name={name}]")
        page.keyboard.type(wanted)
        page.keyboard.press("Tab")
    settled(page, "location.hash.includes('target=elsewhere')")
    page.wait_for_timeout(200)
    told = list(csv.DictReader(io.StringIO(saved(page, "csv"))))[-1]
    found = [float(told[name]) for name in ("mean", "low", "high", "seeds")]
    assert verdict["unit"] == "points"
    wanted = [known["mean"] / 100, known["low"] / 100, known["high"] / 100, known["n_seeds"]]
    assert np.allclose(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("view", ["rank", "scatter", "lines", "pair"])
def test_no_view_does_what_a_name_says(explorer, view):
    """Every name is text in each of them, and no formula in a table."""
    page = explorer("hostile", f"#explore?view={view}&a=__proto__")
    reach(page, "[data-part=plot] .live")
    page.keyboard.press("ArrowRight")
    for line in csv.reader(io.StringIO(saved(page, "csv"))):
        assert not [cell for cell in line if cell.startswith(("=", "+", "@")) or cell[:2] == "-H"]
    saved(page, "svg")


@pytest.mark.parametrize(
    "link", ["#explore?view=nothing&metric=none&width=x&a=b", "#explore?", "#explore?sort=%", "#%E0%A4%A"]
)
def test_a_link_that_says_nonsense_shows_something(visit, link):
    page = visit("plain", at=link).page
    page.locator("#explorer").scroll_into_view_if_needed()
    page.wait_for_selector("#explorer table tbody tr")
