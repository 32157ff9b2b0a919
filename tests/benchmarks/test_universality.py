"""One representation for many tasks, on tables whose answers are known."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

from infomax_bench.plots import theme as look
from infomax_bench.plots.theme import png
from infomax_bench.stats.findings import Found
from infomax_bench.stats.readings import below_best
from infomax_bench.study.plugins import registry
from tests.benchmarks import made
from tests.benchmarks.made import CLAIMS, SEEDS

UNIVERSALITY = registry().benchmark("universality")
MODULE = sys.modules[type(UNIVERSALITY).__module__]


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(look, "DPI", 40)


def rows(values, datasets=("d",)):
    return made.rows("universality", values, datasets)


def verdicts(table):
    return made.verdicts("universality", table)


def task_rows(datasets=("d",)):
    level = {"s": 0.7, "sees": 0.5, "told": 0.5, "blind": 0.5, "other": 0.5, "k": 0.5, "raw": 1.0}
    values = {
        ("decodability", "class"): {**level, "sees": 0.8},
        ("decodability", "x"): level,
        ("decodability", "y"): level,
        ("mask_skill", ""): level,
        ("reconstruction", ""): {**level, "k": 0.9},
        ("reconstruction", "pca"): dict.fromkeys(level, 0.95),
        ("sample_distance", "chosen"): {m: 1 - v for m, v in level.items()},
        ("sample_distance", "gaussian"): {m: 1 - v for m, v in level.items()},
        ("sample_distance", "alone"): dict.fromkeys(level, 0.9),
        ("sample_distance", "decoded"): dict.fromkeys(level, 0.1),
        ("augmentation_share", ""): level,
    }
    return rows(values, datasets)


def test_scores_are_one_for_each_task_and_better_is_more():
    scores = MODULE.SCORES(task_rows())
    means = scores.groupby(["panel", "method"])["value"].mean().unstack()
    assert set(means.index) == {"classes", "factors", "figure-ground", "reconstruction", "generation"}
    assert means["s"].to_numpy() == pytest.approx([70] * 5, abs=1)
    assert means.loc["reconstruction", "k"] == pytest.approx(90, abs=1)
    assert (scores.groupby(["method", "panel"]).size() == len(SEEDS)).all()


def test_better_over_all_tasks_is_a_mean_and_a_weak_task_is_the_largest_shortfall():
    found = verdicts(task_rows(tuple("defg")))
    mean = found["Better over all tasks", "all methods"]
    assert (mean.verdict, mean.effect) == ("supported", pytest.approx(100 * (0.7 - 0.5), abs=0.2))
    best = {one.method: one.mean for one in mean.families}
    assert best["k"] == pytest.approx(100 * (0.7 - (4 * 0.5 + 0.9) / 5), abs=0.2)
    # s is 20 behind k in reconstruction, k 20 behind s elsewhere and 30 in one
    weak = found["No weak task", "all methods"]
    (of_k,) = [one.mean for one in weak.families if one.method == "k"]
    assert (weak.verdict, of_k) == ("supported", pytest.approx(10, abs=0.3))
    behind = below_best(MODULE.SCORES(task_rows()), ["dataset", "panel"], CLAIMS.own_width)
    assert behind.loc[behind["method"] == "raw", "value"].min() > 5  # of another width: it is no bar to the others
    own = behind[behind["method"] == "s"].groupby("panel")["value"].mean()
    assert own["reconstruction"] == pytest.approx(-20, abs=1)
    assert own["factors"] == pytest.approx(0, abs=1)


def test_a_seed_without_all_tasks_is_left_out():
    table = task_rows()
    lost = table[~((table["method"] == "k") & (table["seed"] == 0) & (table["metric"] == "mask_skill"))]
    complete = MODULE.COMPLETE(lost)
    assert set(complete.loc[complete["method"] == "k", "seed"]) == {1, 2, 3, 4}
    assert set(complete.loc[complete["method"] == "s", "seed"]) == set(SEEDS)
    for verdict in verdicts(lost).values():
        assert {c.rival: c.n_seeds for c in verdict.comparisons}["k"] == 4
        assert {c.rival: c.n_seeds for c in verdict.comparisons}["other"] == 5


def test_who_leads_and_where_the_subject_stands_is_found():
    found = Found(UNIVERSALITY.findings(task_rows(), CLAIMS))
    assert [f["method"] for f in found.all("leader")] == ["sees", "s", "s", "k", "s"]
    assert all(f["close"] == [] for f in found.all("leader"))
    first = found.one("place", task="classes")
    assert [first[name] for name in ("rank", "methods", "better", "worse")] == [2, 6, 4, 1]
    drawn = found.one("drawn")
    assert (drawn["alone"], drawn["gaussian"]) == pytest.approx((90, 30), abs=0.1)
    assert drawn.estimate.mean == pytest.approx(60, abs=0.1)
    tied = task_rows()
    tied.loc[(tied["metric"] == "mask_skill") & (tied["method"] == "s"), "value"] -= 0.2
    assert len(Found(UNIVERSALITY.findings(tied, CLAIMS)).one("leader", task="figure-ground")["close"]) == 5
    assert "%, not surely ahead of 5 others), reconstruction" in UNIVERSALITY.answer(tied, CLAIMS)


def test_who_is_best_is_told_and_what_independence_would_give():
    answer = UNIVERSALITY.answer(task_rows(), CLAIMS)
    assert "3 different methods lead on average (classes: sees (80.0 %), factors: s" in answer
    assert "The ranks of s among 6 methods are: classes 2 (better than 4, worse than 1); factors 1 (better" in answer
    assert "are 90 % as far from test images" in answer
    assert "from a Gaussian that has the covariances, 30 % (+60 points" in answer


def test_without_the_subject_or_with_one_seed_little_is_said():
    assert UNIVERSALITY.answer(task_rows().query("method != 's'"), CLAIMS) == ""
    nothing = task_rows().iloc[:0]
    assert (UNIVERSALITY.answer(nothing, CLAIMS), verdicts(nothing)) == ("", {})
    assert list(UNIVERSALITY.figures(nothing, CLAIMS)) == []
    assert UNIVERSALITY.table(nothing, CLAIMS).empty
    one_seed = Found(UNIVERSALITY.findings(task_rows().query("seed == 0"), CLAIMS))
    assert {len(f["close"]) for f in one_seed.all("leader")} == {5}
    assert {(f["better"], f["worse"]) for f in one_seed.all("place")} == {(0, 0)}


def test_universality_is_drawn_and_tabled():
    made = list(UNIVERSALITY.figures(task_rows(), CLAIMS))
    assert len(made) == 4
    assert all(png(figure) for _, figure in made)
    table = UNIVERSALITY.table(task_rows(), CLAIMS).set_index("method")
    assert table.loc["s", "factors (%)"] == pytest.approx(70, abs=0.2)
    assert table.loc["s", "distance, Gaussian"] == pytest.approx(0.3, abs=0.01)
    assert "IoU" not in table  # nobody has one
    regressed = pd.concat([task_rows(), rows({("r2", "x"): {"s": 0.4}, ("r2", "y"): {"s": 0.2}})])
    shown = UNIVERSALITY.table(regressed.reset_index(drop=True), CLAIMS).set_index("method")
    assert shown.loc["s", "factors that are quantities, R²"] == pytest.approx(0.3, abs=0.01)


def test_pictures_have_a_caption_for_each_data_set():
    images = np.zeros((2, 1, 3, 3), dtype=np.uint8)
    kept = {(m, d): {"decoded": images, "images": images} for m in "sk" for d in ("e", "d")}
    captions = [caption for caption, figure in UNIVERSALITY.drawings(kept, CLAIMS) if png(figure)]
    assert [caption.split(":")[0] for caption in captions] == ["d", "e"]
