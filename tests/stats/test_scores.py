"""Values by method, seed and case: what excuses a missing one, and by what the best of a family is chosen."""

from __future__ import annotations

import pandas as pd

from infomax_bench.stats.scores import scores


def rows(*told: tuple[str, str, str, str, float]) -> pd.DataFrame:
    """(method, data set, target, status, value), of one seed and width."""
    made = pd.DataFrame(told, columns=["method", "dataset", "target", "status", "value"])
    return made.assign(seed=0, width=64, current=True)


def test_what_diverged_is_missing_though_something_else_is_not_applicable():
    measured = rows(("a", "x", "x", "ok", 1.0), ("a", "y", "y", "ok", 1.0), ("b", "x", "x", "ok", 0.5))
    nowhere = rows(("b", "y", "y", "not applicable", float("nan")))
    diverged = rows(("b", "y", "y", "diverged", float("nan")))
    assert scores(measured, every=pd.concat([measured, nowhere])).excused("b").tolist() == [False, True]
    assert not scores(measured, every=pd.concat([measured, nowhere, diverged])).excused("b").any()


def test_the_best_of_a_family_is_chosen_on_the_sources_of_pairs():
    """What is held out of them is the source of none, and counts for nothing."""
    pairs = rows(("a", "x", "y", "ok", 1.0), ("a", "y", "x", "ok", 1.0))
    home = rows(("a", "x", "x", "ok", 0.2), ("a", "y", "y", "ok", 0.4), ("a", "held out", "held out", "ok", 0.9))
    assert scores(pairs, ranking=home).ranking == {"a": (0.2 + 0.4) / 2}
