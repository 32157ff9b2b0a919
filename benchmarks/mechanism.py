"""What does the competition (EM) do for learning: stability, structure, and both at scale."""

from dataclasses import replace

from infomax_bench import Benchmark, Finding, Request, Select, View
from infomax_bench.plots.effects import estimates, sweep
from infomax_bench.plots.figures import dots
from infomax_bench.stats.cells import against, divergences, grown_along, steadier, summed, together
from infomax_bench.stats.factorial import effects
from infomax_bench.stats.readings import as_rows, at_best, by_seed, encoder_table
from infomax_bench.stats.spread import deviations, ranges_by_seed
from infomax_bench.study.selection import Derived
from infomax_bench.study.variations import RATE, START, ablated, at_width, beside, once, varied

COMPETITION, DECORRELATION = "lambda_lse", "lambda_tc"  # the weights, in subjects that have them
BOTH, ALONE, WITHOUT, NEITHER = "competition + decorrelation", "competition only", "decorrelation only", "neither"
OWN, SOFTMAX, SUBJECT, REFERENCE = "decorrelation only, own settings", "softmax form", "as it is", "reference"
OFF = {BOTH: (), ALONE: (DECORRELATION,), WITHOUT: (COMPETITION,), NEITHER: (COMPETITION, DECORRELATION)}
OTHERS = {OWN: "infomax", SOFTMAX: "infomax_softmax"}  # with settings of their own
CELLS = (*OFF, *OTHERS, SUBJECT)
PAIRS = ((BOTH, WITHOUT), (ALONE, NEITHER), (BOTH, OWN), (BOTH, SOFTMAX))
CLUSTERS, UNTRAINED = "kmeans", "random_features"  # the code of the first is no logarithm of shares
REFERENCES = {CLUSTERS: "control", "gmm": "control", UNTRAINED: "reference"}
DISTANCES = Request("regions", None, (("distances", True),))  # where outputs are distances, or will be by training
TIMES = (0.1, 1.0, 10.0)
POINT, AGREEMENT = 0.01, 0.05  # the least differences of interest, in accuracy and in the agreement of regions

KEY = ["cell", "dataset", "sweep", "x", "seed"]  # an encoder
ACCURACY, SETTLED, DEAD, ENTROPY = "accuracy (%)", "% of training until settled", "% dead units", "entropy / log K"
KMEANS, MIXTURE, CLASSES = (f"agreement with {what}" for what in ("k-means", "a mixture", "classes"))
UNCUT, VALIDATION = "agreement before ReLU", "validation"
STRUCTURE: dict[str, Select | Derived] = {
    ENTROPY: Select("relative_responsibility_entropy").then(lambda rows: rows[rows["method"] != CLUSTERS]),
    "contested images": Select("contested"),
    "units that own": Select("coverage"),
    "effective owners / K": Select("effective_owners"),
    KMEANS: Select("agreement", "k-means"),
    MIXTURE: Select("agreement", "mixture"),
    CLASSES: Select("agreement", "classes"),
    "purity of classes": Select("purity", "classes"),
    "candidates / K": Select("candidates"),
    UNCUT: Select("agreement_before_relu", "k-means"),
    "owners / K before ReLU": Select("effective_owners_before_relu"),
}
COLUMNS: dict[str, Select | Derived] = {
    ACCURACY: Select("accuracy", "linear").or_diverged(),
    SETTLED: Select("settled_after"),
    "rises of the loss": Select("loss_rises"),
    DEAD: Select("dead_units"),
    **STRUCTURE,
    "purity of k-means' regions": Select("purity", "k-means"),
    "purity of a mixture's regions": Select("purity", "mixture"),
}
RANGES = {START: "range over initial scales", RATE: "range over learning rates"}
PANELS = (ACCURACY, *RANGES.values(), SETTLED, ENTROPY, KMEANS, MIXTURE, CLASSES)
SWEEPS = {
    START: ("initial weights (times the normal ones)", (ACCURACY, SETTLED)),
    RATE: ("learning rate (times its own)", (ACCURACY, SETTLED)),
    "width": ("units", (ACCURACY, KMEANS, DEAD)),
    "images": ("images", (ACCURACY, KMEANS, DEAD)),
}


class Mechanism(Benchmark):
    """What does EM do: does competition make learning stable and its features structured, and does that scale?

    Rule: the subject with competition is compared with the subject without, decorrelation being there: paired by seed,
    means over data sets, 95 % intervals over seeds. A training that diverged has accuracy 0, as in tuning. With
    competition it is "more stable over seeds" if the standard deviation of accuracy without it over that with it has an
    interval (Pitman and Morgan) above 1, "less" if below; "less dependent on the initialisation" if the range of
    accuracy over the scales of initial weights (largest less smallest, of each seed) is larger without it, the interval
    of the difference being above zero, "more" if below; in the same way "on the learning rate", and "settles sooner" or
    "later". It is "more structured" if its regions agree better both with k-means' and with the mixture's, "less" if
    worse with both. Its units "own regions" if their agreement with k-means' regions less half of that of the units
    that k-means itself has learned has an interval above zero, and "do not" if below. The essay's contrast is about
    seeds, initialisation and structure: it "holds" if all three are in favour of competition, "holds in part" if some
    are and none is against it, "is contradicted" if some are against and none in favour, "is mixed" if there are both.
    Competition "is worth more at scale" if the accuracy that it adds at the largest width (with all images) less that
    at the least (with the fewest) has an interval above zero, "less" if below; how its structure, settling and dead
    units change stands beside it. Anything else, or fewer than five seeds, is "undecided", and so is a difference of
    less than one point in a range or in when the loss settles, or of less than 0.05 in either agreement (these least
    differences of interest were added after the quick preset and before the standard one). The words are not corrected
    for their number.
    """

    title = "What does EM do: stability, structure, scale?"
    order = 49
    sweeps_width = True
    tags = {"cell": str, "sweep": str, "amount": float}

    def grid(self, suite):
        for dataset in suite.datasets if suite.subject in suite.methods else ():
            kinds = ablated(suite, dataset, OFF, SUBJECT)
            kinds |= beside(suite, dataset, OTHERS) if BOTH in kinds else {}
            for kind, encoder in varied(suite, dataset, kinds, TIMES, alone=(OWN, SUBJECT)):
                yield from ((encoder, Request(name)) for name in ("linear_probe", "dynamics", "redundancy"))
                yield encoder, DISTANCES if kind in (*OFF, OWN) else Request("regions")
            for method in sorted(set(REFERENCES) & set(suite.methods)):
                encoder = suite.cell(method, dataset, label=REFERENCE, tags={"cell": REFERENCE})
                yield encoder, DISTANCES if method == UNTRAINED else Request("regions")

    def findings(self, rows, claims):
        found = encoders(rows, claims)
        measured = measures(found)
        compared = [list(compare(measured, *pair)) for pair in PAIRS]
        if not compared[0]:
            if len(found):
                yield Finding("not measured", values={"weights": [COMPETITION, DECORRELATION]})
            return
        outcomes = {one.name: one.outcome for one in compared[0]}
        yield Finding("contrast", summed([outcomes.get(name, "undecided") for name in ("seeds", START, "structure")]))
        yield from (one for pair in compared for one in pair)
        regions = measured[KMEANS].reindex(columns=[BOTH, CLUSTERS])
        yield from against("regions", regions.assign(half=regions[CLUSTERS] / 2), BOTH, "half")
        base = found[found["sweep"] == ""].groupby("cell")[["contested images", "candidates / K", UNCUT]].mean()
        if (base := base.reindex([BOTH, WITHOUT])).notna().all(axis=None):
            values = dict(zip(("contested", "candidates", "with"), base.loc[BOTH], strict=True))
            yield Finding("cut off", values={**values, "without": base.loc[WITHOUT, UNCUT]})
        yield divergences("diverged", once(found[found["cell"].isin(CELLS)], claims.width), "cell")
        best = at_best(found[found["sweep"] == RATE], "x", VALIDATION, ["cell", "dataset"])
        yield from against("best rate", by_seed(best, ACCURACY, "cell"), BOTH, WITHOUT)
        sized, columns = found[found["sweep"].isin(["width", "images"])], (ACCURACY, KMEANS, ENTROPY, SETTLED, DEAD)
        yield from grown_along("scale", sized, columns, "cell", ["dataset", "sweep"], BOTH, WITHOUT)

    def views(self, rows, claims):
        found = encoders(rows, claims).assign(status="ok", current=True, method=lambda own: own["cell"])
        lines = ("competition", "decorrelation", "interaction")
        both = effects(measures(found), [*OFF], lines, 100)
        own = {"line": "line", "lines": lines, "strong": lines[:1], "panel": "panel", "order": PANELS}
        yield View("effects", estimates, both, label="points", **own, told={"n": both["seed"].nunique()})
        for which, (xlabel, columns) in SWEEPS.items():
            shown = as_rows(found[found["sweep"] == which], columns, 100)
            shown["panel"] = shown["panel"].replace(KMEANS, f"{KMEANS} (%)")
            if shown["x"].nunique() > 1:
                axes = {"x": "x", "xlabel": xlabel, "panel": "{dataset}: {panel}", "line": "cell"}
                yield View("swept", sweep, shown, **axes, told={"against": xlabel})
        base = found[found["sweep"] == ""]
        cast = replace(claims, subject=BOTH, roles={**dict.fromkeys(CELLS, "this work"), **REFERENCES})
        yield View("accuracy", dots, as_rows(base, [ACCURACY]), claims=cast, label=ACCURACY, scale=100)
        how = {"panel": "panel", "order": [*STRUCTURE], "higher_is_better": None, "claims": cast}
        yield View("structure", dots, as_rows(base, STRUCTURE), **how)

    def table(self, rows, claims):
        found = encoders(rows, claims)
        if found.empty:
            return None
        groups = found.groupby(["dataset", "sweep", "x", "cell"])
        means, spread = groups[[*COLUMNS]].mean(), deviations(groups[ACCURACY], 100)
        means[[ACCURACY, SETTLED, DEAD]] *= 100
        means.insert(1, "deviation over seeds", spread["deviation"])
        means.insert(2, "its interval", spread["interval"])
        means.insert(3, "diverged", groups["diverged"].sum())
        return means.reset_index().rename(columns={"cell": "method", "sweep": "swept", "x": "value"})


def encoders(rows, claims):
    """A row for each encoder: KEY, COLUMNS, and `diverged`; sweep is "" for the encoders at the suite's width with
    nothing changed, and then x is 0. Of a reference, the cell is the method."""
    made = at_width(rows, claims.width).assign(x=lambda own: own["amount"].fillna(0.0))
    cell = made["cell"].where(made["cell"] != REFERENCE, made["method"].astype(str))
    kept = cell.isin([*CELLS, *REFERENCES])
    kept &= ~cell.isin([*OFF, SUBJECT]) | (made["method"] == claims.subject)  # of this subject, or of one before it
    columns = {**COLUMNS, VALIDATION: Select("validation_accuracy", "linear").or_diverged()}
    return encoder_table(made[kept].assign(cell=cell), KEY, columns, "linear_probe")


def measures(found):
    """What PANELS says, each by seed and cell: means over data sets."""
    base = found[found["sweep"] == ""]
    made = {panel: by_seed(base, panel, "cell") for panel in PANELS if panel in base}
    swept = {panel: found[found["sweep"] == which] for which, panel in RANGES.items()}
    return made | {panel: ranges_by_seed(own, ACCURACY, "x", "cell") for panel, own in swept.items()}


def compare(measured, one, other):
    """What the rule says of one cell, with competition, against another."""
    yield from steadier("seeds", measured[ACCURACY], one, other)
    for name, panel in {**RANGES, "settled": SETTLED}.items():
        yield from against(name, measured[panel], one, other, least=POINT, less=True)
    yield from together("structure", {of: measured[of] for of in (KMEANS, MIXTURE)}, one, other, least=AGREEMENT)
    yield from against("accuracy", measured[ACCURACY], one, other)
