"""The page needs no network, no server and no script, and obeys nobody."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.browser.made import HOSTILE

pytestmark = pytest.mark.slow
"""A browser is started."""


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture
def served(folder):
    """Address of a kind's folder."""
    servers = []

    def serve(kind):
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder(kind) / "out"))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("kind", ["plain", "standard"])
def test_without_scripts_the_outcomes_and_their_marks_are_there(visit, shot, kind):
    one = visit(kind, scripts=False)
    shot(one, f"{kind}-no-scripts")
    assert [url for url in one.asked if not url.startswith("data:")] == [one.page.url]
    for place in ("#top .tile", "section.prediction"):
        parts = one.page.locator(place)
        assert parts.count() == 4
        for i in range(4):
            assert parts.nth(i).locator(".outcome").first.is_visible()
            assert parts.nth(i).locator("svg circle").first.is_visible()
    assert one.look("wide", "narrow", "lost") == {}


@pytest.mark.parametrize("name", ["index.html", "report.html", "answers.html"])
def test_a_plain_server_serves_it(visit, served, name):
    """Under the old names too, and all that it loads."""
    one = visit("plain", at=served("plain") + name)
    one.do("through")
    assert one.page.url.endswith("/index.html")
    assert one.page.locator("#top .tile").count() == 4


@pytest.mark.parametrize("name", ["report.html", "answers.html"])
def test_the_old_names_lead_to_the_page(visit, folder, name):
    """From a disk, and without a script."""
    one = visit("plain", scripts=False)
    one.page.goto((folder("plain") / "out" / name).as_uri())
    one.page.wait_for_url("**/index.html")
    assert one.page.locator("#top").is_visible()


@pytest.mark.parametrize("width", [1400, 390])
def test_nothing_that_a_name_says_is_done(visit, shot, width):
    """Every kind of injection stands on the page as text. Whoever unfolds, points at, focuses and clicks all there is
    runs nothing, and no link leads out of the folder. (That nothing was said is held at the end of every visit.)"""
    one = visit("hostile", width)
    one.do("through")
    one.do("unfold", True)
    one.page.evaluate("""() => {
        for (const one of document.querySelectorAll("body *"))
            for (const kind of ["mouseover", "pointerenter", "focus", "toggle", "click"])
                if (kind !== "click" || one.tagName !== "A") one.dispatchEvent(new Event(kind, { bubbles: true }));
    }""")
    one.page.wait_for_timeout(200)
    shot(one, f"hostile-{width}")
    text = one.page.locator("body").inner_text()
    for name in HOSTILE.values():
        if name.isprintable():
            assert name in text
    figures = " ".join(one.page.locator("figure.mark").all_text_contents())
    assert "__proto__ †" in figures
    for wrong in ("[object", "native code", "could not be drawn"):
        assert wrong not in figures
    addresses = one.page.evaluate(
        "[...document.querySelectorAll('[href], [src]')].map(e => e.getAttribute('href') ?? e.getAttribute('src'))"
    )
    odd = [
        a
        for a in addresses
        if not a.startswith(("#", "data:,", "data/", "data:image/png;", "data:image/svg", "index.html"))
    ]
    assert odd == []
    attributes = one.page.evaluate(
        "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes]).map(a => a.name)"
    )
    assert [a for a in set(attributes) if a.startswith("on") or a == "srcdoc"] == []


def test_no_cell_of_a_table_is_a_formula(folder):
    """What a spreadsheet would compute stands behind a mark that makes it text; nor is there anything that a terminal
    obeys."""
    files = list((folder("hostile") / "out" / "data").glob("*.csv"))
    assert files
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert all(c.isprintable() or c == "\n" for c in text)
        assert '"=' not in text
        assert ",=" not in text
        assert not text.startswith("=")
        assert "\n=" not in text
