"""What training costs: the pace of one training by itself, told by a clock that is made up."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from infomax_bench.base.errors import NotApplicable
from infomax_bench.evaluations import cost
from infomax_bench.evaluations.context import context_for
from infomax_bench.models.blocks import Problem
from infomax_bench.study.plugins import registry
from infomax_bench.training.data import data_for
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.session import Session
from infomax_bench.training.trainer import train

DIGITS = registry().dataset("digits")
PROBLEM = Problem(DIGITS.shape, width=4, n_classes=10, n_train=64, batch_size=32)


def context(name: str):
    """One seed, trained once on two batches."""
    method = registry().method(name)
    trained = train(method, PROBLEM, data_for(DIGITS, PROBLEM, [3], n_train=64), [3], epochs=1)
    facts = {"seconds": 1.0, "n_steps": 2, "seeds": [3], "log": {}}
    return context_for(Encoder(method, PROBLEM, trained.params, (3,), "digits", (False,), facts), DIGITS)


def test_the_pace_is_the_median_of_stretches_by_image_and_waiting_is_told(monkeypatch):
    """A first update that takes a second, updates of 10 ms, one that takes 5 s, and a clock that is twice as fast."""
    own, spent, done = context("autoencoder"), [0.0], [0]
    advance = Session.advance

    def timed(self):
        spent[0] += 1.0 if self.step == 0 else 5.0 if self.step == 70 else 0.01
        done[0] += 1
        assert self.problem.n_train == len(self.data.splits[0].train) > 64, "the encoder saw few of the images"
        return advance(self)

    monkeypatch.setattr(Session, "advance", timed)
    clock = SimpleNamespace(process_time=lambda: spent[0], perf_counter=lambda: 2 * spent[0])
    monkeypatch.setattr(cost, "time", clock)
    rows = {row["metric"]: row["value"] for row in cost.pace(own, stretches=3, least=0.3)}
    assert rows["pass_seconds_per_sample"] == pytest.approx(0.01 / 32)
    assert rows["waiting_share"] == pytest.approx(0.5)
    assert done[0] == 1 + cost.MEASURED_STEPS + 1 + 3 * 30, "stretches of 0.3 s"


def test_what_is_not_trained_in_steps_has_no_pace():
    with pytest.raises(NotApplicable, match="in steps"):
        cost.pace(context("pca"))
