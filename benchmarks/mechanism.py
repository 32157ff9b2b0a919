"""What does the competition (EM) do for learning: stability, structure, and both at scale."""

from dataclasses import replace

from infomax_bench import Benchmark, Finding, Request, Select, View
from infomax_bench.plots.effects import estimates, sweep
from infomax_bench.plots.figures import dots
from infomax_bench.stats.cells import against, grown, steadier, together
from infomax_bench.stats.factorial import effects
from infomax_bench.stats.readings import as_rows, at_best, by_seed, encoder_table
from infomax_bench.stats.spread import deviation, ranges
from infomax_bench.study.variations import RATE, START, varied

COMPETITION, DECORRELATION = "lambda_lse", "lambda_tc"  # the weights, in subjects that have them
BOTH, ALONE, WITHOUT, NEITHER = "competition + decorrelation", "competition only", "decorrelation only", "neither"
OWN, SOFTMAX, SUBJECT, REFERENCE = "decorrelation only, own settings", "softmax form", "as it is", "reference"
OFF = {BOTH: (), ALONE: (DECORRELATION,), WITHOUT: (COMPETITION,), NEITHER: (COMPETITION, DECORRELATION)}
OTHERS = {OWN: "infomax", SOFTMAX: "infomax_softmax"}  # with settings of their own
CELLS = (*OFF, *OTHERS, SUBJECT)
PAIRS = ((BOTH, WITHOUT), (ALONE, NEITHER), (BOTH, OWN), (BOTH, SOFTMAX))
CLUSTERS, UNTRAINED = "kmeans", "random_features"
REFERENCES = {CLUSTERS: "control", "gmm": "control", UNTRAINED: "reference"}
DISTANCES = Request("regions", None, (("distances", True),))  # where outputs are distances, or will be by training
TIMES = (0.1, 1.0, 10.0)
POINT, AGREEMENT = 0.01, 0.05  # the least differences of interest, in accuracy and in the agreement of regions

KEY = ["cell", "dataset", "sweep", "x", "seed"]  # an encoder
ACCURACY, SETTLED, DEAD, ENTROPY = "accuracy (%)", "% until settled", "% dead units", "entropy / log K"
KMEANS, MIXTURE, CLASSES = (f"agreement with {what}" for what in ("k-means", "a mixture", "classes"))
UNCUT, VALIDATION = "agreement before ReLU", Select("validation_accuracy", "linear")
STRUCTURE = {
    ENTROPY: Select("relative_responsibility_entropy"),
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
COLUMNS = {
    ACCURACY: Select("accuracy", "linear"),
    SETTLED: Select("settled_after"),
    "rises of the loss": Select("loss_rises"),
    DEAD: Select("dead_units"),
    **STRUCTURE,
    "purity of k-means' regions": Select("purity", "k-means"),
    "purity of a mixture's regions": Select("purity", "mixture"),
}
RANGES = {START: "range over initial scales", RATE: "range over learning rates"}
PANELS = (ACCURACY, *RANGES.values(), SETTLED, ENTROPY, KMEANS, MIXTURE, CLASSES)
STABLE, SIZED = (ACCURACY, SETTLED), (ACCURACY, KMEANS, DEAD)
SWEEPS = {
    START: ("initial weights (times the normal ones)", STABLE),
    RATE: ("learning rate (times its own)", STABLE),
    "width": ("units", SIZED),
    "images": ("images", SIZED),
}


class Mechanism(Benchmark):
    """What does EM do: does competition make learning stable and its features structured, and does that scale?

    Claim: without EM, learning "may be unstable, initialization-dependent"; with it come "stable, structured learning
    dynamics". And a question: "Does EM structure matter at scale?"

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
    essay = (
        (30, "“May be unstable, initialization-dependent” without EM, “Stable, structured learning dynamics” with it"),
        (82, "“Does EM structure matter at scale?”"),
    )
    sweeps_width = True
    tags = {"cell": str, "sweep": str, "amount": float}

    def grid(self, suite):
        for dataset in suite.datasets if suite.subject in suite.methods else ():
            for kind, encoder in varied(suite, dataset, kinds(suite, dataset), TIMES, alone=(OWN, SUBJECT)):
                yield from ((encoder, Request(name)) for name in ("linear_probe", "dynamics", "redundancy"))
                yield encoder, DISTANCES if kind in (*OFF, OWN) else Request("regions")
            for method in sorted(set(REFERENCES) & set(suite.methods)):
                encoder = suite.cell(method, dataset, label=REFERENCE, tags={"cell": REFERENCE})
                yield encoder, DISTANCES if method == UNTRAINED else Request("regions")

    # -- the rule -----------------------------------------------------------------------------------------------------
    def findings(self, rows, claims):
        found = encoders(rows, claims)
        measured = measures(found)
        compared = [list(compare(measured, *pair)) for pair in PAIRS]
        if len(found) and not compared[0]:
            yield Finding("not measured", values={"weights": [COMPETITION, DECORRELATION]})
        if not compared[0]:
            return
        yield Finding("contrast", contrast({one.name: one.outcome for one in compared[0]}))
        yield from (one for pair in compared for one in pair)
        regions = measured[KMEANS]
        if CLUSTERS in regions:
            half = regions.assign(half=regions[CLUSTERS] / 2)
            yield from against("regions", half, BOTH, "half")
        base = found[found["sweep"] == ""].groupby("cell")[["contested images", "candidates / K", UNCUT]].mean()
        if {BOTH, WITHOUT} <= set(base.index) and base.loc[[BOTH, WITHOUT]].notna().all(axis=None):
            names = ("contested", "candidates", "with", "without")
            yield Finding("cut off", values=dict(zip(names, (*base.loc[BOTH], base.loc[WITHOUT, UNCUT]), strict=True)))
        yield diverged(found, claims.width)
        best = at_best(found[found["sweep"] == RATE], "x", "validation", ["cell", "dataset"])
        yield from against("best rate", by_seed(best, ACCURACY, "cell"), BOTH, WITHOUT)
        yield from at_scale(found)

    # -- what is shown ------------------------------------------------------------------------------------------------
    def views(self, rows, claims):
        found = encoders(rows, claims).assign(status="ok", current=True)
        found["method"] = found["cell"]
        lines = ("competition", "decorrelation", "interaction")
        both = effects(measures(found), [*OFF], lines, 100)
        own = {"line": "line", "lines": lines, "strong": lines[:1], "panel": "panel", "order": PANELS}
        yield View("effects", estimates, both, label="points", **own, told={"n": both["seed"].nunique()})
        for which, (xlabel, columns) in SWEEPS.items():
            shown = as_rows(found[found["sweep"] == which], columns, 100)
            shown["panel"] = shown["dataset"] + ": " + shown["panel"]
            if shown["x"].nunique() > 1:
                axes = {"x": "x", "xlabel": xlabel, "panel": "panel", "order": list(shown["panel"].unique())}
                yield View("swept", sweep, shown, line="cell", **axes, told={"against": xlabel})
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
        means, spread = groups[[*COLUMNS]].mean(), [deviation(own.dropna()) for _, own in groups[ACCURACY]]
        means[[ACCURACY, SETTLED, DEAD]] *= 100
        means.insert(1, "deviation over seeds", [100 * one.value for one in spread])
        told = [f"{100 * one.low:.2g} to {100 * one.high:.2g}" if one.n > 1 else "" for one in spread]
        means.insert(2, "its interval", told)
        means.insert(3, "diverged", groups["diverged"].sum())
        return means.reset_index().rename(columns={"cell": "method", "sweep": "swept", "x": "value"})


def kinds(suite, dataset):
    """Cell -> its method and settings; for a subject without the two weights, just the subject as it is."""
    own = dict(suite.settings_of(suite.subject, dataset))
    if not all({**suite.subject_settings, **own}.get(weight) for weight in (COMPETITION, DECORRELATION)):
        return {SUBJECT: (suite.subject, own)}
    found = {cell: (suite.subject, own | dict.fromkeys(off, 0.0)) for cell, off in OFF.items()}
    others = {cell: m for cell, m in OTHERS.items() if m in suite.methods and m != suite.subject}
    return found | {cell: (method, dict(suite.settings_of(method, dataset))) for cell, method in others.items()}


def encoders(rows, claims):
    """A row for each encoder: KEY, COLUMNS, and `diverged`; sweep is "" for the encoders at the suite's width with
    nothing changed, and then x is 0. Of a reference, the cell is the method."""
    cell = rows["cell"].where(rows["cell"] != REFERENCE, rows["method"].astype(str))
    made = rows.assign(cell=cell, x=rows["amount"].fillna(0.0))
    kept = cell.isin([*CELLS, *REFERENCES])
    kept &= ~cell.isin([*OFF, SUBJECT]) | (made["method"] == claims.subject)  # of this subject, or of one before it
    if claims.width is not None:
        kept &= (made["sweep"] == "width") | (made["width"] == claims.width)
    found = encoder_table(made[kept], KEY, COLUMNS | {"validation": VALIDATION}, "linear_probe")
    found[ENTROPY] = found[ENTROPY].mask(found["cell"] == CLUSTERS)  # its code is no logarithm of shares
    return found.assign(**{c: found[c].mask(found["diverged"] > 0, 0.0) for c in (ACCURACY, "validation")})


def measures(found):
    """What PANELS says, each by seed and cell: means over data sets."""
    base = found[found["sweep"] == ""]
    made = {panel: by_seed(base, panel, "cell") for panel in PANELS if panel in base}
    for which, panel in RANGES.items():
        own = ranges(found[found["sweep"] == which], ACCURACY, "x", ["cell", "dataset", "seed"])
        made[panel] = by_seed(own, "range", "cell")
    return made


def compare(measured, one, other):
    """What the rule says of one cell, with competition, against another."""
    yield from steadier("seeds", measured[ACCURACY], one, other)
    for name, panel in {**RANGES, "settled": SETTLED}.items():
        yield from against(name, measured[panel], one, other, least=POINT, less=True)
    parts = {panel: list(against(panel, measured[panel], one, other, least=AGREEMENT)) for panel in (KMEANS, MIXTURE)}
    if all(parts.values()):
        yield from together("structure", {panel: part for panel, (part,) in parts.items()})
    yield from against("accuracy", measured[ACCURACY], one, other)


def contrast(outcomes):
    """What the essay's contrast does, by the outcomes of its three parts."""
    own = [outcomes.get(name, "undecided") for name in ("seeds", START, "structure")]
    if "against" in own:
        return "is mixed" if "for" in own else "is contradicted"
    return "holds" if set(own) == {"for"} else "holds in part" if "for" in own else "is undecided"


def diverged(found, width):
    """How many trainings of each cell diverged, and of how many; one that sweeps share counts once."""
    own = found[found["cell"].isin(CELLS)]
    most = own.groupby(["dataset", "sweep"])["x"].transform("max")
    unchanged = own["sweep"].map({START: 1.0, RATE: 1.0, "width": width}).astype(float)
    own = own[own["x"] != unchanged.where(own["sweep"] != "images", most)]
    lost = own.groupby("cell")["diverged"].agg(["sum", "count"]).astype(int)
    times = {cell: (n, of) for cell, n, of in lost.itertuples() if n}
    return Finding("diverged", values={"times": times, "trainings": lost["count"].sum()})


def at_scale(found):
    """What competition adds at the ends of a sweep of sizes, to accuracy and to what stands beside it."""
    for (dataset, which), own in found[found["sweep"].isin(["width", "images"])].groupby(["dataset", "sweep"]):
        ends, added = [own["x"].min(), own["x"].max()], {}
        for column in (ACCURACY, KMEANS, ENTROPY, SETTLED, DEAD):
            few, many = (by_seed(own[own["x"] == x], column, "cell") for x in ends)
            added[column] = next(grown("scale", few, many, BOTH, WITHOUT), None)
        accuracy = added.pop(ACCURACY)
        if accuracy and ends[0] < ends[1]:
            beside = {column: {**one.values, "grows": one.estimate} for column, one in added.items() if one}
            about = {"dataset": dataset, "sweep": which, "least": ends[0], "most": ends[1], "beside": beside}
            yield replace(accuracy, values={**accuracy.values, **about})
