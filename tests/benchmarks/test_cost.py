"""Costs: the essay's order of five approaches, held against what was measured alone, or beside other jobs."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from infomax_bench.study.ordering import foretold
from infomax_bench.study.plan import make_suite
from infomax_bench.study.plugins import home, registry
from infomax_bench.study.presets import load_presets
from tests.benchmarks.made import CLAIMS, benchmark, module, rows, verdicts

FORETOLD = module("cost").FORETOLD
RIGHT = {"InfoMax + EM": 1, "Autoencoder": 2, "Contrastive": 9, "RBM": 20, "Foundation models": 50}


def measured(costs, metric="pass_seconds_per_sample", datasets=("d", "e"), waited=0.01):
    own = {method: 1e-6 * costs[name] for name, methods in FORETOLD.methods.items() for method in methods}
    made = rows("cost", {(metric, ""): dict.fromkeys(own, 0.0)}, datasets)
    factor = made["dataset"].map({"d": 1.0, "e": 10.0})
    made = made.assign(value=made["method"].map(own) * factor, label="alone" if "pass" in metric else "")
    return pd.concat([made, made.assign(metric="waiting_share", value=waited)]) if "pass" in metric else made


def told(table, claims=CLAIMS):
    (one,) = verdicts("cost", table, claims).values()
    return one


def test_the_order_of_the_essay_supports_and_each_swapped_pair_is_named():
    right = told(measured(RIGHT))
    assert (right.verdict, right.values["groups"]) == ("supported", list(RIGHT))
    assert right.values["by_dataset"] == pytest.approx({"d": right.effect, "e": right.effect})
    one = told(measured({**RIGHT, "RBM": 5}))
    assert (one.verdict, one.values["ordering"].wrong) == ("inconclusive", (("Contrastive", "RBM"),))
    assert "Contrastive costs more than RBM" in one.sentence
    assert told(measured({name: -cost + 60 for name, cost in RIGHT.items()})).verdict == "refuted"
    assert math.isnan(right.ci_low)


def test_there_is_no_word_without_a_method_nor_of_what_was_not_alone():
    table = measured(RIGHT)
    lacks = told(table[table["method"] != "rbm"])
    assert (lacks.verdict, lacks.missing) == ("inconclusive", ("rbm",))
    assert lacks.reason == f"1 of {len(FORETOLD.every)} methods not measured"
    wrong = measured({name: -cost + 60 for name, cost in RIGHT.items()})
    assert told(wrong[wrong["method"] != "rbm"]).verdict == "inconclusive", "it may be what is missing"
    beside = told(measured(RIGHT, "train_seconds_per_sample"))
    assert (beside.reason, told(measured(RIGHT, waited=0.3)).reason) == (
        "not measured alone",
        "the machine was not quiet",
    )
    assert (beside.verdict, beside.effect) == ("inconclusive", pytest.approx(told(table).effect))
    assert "'make costs' measures each alone" in beside.sentence
    busy = told(measured(RIGHT, waited=0.3))
    assert (busy.verdict, busy.effect) == ("inconclusive", beside.effect)
    assert "had to wait 30 % of the time" in busy.sentence
    assert verdicts("cost", rows("cost", {("pass_seconds_per_sample", ""): {"k": 1.0}})) == {}, "nobody of the essay's"


def test_a_data_set_that_lacks_a_method_is_left_out_and_said_to_be():
    table = measured(RIGHT)
    one = told(table[(table["method"] != "moco") | (table["dataset"] != "e")])
    assert (one.verdict, one.values["datasets"], one.values["left_out"]) == ("supported", ["d"], ["e"])
    assert "not all methods were measured there: e" in one.sentence


def test_what_was_alone_goes_before_what_was_not():
    both = [measured(RIGHT), measured(dict.fromkeys(RIGHT, 1), "train_seconds_per_sample")]
    assert told(pd.concat(both)).verdict == "supported"


def test_it_is_timed_where_the_preset_says_and_on_who_the_essay_speaks_of():
    suite = make_suite(registry(), load_presets(home() / "benchmarks")["standard"])
    alone = [(cell, request) for cell, request in benchmark("cost").asked(suite) if request.evaluation == "pace"]
    assert {cell.dataset for cell, _ in alone} == {"digits", "mnist", "cifar10"}
    assert sorted({cell.method for cell, _ in alone}) == FORETOLD.every
    assert {(cell.label, cell.epochs, cell.n_seeds, cell.width) for cell, _ in alone} == {("alone", 1, 1, 64)}


# -- the data file ----------------------------------------------------------------------------------------------------
def test_the_essays_words_and_the_methods_cards_say_the_same():
    """All single-layer methods whose card tells a cost, but for the essay's “Without EM”."""
    assert FORETOLD.words == {
        "RBM": "High (sampling)",
        "Autoencoder": "Low",
        "Contrastive": "Medium (large batches)",
        "Foundation models": "Extreme",
        "InfoMax + EM": "Low",
    }
    cards = {name: registry().get("methods", name).cls for name in registry().names("methods")}
    priced = {name: cls.card.essay_cost for name, cls in cards.items() if "linear" in cls.backbones}
    said = {m: FORETOLD.words[name].split()[0].lower() for name, own in FORETOLD.methods.items() for m in own}
    assert said == {name: cost for name, cost in priced.items() if cost and name != "infomax"}


def test_a_row_or_a_word_that_is_not_there_is_named(tmp_path):
    (tmp_path / "claims.toml").write_text(
        '[[sentence]]\nid = "x"\nheading = "h"\nwords = "RBM | a | High"\nby.cost = ["t"]\n', encoding="utf-8"
    )
    path = tmp_path / "cost.toml"
    for text, culprit in (
        ('order = ["High"]\nmethods.RBN = ["rbm"]\n', "did you mean 'RBM'"),
        ('order = ["Hihg"]\nmethods.RBM = ["rbm"]\n', "did you mean 'Hihg'"),
        ('order = ["High"]\n', "methods is missing"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(Exception, match=culprit):
            foretold(path)
