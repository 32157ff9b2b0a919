"""The figures that the page draws: all of them, in every window, and named and told in numbers for who sees none."""

import pytest

pytestmark = pytest.mark.slow
"""A browser is started."""


SMALL = """[...document.querySelectorAll("figure.mark :is(svg text, td, th, p, li, dt, dd)")]
    .filter((one) => parseFloat(getComputedStyle(one).fontSize) < 10.99).map((one) => one.textContent)"""
"""Texts that are smaller than 11 pixels."""
UNFOLDED = "document.querySelectorAll('main details').forEach((fold) => { fold.open = true; })"
SPOILED = """Promise.all(["marks", "marks-more"].map((name) => infomax.load(`data/${name}.js`)))
    .then(() => Object.values(infomax.marks).forEach((one) => { one.form = "none"; }))"""


@pytest.fixture
def drawn(visit):
    """Opens a page with all that is folded, and waits until every figure is drawn."""

    def go(kind, **more):
        one = visit(kind, **more)
        one.page.evaluate(UNFOLDED)
        figures = one.page.locator("figure.mark")
        for i in range(figures.count()):
            figures.nth(i).scroll_into_view_if_needed()
            figures.nth(i).and_(one.page.locator("[data-drawn]")).wait_for()
        return one

    return go


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_every_figure_is_drawn(drawn, width, scheme):
    one = drawn("standard", width=width, scheme=scheme)
    forms = one.page.evaluate("[...new Set(Object.values(infomax.marks).map((mark) => mark.form))].sort()")
    assert {"curves", "dots", "estimates", "matrix", "pairs", "scatter", "sparks", "stacked", "sweep"} == set(forms)
    assert one.page.locator("figure.mark .problem").count() == 0
    assert one.page.locator("figure.mark").count() > 15
    assert one.page.evaluate(SMALL) == []
    assert one.look("wide", "overlapping") == {}


def test_a_line_is_named_by_the_arrow_keys_and_its_numbers_are_in_a_table(drawn):
    one = drawn("standard")
    figure = one.page.locator("figure.mark:has(.panels)").first
    told = one.page.evaluate("(one) => infomax.marks[one.dataset.mark]", figure.element_handle())
    figure.locator(".drawing").focus()
    one.page.keyboard.press("ArrowDown")
    said = figure.locator(".told p").inner_text()
    assert any(line in said for line in told["lines"])
    assert figure.locator("[data-line].chosen").count() > 0
    one.page.keyboard.press("Escape")
    assert figure.locator(".told p").count() == 0
    figure.locator("details.numbers summary").press("Enter")
    rows = figure.locator("details.numbers tbody tr")
    rows.first.wait_for()
    columns = [told["rows"][name] for name in ("line", "x", "part") if name in told["rows"]]
    assert rows.count() == len(set(zip(*columns, strict=True)))
    places = [i for i, line in enumerate(told["rows"]["line"]) if told["lines"][line] in rows.first.inner_text()]
    cells = rows.first.locator("td").all_inner_texts()
    found = {float(cell.split(" ")[0].replace("−", "-")) for cell in cells if cell}
    means = [told["rows"]["mean"][i] for i in places]
    assert all(any(value == pytest.approx(mean, rel=0.06, abs=1e-3) for mean in means) for value in found)


def test_what_cannot_be_drawn_says_so_in_a_line(visit):
    one = visit("standard")
    one.page.evaluate(SPOILED)
    one.page.evaluate(UNFOLDED)
    figure = one.page.locator("figure.mark").first
    figure.scroll_into_view_if_needed()
    figure.locator(".problem").wait_for()
    assert figure.locator(".problem").inner_text().startswith("This figure could not be drawn")
