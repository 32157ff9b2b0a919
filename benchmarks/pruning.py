"""P1: can InfoMax-pretrained features be pruned?"""

from typing import Any

import numpy as np
import pandas as pd

from infomax_bench import Benchmark, BoundContrast, Contrast, Select, View, in_panels, reads
from infomax_bench.plots.figures import curves, dots, scatter
from infomax_bench.stats.readings import composed

MOST_PRUNABLE = 5.0  # percent of live units below which we say "can't be pruned"
CLAIM = (MOST_PRUNABLE, f"claim: {MOST_PRUNABLE:.0f} %")
TOLERANCES = (0.25, 0.5, 1, 2, 4)  # points, beside the rule's one
SAME = ["dataset", "target", "method", "seed"]
FEW = 8  # units kept, at which what features carry is compared

BEST = "best/refitted"
PRUNABLE = Select("prunable_fraction", BEST)
LEVELS = Select("accuracy", BEST, status="ok")
FROZEN = Select("prunable_fraction", "random/frozen", scale=100)
BESIDE = {"dead": Select("dead_units", scale=100), "frozen": FROZEN}
SAID: dict[str, Any] = {"said": "cannot_be_pruned", "beside": BESIDE, "fewest_tests": 1000}
ACCURACY = {"ylabel": "accuracy (%)", "scale": 100}
CARRIED = {"xlabel": "% of live units prunable", "ylabel": f"accuracy with {FEW} units kept (%)", "scale": (100, 100)}
TOLERATED = {"xlabel": "points of accuracy that may be lost", "ylabel": CARRIED["xlabel"], "scale": 100, "log": True}
REMOVED = "% of live units removed"
KEPT = {"xlabel": REMOVED, "ylabel": "% of accuracy above chance", "scale": 100}
CURVES = {
    "most_predictable": ("redundancy/refitted", REMOVED),
    "greedily": ("greedy/refitted", REMOVED),
    "frozen": ("redundancy/frozen", REMOVED),
    "weights": ("magnitude/refitted", "% of weights removed"),
}


def in_percent(rows):
    """The rows with `x` in percent."""
    return rows.assign(x=100 * rows["x"])


@reads(PRUNABLE, LEVELS)
def by_tolerance(rows, claims):
    """Rows of the prunable fraction, `x` the points of accuracy that may be lost, from those of accuracy by the share
    removed. Nothing beyond the last measured share counts as prunable; with no live unit there is no share of them."""
    fractions = PRUNABLE(rows)
    alive = fractions.loc[np.isfinite(fractions["value"]), SAME].drop_duplicates()
    levels = LEVELS(rows).merge(alive, on=SAME)
    if levels.empty:
        return levels
    levels = levels.pivot_table(index=[*SAME, "status", "current"], columns="x", values="value")
    shares = np.linspace(0, 1, 401)
    own = (row.dropna() for _, row in levels.iterrows())
    found = np.stack([np.interp(shares, one.index, one, right=-np.inf) for one in own])
    lost = 100 * (found[:, :1] - found)
    whose = levels.index.to_frame(index=False)
    return pd.concat([whose.assign(x=points, value=(lost <= points + 1e-9).mean(axis=1)) for points in TOLERANCES])


POINTS = by_tolerance.then(lambda rows: rows[rows["x"] != 1]).then(composed("panel", "if {x:g} points may be lost"))
UNFITTED = in_panels({"with the probe frozen, units in random order": Select("prunable_fraction", "random/frozen")})
OTHERWISE = {"guard": "random_features", "variants": (POINTS, UNFITTED)}
MEASURE: dict[str, Any] = {"metric": "prunable fraction", "rows": PRUNABLE, "scale": 100, **OTHERWISE}


class Pruning(Benchmark):
    """How much of an encoder can be removed before its features stop serving?

    Rule: the prunable fraction is the share of all numbers of live units whose removal costs at most one point of
    accuracy with the probe refitted, in the order that prunes furthest on validation; where accuracy only falls, that
    is the largest fraction that can go for a point. Data sets with fewer than 1,000 test images, on which a point is
    less than ten of them, are shown and not counted in the first claim. "Cannot be pruned" is supported if the mean
    over data sets is surely below 5 %, and so is every single one; refuted if it is surely above, and every single one.
    "Less prunable" is supported if the subject's fraction is surely below that of the median method, and of the least
    prunable of every family; refuted if it is surely above the median. Nothing is supported unless the subject's
    features are surely better at home than random ones, since little can be lost where there is little.
    """

    title = "Can the features be pruned?"
    order = 1
    evaluations = ("prune_units", "prune_weights", "probe")
    contrasts = (
        BoundContrast("P1", "Cannot be pruned", **MEASURE, unit="%", line=MOST_PRUNABLE, **SAID),
        Contrast("P1", "Less prunable", **MEASURE, unit="points less prunable", higher_is_better=False),
    )
    shows = (
        View("prunable", dots, PRUNABLE, label="% of live units", scale=100, higher_is_better=False, bound=CLAIM),
        View("carried", scatter, PRUNABLE, Select("accuracy_at_units", BEST, x=FEW), **CARRIED, told={"few": FEW}),
        View("kept_units", curves, Select("accuracy_at_units", BEST), xlabel="units kept", **ACCURACY, log=True),
        View("by_tolerance", curves, by_tolerance, **TOLERATED),
        View("kept_accuracy", curves, Select("kept", BEST).then(in_percent), **KEPT),
        *(
            View(name, curves, Select("accuracy", protocol).then(in_percent), xlabel=share, **ACCURACY)
            for name, (protocol, share) in CURVES.items()
        ),
    )
    columns = {
        "accuracy (%)": Select("accuracy", "linear", scale=100),
        "% prunable, refitted (best order)": Select("prunable_fraction", BEST, scale=100),
        "up to the first loss": Select("prunable_fraction_first", BEST, scale=100),
        "up to the last": Select("prunable_fraction_last", BEST, scale=100),
        "± points of a seed's loss": Select("loss_noise", BEST, scale=100),
        f"accuracy with {FEW} units kept (%)": Select("accuracy_at_units", BEST, scale=100, x=FEW),
        "with half": Select("accuracy", BEST, scale=100, x=0.5),
        "area (best order)": Select("area", BEST),
        "area (random)": Select("area", "random/refitted"),
        "% prunable, frozen (redundancy)": Select("prunable_fraction", "redundancy/frozen", scale=100),
        "% of weights prunable": Select("prunable_fraction", "magnitude/refitted", scale=100),
        "% dead units": Select("dead_units", "", scale=100),
    }
