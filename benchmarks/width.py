"""P3: do smaller InfoMax models match larger conventional ones?"""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from infomax_bench import Benchmark, Contrast, Request, Select, View, reads
from infomax_bench.plots.figures import curves, dots
from infomax_bench.stats.equivalent import KEY, at_half_width, equivalents, mean_texts
from infomax_bench.stats.readings import complete
from infomax_bench.study.view import seeds_of

KEPT, ALL = "kept", "with what is discarded"
FORMS = {"equivalent": ".0f", "ratio": ".2f", KEPT: ".2f", ALL: ".2f"}
RATIOS = {"ratio": "widths", KEPT: "parameters", ALL: f"parameters {ALL}"}

ACCURACY = Select("accuracy", "linear", status="ok")
PARAMETERS = Select("parameters", "", status="ok")
VALIDATION = Select("validation_accuracy", "linear", status="ok")
DISCARDED = Select("discarded_parameters", "", status="ok")


@reads(ACCURACY)
def halved(rows, claims):
    return at_half_width(ACCURACY(rows), claims.subject)


def as_if_doubled(rows):
    """The rows as those of encoders twice as wide."""
    return rows.assign(width=2 * rows["width"])


def with_their_half(rows):
    """The rows at widths whose half is there too."""
    return rows[rows["width"].isin(set(2 * rows["width"]))]


@reads(ACCURACY, PARAMETERS, DISCARDED)
def equivalent(rows, claims):
    """For every other method, data set, width and seed, the subject's width of the same accuracy: `equivalents`, with
    the ratios of parameters, KEPT and ALL."""
    kept, thrown = (select(rows).groupby(KEY, observed=True)["value"].mean() for select in (PARAMETERS, DISCARDED))
    return equivalents(ACCURACY(rows), claims.subject, {KEPT: kept.to_dict(), ALL: (kept + thrown).to_dict()})


ALLOWED: dict[str, Any] = {"unit": "points", "scale": 100, "least": -1.0, "where_measured": True}
OWN, AMONG = ACCURACY.then(as_if_doubled), VALIDATION.then(with_their_half)
HALF: dict[str, Any] = {"own": OWN, "ranking": AMONG, "case": ("dataset", "width")}


def shown_width(found, claims):
    """The suite's width, or the widest."""
    return claims.width if claims.width in set(found["width"]) else found["width"].max()


class Width(Benchmark):
    """How wide must an encoder be for a given accuracy?

    Rule: the subject at half of a rival's width, over all widths of the sweep that have their half in it. "Matches at
    half the width" is supported if the subject's accuracy is surely no more than one point below that of the median
    method, and of the best of every family (by validation accuracy at the rival's width); refuted if it is surely more
    than one point below the median. Methods that have a width of their own take no part, and one that cannot be so wide
    on a data set is left out there.
    """

    title = "Do narrow encoders match wide ones?"
    order = 3
    sweeps_width = True
    contrasts = (
        Contrast("P3", "Matches at half the width", "accuracy at half the rival's width", ACCURACY, **HALF, **ALLOWED),
    )

    def grid(self, suite):
        for dataset, width, method in product(suite.datasets, suite.widths, suite.methods):
            here = width == suite.width  # the whole probe is there for the other benchmarks
            cell = suite.cell(method, dataset, width, n_seeds=0 if here else suite.sweep_seeds)
            yield cell, Request("probe" if here else "linear_probe")
            yield cell, Request("training")  # parameters, kept and discarded

    def views(self, rows, claims):
        half = complete(halved(rows, claims), "width", ["dataset", "method", "seed"], ["dataset"])
        yield View("half", dots, half, label="accuracy (%)", scale=100, told={"widths": sorted(half["width"].unique())})
        yield View("swept", curves, ACCURACY, xlabel="width", ylabel="accuracy (%)", x="width", scale=100, log=True)
        found = equivalent(rows, claims)
        found = found[~found["method"].isin(claims.own_width)]
        width = shown_width(found, claims)
        found = found[found["width"] == width]
        outside = found.groupby(["dataset", "method"])["bound"].transform(lambda b: (b != 0).any()).astype(bool)
        drawn = found[~outside].assign(status="ok", value=np.log2(found["ratio"].astype(float)))
        texts = mean_texts(found[outside], FORMS).reset_index()
        beyond = texts.groupby(["dataset", "equivalent"], sort=False)["method"]
        told = {"seeds": seeds_of(found), "width": width, "beyond": [(*key, list(own)) for key, own in beyond]}
        looks = {"label": "doublings of width", "higher_is_better": None, "bound": (0.0, "")}
        yield View("equivalent", dots, drawn, **looks, told=told)

    def table(self, rows, claims):
        widths = sorted(ACCURACY(rows)["width"].unique())
        columns = {f"% at width {w}": Select("accuracy", "linear", scale=100, width=w) for w in widths}
        made = self.means(rows, columns, "dataset")
        found = equivalent(rows, claims)
        if found.empty:
            return made
        width, texts = shown_width(found, claims), mean_texts(found, FORMS)
        wide = texts["equivalent"].unstack("width").reindex(columns=widths)
        ratios = texts.xs(width, level="width")[list(RATIOS)]
        wide = wide.rename(columns=lambda w: f"as {claims.subject} at, for {w}")
        ratios = ratios.rename(lambda name: f"ratio of {RATIOS[name]}, for {width}", axis=1)
        made = made.join(wide.join(ratios), on=["dataset", "method"])
        return made.fillna({c: "–" for c in made if not pd.api.types.is_numeric_dtype(made[c])})
