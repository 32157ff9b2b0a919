"""A browser for the session, pages that are built once, and what holds for every page that a test opens."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from infomax_bench.study.plugins import home
from tests.browser.made import make

HERE = Path(__file__).parent
SHOTS = HERE / "screenshots"
"""Where pictures of the pages are kept, of the last run; git ignores them."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SIZES = {1400: 900, 900: 900, 390: 844}
"""Widths of windows, in pixels, with their heights."""
PAINTED = 0.5
"""Seconds until the first screen is there."""


def chromium() -> str:
    """Path of the browser; "" where there is none."""
    named = os.environ.get("INFOMAX_BENCH_CHROMIUM", "")
    return named or next((path for name in NAMES if (path := shutil.which(name))), "")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install -e .[test]")
    path = chromium()
    if not path:
        pytest.skip("no Chromium: apt install chromium, or name it in INFOMAX_BENCH_CHROMIUM")
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=path, args=[*root, "--disable-gpu"])
        yield found
        found.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Kind of results -> where they, what is decided of them, and their page are; built once, whoever asks first."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "pages"
    shared.mkdir(exist_ok=True)

    def built(kind: str) -> Path:
        with FileLock(shared / f"{kind}.lock"):
            if not (shared / kind / "done").exists():
                shutil.rmtree(shared / kind, ignore_errors=True)
                make(kind, shared / kind)
                (shared / kind / "done").touch()
        return shared / kind

    return built


@dataclass
class Visit:
    """A page that is open, and what it did beside showing itself."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def look(self, *names: str) -> dict[str, list[str]]:
        """What is wrong, by the measures of look.js; nothing is left out that finds something."""
        found = {name: self.do(name) for name in names}
        return {name: wrong for name, wrong in found.items() if wrong}

    def do(self, name: str, *arguments: object) -> Any:
        return self.page.evaluate(f"(given) => window.look['{name}'](...given)", list(arguments))

    def axe(self) -> list[str]:
        """Violations of WCAG 2.2, A and AA."""
        self.page.evaluate(axe_source())
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
        found = self.page.evaluate(
            "(values) => axe.run(document, { runOnly: { type: 'tag', values }, resultTypes: ['violations'] })", tags
        )["violations"]
        return [
            f"{one['id']}: {n['html'][:150]} {n['failureSummary'][:200]}" for one in found for n in one["nodes"][:3]
        ]


@cache
def axe_source() -> str:
    return gzip.decompress((HERE / "axe.min.js.gz").read_bytes()).decode("utf-8")


@pytest.fixture
def visit(browser: Any, folder: Callable[[str], Path]) -> Iterator[Callable[..., Visit]]:
    """Opens the page of a kind of results. At the end it has said nothing, and loaded nothing but what is its own."""
    opened: list[tuple[Visit, Any, str]] = []

    def go(
        kind: str, width: int = 1400, scheme: str = "light", at: str = "", scripts: bool = True, **more: Any
    ) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": SIZES.get(width, 900)},
            color_scheme=scheme,
            java_script_enabled=scripts,
            offline=not at.startswith("http"),
            **more,
        )
        one = Visit(context.new_page())
        one.page.add_init_script("window.alert = window.confirm = window.prompt = () => console.error('planted')")
        one.page.on("console", lambda message: one.said.append(f"{message.type}: {message.text}"))
        one.page.on("pageerror", lambda error: one.said.append(f"error: {error}"))
        one.page.on("dialog", lambda dialog: (one.said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        one.page.on("request", lambda request: one.asked.append(request.url))
        beside = (
            at.split("#")[0].rsplit("/", 1)[0] + "/" if at.startswith("http") else (folder(kind) / "out").as_uri() + "/"
        )
        one.page.goto(at if at.startswith("http") else f"{beside}index.html{at}")
        one.page.wait_for_url("**/index.html*")
        one.page.evaluate(f"window.look = {(HERE / 'look.js').read_text(encoding='utf-8').split(chr(10), 1)[1]}")
        opened.append((one, context, beside))
        return one

    yield go
    for one, context, beside in opened:
        context.close()
        assert one.said == []
        assert [url for url in one.asked if not url.startswith((beside, "data:", "blob:"))] == []


@pytest.fixture
def shot() -> Callable[[Visit, str], None]:
    """Keeps a picture."""
    SHOTS.mkdir(exist_ok=True)

    def keep(visit: Visit, name: str, whole: bool = False) -> None:
        visit.page.screenshot(path=SHOTS / f"{name}.png", full_page=whole)

    return keep


def essay() -> str:
    """The text that is quoted, where it is at hand."""
    path = Path(os.environ.get("INFOMAX_BENCH_ESSAY") or home().parent / "shared" / "essay.md")
    return path.read_text(encoding="utf-8") if path.is_file() else ""
