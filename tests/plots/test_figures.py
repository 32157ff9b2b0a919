"""The plot forms: what they show, and that thin, wide and broken inputs draw without a warning."""

import io
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.text import Text
from PIL import Image

from infomax_bench.plots import fonts
from infomax_bench.plots import theme as look
from infomax_bench.plots.effects import estimates, sweep
from infomax_bench.plots.figures import comparable, curves, dots, intervals, matrix, scatter, titled
from infomax_bench.plots.labels import spread
from infomax_bench.plots.overview import Caterpillar, overview
from infomax_bench.plots.theme import SUBJECT, png, short, styles
from infomax_bench.stats.intervals import interval
from infomax_bench.stats.verdict import Rival
from infomax_bench.study.claims import Claims
from infomax_bench.study.view import seeds_of

ROLES = ("prior art", "control", "reference", "this work")


@pytest.fixture(autouse=True)
def strict(monkeypatch):
    """Warnings are errors; a coarse grid draws fast."""
    monkeypatch.setattr(look, "DPI", 40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def rows(n_methods=4, n_seeds=5, datasets=("one", "two"), xs=(0.0, 0.5, 1.0), seed=0):
    rng = np.random.default_rng(seed)
    records = [
        {
            "method": f"method_{m}",
            "dataset": d,
            "target": d,
            "seed": s,
            "x": x,
            "width": 8 * 2**i,
            "status": "ok",
            "current": True,
            "value": rng.random(),
        }
        for m in range(n_methods)
        for d in datasets
        for s in range(n_seeds)
        for i, x in enumerate(xs)
    ]
    return pd.DataFrame(records)


def claims(n_methods=4):
    return Claims("method_0", "quick", {f"method_{m}": ROLES[m % 4] for m in range(n_methods)}, False)


def all_forms(table, who):
    middle = table[table["x"] == table["x"].iloc[0]]
    yield curves(table, who, xlabel="x", ylabel="y")
    yield curves(table, who, xlabel="width", ylabel="y", x="width", scale=100, log=True)
    yield dots(middle, who, label="v", bound=(0.5, "here"))
    yield dots(middle, who, label="v", log=True, higher_is_better=False)
    yield matrix(middle.assign(pair=middle["dataset"] + " → b"), who, column="pair", label="v")
    yield scatter(middle, middle.assign(value=1 - middle["value"]), who, xlabel="x", ylabel="y", notes={"one": "r"})
    way = table[table["method"] == "method_0"].assign(step=lambda t: t["width"])
    yield scatter(middle, middle, who, xlabel="x", ylabel="y", trail=(way, way, "step"))
    yield sweep(table, x="x", panel="method", xlabel="x")
    yield estimates(middle, line="method", panel="dataset", label="v", strong=("method_0",), order=("two", "one"))


CASES = {
    "usual": rows(),
    "one seed": rows(n_seeds=1),
    "one data set, one point": rows(datasets=("one",), xs=(0.5,)),
    "one method": rows(n_methods=1, datasets=("one",)),
    "thirty methods": rows(n_methods=30, n_seeds=2, datasets=("one",), xs=(0.0, 0.5)),
    "equal values": rows(datasets=("one",)).assign(value=0.25),
    "zeros": rows(datasets=("one",)).assign(value=0.0),
    "no subject, gaps, another version": rows()
    .query("method != 'method_0' and (method != 'method_1' or dataset == 'one')")
    .assign(current=lambda t: t["method"] != "method_2"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.slow
def test_every_form_draws(case):
    for figure in all_forms(CASES[case], claims(30)):
        assert Image.open(io.BytesIO(png(figure))).size[0] > 40


def test_values_that_are_not_finite_are_left_out():
    table = rows()
    table.loc[table["method"] == "method_1", "value"] = np.nan
    table.loc[(table["method"] == "method_2") & (table["seed"] == 0), "value"] = np.inf
    for figure in all_forms(table, claims()):
        png(figure)
    found = intervals(table, ["method"]).set_index("method")["n"]
    assert dict(found) == {"method_0": 5, "method_2": 4, "method_3": 5}


def test_nothing_measured_still_gives_figures():
    table = rows().assign(status="failed", value=np.nan)
    for figure in all_forms(table, claims()):
        assert figure.texts[0].get_text() == "nothing measured yet"


def test_names_are_drawn_as_they_are():
    """Not as formulas, and in whatever script, without a warning, with a font for it or without."""
    odd = {
        "one": "a $_$ & <b>",
        "two": "犬と猫 кот",
        "method_1": "$\\frac$ x | y",
        "method_2": r"\$x\$ 50 $",
        "method_3": "{x:g}%s$$",
    }
    table = rows(n_seeds=2).replace(odd)
    who = replace(claims(), roles={odd.get(name, name): role for name, role in claims().roles.items()})
    for figure in all_forms(table, who):
        png(figure)
        texts = figure.findobj(Text)
        assert not any(text.get_parse_math() for text in texts if any(name in text.get_text() for name in odd.values()))
        said = " ".join(text.get_text() for text in texts)
        assert all(name in said for name in table["dataset"].unique() if len(figure.axes) > 1)


def test_names_as_long_as_a_path_can_be_cost_no_figure():
    long = "folder:" + 60 * "/folder"
    table = rows(n_methods=2, n_seeds=2).replace({"one": long, "method_1": f"a{long}"})
    for figure in all_forms(table, claims(1)):
        png(figure)
        assert min(box.get_position().width * figure.get_figwidth() for box in figure.axes) > 0.5


def test_the_numbers_of_an_axis_may_be_formulas():
    figure = dots(rows(datasets=("one",)).assign(value=lambda t: 10 ** (9 * t["value"])), claims(), label="v", log=True)
    png(figure)
    (ax,) = figure.axes
    ticks = [tick.label1 for tick in ax.xaxis.get_major_ticks()]
    assert any("10^{" in label.get_text() for label in ticks)
    assert all(label.get_parse_math() for label in ticks if "$" in label.get_text())


@pytest.fixture
def a_font_with_a_dog(tmp_path):
    """A font with one letter, which no other has (of a private area), known to matplotlib meanwhile."""
    forget = (fonts.family_with, fonts._others, fonts._has, fonts._opened)
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((800, 0))
    pen.lineTo((400, 800))
    pen.closePath()
    glyph = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "dog"])
    builder.setupCharacterMap({0xF8D0: "dog"})
    builder.setupGlyf({".notdef": glyph, "dog": glyph})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "dog": (1000, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Dogs", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "dogs.ttf")
    before = list(fontManager.ttflist)
    fontManager.addfont(tmp_path / "dogs.ttf")
    for cached in forget:
        cached.cache_clear()
    yield "\uf8d0"
    fontManager.ttflist[:] = before
    fontManager._findfont_cached.cache_clear()
    for cached in forget:
        cached.cache_clear()


def test_a_letter_is_drawn_in_a_font_that_has_it(a_font_with_a_dog, caplog):
    dog = a_font_with_a_dog
    assert fonts.lacking(["dog", f"a {dog}", "\uf8d1"]) == ["\uf8d1"]
    assert fonts.families(f"a {dog}") == [fonts.families("a")[0], "Dogs"]
    figure = curves(rows(datasets=(dog,)), claims(), xlabel="x", ylabel="y")
    png(figure)
    assert not caplog.records
    (ax,) = figure.axes
    assert "Dogs" in ax.title.get_fontfamily() + ax._left_title.get_fontfamily()


def test_what_no_font_has_is_told_as_its_letters():
    assert fonts.lacking(["abc ü † ¶ − →", "\uf8d1\uf8d1 \u200d\u202f", "\uf8d2"]) == ["\uf8d1", "\uf8d2"]


def test_the_same_figure_gives_the_same_bytes():
    first, second = (png(curves(rows(), claims(), xlabel="x", ylabel="y")) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("kind", ["pdf", "svg"])
def test_what_is_for_papers_is_the_same_every_time(tmp_path, kind):
    first, second = tmp_path / f"one.{kind}", tmp_path / f"two.{kind}"
    for path in (first, second):
        look.write(dots(rows(), claims(), label="v"), kind, path)
    assert first.read_bytes() == second.read_bytes()


def test_what_came_out_is_light_or_dark_and_names_the_outcome():
    rivals = [Rival("a", "f", 2.0, 1.0, 3.0, 4), Rival("b", "f", -1.0, -9.0, 7.0, 4)]
    panel = Caterpillar("P2  transfers better", "refuted", "✗ refuted", "ahead of 1", rivals, 1.0, "points")
    for dark, paper in ((False, (255, 255, 255)), (True, (0x15, 0x18, 0x1B))):
        figure = overview([panel, replace(panel, rivals=[])], {"b"}, dark)
        said = {text.get_text() for text in figure.texts}
        assert {"P2  transfers better", "✗ refuted", "ahead of 1"} <= said
        assert Image.open(io.BytesIO(png(figure))).convert("RGB").getpixel((0, 0)) == paper
        dots_of = {tuple(line.get_xydata()[0]) for line in figure.axes[0].lines if line.get_marker() == "o"}
        assert dots_of == {(-1.0, 1.0), (2.0, 0.0)}  # as on the page, the worst on top
    assert overview([], ()).texts[0].get_text() == "nothing measured yet"


def test_a_figure_is_white_where_nothing_is_drawn():
    image = Image.open(io.BytesIO(png(dots(rows(), claims(), label="v")))).convert("RGB")
    assert image.getpixel((0, image.height - 1)) == (255, 255, 255)


def test_intervals_equal_those_of_the_verdicts():
    table = rows(n_methods=2, datasets=("one",), xs=(0.0,))
    for _, row in intervals(table, ["method"]).iterrows():
        expected = interval(table.loc[table["method"] == row["method"], "value"].to_numpy())
        assert (row["mean"], row["low"], row["high"]) == pytest.approx((expected.mean, expected.low, expected.high))


def test_only_methods_with_every_case_are_averaged():
    table = rows(n_methods=3).assign(all=0)
    table = table[(table["method"] != "method_1") | (table["dataset"] == "one")]
    assert set(comparable(table, "all")["method"]) == {"method_0", "method_2"}
    assert set(comparable(table, "dataset")["method"]) == {"method_0", "method_1", "method_2"}


def drawn_lines(ax):
    """The points of the lines of data that are in a panel."""
    return [np.asarray(line.get_xydata()) for line in ax.lines if len(line.get_xdata()) > 2]


def segments(ax):
    """The points of the lines that are drawn together."""
    (lines,) = (c for c in ax.collections if type(c) is LineCollection and len(c.get_segments()[0]) > 2)
    return lines.get_segments()


def test_a_sweep_has_the_means_at_equal_distances():
    table = rows(n_methods=1, xs=(0.0, 0.01, 1000.0))
    figure = sweep(table, x="x", panel="method", xlabel="x")
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "0.01", "1000"]
    means = table.groupby(["dataset", "x"])["value"].mean()
    for points, dataset in zip(segments(ax), ("one", "two"), strict=True):
        assert points[:, 0].tolist() == [0, 1, 2]
        assert points[:, 1] == pytest.approx(means[dataset].to_numpy())


def test_panels_of_a_sweep_by_a_pattern_stand_as_in_the_rows():
    table = pd.concat([rows(n_methods=1).assign(panel=panel) for panel in ("second", "first")])
    titles = [ax.get_title(loc="left") for ax in sweep(table, x="x", panel="{dataset}: {panel}", xlabel="x").axes]
    assert [t for t in titles if t] == ["one: second", "two: second", "one: first", "two: first"]


def test_curves_have_the_means_within_their_bands_and_the_subject_on_top():
    table = rows(n_methods=3, datasets=("one",), xs=(1.0, 2.0, 4.0))
    alone = table[(table["method"] != "method_2") | (table["seed"] == 0)]  # one seed has no interval, so no band
    (ax,) = curves(alone, claims(), xlabel="x", ylabel="y").axes
    found = intervals(alone, ["method", "x"]).set_index("method")
    for points, method in zip(segments(ax), ("method_2", "method_1", "method_0"), strict=True):
        assert points == pytest.approx(found.loc[method, ["x", "mean"]].to_numpy())
    (bands,) = (c for c in ax.collections if isinstance(c, PolyCollection))
    for path, method in zip(bands.get_paths(), ("method_1", "method_0"), strict=True):
        own = found.loc[method]
        assert path.vertices[:3].tolist() == own[["x", "low"]].to_numpy().tolist()
        assert path.vertices[3:6].tolist() == own[["x", "high"]].to_numpy()[::-1].tolist()


def test_a_trail_goes_from_the_least_to_the_greatest_setting():
    table = rows(datasets=("one",), xs=(0.0,))
    way = rows(n_methods=1, datasets=("one",), xs=(5.0, 1.0, 3.0)).assign(value=lambda t: t["x"] / 10)
    figure = scatter(table, table, claims(), xlabel="x", ylabel="y", trail=(way, way, "x"), scale=(1, 100))
    (ax,) = figure.axes
    (points,) = drawn_lines(ax)
    assert points == pytest.approx(np.array([[0.1, 10], [0.3, 30], [0.5, 50]]))
    assert {t.get_text() for t in ax.texts} >= {"1", "5"}
    assert ax.get_ylim()[0] < 10
    assert ax.get_ylim()[1] > 50


def test_estimates_are_listed_from_the_top_in_the_order_given():
    table = rows(xs=(0.0,))
    lines = ("method_2", "method_0", "method_3", "method_1")
    figure = estimates(table, line="method", panel="dataset", label="v", lines=lines)
    first = figure.axes[0]
    assert [label.get_text() for label in first.get_yticklabels()] == list(lines)
    assert first.get_ylim()[0] > first.get_ylim()[1]
    means = table[table["dataset"] == "one"].groupby("method")["value"].mean()
    assert [t.get_text() for t in sorted(first.texts, key=lambda t: t.get_position()[1])] == [
        f"{means[m]:+.2f}" for m in lines
    ]


def test_labels_keep_their_distance_their_order_and_stay_inside():
    wanted = [0.5, 0.5, 0.51, 0.9, 0.05]
    placed = spread(wanted, 0.1, 0.0, 1.0)
    assert np.diff(sorted(placed)).min() >= 0.1 - 1e-9
    assert list(np.argsort(placed, kind="stable")) == list(np.argsort(wanted, kind="stable"))
    assert 0 <= min(placed) <= max(placed) <= 1
    assert spread([0.2, 0.8], 0.1, 0, 1) == [0.2, 0.8]


def test_the_subject_stands_out_and_a_method_looks_the_same_in_every_figure():
    who = claims(8)
    assert styles(["method_0"], who)["method_0"] is SUBJECT
    assert styles(["method_5"], who)["method_5"] == styles([f"method_{i}" for i in range(8)], who)["method_5"]
    assert "stranger" in styles(["stranger"], who)


def test_the_subjects_dot_is_drawn_last_whatever_shares_its_marker():
    drawn = [look.ROLES[role] for role in ("control", "prior art", "reference")] + [SUBJECT]
    ax, at = Figure().subplots(), np.zeros((4, 3))
    look.marks(ax, drawn, at, at, size=4)
    dots = [c for c in ax.collections if isinstance(c, PathCollection)]
    assert len(dots) == 3
    assert to_hex(dots[-1].get_facecolor()[-1]) == SUBJECT.colour


def test_names_in_figures_wear_the_marks_of_tables():
    who = replace(claims(), doubtful=frozenset({"method_1", "method_2"}), uncompared=frozenset({"method_3"}))
    table = rows(datasets=("one",)).assign(current=lambda t: t["method"] != "method_2")
    (ax,) = curves(table, who, xlabel="x", ylabel="y").axes
    said = {text.get_text() for text in ax.texts}
    assert {"method_0", "method_1 ¶", "method_2 † ¶", "method_3 ‖"} <= said


def test_captions_say_how_many_seeds():
    assert seeds_of(rows(n_seeds=1)) == "1 seed"
    assert seeds_of(rows()) == "5 seeds"
    assert seeds_of(rows().query("method != 'method_1' or seed < 3")) == "3 to 5 seeds"
    assert seeds_of(rows().assign(status="failed")) == "no seeds"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.00123, "0.0012"),
        (0.5, "0.50"),
        (12.34, "12.3"),
        (123.4, "123"),
        (18464, "18.5k"),
        (-2.5e6, "-2.5M"),
        (float("nan"), "-"),
    ],
)
def test_numbers_are_short(value, text):
    assert short(value) == text


def test_panels_can_be_told_apart_by_several_columns():
    found, panel = titled(rows().assign(depth=2), "{dataset}, {depth} layers")
    assert set(found[panel]) == {"one, 2 layers", "two, 2 layers"}
    assert (found[panel].str.split(", ").str[0] == found["dataset"]).all()
    same, panel = titled(found, "dataset")
    assert (same is found, panel) == (True, "dataset")
    figure = curves(rows(), claims(), xlabel="x", ylabel="y", panel="on {dataset}")
    assert [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")] == ["on one", "on two"]
    assert titled(rows().iloc[:0], "{dataset}, {x}")[0].empty
