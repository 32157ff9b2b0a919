"""What a change does to encoders, each against the same as it is."""

from __future__ import annotations

import pandas as pd
import pytest

from infomax_bench.stats.changes import change, changes, mean_changes, over_seeds
from infomax_bench.stats.intervals import interval


def encoders(gains, seeds=5):
    """gains: (method, data set) -> how far it is above 90 when changed; seeds differ by as much both ways."""
    lines = [(m, d, s, 90.0 + s, gain) for (m, d), gain in gains.items() for s in range(seeds)]
    made = [(m, d, s, label, at + gain * (label != "")) for m, d, s, at, gain in lines for label in ("", "changed")]
    return pd.DataFrame(made, columns=["method", "dataset", "seed", "label", "accuracy"])


def test_each_is_compared_with_itself_under_its_seed():
    found = changes(encoders({("a", "d"): -2.0, ("a", "e"): 1.0, ("b", "d"): 4.0}), "accuracy")
    assert set(found["label"]) == {"changed"}
    assert found.groupby(["method", "dataset"])["value"].mean().to_dict() == {
        ("a", "d"): -2,
        ("a", "e"): 1,
        ("b", "d"): 4,
    }
    assert mean_changes(found).to_dict() == dict.fromkeys(range(5), 1.0), "the mean over methods and data sets"


def test_a_seed_that_lacks_a_case_is_left_out_and_so_is_what_has_no_base():
    found = changes(encoders({("a", "d"): 1.0, ("b", "d"): 3.0}), "accuracy")
    lost = found[~((found["method"] == "b") & (found["seed"] == 0))]
    assert mean_changes(lost).to_dict() == dict.fromkeys(range(1, 5), 2.0)
    assert over_seeds(lost).n == 4
    whole = encoders({("a", "d"): 1.0})
    assert changes(whole[whole["label"] != ""], "accuracy").empty


WORDS = {
    "as good": [0.1, -0.2, 0.0, 0.2, -0.1],
    "worse": [-2.0, -2.1, -1.9, -2.0, -2.05],
    "better": [2.0, 2.1, 1.9, 2.0, 2.05],
    "undecided": [-3.0, 2.0, 1.0, -1.0, 0.5],
}


@pytest.mark.parametrize(("word", "values"), WORDS.items(), ids=WORDS)
def test_the_words(word, values):
    assert change(interval(values), 1.0) == word
    assert change(interval(values[:4]), 1.0) == "undecided", "fewer than five seeds"


def test_a_sure_loss_that_may_reach_the_least_difference_is_undecided():
    """Neither within one point nor in its middle one point away."""
    assert change(interval([-0.5, -1.2, -0.8, -0.9, -1.1]), 1.0) == "undecided"
