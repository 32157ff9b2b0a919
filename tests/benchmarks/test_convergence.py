"""Encoders compared with each other at the end of a run, and what is said of it, on tables whose truth is known."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from infomax_bench import Request
from infomax_bench.base.store import Store
from infomax_bench.check.benchmarks import Asked, grid_is_made_of_known_evaluations
from infomax_bench.evaluations import similarity as similarity_module
from infomax_bench.evaluations.declare import Pairwise
from infomax_bench.plots.sheets import clustered
from infomax_bench.plots.theme import png
from infomax_bench.run import compare, engine
from infomax_bench.run.results import COLUMNS
from infomax_bench.stats.findings import Found
from infomax_bench.study.claims import Claims
from infomax_bench.study.plan import Planner
from infomax_bench.study.plugins import registry
from infomax_bench.study.presets import load_presets
from infomax_bench.study.suite import Suite
from tests.small_runs import go, values, write_echo

ROLES = {"s": "this work", "a": "prior art", "b": "control", "fit": "control", "told": "prior art"}
ROLES |= {"start": "reference", "raw": "reference"}
KINDS = {"own_width": frozenset({"raw"}), "fitted": frozenset({"fit", "start"}), "supervised": frozenset({"told"})}
CLAIMS = Claims("s", "standard", ROLES, False, width=64, **KINDS)
FEW = "images: 1000 of 9000"
TAGS = {"": {"sweep": ""}, FEW: {"sweep": "images", "amount": 1000.0, "available": 9000.0}}
MEASURES = ("cka", "mutual_neighbours", "matched_units")
FREE = "they are alike, but not shown to be more so than they are like what learned nothing"


@pytest.fixture
def convergence():
    return registry().benchmark("convergence")


def module(benchmark):
    return sys.modules[type(benchmark).__module__]


# -- from a run to rows -----------------------------------------------------------------------------------------------
METHODS = ("echo", "pca", "random_features", "pixels")


def pairs_of(done):
    rows = done.results.table
    rows = rows[rows["evaluation"] == "similarity"]
    return {tuple(pair) for pair in rows[["method", "other"]].to_numpy()}


def test_each_pair_is_compared_once_and_a_width_of_its_own_is_the_other(own, tmp_path):
    done = go(own, tmp_path / "r", METHODS, ("convergence",))
    names = [m for m in METHODS if m != "pixels"]
    assert pairs_of(done) == {(a, b) for a in names for b in names if a <= b} | {(a, "pixels") for a in names}
    rows = done.results.table[done.results.table["evaluation"] == "similarity"]
    assert set(rows["metric"]) == set(MEASURES)
    assert set(rows["status"]) == {"ok"}
    assert rows["current"].all()
    assert set(rows["seed"]) == {0}  # of seeds 0 and 1, only 0 has a next one
    assert set(rows["n_parameters"]) == {104}
    on_disk = pd.read_csv(tmp_path / "r" / "measurements.csv")
    assert len(on_disk) == len(done.results.table) == 3 * len(pairs_of(done))


def test_rows_are_the_similarity_of_what_was_kept(own, tmp_path):
    done = go(own, tmp_path / "r", METHODS, ("convergence",))
    store = Store(tmp_path / "r")
    kept = {
        e["cell"]["method"]: store.read_arrays(e["key"])["features"]
        for e in store.manifest().values()
        if e["request"]["evaluation"] == "representation"
    }
    assert kept["echo"].shape == (2, 30, 4)
    expected = similarity_module.compare(
        similarity_module.described(kept["echo"][0]), similarity_module.described(kept["pca"][1])
    )
    rows = done.results.table
    found = rows[(rows["method"] == "echo") & (rows["other"] == "pca")].set_index("metric")["value"]
    assert found.to_dict() == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_a_second_run_compares_nothing_and_a_new_method_is_compared_with_those_that_are_there(
    own, tmp_path, monkeypatch
):
    whole = go(own, tmp_path / "whole", METHODS, ("convergence",))
    first = go(own, tmp_path / "r", ("pca", "pixels", "random_features"), ("convergence",))
    made = []
    real = compare.make
    monkeypatch.setattr(compare, "make", lambda group, *more: made.append(group) or real(group, *more))
    again = go(own, tmp_path / "r", ("pca", "pixels", "random_features"), ("convergence",))
    assert (first.n_jobs, again.n_jobs, made) == (3 + 2, 0, [])
    other = go(own, tmp_path / "r", ("pca",), ("redundancy",))  # another question leaves comparisons as they are
    assert made == []
    assert other.results.table.query("evaluation == 'similarity'")["current"].all()
    added = go(own, tmp_path / "r", ("echo",), ("convergence",))
    assert [set(group.others) for group in made] == [{"echo"}]
    same = added.results.table.query("benchmark == 'convergence'").reset_index(drop=True)
    expected = values(whole).reset_index(drop=True)
    pd.testing.assert_frame_equal(same.drop(columns="git_sha"), expected, check_categorical=False)


def test_a_method_that_changed_is_compared_anew_and_the_others_are_not(own, tmp_path):
    go(own, tmp_path / "r", METHODS, ("convergence",))
    write_echo(own, "return (net.encoder(batch.images) + 1).square().mean((-2, -1))")
    changed = go(own, tmp_path / "r", METHODS, ("convergence",))
    assert changed.n_jobs == 2  # echo, and echo against the others
    write_echo(own, comment="another one")
    stale = go(own, tmp_path / "r", ("pca",), ("convergence",))
    rows = stale.results.table.query("evaluation == 'similarity'")
    assert not rows.loc[rows["method"] == "echo", "current"].any()
    assert rows.loc[rows["method"] != "echo", "current"].all()


def test_a_method_that_fails_or_cannot_is_compared_with_nobody(own, tmp_path):
    write_echo(own, "raise RuntimeError('no')")
    done = go(own, tmp_path / "r", ("echo", "pca", "random_features"), ("convergence",), widths=[30])  # 25 pixels
    assert pairs_of(done) == {("random_features", "random_features")}


def test_a_comparison_that_fails_is_told_and_tried_again(own, tmp_path, monkeypatch):
    monkeypatch.setattr(Pairwise, "compare", lambda *_: 1 / 0)
    done = go(own, tmp_path / "r", ("pca", "random_features"), ("convergence",))
    assert done.failures == ["similarity on tiny, width 4: ZeroDivisionError: division by zero"]
    assert set(done.results.table.query("evaluation == 'similarity'")["status"]) == {"failed"}
    assert "failed: similarity on tiny" in (tmp_path / "r" / "run.log").read_text()
    monkeypatch.undo()
    mended = go(own, tmp_path / "r", ("pca", "random_features"), ("convergence",))
    assert (mended.n_jobs, mended.failures) == (2, [])
    assert set(mended.results.table.query("evaluation == 'similarity'")["status"]) == {"ok"}


def test_seeds_that_are_evaluated_apart_are_kept_together(own, tmp_path, monkeypatch):
    """Wide encoders of many images are measured a few seeds at a time; of other evaluations the first group is kept."""
    together = go(own, tmp_path / "a", ("pca",), ("convergence", "interpretability"), seeds=3)
    monkeypatch.setattr(engine, "AT_ONCE", 2 * 120 * 4)
    apart = go(own, tmp_path / "b", ("pca",), ("convergence", "interpretability"), seeds=3)
    pd.testing.assert_frame_equal(values(together), values(apart))
    one, other = (Store(tmp_path / name) for name in "ab")
    for entry in one.manifest().values():
        if entry["request"]["evaluation"] in ("representation", "gallery"):
            first, second = (store.read_arrays(entry["key"]) for store in (one, other))
            assert all(np.array_equal(first[name], second[name]) for name in first)
            assert other.done(entry["key"])


# -- the grid ---------------------------------------------------------------------------------------------------------
def test_no_encoder_is_trained_for_it():
    """Where nobody has a sweep of its own, its encoders are those of the width sweep, of the learning curves, and of
    everyone."""
    from infomax_bench.study.plan import make_suite

    found = registry()
    suite = make_suite(found, load_presets(found_folder())["quick"], methods=["infomax_em", "pca", "pixels"])
    planner = Planner(found, "cpu")

    def encoders(*names):
        return {
            entry.encoder_key
            for name in names
            for entry in planner.entries(name, found.benchmark(name).grid(suite), suite.seeds)
            if entry.cell.method not in suite.own_width  # pixels learn nothing, however many images there are
        }

    own = encoders("convergence")
    assert len(own) > len(suite.datasets)
    assert own <= encoders("width", "scale", "pruning")


def found_folder():
    from infomax_bench.study.plugins import home

    return home() / "benchmarks"


def test_widths_and_images_are_the_ends_of_what_others_train(convergence):
    widths, of_some = (8, 16, 32, 64, 128, 256), {"scaled": {"d": 4}}
    images = {"d": 50_000, "e": 900}
    suite = Suite(
        "p", ("s",), ("d", "e"), {"d": 8, "e": 4}, 64, widths, tuple(range(10)), 128, "s", n_train=images, **of_some
    )
    cells = [cell for cell, _ in convergence.grid(suite)]
    assert [(c.dataset, c.width, c.n_train) for c in cells] == [
        ("d", 8, 0),
        ("d", 64, 0),
        ("d", 256, 0),
        ("d", 64, 1000),
        ("e", 8, 0),
        ("e", 64, 0),
        ("e", 256, 0),
    ]
    assert {c.n_seeds for c in cells} == {5}
    assert {c.label for c in cells} == {"", "images: 1000 of 50000"}


def test_what_it_compares_must_be_asked_for(convergence):
    grid_is_made_of_known_evaluations(Asked(convergence, registry()))

    def grid(self, suite):
        return [(suite.cell("pca", suite.datasets[0]), Request("linear_probe"))]

    careless = type("Careless", (type(convergence),), {"grid": grid})()
    with pytest.raises(AssertionError, match="does not ask for 'representation'"):
        grid_is_made_of_known_evaluations(Asked(careless, registry()))
    assert registry().comparison("similarity").of == "representation"


# -- the rule ---------------------------------------------------------------------------------------------------------
def rows(between, own=0.8, start=0.3, raw=0.9, seeds=5, noise=0.002, few=None):
    """Pairs of all methods: `between` by width, 0.1 less for what is not counted; `few`: with 1000 of 9000 images."""
    rng = np.random.default_rng(0)
    names = sorted(m for m in ROLES if m != "raw")
    cells = [(width, "", value) for width, value in between.items()]
    cells += [] if few is None else [(64, FEW, few)]
    records = []
    for width, label, value in cells:
        for one in names:
            for other in [m for m in names if m >= one] + ["raw"]:
                references = {"start": start, "raw": raw}
                level = value - 0.1 * bool({one, other} & {"fit", "told"})
                level = own if one == other else references.get(other, references.get(one, level))
                pair = {"method": one, "other": other, "protocol": "", "width": width, "label": label, **TAGS[label]}
                records += [
                    {**pair, "dataset": d, "seed": seed, "metric": metric, "value": level + noise * rng.normal()}
                    for d, seed, metric in itertools.product("de", range(seeds), MEASURES)
                ]
    made = pd.DataFrame(records).assign(status="ok", current=True, benchmark="convergence", evaluation="similarity")
    return made.reindex(columns=[*COLUMNS, "sweep", "amount", "available"]).astype({"value": float})


def found_in(benchmark, table, claims=CLAIMS):
    return Found(benchmark.findings(table, claims))


def word_of(benchmark, table, claims=CLAIMS):
    """The word of each resource and measure."""
    told = found_in(benchmark, table, claims).all("measure")
    return {(one["resource"], one["measure"]): one.outcome for one in told}


@pytest.mark.parametrize(
    ("between", "more", "word"),
    [
        ({16: 0.3, 64: 0.75}, {}, "they converge"),
        ({16: 0.75, 64: 0.75}, {}, "they are alike, and no closer than with less"),
        ({16: 0.3, 64: 0.75}, {"start": 0.75}, FREE),
        ({16: 0.2, 64: 0.4}, {}, "they come closer but stay apart"),
        ({16: 0.4, 64: 0.4}, {}, "they stay apart"),
        ({16: 0.5, 64: 0.4}, {}, "they stay apart"),
        ({16: 0.3, 64: 0.64}, {"noise": 0.2}, "undecided"),
        ({16: 0.3, 64: 0.75}, {"seeds": 4}, "undecided"),
        ({16: 0.01, 64: 0.04}, {"own": 0.04, "start": 0.0}, "undecided"),
    ],
)
def test_the_words_follow_the_rule(convergence, between, more, word):
    assert set(word_of(convergence, rows(between, **more)).values()) == {word}


def test_a_reference_of_another_width_is_no_bar_and_without_any_it_is_undecided(convergence):
    table = rows({16: 0.3, 64: 0.75})  # raw is at 0.9
    assert set(word_of(convergence, table).values()) == {"they converge"}
    for given in (table, rows({16: 0.2, 64: 0.4})):
        without = given[(given["method"] != "start") & (given["other"] != "start")]
        assert set(word_of(convergence, without).values()) == {"undecided"}


def test_a_reference_that_cannot_be_as_wide_is_no_bar(convergence):
    """What it is like at a smaller width, or on one data set of two, says nothing of the largest."""
    table = rows({16: 0.3, 64: 0.75}, start=0.78)
    assert set(word_of(convergence, table).values()) == {FREE}
    lost = (table[["method", "other"]] == "start").any(axis=1) & (table["width"] == 64) & (table["dataset"] == "d")
    other = table[(table[["method", "other"]] == "start").any(axis=1)]
    other = other.replace({"start": "zero"}).assign(value=0.2)  # a reference that is there
    claims = replace(CLAIMS, roles={**ROLES, "zero": "reference"})
    assert set(word_of(convergence, pd.concat([table[~lost], other]), claims).values()) == {"they converge"}
    assert set(word_of(convergence, table[~lost]).values()) == {"undecided"}


def test_means_are_over_pairs_of_the_methods_that_the_rule_names(convergence):
    similar = module(convergence).similarities(rows({16: 0.3, 64: 0.75}), CLAIMS)
    means = similar.groupby(["what", "x"])["value"].mean()
    assert means["two methods", 64] == pytest.approx(0.75, abs=0.005)  # not what was fitted or saw labels, 0.1 less
    assert means["two seeds of one method", 16] == pytest.approx(0.8, abs=0.005)
    assert means["with raw", 64] == pytest.approx(0.9, abs=0.005)
    assert set(similar["n"]) == {3}


def test_a_method_that_lacks_a_seed_or_a_width_is_left_out_everywhere(convergence):
    table = rows({16: 0.3, 64: 0.75})
    lost = (table["method"] == "a") & (table["other"] == "a") & (table["seed"] == 1) & (table["width"] == 16)
    table = table[~(lost & (table["dataset"] == "d"))]
    similar = module(convergence).similarities(table, CLAIMS)
    assert dict(similar.groupby("dataset")["n"].first()) == {"d": 2, "e": 3}
    told = found_in(convergence, table)
    assert told.one("left out")["methods"] == ["a"]
    assert told.one("resource")["methods"] == [2, 3]
    assert "Not measured everywhere, and left out: a." in convergence.answer(table, CLAIMS)
    alone = rows({512: 0.9}).query("method == 'a' and other == 'a'")  # what one method has alone is no step
    assert set(module(convergence).similarities(pd.concat([table, alone]), CLAIMS)["x"]) == {16, 64}


def test_more_images_are_read_apart_from_width(convergence):
    table = rows({16: 0.3, 64: 0.75}, few=0.76)
    words = word_of(convergence, table)
    assert {w for (r, _), w in words.items() if r == "width"} == {"they converge"}
    assert {w for (r, _), w in words.items() if r == "images"} == {"they are alike, and no closer than with less"}
    answer = convergence.answer(table, CLAIMS)
    assert "With wider encoders (d, 16 to 64; e, 16 to 64; 3 methods): they converge." in answer
    assert "With more training images (d, 1000 to 9000; e, 1000 to 9000; 3 methods): they are alike, and no" in answer


def test_the_answer_is_one_only_if_the_measures_agree(convergence):
    table = rows({16: 0.3, 64: 0.75})
    apart = (table["metric"] == "matched_units") & (table["method"] != table["other"])
    table.loc[apart, "value"] /= 3
    told = found_in(convergence, table)
    assert (told.one("resource").outcome, told.one("resource")["agree"]) == ("undecided", False)
    by_cka, by_units = (told.one("measure", measure=name) for name in ("CKA", "matched units"))
    assert (by_cka.outcome, by_units.outcome) == ("they converge", "they come closer but stay apart")
    assert (by_cka["least"], by_cka["most"], by_cka["rise"].mean) == pytest.approx((0.3, 0.75, 0.45), abs=0.01)
    assert by_cka["above"]["start"].mean == pytest.approx(0.45, abs=0.01)
    answer = convergence.answer(table, CLAIMS)
    assert "3 methods): undecided, since the measures differ." in answer
    assert "by CKA, they converge: two methods 0.30 with the least, 0.75 with the most (rise +0.45" in answer
    assert "surely less so" not in answer
    assert f"by CKA, {FREE} (surely less so than with start): two" in convergence.answer(
        rows({16: 0.3, 64: 0.75}, start=0.9), CLAIMS
    )


def test_whom_the_subject_is_most_and_least_like(convergence):
    table = rows({16: 0.3, 64: 0.75})
    nearest = found_in(convergence, table).one("nearest", measure="CKA")
    assert (nearest["most"], nearest["least"]) == ("raw", "start")
    assert (nearest["at_most"], nearest["itself"]) == pytest.approx((0.9, 0.8), abs=0.01)
    answer = convergence.answer(table, CLAIMS)
    assert "Most like s is by CKA raw (0.90; its own seeds 0.80), least start (0.30); by mutual neighbours" in answer
    assert not found_in(convergence, table, replace(CLAIMS, subject="absent")).all("nearest")


@pytest.mark.parametrize("seeds", [0, 1])
def test_nothing_and_one_seed(convergence, seeds):
    table = rows({16: 0.3, 64: 0.75}, seeds=1)
    table = table if seeds else table.iloc[:0]
    assert set(word_of(convergence, table).values()) == ({"undecided"} if seeds else set())
    assert bool(convergence.answer(table, CLAIMS)) == bool(seeds)


# -- what is shown ----------------------------------------------------------------------------------------------------
def test_there_are_figures_and_a_table(convergence):
    table = rows({16: 0.3, 64: 0.75}, few=0.6)
    made = list(convergence.figures(table, CLAIMS))
    assert len(made) == 4
    assert all(png(figure) for _, figure in made)
    shown = convergence.table(table, CLAIMS).set_index(["dataset", "method"])
    assert shown.loc[("d", "s"), "CKA: two methods"] == pytest.approx(0.75, abs=0.01)
    assert shown.loc[("d", "told"), "CKA: two methods"] == pytest.approx(0.65, abs=0.01)
    assert shown.loc[("d", "s"), "CKA: with start"] == pytest.approx(0.3, abs=0.01)
    assert shown.loc[("d", "s"), "nearest by CKA"] in {"a", "b"}
    nothing = table.iloc[:0]
    assert not list(convergence.figures(nothing, CLAIMS))
    assert convergence.table(nothing, CLAIMS) is None


def test_the_map_has_each_pair_on_its_side_of_the_diagonal(convergence):
    table = rows({64: 0.75}, noise=0.0)
    table.loc[table["metric"] == "matched_units", "value"] /= 2
    (_, figure), _ = convergence.figures(table, CLAIMS)
    (axes,) = figure.axes
    names = [t.get_text().split("  ")[0] for t in axes.get_yticklabels()]
    assert set(names) == set(ROLES) - {"raw"}  # its own seeds are not compared
    at = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in axes.texts}
    i, j = sorted((names.index("s"), names.index("a")))
    assert (at[j, i], at[i, j], at[i, i]) == ("75", "38", "80")


def test_methods_that_are_alike_stand_together():
    names = list("abcdef")
    group = np.array([0, 1, 0, 1, 0, 1])
    table = pd.DataFrame(np.where(group[:, None] == group, 0.9, 0.1), names, names)
    order = clustered(table)
    assert {frozenset(order[:3]), frozenset(order[3:])} == {frozenset("ace"), frozenset("bdf")}
