"""Kinds of encoders, trained in several ways: which kinds there are, and which rows and trainings are whose."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from infomax_bench.study.suite import Suite
from infomax_bench.study.variations import ablated, at_width, beside, in_batches, once

OFF = {"whole": (), "no a": ("a",), "none": ("a", "b")}


def suite(**weights):
    tuned = {"s on d, linear": (("a", 0.5),), "m on d, linear": (("rate", 0.1),)}
    return Suite(
        preset="p",
        methods=("s", "m"),
        datasets=("d",),
        width=8,
        widths=(8,),
        batch_size=4,
        subject="s",
        seeds=(0,),
        epochs={"d": 1},
        subject_settings=weights,
        tuned=tuned,
    )


def test_each_kind_lacks_its_weights_and_keeps_what_is_tuned():
    found = ablated(suite(a=1.0, b=1.0), "d", OFF, "as it is")
    settings = {"whole": {"a": 0.5}, "no a": {"a": 0.0}, "none": {"a": 0.0, "b": 0.0}}
    assert found == {kind: ("s", own) for kind, own in settings.items()}


def test_a_subject_without_one_of_the_weights_is_one_kind():
    for weights in ({"a": 1.0}, {"a": 1.0, "b": 0.0}):
        assert ablated(suite(**weights), "d", OFF, "as it is") == {"as it is": ("s", {"a": 0.5})}


def test_other_methods_stand_beside_it_if_they_are_there():
    assert beside(suite(), "d", {"mine": "s", "other": "m", "absent": "n"}) == {"other": ("m", {"rate": 0.1})}


def test_the_rate_goes_with_the_square_root_of_the_batch_and_all_else_stays():
    made = replace(suite(), learning_rates={"s": 0.01, "m": 0.01})
    assert in_batches(made, "s", "d", 4) == {"batch_size": 4, "settings": (("a", 0.5),)}, "as every other benchmark's"
    assert in_batches(made, "s", "d", 16) == {"batch_size": 16, "settings": (("a", 0.5), ("learning_rate", 0.02))}
    own = replace(made, tuned={"s on d, linear": (("learning_rate", 0.5),)})
    assert in_batches(own, "s", "d", 1) == {"batch_size": 1, "settings": (("learning_rate", 0.25),)}


def test_rows_of_one_width_and_of_widths_that_are_swept():
    rows = pd.DataFrame({"width": [8, 16, 16], "sweep": ["", "", "width"]})
    assert at_width(rows, 8).index.tolist() == [0, 2]
    assert len(at_width(rows, None)) == 3


def test_a_training_that_sweeps_share_counts_once():
    sweeps = {"": [0], "start": [0.1, 1], "rate": [1, 10], "width": [4, 8], "images": [100, 900]}
    made = pd.DataFrame([("d", sweep, float(x)) for sweep, xs in sweeps.items() for x in xs])
    found = once(made.set_axis(["dataset", "sweep", "x"], axis=1), 8)
    assert list(zip(found["sweep"], found["x"], strict=True)) == [
        ("", 0),
        ("start", 0.1),
        ("rate", 10),
        ("width", 4),
        ("images", 100),
    ]
    assert once(found.iloc[:0], None).empty
