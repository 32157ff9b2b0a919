"""What could have been seen: how small a difference these verdicts would have shown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from infomax_bench.report.parts import Table, number
from infomax_bench.stats.datasets import ERROR
from infomax_bench.stats.intervals import t_quantile
from infomax_bench.stats.power import detectable
from infomax_bench.stats.verdict import Verdict

MANY = 10


def power(verdicts: Sequence[Verdict]) -> Table | None:
    """For each claim its deviation over data sets, and the differences that its data sets, and MANY, show four times in
    five."""
    head = ["claim", "in", "data sets", "deviation over them", "difference they show", f"difference {MANY} would show"]
    lines = []
    for v in verdicts:
        sd = deviation(v)
        if math.isfinite(sd) and sd > 0:
            seen = [number(detectable(sd, n)) if n > 3 else "–" for n in (v.n_datasets, MANY)]
            lines.append([v.title, v.unit or v.metric, number(v.n_datasets), number(sd), *seen])
    numeric = [False, False, *([True] * (len(head) - 2))]
    return Table(head, lines, numeric, [False] * len(lines)) if lines else None


def deviation(verdict: Verdict) -> float:
    """That over data sets on which a verdict rests, in its unit; NaN of fewer than two."""
    n = verdict.n_datasets
    return (verdict.ci_high - verdict.effect) / t_quantile(n, ERROR) * math.sqrt(n) if n > 1 else math.nan
