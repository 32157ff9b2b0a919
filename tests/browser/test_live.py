"""The page of a run that goes on says how far it is, shows itself again, and is the report in the end."""

import time

import pytest

from infomax_bench.report.build import write_page, write_report
from infomax_bench.report.live import script
from infomax_bench.study.plugins import registry
from tests.report.made import decide

pytestmark = pytest.mark.slow
"""A browser is started."""
LOOK = 16_000
"""Milliseconds after which the page has looked again."""


@pytest.fixture
def running(browser, folder, tmp_path):
    """A page that a run wrote first, opened; and what writes the next, the script beside it, and the report."""
    root, out, plugins = folder("partial") / "results" / "made", tmp_path / "out", registry()
    verdicts, results = decide(root, plugins)

    def told(words, page, **more):
        return {"words": words, "page": page, "at": 1000 * time.time(), "over": False, **more}

    def wrote(words, page):
        write_page(root, out, plugins, results, verdicts, told(words, page))

    def said(words, page, **more):
        (out / "data" / "live.js").write_text(script(told(words, page, **more)), encoding="utf-8")

    wrote("still running: 3 of 9 jobs, about 2 h left", 1)
    page = browser.new_page()
    page.clock.install()
    page.goto((out / "index.html").as_uri())
    yield page, wrote, said, lambda: write_report(root, out, plugins, results, verdicts)
    page.close()


def after(page, words):
    """What the line says once it has these words."""
    page.wait_for_function("words => document.getElementById('live')?.textContent.includes(words)", arg=words)
    return page.inner_text("#live")


def test_a_page_of_a_run_follows_it_to_the_report(running):
    page, wrote, said, report = running
    assert "shows itself again" in after(page, "3 of 9 jobs, about 2 h left.")
    page.evaluate("window.same = true")
    said("still running: 4 of 9 jobs", 1)
    page.clock.fast_forward(LOOK)
    after(page, "4 of 9")
    assert page.evaluate("window.same"), "there is no other page yet"
    wrote("still running: 6 of 9 jobs", 2)
    with page.expect_navigation():
        page.clock.fast_forward(LOOK)
    after(page, "6 of 9")
    report()
    with page.expect_navigation():
        page.clock.fast_forward(LOOK)
    assert page.query_selector("#live") is None
    assert page.query_selector("#top") is not None


def test_a_run_that_ended_otherwise_is_told_and_nothing_is_loaded_for_ever(running):
    page, wrote, said, _ = running
    after(page, "3 of 9")
    said("still running: 4 of 9 jobs", 1, at=0)
    page.clock.fast_forward(LOOK)
    assert "Nothing was heard of it since" in after(page, "4 of 9")
    said("still running: 5 of 9 jobs", 2)
    with page.expect_navigation():
        page.clock.fast_forward(LOOK)
    after(page, "5 of 9")  # the page itself is still the first: it is not loaded again at once
    said("the run was interrupted: 5 of 9 jobs", 1, over=True)
    page.clock.fast_forward(LOOK)
    assert after(page, "interrupted").endswith("Run it again to go on.")
    assert page.evaluate("infomax.live.over")
    wrote("still running: 7 of 9 jobs", 3)
    with page.expect_navigation():
        page.clock.fast_forward(LOOK)
    assert "shows itself again" in after(page, "7 of 9"), "the run was begun again"


def test_a_page_loaded_while_the_report_is_being_written_becomes_the_report(running, tmp_path):
    page, _, _, report = running
    index = tmp_path / "out" / "index.html"
    page.goto("about:blank")  # time passes in a page while the report is made
    old = index.read_bytes()
    report()
    new = index.read_bytes()
    for content in (old, new):  # data/live.js goes before the page itself
        index.write_bytes(old)
        page.goto(index.as_uri())
        page.wait_for_function("!document.querySelector('script[src*=\"live.js?\"]')")
        index.write_bytes(content)
        with page.expect_event("load"):
            page.clock.fast_forward(LOOK)
        assert (page.query_selector("#live") is None) == (content == new)
