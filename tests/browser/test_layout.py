"""Every page at three widths, light and dark: readable, reachable, and quiet."""

import pytest

from tests.browser.conftest import SIZES
from tests.browser.made import KINDS

pytestmark = pytest.mark.slow
"""A browser is started."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_readable_and_everyone_can_use_it(visit, shot, kind, width, scheme):
    """No column of two words, nothing beside the window or on each other, every link in reach, nothing that axe finds,
    folded and unfolded."""
    one = visit(kind, width, scheme)
    one.do("through")
    shot(one, f"{kind}-{width}-{scheme}")
    text = ["narrow"] if kind != "hostile" else []  # names of fifty characters are no text
    wrong = {**one.look(*text, "wide", "overlapping", "lost", "dangling"), "axe": one.axe()}
    one.do("unfold", True)
    wrong |= {f"unfolded, {name}": found for name, found in one.look(*text, "wide").items()}
    said = [f"{name}: {line}" for name, found in wrong.items() for line in found]
    assert not said, "\n".join(said)


@pytest.mark.parametrize("kind", ["plain", "foreign", "one_seed", "failed", "standard"])
def test_four_outcomes_are_seen_at_once(visit, kind):
    """P1 to P4, each with its outcome and its marks, without scrolling."""
    page = visit(kind).page
    tiles = page.locator("#top .tile")
    assert [tiles.nth(i).locator("h2").inner_text().split()[0] for i in range(tiles.count())] == [
        "P1",
        "P2",
        "P3",
        "P4",
    ]
    for box in (tiles.nth(i).bounding_box() for i in range(4)):
        assert box["y"] + box["height"] <= SIZES[1400]
