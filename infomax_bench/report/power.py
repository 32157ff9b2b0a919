"""What could have been seen: how small a difference these verdicts would have shown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from infomax_bench.report.parts import Table, number
from infomax_bench.stats.intervals import ALPHA
from infomax_bench.stats.power import POWER, detectable, power_table
from infomax_bench.stats.verdict import Verdict, noise_of
from infomax_bench.study.claims import Claims


def power(verdicts: Sequence[Verdict]) -> Table | None:
    """For each claim the noise that it rests on, and the differences that five and ten seeds show four times in five:
    supporting it if one rival is that close, or all are, and refuting it."""
    seeds = (5, 10)
    kinds = [f"{kind}, {n} seeds" for kind in ("one close", "all close", "refuted") for n in seeds]
    head = ["claim", "against", "in", "deviation over seeds", *kinds, "seeds to decide"]
    lines = []
    for v in verdicts:
        noise, rivals = noise_of(v), max(1, len(v.comparisons))
        if math.isfinite(noise) and noise > 0:  # a count of operations has none
            seen = [
                *(detectable(noise, n) for n in seeds),
                *(detectable(noise, n, certainty=1 - (1 - POWER) / rivals) for n in seeds),
                *(detectable(noise, n, ALPHA / rivals) for n in seeds),
            ]
            lines.append(
                [v.title, v.against, v.unit or v.metric, number(noise), *map(number, seen), v.seeds_needed or "–"]
            )
    numeric = [False, False, False, *([True] * (len(head) - 3))]
    return Table(head, lines, numeric, [False] * len(lines)) if lines else None


def chances(claims: Claims) -> Table:
    """How often a claim against all prior art is decided, for true differences in deviations over seeds."""
    lines: dict[float, list[str]] = {}
    found = power_table(1.0, len(claims.rivals("prior art")))
    seeds = sorted({p.n_seeds for p in found})
    for kind in ("supported", "refuted"):
        for p in found:
            lines.setdefault(p.effect, [f"{p.effect:g}"]).append(f"{100 * getattr(p, kind):.0f} %")
    head = ["true difference (deviations)", *(f"{k}, {n} seeds" for k in ("supported", "refuted") for n in seeds)]
    return Table(head, list(lines.values()), [True] * len(head), [False] * len(lines))
