"""What could have been seen: the differences that verdicts would have shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from infomax_bench.report.power import chances, power
from infomax_bench.study.claims import Claims


def test_the_power_behind_a_verdict_is_told(decided):
    verdicts, _ = decided
    table = power(verdicts)
    assert {(line[0], line[1]) for line in table.lines} == {(v.title, v.against) for v in verdicts if v.n_seeds > 1}
    exact = replace(verdicts[-1], comparisons=tuple(replace(c, sd=0.0) for c in verdicts[-1].comparisons))
    assert power([exact]) is None, "what has no noise is certain"
    many = next(v for v in verdicts if len(v.comparisons) > 1 and v.n_seeds > 1)
    one = many.comparisons[:1]
    (of_one,), (of_many,) = (power([replace(many, comparisons=own)]).lines for own in (one, 3 * one))
    assert of_many[4:6] == of_one[4:6] == of_one[6:8] == of_one[8:10], "with one rival all three are one test"
    for i in (6, 7, 8, 9):
        assert float(of_many[i]) > float(of_one[i]), "all at once, and a loss among many, are harder to see"


def test_the_chances_of_true_differences_are_told():
    few, many = (
        chances(Claims("s", "t", {"s": "this work", **{f"p{i}": "prior art" for i in range(n)}}, False)) for n in (1, 9)
    )
    shares = np.array([[float(cell.removesuffix(" %")) for cell in line[1:]] for line in many.lines])
    assert (np.diff(shares, axis=0) >= 0).all(), "larger differences are seen more often"
    assert (shares[:, [1, 3]] >= shares[:, [0, 2]]).all(), "and by more seeds"
    assert [line[1:3] for line in few.lines] == [line[1:3] for line in many.lines]
    assert [line[1:3] for line in few.lines] == [line[3:] for line in few.lines], "alone, both ways are one test"
    assert (shares[:, 2:] < shares[:, :2])[1:3].all(), "a loss among many is harder to see"
