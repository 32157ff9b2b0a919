"""What benchmarks read off labels is what pandas reads."""

from __future__ import annotations

import pandas as pd

from infomax_bench.stats.readings import parts_of


def test_labels_are_taken_apart_as_pandas_does():
    labels = pd.Series(["a; 3", "b; 4", "a; 3", "none", "", None], index=[5, 5, 2, 9, 1, 0])
    pattern = r"^(\w)(?:; (\d))?$"
    pd.testing.assert_frame_equal(parts_of(labels, pattern), labels.astype(str).str.extract(pattern), check_dtype=False)
