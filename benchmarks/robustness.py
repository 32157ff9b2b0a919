"""Is independence the right target? What redundancy is worth when images are corrupted or units fall silent."""

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from infomax_bench import Benchmark, Request
from infomax_bench.evaluate.thresholds import CORRUPTIONS, DROPOUT
from infomax_bench.figures import comparable, curves, dots, scatter, seeds_of, sweep
from infomax_bench.statistics import MIN_SEEDS, compare, decide, hardest, in_words, interval, rank_interval

WEIGHT = "lambda_tc"  # the hyperparameter that weighs independence, in subjects that have it
WEIGHTS = (0.0, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
MIN_METHODS = 10
LEAST = 0.01  # accuracy above chance below which there is nothing to keep
FEW = "few-shot"
LINEAR = "linear"
KEY = ["method", "label", "dataset", "seed"]
ALL, SILENT, SCARCE, CLEAN = "corrupted images", "silent units", "few labels", "clean images"
PART_OF = dict.fromkeys(CORRUPTIONS, ALL) | {DROPOUT: SILENT, FEW: SCARCE, LINEAR: CLEAN}
DISTURBED = (ALL, SILENT, SCARCE)
ACROSS, WITHIN = "across methods", "within the subject"


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
    rather than to reduce it. Networks that generalise better rely less on single units, and lose less when these are
    silenced (Morcos et al. 2018). The corruptions are in the manner of Hendrycks and Dietterich (2019).

    Rule: nothing is predicted and there is no verdict; these are the words of the answer. Redundancy is the nonlinear
    dependence between units. Its rank correlation (Spearman) with the accuracy kept is taken under every seed and
    averaged over data sets. "More redundant features are more robust" if its 95 % interval over seeds lies above zero,
    "less robust" if it lies below, "undecided" otherwise and with fewer than five seeds. Across methods, at least ten
    must have been measured everywhere, and the interval over methods (Bonett and Wright 2000) must lie on the same
    side; variants of the subject and methods with a width of their own take no part. Within the subject, "weaker
    independence is better" if some smaller weight reaches a higher accuracy, mean over levels and data sets, than the
    largest weight (paired by seed, Holm-corrected), "the strongest is best" if the largest reaches more than every
    smaller one, else "undecided". The words are not corrected for their number.
    """

    title = "Is independence the right target, or is some redundancy good?"
    order = 7
    evaluations = ("probe", "redundancy", "robustness")

    def requests(self, suite):
        yield from super().requests(suite)
        if suite.subject not in suite.methods or WEIGHT not in suite.subject_settings:
            return  # the answer says so
        for dataset in suite.datasets:
            settings = dict(suite.settings_of(suite.subject, dataset))
            for weight in WEIGHTS:
                cell = suite.cell(
                    suite.subject, dataset, settings=tuple(sorted({**settings, WEIGHT: weight}.items())),
                    label=f"{WEIGHT} = {weight:g}", n_seeds=suite.sweep_seeds,
                )  # fmt: skip
                yield from ((cell, Request(evaluation)) for evaluation in self.evaluations)

    # -- what is measured ---------------------------------------------------------------------------------------------
    @staticmethod
    def levels(rows):
        """Accuracy at every level of every disturbance, and on clean images.

        Columns beside the rows' own: `part`, of PART_OF, and `kept`, NaN where clean accuracy is next to chance.
        """
        good = rows[rows["status"] == "ok"]
        accuracy = good[(good["metric"] == "accuracy") & good["protocol"].isin(list(PART_OF))]
        clean = accuracy[accuracy["protocol"] == LINEAR].groupby(KEY)["value"].mean().rename("clean")
        chance = good[good["metric"] == "chance_accuracy"].groupby(KEY)["value"].mean().rename("chance")
        made = accuracy.join(clean, on=KEY).join(chance, on=KEY)
        above = (made["clean"] - made["chance"]).where(lambda a: a >= LEAST)
        return made.assign(part=made["protocol"].map(PART_OF), kept=(made["value"] - made["chance"]) / above)

    @staticmethod
    def means(levels, column, by="part"):
        """Mean of `kept` or `value` over the levels, the undisturbed one aside: a row for each encoder and part."""
        disturbed = levels[(levels["x"] > 0) | (levels["part"] == CLEAN)]
        first = disturbed.drop_duplicates([*KEY, by])
        groups = disturbed.groupby([*KEY, by])[column]
        mean = groups.mean().where(groups.count() == groups.size()).rename("mean")
        return first.assign(value=first.join(mean, on=[*KEY, by])["mean"])

    @staticmethod
    def dependence(rows):
        return rows[(rows["metric"] == "nonlinear_dependence") & (rows["status"] == "ok")]

    @staticmethod
    def swept(rows, claims):
        """The subject's rows along the sweep, with the column `weight`."""
        own = rows[(rows["method"] == claims.subject) & rows["label"].astype(str).str.startswith(f"{WEIGHT} = ")]
        return own.assign(weight=own["label"].str.removeprefix(f"{WEIGHT} = ").astype(float))

    def correlations(self, rows, claims, by="part"):
        """The rank correlation of redundancy with the accuracy kept: a row for each seed, comparison and part.

        Columns: comparison (ACROSS or WITHIN), part, seed, value, n (methods, or weights).
        """
        columns = ["comparison", "part", "seed", "value", "n"]
        take_part = sorted(set(claims.roles) - claims.own_width)
        plain = rows[(rows["label"] == "") & rows["method"].isin(take_part)]
        found = []
        for comparison, own, column in ((ACROSS, plain, "method"), (WITHIN, self.swept(rows, claims), "weight")):
            if own.empty:
                continue
            one, levels = self.dependence(own), self.levels(own)
            for part, kept in self.means(levels[levels["part"] != CLEAN], "kept", by).groupby(by):
                rho, n = rank_correlations(wide(one, column), wide(kept, column))
                found += [(comparison, part, seed, value, n) for seed, value in rho.items()]
        return pd.DataFrame(found, columns=columns)

    # -- the answer ---------------------------------------------------------------------------------------------------
    def answer(self, rows, claims):
        rho = self.correlations(rows, claims)
        if rho.empty:
            return ""
        sentences = []
        for comparison in (ACROSS, WITHIN):
            own = rho[rho["comparison"] == comparison]
            if own.empty:
                continue
            n = own["n"].min()
            start = f"Across {n} methods" if comparison == ACROSS else f"Within {claims.subject}, {n} weights"
            parts = [
                reading(part, own[own["part"] == part], comparison) for part in DISTURBED if part in set(own["part"])
            ]
            sentences.append(f"{start}: {'; '.join(parts)}.")
        if WITHIN in set(rho["comparison"]):
            sentences += self.strongest(rows, claims)
        else:
            sentences.append(f"Within {claims.subject} nothing was swept: it has no `{WEIGHT}`, or was not measured.")
        if claims.indicative:
            sentences.append("This preset is for looking, not for deciding.")
        return " ".join(sentences)

    def strongest(self, rows, claims):
        """Whether the largest weight of independence is the best one, in a sentence for each outcome."""
        accuracies = self.means(self.levels(self.swept(rows, claims)), "value")
        largest = f"{WEIGHT} = {max(WEIGHTS):g}"
        said = {"refuted": [], "supported": [], "inconclusive": []}
        for part in (CLEAN, *DISTURBED):
            table = (
                wide(accuracies[accuracies["part"] == part], "weight")
                .groupby("seed")
                .agg(lambda v: v.mean(skipna=False))
            )
            if max(WEIGHTS) not in table or len(table.columns) < 2:
                continue
            named = table.set_axis([f"{w:g}" for w in table], axis=1)
            top = f"{max(WEIGHTS):g}"
            compared, _ = compare(named, top, [w for w in named if w != top])
            outcome = decide(compared)
            worst = hardest(compared, outcome)
            effect = "" if worst is None else (
                f" ({-100 * worst.mean:+.3g} points at {worst.rival}, "
                f"{in_words(-100 * worst.high, -100 * worst.low)})"
            )  # fmt: skip
            said[outcome].append(part + effect * (outcome == "refuted"))
        words = {
            "refuted": f"Weaker independence than {largest} is better with",
            "supported": f"The strongest independence, {largest}, is best with",
            "inconclusive": f"Whether the strongest independence, {largest}, is best is undecided with",
        }
        return [f"{words[outcome]} {', '.join(parts)}." for outcome, parts in said.items() if parts]

    # -- what is shown ------------------------------------------------------------------------------------------------
    def figures(self, rows, claims):
        plain = rows[rows["label"] == ""]
        levels = self.levels(plain)
        levels = levels.assign(accuracy=levels["value"], value=levels["kept"])
        measured = f"{seeds_of(plain)}, 95 % intervals"
        rho = self.correlations(rows, claims)
        if not levels.empty and not rho.empty:
            corrupted = self.means(levels[levels["part"] == ALL], "kept")
            yield (
                "Accuracy above chance that is kept when test images are corrupted, mean over five corruptions at five "
                f"severities, against the dependence between units ({measured}). If redundancy made features robust, "
                "the points would rise from left to right. Features that carry little have little to lose.",
                scatter(self.dependence(plain), corrupted, claims, xlabel="nonlinear dependence (0: independent)",
                        ylabel="% of accuracy kept", scale=(1, 100), notes=self.notes(rows, claims)),
            )  # fmt: skip
        single = self.correlations(rows, claims, by="protocol")
        both = pd.concat([rho, single[~single["part"].isin([DROPOUT, FEW])]])
        if not both.empty:
            shown = both.assign(method=both["part"], panel=both["comparison"], status="ok", current=True)
            yield (
                "Rank correlation of redundancy with the accuracy kept, for all corruptions together and each alone, "
                "silent units and few labels: right of zero, more redundant features keep more. Intervals are over "
                f"seeds ({int(both['seed'].nunique())} at most); those over methods are in the answer.",
                dots(shown, claims, label="rank correlation", panel="panel", higher_is_better=None, bound=(0.0, "")),
            )
        along = self.along(rows, claims)
        if not along.empty:
            yield (
                f"{claims.subject} with its weight of independence, {WEIGHT}, from 0 to {max(WEIGHTS):g} and all else "
                f"as it was ({seeds_of(along)}, 95 % intervals).",
                sweep(along, x="weight", panel="panel", xlabel=WEIGHT, order=tuple(PANELS.values())),
            )
        disturbed = levels[(levels["part"] == ALL) & np.isfinite(levels["value"])]
        if not disturbed.empty:
            yield (
                f"Accuracy kept against the severity of each corruption, mean over data sets ({measured}).",
                curves(comparable(disturbed, "protocol"), claims, xlabel="severity", ylabel="% kept",
                       panel="protocol", scale=100),
            )  # fmt: skip

    def notes(self, rows, claims):
        """Data set -> its rank correlation, mean over seeds, for corrupted images."""
        found = {}
        for dataset, own in rows.groupby("dataset"):
            rho = self.correlations(own, claims)
            chosen = rho[(rho["comparison"] == ACROSS) & (rho["part"] == ALL)]["value"]
            if len(chosen):
                found[str(dataset)] = f"rank correlation {chosen.mean():+.2f}"
        return found

    def along(self, rows, claims):
        """The sweep's rows for its figure: what PANELS says, in percent, with the columns `weight` and `panel`."""
        own = self.swept(rows, claims)
        if own.empty:
            return own.assign(panel="")
        levels = self.levels(own)
        parts = [self.means(levels, "value").query("part == @CLEAN").assign(panel=PANELS[CLEAN])]
        kept = self.means(levels[levels["part"] != CLEAN], "kept")
        parts.append(kept.assign(panel=kept["part"].map(PANELS)))
        percent = pd.concat(parts)
        percent["value"] *= 100
        return pd.concat([self.dependence(own).assign(panel=PANELS["dependence"]), percent])

    def table(self, rows, claims):
        plain = self.levels(rows[rows["label"] == ""])
        if plain.empty:
            return None
        columns = {"clean (%)": plain[plain["part"] == CLEAN].groupby(["dataset", "method"])["value"].mean()}
        for by, names in (("part", DISTURBED), ("protocol", CORRUPTIONS)):
            kept = self.means(plain, "kept", by)
            for name in names:
                columns[f"{name} (% kept)"] = kept[kept[by] == name].groupby(["dataset", "method"])["value"].mean()
        made = 100 * pd.DataFrame(columns)
        one = self.dependence(rows[rows["label"] == ""]).groupby(["dataset", "method"])["value"].mean()
        made.insert(0, "nonlinear dependence", one)
        return made.reset_index()


PANELS = {
    "dependence": "nonlinear dependence",
    CLEAN: "accuracy on clean images (%)",
    ALL: "kept with corrupted images (%)",
    SILENT: "kept with silent units (%)",
    SCARCE: "kept with few labels (%)",
}


def wide(rows, column):
    """Values by data set and seed (index) and `column`."""
    return rows.pivot_table(index=["dataset", "seed"], columns=column, values="value", dropna=False)


def rank_correlations(x, y):
    """Spearman's correlation under each seed, mean over data sets, and of how many columns: from two `wide` tables.

    Seeds that fewer than half of the columns have are left out, then columns that lack a case, then seeds that do.
    """
    shared = x.columns.intersection(y.columns)
    both = x[shared].where(np.isfinite(y[shared])).reindex(y.index)
    both = both.dropna(thresh=max(1, (len(shared) + 1) // 2)).dropna(axis=1)
    if both.shape[1] < 3:
        return pd.Series(dtype=float), 0
    y = y.loc[both.index, both.columns]
    rho = pd.Series(
        [spearmanr(a, b).statistic if len(set(a)) > 1 and len(set(b)) > 1 else np.nan
         for a, b in zip(both.to_numpy(), y.to_numpy(), strict=True)],
        index=both.index,
    ).unstack("dataset")  # fmt: skip
    return rho.mean(axis=1, skipna=False).dropna(), both.shape[1]


def reading(part, rho, comparison):
    """What the rank correlations under each seed say of one disturbance, in the rule's words."""
    over_seeds, n = interval(rho["value"].to_numpy()), int(rho["n"].min())
    sides = [(over_seeds.low, over_seeds.high)]
    told = f"{in_words(*sides[0], '+.2f')} over seeds"
    if comparison == ACROSS:
        sides.append(rank_interval(over_seeds.mean, n))
        told += f", {sides[1][0]:+.2f} to {sides[1][1]:+.2f} over methods"
    enough = over_seeds.n >= MIN_SEEDS and (comparison == WITHIN or n >= MIN_METHODS)
    number = f"(rank correlation {over_seeds.mean:+.2f}, {told})"
    if enough and all(low > 0 for low, _ in sides):
        return f"more redundant features are more robust with {part} {number}"
    if enough and all(high < 0 for _, high in sides):
        return f"more redundant features are less robust with {part} {number}"
    return f"undecided with {part} {number}"
