"""Galleries: what is kept of an encoder's filters and units, as pictures."""

from __future__ import annotations

import numpy as np

from infomax_bench.report import images as report_images
from tests.report.made import arrays, build, make_results


def test_a_damaged_gallery_is_left_out(tmp_path):
    root = make_results(tmp_path / "results", benchmarks=["interpretability"])
    for path in (root / "jobs").glob("*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    build(root, tmp_path / "out")
    assert not [*(tmp_path / "out" / "data").glob("units*")]


def test_galleries_shrink_to_their_share_and_take_colour():
    kept = arrays(np.random.default_rng(0), channels=3)
    large = report_images.read_gallery(lambda: kept, "m", "d", 8, 10**6)
    small = report_images.read_gallery(lambda: kept, "m", "d", 8, 1)
    assert large is not None
    assert small is not None
    assert len(small.filters) < len(large.filters)
    assert [u.name for u in large.units] == ["dog", "not cat", "none"]


def test_units_without_room_keep_name_and_score_and_the_subject_shows_all():
    rng = np.random.default_rng(0)
    many = {
        "top": rng.integers(0, 256, (10, 6, 1, 5, 5)).astype(np.uint8),
        "units": np.arange(10, dtype=np.int32),
        "auroc": np.linspace(1, 0.5, 10, dtype=np.float32),
        "names": np.array([f"n{i}" for i in range(10)]),
    }
    some, whole = (report_images.read_gallery(lambda: many, "m", "d", 8, 1, whole) for whole in (False, True))
    assert [u.name for u in some.units] == ["n0", "n1", "n2", "n3"]
    assert [(u.number, u.name) for u in some.others] == [(i, f"n{i}") for i in range(4, 10)]
    assert some.others[-1].auroc == 0.5
    assert len(whole.units) == 10
    assert not whole.others
    assert len(whole.top) > len(some.top)
