"""How training went: the curves of losses, their terms, and which still fell at the end."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from infomax_bench.report.images import Gallery
from infomax_bench.report.parts import Mark, Table, number, signed
from infomax_bench.study.claims import Claims

LATE = 0.1
"""The last part of training whose share of the whole fall of the loss says whether it still falls."""
POINTS = 24
"""Of a small curve."""
FALLING = 0.01
"""Share of a loss's fall in the last LATE of training from which on it is marked as not converged."""


def still_falling(total: np.ndarray) -> float:
    """Share of the whole fall of a loss `[S, P]` that came in the last LATE of training.

    A mean over the seeds in which it fell; NaN if it fell in none.
    """
    points = total.shape[1]
    late = max(1, round(LATE * points))
    fall, at_the_end = total[:, 0] - total[:, -1], total[:, -1 - late] - total[:, -1]
    fell = np.isfinite(fall) & (fall > 0)
    return float((at_the_end[fell] / fall[fell]).mean()) if fell.any() else math.nan


def training(
    galleries: Sequence[Gallery], claims: Claims, tones: Mapping[str, int]
) -> tuple[Mark | None, Table | None, list[str] | None]:
    """Curves of the whole loss of all encoders, a table of its terms, and the data sets on which the subject's was
    still falling at the end; None where it has no curve."""
    logged = [g for g in galleries if g.log and next(iter(g.log.values())).shape[1] > 1]
    if not logged:
        return None, None, None
    totals = {(g.method, g.dataset): np.sum(list(g.log.values()), axis=0, dtype=float) for g in logged}
    late = {which: still_falling(total) for which, total in totals.items()}
    falling = sorted(which for which, share in late.items() if share > FALLING)
    found: dict[str, list[str]] = defaultdict(list)
    for method, dataset in falling:
        found[method].append(dataset)
    still = "; ".join(f"{method} on {', '.join(datasets)}" for method, datasets in found.items()) or "none"
    caption = (
        "The loss of every method that is trained by gradient (of a learning rule that has none: the size of its "
        "update), from the first to the last update. Not converged within "
        f"the budget that all methods share (an arrow: more than {100 * FALLING:.0f} % of the whole fall came in the "
        f"last tenth): {still}. A loss that stands in for an "
        "update rule need not fall: only its gradient has a meaning."
    )
    lines, strong = [], []
    for g in logged:
        for term, values in sorted(g.log.items()):
            first, last = (signed(float(np.mean(values[:, i])), plus=False) for i in (0, -1))
            share = late[g.method, g.dataset]
            fall = "–" if math.isnan(share) else f"{100 * share:.0f} %".replace("-", "−")
            lines.append([g.method, g.dataset, number(g.steps), term, first, last, fall])
            strong.append(g.method == claims.subject)
    own = found[claims.subject] if any(g.method == claims.subject for g in logged) else None
    head = ["method", "data set", "updates", "loss term", "first", "last", "fall in the last tenth"]
    terms = Table(head, lines, [False, False, True, False, True, True, True], strong)
    return Mark("training", caption, json.dumps(sparks(totals, falling, claims, tones))), terms, own


def sparks(
    series: Mapping[tuple[str, str], np.ndarray],
    marked: Collection[tuple[str, str]],
    claims: Claims,
    tones: Mapping[str, int],
) -> dict[str, Any]:
    """Small curves, methods by data sets, as the page's script draws them: each scaled to its own range, from 0 to 99.

    series: (method, data set) -> `[S, P]`, a line for each seed. marked: those that wear an arrow.
    """
    methods = sorted({m for m, _ in series}, key=lambda m: (m != claims.subject, m))
    datasets = sorted({d for _, d in series})
    rows: dict[str, list[Any]] = {"panel": [], "line": [], "curves": [], "marked": []}
    for (method, dataset), values in sorted(series.items()):
        at = np.unique(np.linspace(0, values.shape[1] - 1, POINTS).round().astype(int))
        finite = values[np.isfinite(values)]
        low, reach = (finite.min(), np.ptp(finite) or 1.0) if finite.size else (0.0, 1.0)
        heights = 99 * (values[:, at] - low) / reach
        curves = [[round(v) if math.isfinite(v) else None for v in line] for line in heights.tolist()]
        here = (datasets.index(dataset), methods.index(method), curves, int((method, dataset) in marked))
        for column, value in zip(rows.values(), here, strict=True):
            column.append(value)
    label = "loss over training, a line for each seed, each to its own scale"
    colours = [0 if m == claims.subject else tones.get(m, -1) for m in methods]
    return {"form": "sparks", "panels": datasets, "lines": methods, "tones": colours, "xlabel": label, "rows": rows}
