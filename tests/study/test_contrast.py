"""Declared claims: what they read, how they are decided, what stands beside them, and when nothing is claimed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from infomax_bench import BoundContrast, Contrast, GroupContrast, Select, in_panels
from infomax_bench.stats.scores import scores
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.claims import Claims

DATASETS = ("one", "two", "three", "four", "five")
OFF = dict(zip(DATASETS, (0.0, 0.3, -0.2, 0.1, -0.1), strict=True))
"""How hard each data set is, for all methods alike."""
ROSTER = {"s": "mine", "a": "red", "b": "red", "c": "blue", "empty": "reference", "form": "mine"}
CLAIMS = Claims(
    "s",
    "test",
    dict.fromkeys("sabc", "prior art") | {"empty": "reference"},
    False,
    roster={m: family for m, family in ROSTER.items() if m != "form"},
    kin={"form": "s"},
    forms=("form",),
    seeds=tuple(range(5)),
)


def table(values, datasets=DATASETS, seeds=5, metric="m", **more):
    """Method -> its value, the same but for OFF and a little that differs by method, data set and seed."""
    rng = np.random.default_rng(0)
    made = [
        (method, dataset, seed, value + OFF.get(dataset, 0) + 0.01 * rng.standard_normal())
        for method, value in values.items()
        for dataset in datasets
        for seed in range(seeds)
    ]
    found = pd.DataFrame(made, columns=["method", "dataset", "seed", "value"])
    about = {"metric": metric, "protocol": "", "status": "ok", "current": True, "width": 8, "label": ""}
    return found.assign(target=found["dataset"], **about, **more)


WINS = {"s": 1.0, "a": 0.5, "b": 0.2, "c": 0.6, "empty": 0.1, "form": 0.0}


def decided(rows, claims=CLAIMS, **options):
    (found,) = Contrast("P", "Better", "m", Select("m"), **options).decide(rows, claims)
    return found


def test_a_contrast_knows_what_it_reads_through_changes_and_may_claim_nothing_where_nothing_is_measured():
    rows = Select("z").then(lambda rows: rows)
    also = ((Select("y"), True),)
    assert [s.metric for s in Contrast("P", "Better", "z", rows, ranking=Select("r"), also=also).selects] == [
        "z",
        "r",
        "y",
    ]
    (missing,) = Contrast("P", "Better", "z", rows).decide(table(WINS), CLAIMS)
    assert (missing.verdict, missing.more["reason"], missing.more["n_datasets"]) == ("inconclusive", "not measured", 0)
    assert list(Contrast("P", "Better", "z", rows, where_measured=True).decide(table(WINS), CLAIMS)) == []


def test_a_win_is_over_the_median_and_the_best_of_each_family():
    found = decided(table(WINS), unit="points", scale=100)
    assert (found.verdict, found.against, found.n_seeds) == ("supported", "all methods", 5)
    assert found.effect[0] == pytest.approx(100 - 35, abs=1), "the median of 0.5, 0.2, 0.6 and 0.1"
    assert found.effect[1] < found.effect[0] < found.effect[2]
    best = {one.family: one.method for one in found.more["families"]}
    assert best == {"red": "a", "blue": "c", "reference": "empty"}
    assert found.more["here"].ahead == ("a", "b", "c", "empty")
    behind = decided(table({**WINS, "c": 1.5}))
    assert (behind.verdict, behind.more["reason"]) == ("inconclusive", "above the median, behind c")
    assert behind.more["here"].behind == ("c",)
    assert decided(table({**WINS, "s": 0.0})).verdict == "refuted"
    assert decided(table(WINS), higher_is_better=False).verdict == "refuted"


def test_the_least_difference_of_interest_is_what_a_win_takes_or_a_match_allows():
    assert decided(table(WINS), least=0.5).more["reason"] == "above the median, behind c"
    assert decided(table(WINS), least=0.7).verdict == "refuted", "ahead, and by less"
    assert decided(table({**WINS, "s": 0.55}), least=-0.1).verdict == "supported"


def test_the_same_rule_of_all_others_and_of_forms_stands_beside():
    more = decided(table(WINS)).more
    assert sum(more["base_rates"].values()) == 4
    assert more["base_rates"]["refuted"] == 2
    assert more["references"] == {"empty": "refuted"}
    assert more["forms"] == {"form": "refuted"}
    assert more["again"] == {}


def test_each_rival_has_the_words_own_bounds_and_the_effect_can_be_found_again_from_cases():
    rows = table(WINS).assign(value=lambda t: t["value"] * (-1))
    found = decided(rows, higher_is_better=False, unit="points", scale=100)
    rivals = {one.method: one for one in found.more["rivals"]}
    assert [*rivals] == ["a", "b", "c", "empty"]
    for best in found.more["families"]:
        own = rivals[best.method]
        assert (best.family, best.mean, best.low, best.high) == (own.family, own.mean, own.low, own.high)
    cases = found.more["cases"]
    assert [(case.dataset, case.target, case.counted) for case in cases] == [(d, "", True) for d in DATASETS]
    assert cases[0].values["a"] == pytest.approx(-50, abs=2), "in the measure's own sign"
    ahead = [np.median([v for m, v in case.values.items() if m != "s"]) - case.values["s"] for case in cases]
    half = stats.t.ppf(0.95, 4) * np.std(ahead, ddof=1) / 5**0.5
    assert found.effect == pytest.approx((np.mean(ahead), np.mean(ahead) - half, np.mean(ahead) + half))


def test_a_rival_that_lacks_a_case_is_compared_on_the_others_and_one_without_any_is_not_there():
    rows = table(WINS)
    rows = rows[((rows["method"] != "a") | (rows["dataset"] != "one")) & (rows["method"] != "b")]
    found = decided(rows)
    assert {one.method: one.n for one in found.more["rivals"]} == {"a": 4, "c": 5, "empty": 5}
    assert "a" not in found.more["cases"][0].values


def test_of_pairs_a_rivals_bounds_are_those_of_two_way_means():
    """By hand: differences 1, 2, 3, 6, 4, 8 of three sources and targets, crossed."""
    pairs = {("x", "y"): 1, ("x", "z"): 2, ("y", "x"): 3, ("y", "z"): 6, ("z", "x"): 4, ("z", "y"): 8}
    made = [(m, a, b, s, v * (m == "s")) for (a, b), v in pairs.items() for m in "sac" for s in range(5)]
    rows = pd.DataFrame(made, columns=["method", "dataset", "target", "seed", "value"])
    found = decided(rows.assign(metric="m", protocol="", status="ok", current=True, label=""))
    one = found.more["rivals"][0]
    sources, targets = (1.5, 4.5, 6), (3.5, 4.5, 4)
    sides = np.var(sources, ddof=1) / 3 + np.var(targets, ddof=1) / 3
    error = max(sides - np.var([*pairs.values()], ddof=1) / 6, np.var(sources, ddof=1) / 3) ** 0.5
    assert (one.mean, one.n) == (4, 3)
    assert one.high - one.mean == pytest.approx(stats.t.ppf(0.95, 2) * error)
    assert {(case.dataset, case.target): case.values["s"] for case in found.more["cases"]} == pairs


def test_what_would_be_said_otherwise_is_listed_where_rows_and_methods_allow_it():
    """Without a better one that sees labels the claim is won; by another measure it is lost."""
    rows = table({**WINS, "c": 1.5, "s (default settings)": 0.2})
    other = table({m: -v for m, v in WINS.items()}, metric="n")
    forms = ("form", "s (default settings)")
    claims = replace(CLAIMS, supervised=frozenset("c"), forms=forms, kin=dict.fromkeys(forms, "s"))
    measured = (in_panels({"by n": Select("n"), "by z": Select("z")}),)
    found = decided(pd.concat([rows, other]), claims, variants=measured)
    assert [(one.what, one.verdict) for one in found.more["variants"]] == [
        ("without methods that see labels or captions", "supported"),
        ("without controls and references", "inconclusive"),
        ("by n", "refuted"),
        ("form in its place", "refuted"),
        ("with its default settings", "refuted"),
    ]
    assert found.more["variants"][2].mean == pytest.approx(-1 + 0.35, abs=0.02)
    again = table({"s": 0.0}).assign(seed=lambda t: t["seed"] + 5)
    found = decided(pd.concat([table(WINS), again]))
    assert ("trained again, under other seeds", "refuted") in [(v.what, v.verdict) for v in found.more["variants"]]


def test_a_second_time_is_under_other_seeds_against_rivals_under_the_first():
    rows = table(WINS)
    other = table({"s": 0.0, "form": 2.0}).assign(seed=lambda t: t["seed"] + 5)
    more = decided(pd.concat([rows, other])).more
    assert more["again"] == {"s": "refuted", "form": "supported"}
    assert decided(pd.concat([rows, other])).effect == decided(rows).effect, "and changes nothing else"


@pytest.mark.parametrize(("n", "word"), [(3, "inconclusive"), (4, "supported")])
def test_of_fewer_than_four_data_sets_there_is_no_word(n, word):
    found = decided(table(WINS, DATASETS[:n]))
    assert (found.verdict, found.more["n_datasets"]) == (word, n)
    assert found.more["reason"] == ("" if n > 3 else "3 data sets: no word on others")
    assert found.more["here"].rank == 1


def test_nothing_is_won_while_a_method_is_missing_and_nothing_lost_while_many_are():
    rows = table(WINS)
    without = rows[(rows["method"] != "b") | (rows["dataset"] != "one")]
    found = decided(without)
    assert (found.verdict, found.more["missing"]) == ("inconclusive", ("b",))
    assert found.more["reason"] == "1 of 4 methods not measured"
    loses = table({**WINS, "s": -1})
    assert decided(loses[loses["method"] != "b"]).verdict == "refuted", "a quarter is missing"
    assert decided(loses[~loses["method"].isin(["a", "b"])]).verdict == "inconclusive"


def test_what_is_not_applicable_is_left_out_there_and_is_no_best():
    rows = table({**WINS, "c": 1.5})
    never = pd.DataFrame([{"method": "c", "dataset": "one", "metric": "probe", "status": "not applicable"}])
    rows = pd.concat([rows[(rows["method"] != "c") | (rows["dataset"] != "one")], never])
    found = decided(rows)
    assert (found.verdict, found.more["missing"]) == ("supported", ())
    assert {one.family for one in found.more["families"]} == {"red", "reference"}


def test_empty_features_win_nothing():
    rows = table(WINS)
    for home, word in ((0.5, "supported"), (0.1, "inconclusive")):
        known = scores(table({"s": home, "empty": 0.1}))
        found = decided(rows, replace(CLAIMS, home=known), guard="empty")
        assert found.verdict == word
    assert found.more["reason"] == "the features may be empty"
    loses = table({**WINS, "s": -1})
    assert decided(loses, replace(CLAIMS, home=known), guard="empty").verdict == "refuted"


def test_one_estimator_does_not_decide():
    rows, also = table(WINS), ((Select("n"), False),)
    agrees = table({m: -v for m, v in WINS.items()}, metric="n")
    assert decided(pd.concat([rows, agrees]), also=also).verdict == "supported"
    assert decided(rows, also=also).verdict == "supported", "where another was not measured"
    against = table({**{m: -v for m, v in WINS.items()}, "c": -2.0}, metric="n")
    found = decided(pd.concat([rows, against]), also=also)
    assert (found.verdict, found.more["reason"]) == ("inconclusive", "depends on the estimator")


def test_what_an_outcome_rests_on_is_listed():
    """On one data set the subject is far behind: without it the claim is won."""
    rows = table(WINS)
    far = (rows["method"] == "s") & (rows["dataset"] == "one")
    more = decided(rows.assign(value=rows["value"].where(~far, rows["value"] - 5))).more
    assert [(flip.what, flip.verdict) for flip in more["flips"]] == [("without one", "supported")]


def test_twins_count_as_one_data_set():
    claims = replace(CLAIMS, twins=(("one", "two"), ("three", "six")))
    rows = table(WINS)
    near = (rows["method"] == "s") & ~rows["dataset"].isin(["one", "two"])
    rows["value"] -= 0.31 * near  # hardly ahead of the best of blue, but on the twins
    found = decided(rows, claims)
    assert found.verdict == "supported"
    assert "with one and two as one" in [flip.what for flip in found.more["flips"]]


def test_as_subject_a_method_may_have_other_values():
    """At half the width: cases are those that both have."""
    widths = {w: table({m: v + 0.1 * w for m, v in WINS.items()}).assign(width=w) for w in (1, 2, 4)}
    rows = pd.concat(widths.values())
    own = Select("m").then(lambda rows: rows.assign(width=2 * rows["width"]))
    found = decided(rows, own=own, case=("dataset", "width"))
    assert found.effect[0] == pytest.approx(1 - 0.35 - 0.15, abs=0.02), "0.1 less at width 2, and 0.2 at width 4"


def bound(value, seeds=5, **options):
    rows = pd.concat([table({"s": value, "empty": 0.0}, seeds=seeds), table({"s": 0.2, "a": 0.7}, metric="n")])
    rows["value"] -= rows["dataset"].map(OFF)
    beside = {"dead": Select("n", scale=100)}
    declared = BoundContrast("P", "Small", "m", Select("m"), 5.0, "is_small", True, "%", 100, beside, **options)
    assert [s.metric for s in declared.selects] == ["m", "n"]
    return declared.decide(rows, replace(CLAIMS, n_test={"one": 100}))


def test_a_number_is_a_bound_for_the_mean_over_data_sets_and_for_every_one():
    (small,) = bound(0.0)
    assert (small.verdict, small.against, small.n_seeds) == ("supported", "itself", 5)
    assert small.effect[0] == pytest.approx(0, abs=1)
    assert (small.more["line"], small.more["said"]) == (5, "is_small")
    assert small.more["values"]["dead"] == pytest.approx(20, abs=1), "of the subject alone, in percent"
    assert small.more["here"].mean == pytest.approx(small.effect[0])
    assert [one.verdict for one in bound(1.0)] == ["refuted"]
    assert [one.verdict for one in bound(0.05)] == ["inconclusive"]


def test_a_data_set_with_few_test_images_is_shown_and_not_counted():
    (found,) = bound(0.0, fewest_tests=1000)
    assert (found.verdict, found.more["n_datasets"]) == ("supported", 4)
    assert [*found.more["values"]["uncounted"]] == ["one"]
    assert [case.counted for case in found.more["cases"]] == [False, True, True, True, True]
    assert {*found.more["cases"][0].values} == {"s", "empty"}, "the whole roster, of a claim about a number too"
    counted = [case.values["s"] for case in found.more["cases"] if case.counted]
    assert found.effect[0] == pytest.approx(np.mean(counted))


GROUPS = (["a", "b"], ["c"])


def groups(rows, **options):
    contrast = GroupContrast(
        "P", "Ahead", "m", Select("m"), lambda claims: GROUPS, "others", "ahead", "points", 100, **options
    )
    return list(contrast.decide(rows, CLAIMS))


def test_a_group_is_ahead_by_its_mean_over_data_sets():
    rows = pd.concat([table({"a": 0.1, "b": 0.5, "c": 0.2}), table({"a": 0.5, "b": 0.5, "c": 0.5}, metric="n")])
    (found,) = groups(rows, beside=Select("n"))
    assert (found.verdict, found.against, found.n_seeds) == ("supported", "others", 5)
    assert found.effect[0] == pytest.approx(10, abs=1)
    assert found.more["here"].mean == pytest.approx(found.effect[0])
    values = found.more["values"]
    assert np.subtract(*values["means"]) == pytest.approx(found.effect[0])
    assert (values["n"], values["n_ahead"]) == (2, 1)
    assert np.mean([*values["by_dataset"].values()]) == pytest.approx(found.effect[0])
    assert values["beside"] == pytest.approx((52, 52), abs=1)
    assert found.more["aside"]
    (lacking,) = groups(rows[(rows["method"] != "b") | (rows["dataset"] != "one")])
    assert (lacking.verdict, lacking.more["missing"]) == ("inconclusive", ("b",))
    (few,) = groups(table({"a": 0.1, "b": 0.5, "c": 0.2}, DATASETS[:3]))
    assert (few.verdict, few.more["reason"]) == ("inconclusive", "3 data sets: no word on others")
    assert groups(table({"a": 0.1}, metric="n")) == []


class Asked(Benchmark):
    """A question.

    Rule: a rule.
    """

    name = "asked"


def verdicts(rows, claims=CLAIMS, failed=0, **options):
    asked = Asked()
    asked.contrasts = (Contrast("P", "Better", "accuracy", Select("m"), "points", 100, **options),)
    return asked.verdicts(rows, claims, failed)


def test_verdicts_are_told_in_short_sentences():
    (found,) = verdicts(table(WINS))
    assert found.sentence.startswith("s is ahead of the median method and the best of every family. s less the")
    assert "Of 4 other methods the same rule calls 0 supported and 2 refuted." in found.sentence
    assert "On these data sets s is better than every one of 4 methods." in found.sentence
    (few,) = verdicts(table(WINS, DATASETS[:3]))
    assert few.sentence.startswith("On these data sets s is better than every one"), "they alone are known"
    (some,) = verdicts(table({**WINS, "c": 1.5}))
    assert "s is surely ahead of 3 and surely behind 1 of 4 methods. Its rank is 2 of 5." in some.sentence
    assert "methods. 3 data sets: no word on others. s less the median method: +64" in few.sentence
    assert not any(v.title in v.sentence for v in (found, few, some)), "it stands before"


def test_a_failed_seed_costs_the_win():
    (found,) = verdicts(table(WINS), failed=2)
    assert (found.verdict, found.decided, found.failed) == ("inconclusive", "supported", 2)
    assert "s failed under 2 seeds. Without them the claim would be supported" in found.sentence


def test_rows_of_other_versions_are_told_of_and_the_subjects_make_it_indicative():
    for old, stale, indicative in (("a", ("a",), False), ("s", ("s",), True), ("form", (), False)):
        rows = table(WINS).assign(current=lambda t, old=old: t["method"] != old)
        (found,) = verdicts(rows)
        assert (found.stale, found.indicative, found.verdict) == (stale, indicative, "supported")
