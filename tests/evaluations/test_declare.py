"""What an evaluation declares: its rows are held to it when it is called."""

from types import SimpleNamespace

import numpy as np
import pytest

from infomax_bench.evaluations.declare import Metric, Undeclared, declaration_of, evaluation, evaluations_in

CONTEXT = SimpleNamespace(seeds=(0, 1))


def measured(rows):
    @evaluation(metrics=[Metric("loud", "how loud")])
    def loudness(context):
        """How loud."""
        return rows

    return declaration_of(loudness)(CONTEXT)[0]


def test_numbers_of_numpy_are_written_as_pythons():
    (row,) = measured([{"seed": np.int64(1), "metric": "loud", "value": np.float32(0.5)}])
    assert type(row["seed"]) is int
    assert type(row["value"]) is float


@pytest.mark.parametrize("seed", [2, None])
def test_a_row_of_a_foreign_seed_is_told_by_its_evaluations_name(seed):
    with pytest.raises(Undeclared, match=f"'loudness' gives a row of seed {seed}"):
        measured([{"seed": seed, "metric": "loud", "value": 0.5}])


def test_two_of_one_name_are_refused():
    def made(name):
        @evaluation(name="twice", metrics=[Metric("loud", "how loud")])
        def function(context):
            return []

        function.__name__ = name
        function.__module__ = "m"
        return function

    module = SimpleNamespace(__name__="m", a=made("a"), b=made("b"))
    with pytest.raises(ValueError, match="two evaluations are called 'twice'"):
        evaluations_in(module)
