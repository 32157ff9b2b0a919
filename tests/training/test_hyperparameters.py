"""Every hyperparameter says which values make sense, and no other gets in, whichever way it is set."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import infomax_bench as ib
from infomax_bench import Card, Method, UserError, param
from infomax_bench.check.methods import hyperparameters_are_declared
from infomax_bench.check.promise import Broken
from infomax_bench.study.plugins import registry
from infomax_bench.study.tuned import Study, Trial, tuned_settings
from infomax_bench.training.hyperparameters import Interval

REGISTRY = registry()
METHODS = REGISTRY.names("methods")
REFUSED = {
    ("rbm", "momentum"): -5,
    ("simclr", "temperature"): -1,
    ("rbm", "k"): -3,
    ("denoising_autoencoder", "corruption"): 7,
    ("swav", "prototypes"): 0,
}


class Steep(Method):
    card = Card(family="test", objective="o", prevents="p", paper="none")
    slope: float = param(0.5, valid="(0, 1]", search=(0.1, 0.9), help="h")
    steps: int = param(3, valid="[1, inf)", help="h")


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-3, 3).map(float)


@given(numbers, numbers, st.sampled_from("[("), st.sampled_from("])"), numbers)
@settings(max_examples=200, deadline=None)
def test_an_interval_is_read_as_in_mathematics(low, high, opens, closes, value):
    """Its ends too, which are where mistakes are made."""
    if not low < high:
        with pytest.raises(ValueError, match="no range of numbers"):
            Interval(f"{opens}{low!r}, {high!r}{closes}")
        return
    interval = Interval(f"{opens}{low!r}, {high!r}{closes}")
    assert (value in interval) == (
        low < value < high or (value == low and opens == "[") or (value == high and closes == "]")
    )
    assert (low in interval, high in interval) == (opens == "[", closes == "]")


@pytest.mark.parametrize("text", ["", "0, 1", "[0; 1]", "[one, 2]", "[1, 1]", "[nan, 1]", "[0, 1, 2]"])
def test_what_is_no_interval_is_refused(text):
    with pytest.raises(ValueError, match="no range of numbers"):
        Interval(text)


@pytest.mark.parametrize("name", METHODS)
def test_bundled_methods_take_what_is_valid_and_nothing_beside_it(name):
    """Defaults and all that a tuner tries are taken, and so is a closed end; an open end and what is beyond are not."""
    plugin = REGISTRY.get("methods", name)
    hyperparameters_are_declared(REGISTRY.method(name))
    for field, own in plugin.cls.parameters().items():
        for value in (own.default, *(own.metadata["search"] or ())):
            assert getattr(plugin.cls(**{field: value}), field) == value
        valid = own.metadata["valid"]
        if valid is None:
            assert isinstance(own.default, bool) or own.metadata["choices"]
            continue
        whole = isinstance(own.default, int)
        for end, away in ((valid.low, -1), (valid.high, 1)):
            if math.isinf(end):
                continue
            kind = int if whole else float
            with pytest.raises(UserError, match=rf"^{name}.{field} is "):
                plugin.cls(**{field: kind(end + away)})
            if end in valid:
                plugin.cls(**{field: kind(end)})
            else:
                with pytest.raises(UserError):
                    plugin.cls(**{field: kind(end)})


@pytest.mark.parametrize(("method", "field"), REFUSED)
def test_wrong_values_are_refused_by_name_whichever_way_they_come(method, field):
    value, plugin = REFUSED[method, field], REGISTRY.get("methods", method)
    good = REGISTRY.method(method)
    study = Study(method, "digits", "linear", 8, 1, 128, 1, (Trial({field: value}, 0.5),), 1.0, "source")
    ways = {
        "the Python interface": lambda: ib.pretrain(method, "digits", **{field: value}),
        "a constructor": lambda: plugin.cls(**{field: value}),
        "text": lambda: REGISTRY.method(method, {field: str(value)}),
        "a copy": lambda: dataclasses.replace(good, **{field: value}),
        "an assignment": lambda: setattr(good, field, value),
        "a file of tuned values": lambda: tuned_settings({study.key: study}, REGISTRY),
    }
    for way, go in ways.items():
        with pytest.raises(UserError, match=rf"{method}\.{field} is at least|{method}\.{field} is above") as caught:
            go()
        assert "\n" not in str(caught.value), way
    assert good == REGISTRY.method(method), "what was refused is not set"


def test_numbers_of_any_kind_are_taken_and_others_are_not():
    steep = Steep(slope=np.float32(0.25), steps=torch.tensor(2))
    assert (steep.slope, steep.steps) == (0.25, 2)
    assert type(steep.steps) is int
    for wrong in ({"steps": 2.5}, {"steps": True}, {"slope": math.nan}, {"slope": None}, {"slope": "much"}):
        with pytest.raises(UserError, match="takes a"):
            Steep(**wrong)


@pytest.mark.parametrize("wrong", [{"default": 2.0}, {"default": 0.5, "search": (0.0, 0.5)}])
def test_a_class_whose_own_values_are_not_valid_is_not_made(wrong):
    with pytest.raises(ValueError, match=r"Odd.share is above 0 and at most 1, not"):
        type("Odd", (Steep,), {"__annotations__": {"share": float}, "share": param(**wrong, valid="(0, 1]", help="h")})


@pytest.mark.parametrize(
    ("annotation", "declared", "said"),
    [
        (float, param(0.1, help="h"), r"does not say which numbers are valid: param\(0.1, valid="),
        (str, param("a", help="h"), "does not say which texts"),
        (float, 0.1, "is not made with param"),
        (float, param(0.1, valid="[0, 1]", search=(0.5, 0.9), help="h"), "outside its search range"),
    ],
)
def test_check_wants_a_range(annotation, declared, said):
    own = type("Own", (Steep,), {"__annotations__": {"share": annotation}, "share": declared})
    with pytest.raises(Broken, match=said):
        hyperparameters_are_declared(own())


def test_a_plain_value_in_a_fields_place_is_another_default():
    """Nobody who writes `centred = False` into a class means that it be ignored."""

    class Plain(Method):
        centred = False
        learning_rate = 0.5

    assert (Plain().centred, Plain().learning_rate) == (False, 0.5)
    assert Plain.build({"centred": "true"}).centred is True
    assert Plain.parameters()["learning_rate"].metadata["help"] == Method.parameters()["learning_rate"].metadata["help"]
    with pytest.raises(ValueError, match="learning_rate is above 0"):
        type("Wrong", (Method,), {"learning_rate": -1.0})
