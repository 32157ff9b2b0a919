"""What a whole is made of, and images side by side."""

from __future__ import annotations

import numpy as np
import pytest

from infomax_bench.plots.sheets import SHADES, _canvas, mosaic, stacked
from infomax_bench.plots.theme import png
from tests.benchmarks.made import CLAIMS, rows


def test_a_stack_is_as_long_as_its_parts_and_what_is_below_zero_is_not_drawn():
    values = {"class": 0.5, "x": -0.1, "rest": 0.6}
    table = rows("gaps", {("variance_share", p): {"s": v, "k": v / 2} for p, v in values.items()})
    figure = stacked(table, CLAIMS, part="protocol", order=["class", "x"], rest="rest", label="%", scale=100)
    (axes,) = figure.axes
    bars = {
        (round(bar.get_y() + bar.get_height() / 2), i): bar.get_width()
        for i, part in enumerate(axes.containers)
        for bar in part
    }
    assert bars[1, 0] == pytest.approx(50, abs=0.2)  # the longest first part on top
    assert bars[0, 0] == pytest.approx(25, abs=0.2)
    assert bars[1, 1] == 0
    assert bars[1, 2] == pytest.approx(60, abs=0.2)
    assert png(figure)


def test_images_stand_in_the_line_of_their_method():
    grey = np.arange(2 * 1 * 3 * 3, dtype=np.uint8).reshape(2, 1, 3, 3) * 14
    colour = np.repeat(grey[:, :, None], 3, axis=2)[:, 0]
    sheet = _canvas([None, grey, colour], 2)
    assert sheet.shape == (3 * 4, 2 * 4, 3)
    assert (sheet[:4] == 255).all()
    assert np.abs(sheet[4:7, 4:7, 0].astype(int) - grey[1, 0]).max() <= 255 / SHADES / 2 + 1
    assert np.array_equal(sheet[4:8], sheet[8:])
    kept_ = {("k", "d"): {"a": grey, "t": grey[:, 0]}, ("s", "d"): {"a": grey}, ("s", "e"): {"b": grey}}
    figure = mosaic(kept_, CLAIMS, "d", blocks={"A": "a", "B": "b"}, truth={"A": "t"}, label="truth")
    (axes,) = figure.axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["s", "k"]
    assert png(figure)
    nothing = mosaic(kept_, CLAIMS, "d", blocks={"B": "b"}, truth={}, label="")
    assert nothing.texts[0].get_text() == "nothing measured yet"
