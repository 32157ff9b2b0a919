"""The benchmark on deeper encoders: a line for each encoder, the best first within what is compared."""

from __future__ import annotations

import pandas as pd
import pytest

from infomax_bench.run.results import COLUMNS
from infomax_bench.study.claims import Claims
from infomax_bench.study.plugins import registry

CLAIMS = Claims("s", "test", {"s": "this work", "a": "prior art"}, False, width=8)


def rows(seeds=5):
    made = [
        (method, track, backbone, seed, metric, protocol, value + 0.01 * seed * (metric == "accuracy"))
        for method, accuracy in (("s", 0.6), ("a", 0.8))
        for track, backbone in (("controlled", "mlp"), ("native", "convnet"))
        for seed in range(seeds)
        for metric, protocol, value in (("accuracy", "linear", accuracy), ("parameters", "", 100.0))
    ]
    table = pd.DataFrame(made, columns=["method", "track", "backbone", "seed", "metric", "protocol", "value"])
    table = table.assign(dataset="d", target="d", depth=2, width=8, status="ok", current=True)
    return table.reindex(columns=list(dict.fromkeys([*COLUMNS, *table])))


@pytest.mark.parametrize("seeds", [1, 5])
def test_the_best_stand_first_within_a_track_and_an_encoder(seeds):
    table = registry().benchmark("backbones").table(rows(seeds), CLAIMS)
    assert table["method"].tolist() == ["a", "s", "a", "s"]
    assert table["track"].tolist() == ["controlled", "controlled", "native", "native"]
    assert table["accuracy (%)"].tolist() == pytest.approx([100 * (v + 0.005 * (seeds - 1)) for v in (0.8, 0.6)] * 2)
    assert table["parameters kept"].tolist() == [100] * 4
    assert table["low"].isna().all() == (seeds == 1)


def test_tracks_are_never_mixed_in_a_panel():
    benchmark = registry().benchmark("backbones")
    (view,) = benchmark.shows
    shown = view.shown(rows(), CLAIMS)
    assert set(shown.frames[0]["panel"]) == {"controlled: mlp on d", "native: its own on d"}
    assert shown.told["seeds"] == "5 seeds"
