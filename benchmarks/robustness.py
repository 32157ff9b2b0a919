"""Is independence the right target? What redundancy is worth when images are corrupted or units fall silent."""

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from infomax_bench import Benchmark, Request
from infomax_bench.evaluations.thresholds import CORRUPTIONS, DROPOUT
from infomax_bench.plots.effects import estimates, sweep
from infomax_bench.plots.figures import comparable, curves, scatter, seeds_of
from infomax_bench.stats.compare import compare
from infomax_bench.stats.intervals import MIN_SEEDS, in_words, interval, rank_interval
from infomax_bench.stats.readings import diverged
from infomax_bench.stats.verdict import decide, hardest

WEIGHT = "lambda_tc"  # the hyperparameter that weighs independence, in subjects that have it
WEIGHTS = (0.0, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
MIN_METHODS = 10
LEAST = 0.01  # accuracy above chance below which there is nothing to keep

KEY = ["method", "label", "dataset", "seed"]  # an encoder
CLEAN, ALL, SILENT, SCARCE = "clean images", "corrupted images", "silent units", "few labels"
PART_OF = {"linear": CLEAN} | dict.fromkeys(CORRUPTIONS, ALL) | {DROPOUT: SILENT, "few-shot": SCARCE}
PARTS = (CLEAN, ALL, SILENT, SCARCE)
ACROSS, WITHIN = "across methods", "in the sweep"
SHOWN = {"kept": "% kept", "value": "accuracy"}  # accuracy as a share of the undisturbed one, and as it is
PANELS = {
    "dependence": "nonlinear dependence",
    "dead_units": "dead units (%)",
    CLEAN: "accuracy on clean images (%)",
    ALL: "kept with corrupted images (%)",
    SILENT: "kept with silent units (%)",
    SCARCE: "kept with few labels (%)",
}


class Robustness(Benchmark):
    """Do features that repeat each other survive more: corrupted images, silent units, few labels?

    Test images are corrupted by noise, blur, occlusion, loss of contrast and shifts, at five severities each, the same
    images for all methods; or random live units are silenced (held at their training mean), up to nine in ten; and the
    probe, fitted once, is not fitted again. Or it is fitted to 1, 5, 10 and 50 labels a class. The measure is the
    accuracy kept: what is left above chance, as a share of what the undisturbed probe with all labels has above chance,
    mean over the levels. It stands against the redundancy of the features in two ways: across methods, where much else
    differs too, and within the subject, if it has a hyperparameter `lambda_tc`, whose weight of independence is swept
    from 0 to 1000 with all else as it was.

    Claim: none is made, but a question asked: "Is independence the right target? Maybe some redundancy is good".

    Prior art: that reliable systems are made of unreliable parts by redundancy goes back to von Neumann (1956). Codes
    that are to carry most through noise remove redundancy where noise is weak and keep it where noise is strong (Atick
    and Redlich 1990; Doi, Balcan and Lewicki 2007), and Barlow (2001) came to hold that the brain exploits redundancy
    rather than reducing it. Networks that generalise better rely less on single units, and lose less when these are
    silenced (Morcos et al. 2018). The corruptions are in the manner of Hendrycks and Dietterich (2019).

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
    essay = ((81, "“Is independence the right target? Maybe some redundancy is good”"),)
    evaluations = ("probe", "redundancy", "robustness")
    tags = {"sweep": str, "amount": float}

    def grid(self, suite):
        yield from super().grid(suite)
        if suite.subject not in suite.methods or WEIGHT not in suite.subject_settings:
            return  # the answer says so
        for dataset in suite.datasets:
            settings = dict(suite.settings_of(suite.subject, dataset))
            for weight in WEIGHTS:
                cell = suite.cell(
                    suite.subject, dataset, settings=tuple(sorted({**settings, WEIGHT: weight}.items())),
                    label=f"{WEIGHT} = {weight:g}", n_seeds=suite.sweep_seeds,
                    tags={"sweep": WEIGHT, "amount": weight},
                )  # fmt: skip
                yield from ((cell, Request(evaluation)) for evaluation in self.evaluations)

    # -- what is measured ---------------------------------------------------------------------------------------------
    @staticmethod
    def levels(rows):
        """Accuracy at every level of every disturbance, and on clean images.

        Columns beside the rows' own: `part`, of PARTS, and `kept`, NaN where clean accuracy is next to chance.
        """
        good = rows[rows["status"] == "ok"]
        accuracy = good[(good["metric"] == "accuracy") & good["protocol"].isin(list(PART_OF))]
        clean = accuracy[accuracy["protocol"] == "linear"].groupby(KEY)["value"].mean().rename("clean")
        chance = good[good["metric"] == "chance_accuracy"].groupby(KEY)["value"].mean().rename("chance")
        made = accuracy.join(clean, on=KEY).join(chance, on=KEY)
        above = (made["clean"] - made["chance"]).where(lambda a: a >= LEAST)
        return made.assign(part=made["protocol"].map(PART_OF), kept=(made["value"] - made["chance"]) / above)

    def scores(self, rows):
        """A row for each encoder and part, or single corruption: means over its levels, the undisturbed one aside.

        Columns: KEY, `part`, `kept` and `value`, `dependence` between units,
        `weight` (NaN outside the sweep), and what figures need.
        """
        levels = self.levels(rows)
        counted = levels[(levels["x"] > 0) | (levels["part"] == CLEAN)]
        alone = counted[counted["part"] == ALL]
        counted = pd.concat([counted, alone.assign(part=alone["protocol"])])
        made = counted.groupby([*KEY, "part"])[list(SHOWN)].mean().reset_index()
        good = rows[rows["status"] == "ok"]
        for metric, name in (("nonlinear_dependence", "dependence"), ("dead_units", "dead_units")):
            made = made.join(good[good["metric"] == metric].groupby(KEY)["value"].mean().rename(name), on=KEY)
        weight = rows.drop_duplicates("label").set_index("label")["amount"]
        current = rows.groupby("method")["current"].all()
        return made.assign(weight=made["label"].map(weight), current=made["method"].map(current), status="ok")

    @staticmethod
    def correlations(scores, claims):
        """The rank correlation of redundancy with the accuracy kept, and with the accuracy itself.

        Columns: `comparison` (ACROSS or WITHIN), `part`, `what` (of SHOWN), dataset, seed, value, `n` (methods, or
        weights).
        """
        plain = scores[(scores["label"] == "") & scores["method"].isin(set(claims.roles) - claims.own_width)]
        found = [pd.DataFrame(columns=["comparison", "part", "what", "dataset", "seed", "value", "n"])]
        for comparison, own, column in (
            (ACROSS, plain, "method"),
            (WITHIN, scores[(scores["method"] == claims.subject) & scores["weight"].notna()], "weight"),
        ):
            for part, group in own.groupby("part"):
                for what in SHOWN if part != CLEAN else ("value",):
                    rho = rank_correlations(group, column, what)
                    found.append(rho.assign(comparison=comparison, part=part, what=what))
        return pd.concat([f for f in found if len(f)] or found)

    @staticmethod
    def lost(rows, claims):
        """Labels of the sweep with which the subject's training diverged -> how often."""
        own = diverged(rows[rows["method"] == claims.subject], "robustness")
        own = own[own["sweep"] == WEIGHT]
        return own.groupby(own["label"].astype(str)).size().to_dict()

    # -- the answer ---------------------------------------------------------------------------------------------------
    def answer(self, rows, claims):
        scores = self.scores(rows)
        rho = self.correlations(scores, claims)
        if rho.empty:
            return ""
        said, lost = [], self.lost(rows, claims)
        for comparison, own in rho.groupby("comparison"):
            n = own["n"].min()
            start = f"Across {n} methods" if comparison == ACROSS else f"Within {claims.subject}, over {n} weights"
            kept = own[own["what"] == "kept"]
            sure = comparison == ACROSS or not lost
            said.append(f"{start}: {'; '.join(reading(p, g, comparison, sure) for p, g in in_order(kept))}.")
            single = kept[kept["part"] == ALL].groupby("dataset")["value"].mean()
            if len(single) > 1:
                said.append(f"With {ALL} it is {', '.join(f'{v:+.2f} on {d}' for d, v in single.items())}.")
            itself = [f"{g['value'].mean():+.2f} with {p}" for p, g in in_order(own[own["what"] == "value"])]
            said.append(f"With the accuracy itself the rank correlation is {', '.join(itself)}.")
        along = scores[(scores["method"] == claims.subject) & scores["weight"].notna()]
        said += [*up_to_the_best(along, lost), *strongest(along, lost)]
        if WITHIN not in set(rho["comparison"]):
            said.append(f"Within {claims.subject} nothing was swept: it has no {WEIGHT}, or was not measured.")
        return " ".join(said)

    # -- what is shown ------------------------------------------------------------------------------------------------
    def figures(self, rows, claims):
        scores = self.scores(rows)
        plain, along = scores[scores["label"] == ""], scores[scores["weight"].notna()]
        if plain.empty:
            return
        measured = f"{seeds_of(plain)}, 95 % intervals"
        rho = self.correlations(scores, claims)
        corrupted, way = plain[plain["part"] == ALL], along[along["part"] == ALL]
        single = rho[(rho["comparison"] == ACROSS) & (rho["part"] == ALL) & (rho["what"] == "kept")]
        yield (
            "Accuracy above chance that is kept when test images are corrupted, mean over five corruptions at five "
            f"severities, against the dependence between units ({measured}). If redundancy made features robust, the "
            "points would rise from left to right. Features that carry little have little to lose."
            + f" The thin line is {claims.subject} as its {WEIGHT} goes from 0 to {max(WEIGHTS):g}." * (len(way) > 0),
            scatter(corrupted.assign(value=corrupted["dependence"]), corrupted.assign(value=corrupted["kept"]), claims,
                    xlabel="nonlinear dependence (0: independent)", ylabel="% of accuracy kept", scale=(1, 100),
                    trail=(way.assign(value=way["dependence"]), way.assign(value=way["kept"]), "weight"),
                    notes={str(d): f"rank correlation {v:+.2f}" for d, v in
                           single.groupby("dataset")["value"].mean().items()}),
        )  # fmt: skip
        if not rho.empty:
            yield (
                "Rank correlation of redundancy with the share of accuracy that is kept, and with the accuracy that is "
                "left, for all corruptions together and for each: right of zero, more redundant features are better. "
                f"Intervals are over seeds ({rho['seed'].nunique()} at most); those over methods stand in the answer.",
                estimates(rho.assign(panel=rho["comparison"] + ", " + rho["what"].map(SHOWN), status="ok"),
                          line="part", panel="panel", label="rank correlation", strong=PARTS,
                          lines=(CLEAN, ALL, *CORRUPTIONS, SILENT, SCARCE),
                          order=tuple(f"{c}, {w}" for c in (ACROSS, WITHIN) for w in SHOWN.values())),
            )  # fmt: skip
        if not along.empty:
            yield (
                f"{claims.subject} with its weight of independence, {WEIGHT}, from 0 to {max(WEIGHTS):g} and all else "
                f"as it was ({seeds_of(along)}, 95 % intervals).",
                sweep(swept(along), x="weight", panel="panel", xlabel=WEIGHT, order=tuple(PANELS.values())),
            )
        levels = self.levels(rows[rows["label"] == ""])
        tenths = levels["protocol"] == DROPOUT
        steps = levels.assign(
            value=levels["kept"], x=levels["x"].where(~tenths, 10 * levels["x"]),
            panel=levels["protocol"].where(~tenths, f"{DROPOUT}, in tenths of the units"),
        )  # fmt: skip
        steps = steps[steps["part"].isin([ALL, SILENT]) & np.isfinite(steps["value"])]
        if not steps.empty:
            yield (
                f"Accuracy kept against the severity of each corruption, and against the units silenced ({measured}); "
                "means over data sets of the methods that have run on all of them.",
                curves(comparable(steps, "panel"), claims, xlabel="severity", ylabel="% kept", panel="panel",
                       scale=100),
            )  # fmt: skip

    def table(self, rows, claims):
        scores = self.scores(rows[rows["label"] == ""])
        if scores.empty:
            return None
        by = ["dataset", "method"]
        columns = {"nonlinear dependence": scores.groupby(by)["dependence"].mean()}
        for part in (*PARTS, *CORRUPTIONS):
            what = "value" if part == CLEAN else "kept"
            heading = f"{part} (%)" if part == CLEAN else f"{part} (% kept)"
            columns[heading] = 100 * scores[scores["part"] == part].groupby(by)[what].mean()
        return pd.DataFrame(columns).reset_index()


def swept(along):
    """The sweep's scores as the rows of its figure: what PANELS says, in the column `panel`."""
    once = along[along["part"] == CLEAN]
    parts = [once.assign(value=once["dependence"], panel=PANELS["dependence"])]
    parts.append(once.assign(value=100 * once["dead_units"], panel=PANELS["dead_units"]))
    for part in PARTS:
        own = along[along["part"] == part]
        parts.append(own.assign(value=100 * own["value" if part == CLEAN else "kept"], panel=PANELS[part]))
    return pd.concat(parts)


def in_order(rows):
    """The rows of each of PARTS that there is."""
    return [(part, own) for part in PARTS if len(own := rows[rows["part"] == part])]


def rank_correlations(scores, column, what):
    """Spearman's correlation of `dependence` with `what` over `column`: rows with dataset, seed, value and n columns.

    Left out are data sets and seeds that fewer than half of the columns have, then columns that lack one of them, then
    seeds that lack a data set.
    """
    good = scores[np.isfinite(scores["dependence"]) & np.isfinite(scores[what])]
    x, y = (good.pivot_table(index=["dataset", "seed"], columns=column, values=v) for v in ("dependence", what))
    x = x.dropna(thresh=(x.shape[1] + 1) // 2).dropna(axis=1)
    y = y.loc[x.index, x.columns]
    rho = [
        (*place, spearmanr(a, b).statistic, x.shape[1])
        for place, a, b in zip(x.index, x.to_numpy(), y.to_numpy(), strict=True)
        if len(set(a)) > 2 and len(set(b)) > 1
    ]
    found = pd.DataFrame(rho, columns=["dataset", "seed", "value", "n"])
    return found[found.groupby("seed")["dataset"].transform("nunique") == found["dataset"].nunique()]


def reading(part, rho, comparison, sure=True):
    """What the rank correlations say of one disturbance, in the rule's words; nothing, unless it is sure that none is
    missing."""
    over_seeds, n = interval(rho.groupby("seed")["value"].mean().to_numpy()), int(rho["n"].min())
    sides = [(over_seeds.low, over_seeds.high)]
    told = in_words(max(over_seeds.low, -1), min(over_seeds.high, 1), "+.2f") + " over seeds" * (over_seeds.n > 1)
    if comparison == ACROSS:
        sides.append(rank_interval(over_seeds.mean, n))
        told += f", {sides[1][0]:+.2f} to {sides[1][1]:+.2f} over methods"
    word = "undecided"
    if sure and over_seeds.n >= MIN_SEEDS and (comparison == WITHIN or n >= MIN_METHODS):
        if all(low > 0 for low, _ in sides):
            word = "more redundant features are more robust"
        elif all(high < 0 for _, high in sides):
            word = "more redundant features are less robust"
    return f"{word} with {part} (rank correlation {over_seeds.mean:+.2f}, {told})"


def up_to_the_best(along, lost):
    """What the rank correlations say of the weights up to the one that is best with clean images, one sentence; none if
    that is all weights, or too few."""
    means = over_datasets(along[along["part"] == CLEAN]).mean().dropna()
    if means.empty or means.idxmax() == means.index.max():
        return []
    few = along[(along["weight"] <= means.idxmax()) & (along["part"] != CLEAN)]
    rho = [(part, rank_correlations(own, "weight", "kept")) for part, own in in_order(few)]
    rho = [(part, found) for part, found in rho if len(found)]
    if not rho:
        return []
    n_weights = min(found["n"].min() for _, found in rho)
    start = f"Up to {WEIGHT} = {means.idxmax():g}, the highest mean accuracy with {CLEAN} ({n_weights} weights)"
    return [f"{start}: {'; '.join(reading(part, found, WITHIN, sure=not lost) for part, found in rho)}."]


def over_datasets(rows):
    """The sweep's accuracy by seed and weight, means over data sets; NaN where one of them is missing."""
    table = rows.pivot_table(index="seed", columns=["weight", "dataset"], values="value")
    return table.T.groupby("weight").agg(lambda v: v.mean(skipna=False)).T


def strongest(along, lost):
    """Whether the largest weight of independence is the best, a sentence for each outcome, of the sweep's scores; and
    which weight has the highest mean.

    lost: labels of the sweep -> how many trainings diverged.
    """
    top = max(WEIGHTS)
    said = {"refuted": [], "supported": [], "inconclusive": []}
    best = []
    for part, own in in_order(along):
        table = over_datasets(own)
        means = 100 * table.mean().dropna()
        if len(means) > 1:
            none = f"; {means[0.0]:.1f} % with 0" if 0.0 in means and means.idxmax() else ""
            best.append(f"{means.idxmax():g} with {part} ({means.max():.1f} %{none})")
        if top not in table:
            said["inconclusive"].append(part)
            continue
        compared, missing = compare(table.rename(columns=str), str(top), [str(w) for w in WEIGHTS if w != top])
        outcome = decide(compared)
        worst = hardest(compared, outcome)
        if outcome == "refuted" and worst is not None:
            points = f"{-100 * worst.mean:+.3g} points, {in_words(-100 * worst.high, -100 * worst.low)}"
            part += f" (most surely {float(worst.rival):g}: {points})"
        said["inconclusive" if (missing or lost) and outcome == "supported" else outcome].append(part)
    words = {
        "refuted": f"Weaker independence than {WEIGHT} = {top:g} is better with",
        "supported": f"The strongest is best: {WEIGHT} = {top:g}, with",
        "inconclusive": f"Whether the strongest, {WEIGHT} = {top:g}, is best is undecided with",
    }
    told = [f"{words[outcome]} {', '.join(parts)}." for outcome, parts in said.items() if parts]
    if best:
        told.append(f"The weight with the highest mean accuracy is {', '.join(best)}.")
    if lost:
        told.append(f"Training diverged with {', '.join(f'{w} ({n} of them)' for w, n in sorted(lost.items()))}.")
    return told
