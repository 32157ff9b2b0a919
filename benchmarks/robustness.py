"""What redundancy is worth when images are corrupted or units fall silent."""

from dataclasses import replace
from itertools import product

import pandas as pd

from infomax_bench import Benchmark, Estimate, Finding, Request, Select, View
from infomax_bench.evaluations.thresholds import CORRUPTIONS, DROPOUT
from infomax_bench.plots.effects import estimates, sweep
from infomax_bench.plots.figures import comparable, curves, scatter
from infomax_bench.stats.correlation import correlated, rank_correlations
from infomax_bench.stats.findings import best
from infomax_bench.stats.readings import by_seed, diverged, encoder_table, where

WEIGHT = "lambda_tc"  # the hyperparameter that weighs independence, in subjects that have it
WEIGHTS = (0.0, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
MIN_METHODS = 10
LEAST = 0.01  # accuracy above chance below which there is nothing to keep

KEY = ["method", "label", "dataset", "seed"]  # an encoder
CLEAN, ALL, SILENT, SCARCE = PARTS = ("clean images", "corrupted images", "silent units", "few labels")
PART_OF = {"linear": CLEAN, **dict.fromkeys(CORRUPTIONS, ALL), DROPOUT: SILENT, "few-shot": SCARCE}
ACROSS, WITHIN = "across methods", "in the sweep"
WORDS = {1: "more robust", -1: "less robust", 0: "undecided"}
KEPT, LEFT = "% kept", "accuracy"  # above chance as a share of the undisturbed one, and as it is
ACCURACY = Select("accuracy", tuple(PART_OF))
MEASURED = {
    "clean": Select("accuracy", "linear"),
    "chance": Select("chance_accuracy"),
    "dependence": Select("nonlinear_dependence"),
    "dead units": Select("dead_units"),
}
BESIDE = ["dependence", "dead units", "amount", "current", "status"]
AXES = {"xlabel": "nonlinear dependence (0: independent)", "ylabel": "% of accuracy kept", "scale": (1, 100)}
LINES = {"line": "part", "lines": (CLEAN, ALL, *CORRUPTIONS, SILENT, SCARCE), "strong": PARTS}
RANKS = {"panel": "panel", "order": [f"{c}, {what}" for c in (ACROSS, WITHIN) for what in (KEPT, LEFT)], **LINES}
STEPS = {"xlabel": "severity", "ylabel": "% kept", "panel": "panel", "scale": 100}


class Robustness(Benchmark):
    """Do features that repeat each other survive more: corrupted images, silent units, few labels?

    Rule: nothing is predicted and there is no verdict; these are the words of the answer. Redundancy is the nonlinear
    dependence between units. Its rank correlation (Spearman) with the accuracy kept is taken under every seed and
    averaged over data sets. "More redundant features are more robust" if its 95 % interval over seeds lies above zero,
    "less robust" if it lies below, "undecided" otherwise and with fewer than five seeds. Across methods, at least ten
    must have been measured everywhere, and the interval over methods (Bonett and Wright 2000) must lie on the same
    side; variants of the subject and methods with a width of their own take no part. (That interval takes methods for
    independent. Several are near relatives, so it is too narrow rather than too wide.) Within the subject, "weaker
    independence is better" if some smaller weight reaches a higher accuracy, mean over levels and data sets, than the
    largest weight (paired by seed, Holm-corrected), "the strongest is best" if the largest reaches more than every
    smaller one, else "undecided". Where training with some weight diverges under some seed, that weight and seed are
    not compared, only "weaker independence is better" can still be said of the others, and the answer names it (this
    was added while the standard run went on). Beyond the weight that is best with clean images less may be kept since
    less was learned, so the same words are also told of the weights up to it (this was added after the standard run, in
    which the heaviest weights cost accuracy and removed no more dependence; what is kept is a share of the accuracy
    that chose this weight, which favours redundancy a little). The words are not corrected for their number.
    """

    title = "Is independence the right target, or is some redundancy good?"
    order = 7
    evaluations = ("probe", "redundancy", "robustness")
    tags = {"sweep": str, "amount": float}

    def grid(self, suite):
        yield from super().grid(suite)
        for dataset in suite.datasets:
            for cell in suite.along(WEIGHT, WEIGHTS, dataset):  # none of a subject without it: the answer says so
                yield from ((cell, Request(evaluation)) for evaluation in self.evaluations)

    def findings(self, rows, claims):
        scored = scores(rows)
        rho = correlations(scored, claims)
        if rho.empty:
            return
        lost = where(diverged(rows, "robustness"), method=claims.subject, sweep=WEIGHT)
        for comparison, what, part in product((ACROSS, WITHIN), (KEPT, LEFT), PARTS):
            own = where(rho, comparison=comparison, what=what, part=part)
            if len(own):
                yield robust(what, own, lost, comparison=comparison, part=part)
        along = scored[(scored["method"] == claims.subject) & scored["amount"].notna()]
        yield from up_to_the_best(along, lost)
        yield from strongest(along, lost)
        if len(lost):
            yield Finding("diverged", values={"times": lost.groupby("label").size().to_dict()})
        if WITHIN not in set(rho["comparison"]):
            yield Finding("not swept", values={"weight": WEIGHT})

    def views(self, rows, claims):
        scored = scores(rows)
        along, rho = scored[scored["amount"].notna()], correlations(scored, claims)
        corrupted = where(scored, part=ALL, what=KEPT)
        points, way = corrupted[corrupted["label"] == ""], corrupted[corrupted["amount"].notna()]
        single = where(rho, comparison=ACROSS, part=ALL, what=KEPT).groupby("dataset")["value"].mean()
        more = {
            "trail": (way.assign(value=way["dependence"]), way, "amount"),
            "notes": {dataset: f"rank correlation {value:+.2f}" for dataset, value in single.items()},
        }
        told = {"weight": WEIGHT, "most": max(WEIGHTS), "swept": len(along) > 0}
        across = points.assign(value=points["dependence"])
        yield View("against_dependence", scatter, across, points, **AXES, **more, told=told)
        named = rho.assign(panel=rho["comparison"] + ", " + rho["what"], status="ok")
        yield View("ranks", estimates, named, label="rank correlation", **RANKS, told={"most": rho["seed"].nunique()})
        once = where(along, part=CLEAN)
        panels = {
            "nonlinear dependence": once.assign(value=once["dependence"] / 100),
            "dead units (%)": once.assign(value=once["dead units"]),
            "accuracy on clean images (%)": once,
            **{f"kept with {part} (%)": where(along, part=part, what=KEPT) for part in (ALL, SILENT, SCARCE)},
        }
        shown = pd.concat([own.assign(value=100 * own["value"], panel=panel) for panel, own in panels.items()])
        yield View("swept", sweep, shown, x="amount", panel="panel", xlabel=WEIGHT, order=[*panels], told=told)
        yield View("severity", curves, comparable(severity(levels(where(rows, label="")))), **STEPS)

    def table(self, rows, claims):
        own = scores(where(rows, label=""))
        columns = {"nonlinear dependence": own.assign(value=own["dependence"] / 100)}
        columns[f"{CLEAN} (%)"] = where(own, part=CLEAN)
        columns |= {f"{part} (% kept)": where(own, part=part, what=KEPT) for part in (*PARTS[1:], *CORRUPTIONS)}
        means = {heading: 100 * of.groupby(["dataset", "method"])["value"].mean() for heading, of in columns.items()}
        return pd.DataFrame(means).reset_index() if len(own) else None


def levels(rows):
    """Accuracy at every level of every disturbance, and on clean images. Columns beside the rows' own and those of
    MEASURED: `part`, of PARTS, and `kept`, NaN where clean accuracy is next to chance."""
    made = ACCURACY(rows[rows["status"] == "ok"]).merge(encoder_table(rows, KEY, MEASURED), on=KEY)
    above = (made["clean"] - made["chance"]).where(lambda a: a >= LEAST)
    return made.assign(part=made["protocol"].map(PART_OF), kept=(made["value"] - made["chance"]) / above)


def scores(rows):
    """A row for each encoder, part or single corruption, and of accuracy KEPT and LEFT: means over its levels, the
    undisturbed one aside. Columns: KEY, `part`, `what`, `value` and BESIDE; `amount` is the weight in the sweep."""
    found = levels(rows)
    found = found[(found["x"] > 0) | (found["part"] == CLEAN)]
    single = found[found["part"] == ALL]
    found = pd.concat([found, single.assign(part=single["protocol"])]).rename(columns={"kept": KEPT, "value": LEFT})
    how = {KEPT: "mean", LEFT: "mean", **dict.fromkeys(BESIDE, "first"), "current": "all"}
    made = found.groupby([*KEY, "part"]).agg(how).reset_index().melt([*KEY, "part", *BESIDE], [KEPT, LEFT], "what")
    return made[(made["part"] != CLEAN) | (made["what"] == LEFT)]


def severity(levels):
    """What is kept at each level, in panels by disturbance."""
    own = levels[levels["part"].isin([ALL, SILENT]) & levels["kept"].notna()]
    tenths = own["protocol"] == DROPOUT
    panel = own["protocol"].where(~tenths, f"{DROPOUT}, in tenths of the units")
    return own.assign(value=own["kept"], x=own["x"].where(~tenths, 10 * own["x"]), panel=panel)


def correlations(scored, claims):
    """The rank correlation of redundancy with what is kept and what is left, ACROSS methods and WITHIN the sweep:
    columns `comparison`, `part`, `what`, dataset, seed, value, `n` (methods, or weights)."""
    plain = scored[(scored["label"] == "") & scored["method"].isin(claims.compared)]
    swept = scored[(scored["method"] == claims.subject) & scored["amount"].notna()]
    both = plain.assign(comparison=ACROSS, over=plain["method"]), swept.assign(comparison=WITHIN, over=swept["amount"])
    return rank_correlations(pd.concat(both), "dependence", "value", "over", ("comparison", "part", "what", "dataset"))


def robust(name, rho, lost, comparison=WITHIN, **about):
    """Whether redundant features keep more, or less; within a sweep, nothing while a training of it is lost."""
    found = correlated(rho, MIN_METHODS if comparison == ACROSS else 0)
    word = WORDS[found.side if comparison == ACROSS or lost.empty else 0]
    about |= {"n": found.n, "methods": found.over, "datasets": rho.groupby("dataset")["value"].mean().to_dict()}
    return Finding(name, word, Estimate.of(found.seeds), {"comparison": comparison, **about})


def up_to_the_best(along, lost):
    """The same of the weights up to the one that is best with clean images; nothing if that is all, or too few."""
    means = by_seed(where(along, part=CLEAN), "value", "amount").mean().dropna()
    if len(means) and means.idxmax() != means.index.max():
        few = along[(along["amount"] <= means.idxmax()) & (along["what"] == KEPT)]
        rho = rank_correlations(few, "dependence", "value", "amount", ("part", "dataset"))
        for part in PARTS:
            if len(own := where(rho, part=part)):
                yield robust("up to the best", own, lost, part=part, weight=WEIGHT, best=means.idxmax())


def strongest(along, lost):
    """Whether the largest weight is the best, of the sweep's scores, for each part; and which has the highest mean."""
    for part in PARTS:
        table = 100 * by_seed(where(along, part=part, what=LEFT), "value", "amount")
        means, about = table.mean().dropna(), {"part": part, "weight": WEIGHT, "top": max(WEIGHTS)}
        if len(means) > 1:
            about |= {"best": means.idxmax(), "accuracy": means.max(), "without": means.get(0.0)}
        if len(table):
            found = best("strongest", table, max(WEIGHTS), WEIGHTS, "points", about)
            yield replace(found, outcome="inconclusive") if len(lost) and found.outcome == "supported" else found
