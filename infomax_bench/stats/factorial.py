"""Effects of two things that are each there or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from infomax_bench.base.status import Status
from infomax_bench.stats.readings import paired


def effects(
    tables: Mapping[str, pd.DataFrame], cells: Sequence[str], names: tuple[str, str, str], scale: float = 1.0
) -> pd.DataFrame:
    """The effects of a 2 x 2 design on several measures, under the seeds (index) that have all four cells: rows with
    panel (the measure), line, seed, value and status.

    cells: the columns with both, with the first alone, with the second alone, and with neither. names: of the first
    and the second, each averaged over the other's being there or not, and of what the first does more where the second
    is there.
    """
    found = []
    for panel, values in tables.items():
        own = scale * paired(values, cells)
        if own.empty:
            continue
        both, first, second, neither = (own[cell] for cell in cells)
        lines = ((both - second + first - neither) / 2, (both - first + second - neither) / 2)
        made = pd.DataFrame(dict(zip(names, (*lines, both - second - first + neither), strict=True)))
        found.append(made.rename_axis("seed").reset_index().melt("seed", var_name="line").assign(panel=panel))
    made = pd.concat(found) if found else pd.DataFrame(columns=["line", "seed", "value", "panel"])
    return made.assign(status=str(Status.OK))
