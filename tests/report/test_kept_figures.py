"""A figure that is there is kept if it would be drawn the same, and drawn again if anything that decides it changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from infomax_bench.plots import fonts
from infomax_bench.plots.theme import empty
from infomax_bench.report import kept_figures
from infomax_bench.report.parts import Picture
from infomax_bench.study.claims import Claims
from infomax_bench.study.view import Shown, View

CLAIMS = Claims("a", "quick", {"a": "this work", "b": "prior art"}, True, own_width=frozenset({"a", "b", "pixels"}))
ROWS = pd.DataFrame({"method": ["a", "b"], "value": [0.5, 0.25]})


def mark(rows, claims, text="x"):
    figure = Figure(figsize=(1, 0.5))
    figure.text(0, 0, f"{text} {claims.subject} {len(rows)}")
    return figure


def shown(rows=ROWS, claims=CLAIMS, draw=mark, **options):
    return Shown(View("one", draw, **options), [rows], claims)


def test_the_same_rows_options_and_claims_are_one_figure():
    made = kept_figures.origin_of(shown())
    assert made
    assert made == kept_figures.origin_of(
        shown(ROWS.copy(), replace(CLAIMS, own_width=frozenset({"pixels", "b", "a"})))
    )


@pytest.mark.parametrize(
    "other",
    [
        shown(ROWS.assign(value=[0.5, 0.2500001])),
        shown(ROWS[::-1]),
        shown(ROWS.assign(panel="p")),
        shown(claims=replace(CLAIMS, subject="b")),
        shown(claims=replace(CLAIMS, doubtful=frozenset({"b"}))),
        shown(text="y"),
        shown(draw=lambda rows, claims: empty()),
    ],
)
def test_whatever_else_is_shown_is_another(other):
    assert kept_figures.origin_of(other) != kept_figures.origin_of(shown())


def test_a_frame_that_holds_arrays_is_drawn_every_time():
    """Its values have no hash, and that is no reason to leave the figure out."""
    view = shown(pd.DataFrame({"method": ["a"], "curve": [np.arange(3)]}))
    assert kept_figures.origin_of(view) == ""
    assert Picture.of("one", "", view, {}).data


def test_other_fonts_or_code_make_another(monkeypatch):
    before = kept_figures.origin_of(shown())
    monkeypatch.setattr(fonts, "of_the_look", lambda: ("A font of mine",))
    assert kept_figures.origin_of(shown()) != before
    monkeypatch.undo()
    monkeypatch.setattr(kept_figures, "_of_plots", lambda: "changed")
    assert kept_figures.origin_of(shown()) != before


def test_a_figure_is_drawn_once_and_again_when_its_file_is_damaged(tmp_path):
    calls = []

    def found(view):
        return Picture.of("one", "", view, kept_figures.drawn_in(tmp_path))

    class Counted(Shown):
        def figure(self):
            calls.append(1)
            return super().figure()

    view = Counted(View("one", mark), [ROWS], CLAIMS)
    first = found(view)
    (tmp_path / "another-name.png").write_bytes(first.data)
    assert found(view) == first
    assert len(calls) == 1
    assert first.inches == 1
    data = bytearray(first.data)
    data[-40] ^= 1
    (tmp_path / "another-name.png").write_bytes(data)
    assert found(view) == first
    assert len(calls) == 2
    (tmp_path / "another-name.png").write_bytes(first.data[:50])
    assert found(view) == first
    nameless = Counted(View("one", lambda rows, claims: mark(rows, claims)), [ROWS], CLAIMS)
    assert kept_figures.origin_of(nameless) == ""
    assert b"made-from" not in found(nameless).data
