"""What the page's script draws is what matplotlib draws: the same means, intervals and order."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from infomax_bench.plots.effects import estimates, sweep
from infomax_bench.plots.figures import curves, dots, intervals, matrix, scatter
from infomax_bench.plots.sheets import pairs, stacked
from infomax_bench.plots.theme import empty
from infomax_bench.report.marks import COLOURS, mark, plain, rounded, scripts
from infomax_bench.report.parts import Mark
from infomax_bench.study.view import Shown, View
from tests.plots.test_figures import claims, rows

WHO = claims()


def drawn(draw, *frames, who=WHO, tones=(), **options):
    """A view as the page has it."""
    found = mark("one", "", Shown(View("one", draw, **options), list(frames), who), dict(tones))
    return json.loads(found.data)


def by_place(told):
    """(panel, line) -> its numbers, in the order of the rows."""
    table = pd.DataFrame(told["rows"])
    table["panel"] = [told["panels"][i] for i in table["panel"]]
    table["line"] = [told["lines"][i] for i in table["line"]]
    return dict(iter(table.groupby(["panel", "line"], sort=False)))


def test_dots_have_the_means_and_intervals_in_the_order_of_the_figure():
    table = rows(xs=(0.0,))
    told = drawn(dots, table, label="v", scale=100, bound=(50.0, "half"))
    assert told["xlabel"] == "v (higher is better)"
    assert told["bound"] == [50.0, "half"]
    found = intervals(table, ["dataset", "method"]).set_index(["dataset", "method"])
    for place, own in by_place(told).items():
        assert own["mean"].item() == pytest.approx(100 * found.loc[place, "mean"], rel=1e-3)
        assert own["half"].item() == pytest.approx(100 * (found["high"] - found["mean"]).loc[place], rel=1e-2)
    figure = dots(table, WHO, label="v")
    from_the_top = [label.get_text() for label in figure.axes[0].get_yticklabels()][::-1]
    assert told["lines"] == from_the_top
    assert "names" not in told  # they are called as they are


def test_one_seed_has_no_interval():
    told = drawn(dots, rows(n_seeds=1, xs=(0.0,)), label="v")
    assert set(told["rows"]["half"]) == {None}


def test_a_method_with_one_point_is_level_from_end_to_end():
    table = rows(n_methods=2, datasets=("one",), xs=(1.0, 2.0, 4.0))
    table = table[(table["method"] == "method_0") | (table["x"] == 2.0)]
    told = by_place(drawn(curves, table, xlabel="x", ylabel="y"))
    assert told["one", "method_0"]["x"].tolist() == [1, 2, 4]
    level = told["one", "method_1"]
    assert level["x"].tolist() == [1, 4]
    assert level["level"].tolist() == [1, 1]
    mean = table.loc[table["method"] == "method_1", "value"].mean()
    assert level["mean"].tolist() == pytest.approx([mean, mean], rel=1e-3)


def test_a_matrix_has_the_mean_first_and_says_how_far_from_the_subject():
    table = rows(xs=(0.0,))
    told = drawn(matrix, table, column="dataset", label="%", scale=100)
    assert told["panels"] == ["mean", "one", "two"]
    cells = by_place(told)
    means = 100 * table.groupby(["method", "dataset"])["value"].mean()
    assert cells["one", "method_2"]["mean"].item() == pytest.approx(means["method_2", "one"], rel=1e-3)
    assert cells["mean", "method_2"]["mean"].item() == pytest.approx(means["method_2"].mean(), rel=1e-3)
    assert all(cells[panel, "method_0"]["away"].item() == 0 for panel in told["panels"])
    above = means["method_2", "one"] > means["method_0", "one"]
    assert (cells["one", "method_2"]["away"].item() > 0) == above
    order = [label.get_text() for label in matrix(table, WHO, column="dataset", label="%").axes[0].get_yticklabels()]
    assert told["lines"] == order


def test_a_scatter_has_both_intervals_and_the_trail():
    table = rows(datasets=("one",), xs=(0.0,))
    way = rows(n_methods=1, datasets=("one",), xs=(5.0, 1.0)).assign(value=lambda t: t["x"] / 10)
    how = {"xlabel": "x", "ylabel": "y", "scale": (1, 100), "notes": {"one": "r"}, "trail": (way, way, "x")}
    told = drawn(scatter, table, table, **how)
    assert told["notes"] == [["one", "r"]]
    assert told["trail"] == {"panel": [0, 0], "step": [1, 5], "x": [0.1, 0.5], "y": [10, 50]}
    for own in by_place(told).values():
        assert own["mean"].item() == pytest.approx(100 * own["x"].item(), rel=1e-3)
        assert own["half"].item() == pytest.approx(100 * own["x_half"].item(), rel=1e-2)


def test_sweeps_and_estimates_have_lines_that_are_no_methods():
    table = rows(n_methods=1, xs=(0.0, 0.01))
    told = drawn(sweep, table, x="x", panel="method", xlabel="x")
    assert (told["lines"], told["tones"]) == (["one", "two"], [1, 2])
    means = table.groupby(["dataset", "x"])["value"].mean()
    assert by_place(told)["method_0", "two"]["mean"].tolist() == pytest.approx(means["two"].tolist(), rel=1e-3)
    lines = ("method_2", "method_0", "method_1")
    table = rows(n_methods=3)
    told = drawn(estimates, table, line="method", panel="dataset", label="v", lines=lines, strong=lines[:1])
    assert (told["lines"], told["tones"], told["bound"]) == ([*lines], [0, -1, -1], [0, ""])


def test_stacks_have_their_parts_in_the_order_of_drawing():
    table = pd.concat(rows(xs=(0.0,)).assign(protocol=part) for part in ("x", "rest", "class"))
    told = drawn(stacked, table, part="protocol", order=["class"], rest="rest", label="%", scale=100)
    assert (told["parts"], told["rest"], told["whole"]) == (["class", "x", "rest"], "rest", 100)
    means = 100 * table[table["protocol"] == "class"].groupby("method")["value"].mean()
    assert told["lines"] == list(means.sort_values(ascending=False).index)


def test_pairs_have_one_measure_below_and_another_above():
    names = ["method_0", "method_1"]
    below, above = (pd.DataFrame([[1.0, v], [v, 1.0]], names, names) for v in (0.25, 0.5))
    cells = by_place(drawn(pairs, rows(n_methods=2), below=below, above=above, label="v"))
    assert cells["method_0", "method_1"]["mean"].item() == 25  # by column and line
    assert cells["method_1", "method_0"]["mean"].item() == 50


def test_few_have_a_colour_and_it_is_theirs_in_every_figure():
    table, who = rows(n_methods=9, xs=(0.0,)), claims(9)
    tones = {"method_4": 1, "method_7": 2}
    told = drawn(dots, table, who=who, tones=tones, label="v")
    found = dict(zip(told["lines"], told["tones"], strict=True))
    assert {m: tone for m, tone in found.items() if tone >= 0} == {"method_0": 0, **tones}
    few = drawn(
        dots, table[table["method"].isin(["method_0", "method_3", "method_4"])], who=who, tones=tones, label="v"
    )
    found = dict(zip(few["lines"], few["tones"], strict=True))
    assert (found["method_0"], found["method_4"]) == (0, 1)
    assert 1 < found["method_3"] <= COLOURS


def test_what_a_name_wears_and_what_is_not_finite_are_told():
    table = rows(xs=(0.0,)).assign(current=lambda t: t["method"] != "method_2")
    table.loc[table["method"] == "method_1", "value"] = np.nan
    told = drawn(dots, table, who=replace(WHO, doubtful=frozenset({"method_3"})), label="v")
    # pairs, since a script finds more in an object than its names
    assert sorted(told["names"]) == [["method_2", "method_2 †"], ["method_3", "method_3 ¶"]]
    assert "method_1" not in told["lines"]
    nothing = Shown(View("one", dots, label="v"), [table.assign(status="failed")], WHO)
    assert mark("one", "", nothing, {}) is None


def test_what_a_plug_in_draws_itself_is_a_picture():
    view = View("own", lambda *rows: empty())
    told = json.loads(mark("one", "", Shown(view, [rows()], WHO), {}).data)
    assert told["form"] == "picture"
    assert told["src"].startswith("data:image/png;base64,")
    assert mark("one", "", Shown(view, [], WHO), {}) is None  # images, of which there are many


def test_scripts_add_the_first_of_each_question_and_the_others():
    evil = "</script>\u2028"
    of = [[Mark(f"{name}-{i}", "", "{}") for i in (1, 2)] for name in ("a", evil)]
    first, more = scripts(of, [Mark("beside", "", "{}"), None]).values()
    assert first.decode() == 'Object.assign(infomax.marks ??= {}, {\n"a-1":{},\n"</script>\\u2028-1":{}\n});\n'
    assert b'"a-2"' in more
    assert b'"beside"' in more
    assert b'"a-1"' not in more


def test_numbers_are_as_short_as_they_can_be():
    assert [rounded(v) for v in (0.123456, 123456.0, 2.0, 1e-9, -0.0)] == [0.1235, 123500, 2, 1e-9, 0]
    assert "rows" in plain("dots", dots.shows(rows(xs=(0.0,)), WHO, label="v"), {})
