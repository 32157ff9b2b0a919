"""What the page may weigh, how long it may be, and how soon it is there."""

import re

import pytest

from tests.browser.conftest import PAINTED

pytestmark = pytest.mark.slow
"""A browser is started."""

SHORT = ["plain", "foreign", "standard"]


@pytest.mark.parametrize("kind", SHORT)
def test_the_page_is_light_and_what_is_heavy_lies_beside_it(folder, kind):
    out = folder(kind) / "out"
    assert (out / "index.html").stat().st_size <= 3_000_000
    assert len([path for path in (out / "data").rglob("*") if path.is_file()]) <= 40


@pytest.mark.parametrize("kind", SHORT)
def test_the_page_is_short(visit, kind):
    """Words before anything is unfolded or drawn on demand, as figures and the explorer are; then, with all figures,
    screens of 900 px before the explorer."""
    one = visit(kind)
    assert one.do("words") <= 6_000
    one.do("through")
    assert one.page.locator("#explorer").bounding_box()["y"] / 900 <= 20


@pytest.mark.parametrize("kind", SHORT)
def test_it_is_printed_on_few_pages(visit, kind):
    """All of it that is not folded, on A4."""
    one = visit(kind)
    one.do("through")
    assert len(re.findall(rb"/Type\s*/Page\b", one.page.pdf(format="A4", prefer_css_page_size=True))) <= 15


def test_the_first_screen_is_soon_there(visit):
    """The best of five, since a machine may have other things to do."""
    told = "performance.getEntriesByName('first-contentful-paint').map(one => one.startTime / 1000)"
    times = []
    for _ in range(5):
        page = visit("standard").page
        page.wait_for_function(f"{told}.length")
        times += page.evaluate(told)
    assert min(times) <= PAINTED
