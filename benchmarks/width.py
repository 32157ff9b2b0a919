"""P3: do smaller InfoMax models match larger conventional ones?"""

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from infomax_bench import Benchmark, Request
from infomax_bench.plots.figures import comparable, curves, dots, seeds_of

MARGIN = 0.01  # accuracy that "matches" allows
KEPT, ALL = "kept", "with what is discarded"


class Width(Benchmark):
    """How wide must an encoder be for a given accuracy?

    Every method is trained at every width of the sweep and probed linearly; at the widths that no other benchmark uses,
    under five seeds unless more are asked for. The equivalent width is the one at which the subject would reach what
    another method reaches: for each data set and seed the subject's accuracy, made monotone (isotonic regression), is
    read as a line over the logarithm of the width, and never beyond the sweep. What lies there is a bound ("< 8", ">
    256") and stays one. The ratio of widths is the equivalent width over the other's own, so below 1 the subject is the
    smaller one; the ratio of parameters is that of the encoders, and again with all that is thrown away after training
    (decoders, heads).

    Claim: "Smaller InfoMax models match larger conventional ones."

    Prior art: that accuracy grows with width, and ever more slowly, holds for features of every kind, learned or random
    (Coates, Lee and Ng 2011, who found k-means ahead of sparse autoencoders and RBMs at every width).

    Rule: the subject at half of a rival's width, on average over all widths of the sweep that have their half in it and
    over data sets. "Matches at half the width" is supported if, for every method of the group, the paired 95 % interval
    of the subject's accuracy minus the rival's lies above minus one point; refuted if at least one rival is better by
    more than one point (Holm-corrected). Methods that have a width of their own take no part; with a method that cannot
    be so wide on a data set, the subject is compared at the other widths. Fewer than five seeds, or anything else:
    inconclusive.
    """

    title = "Do narrow encoders match wide ones?"
    order = 3
    essay = ((72, "“Smaller InfoMax models match larger conventional ones.”"),)
    sweeps_width = True

    def grid(self, suite):
        for dataset in suite.datasets if suite.swept is None else suite.swept:
            for width in suite.widths:
                for method in suite.methods:
                    if width == suite.width:  # the whole probe is there for the other benchmarks
                        cell, probe = suite.cell(method, dataset, width), "probe"
                    else:
                        cell, probe = suite.cell(method, dataset, width, n_seeds=suite.sweep_seeds), "linear_probe"
                    yield cell, Request(probe)
                    yield cell, Request("training")  # parameters, kept and discarded

    def decide(self, rows, claims):
        linear = self.accuracy(rows)
        subject = linear[linear["method"] == claims.subject]
        doubled = subject.assign(width=2 * subject["width"])  # stands beside rivals of twice its width
        shared = sorted(set(doubled["width"]) & set(subject["width"]))  # the sweep is the subject's
        if not shared:
            return
        rivals = linear[(linear["method"] != claims.subject) & linear["width"].isin(shared)]
        # the width is part of the case that must be complete
        paired = pd.concat([doubled[doubled["width"].isin(shared)], rivals])
        paired = paired.assign(dataset=self.at_width(paired))
        never = rows[rows["status"] == "not applicable"]
        yield from self.better_than_all(
            paired, claims.without(claims.own_width), "P3", "Matches at half the width",
            "accuracy at half the rival's width", unit="points", margin=MARGIN, scale=100,
            cannot=set(zip(never["method"], self.at_width(never), strict=True)),
        )  # fmt: skip

    @staticmethod
    def accuracy(rows):
        return rows[(rows["metric"] == "accuracy") & (rows["protocol"] == "linear") & (rows["status"] == "ok")]

    @staticmethod
    def at_width(rows):
        return rows["dataset"].astype(str) + "@" + rows["width"].astype(str)

    # -- equivalent widths --------------------------------------------------------------------------------------------
    def equivalents(self, rows, claims):
        """For every other method, data set, width and seed, the subject's width of the same accuracy.

        Columns beside those four: `equivalent`; `bound`, which is -1 or 1 where that is the end of the sweep and the
        real one lies below or above it, else 0; `ratio`, the equivalent width over the width; and the ratios of
        parameters, KEPT and ALL, NaN where they were not measured.
        """
        linear = self.accuracy(rows)
        key = ["method", "dataset", "width", "seed"]
        values = linear.groupby(key, observed=True)["value"].mean()
        sizes = self.parameters(rows)
        found = []
        for (dataset, _), others in values.reset_index().groupby(["dataset", "seed"], sort=True):
            own = others[others["method"] == claims.subject].sort_values("width")
            others = others[others["method"] != claims.subject]
            if len(own) < 2:  # nothing to interpolate
                continue
            widths = own["width"].to_numpy(dtype=float)
            width, bound = equivalent_width(widths, own["value"].to_numpy(), others["value"].to_numpy())
            made = others.drop(columns="value").assign(equivalent=width, bound=bound, ratio=width / others["width"])
            for name in (KEPT, ALL):
                mine = [sizes.get((claims.subject, dataset, w), {}).get(name, np.nan) for w in own["width"]]
                theirs = [
                    sizes.get((m, dataset, w), {}).get(name, np.nan)
                    for m, w in zip(others["method"], others["width"], strict=True)
                ]
                # what has no parameters is no size to be compared with
                made[name] = np.interp(width, widths, mine) / np.where(np.array(theirs) > 0, theirs, np.nan)
            found.append(made)
        columns = [*key, "equivalent", "bound", "ratio", KEPT, ALL]
        return pd.concat(found) if found else pd.DataFrame(columns=columns)

    @staticmethod
    def parameters(rows):
        """(method, data set, width) -> the encoder's parameters, KEPT, and ALL with what training discards."""
        chosen = rows[rows["metric"].isin(["parameters", "discarded_parameters"]) & (rows["status"] == "ok")]
        means = chosen.groupby(["method", "dataset", "width", "metric"], observed=True)["value"].mean().unstack()
        if not {"parameters", "discarded_parameters"} <= set(means.columns):
            return {}
        means = means.assign(**{ALL: means["parameters"] + means["discarded_parameters"]})
        return means.rename(columns={"parameters": KEPT})[[KEPT, ALL]].to_dict("index")

    def in_words(self, rows, claims):
        """Data set, method, width -> the mean equivalent width over seeds, and the mean ratios, as text.

        Means are geometric. A seed that is only a bound makes the mean one: with the end of the sweep in its place the
        mean is at most ("<") or at least (">") that; with seeds beyond both ends nothing can be said ("?").
        """
        lines = []
        for key, own in self.equivalents(rows, claims).groupby(["dataset", "method", "width"], observed=True):
            below, above = (own["bound"] < 0).any(), (own["bound"] > 0).any()
            sign = "< " * bool(below) + "> " * bool(above)
            texts = []
            for column, form in (("equivalent", ".0f"), ("ratio", ".2f"), (KEPT, ".2f"), (ALL, ".2f")):
                with np.errstate(divide="ignore"):
                    mean = np.exp(np.log(own[column].to_numpy(dtype=float)).mean())
                known = not (below and above) and np.isfinite(mean)
                texts.append(sign + format(mean, form) if known else ("?" if below and above else "–"))
            lines.append((*key, *texts))
        return pd.DataFrame(lines, columns=["dataset", "method", "width", "equivalent", "ratio", KEPT, ALL])

    # -- what is shown ------------------------------------------------------------------------------------------------
    def figures(self, rows, claims):
        linear = self.accuracy(rows)
        if linear.empty:
            return
        measured = f"{seeds_of(linear)}, 95 % intervals"
        subject = linear["method"] == claims.subject
        doubled = linear.assign(width=linear["width"].where(~subject, 2 * linear["width"]))
        shared = set(doubled.loc[subject, "width"]) & set(linear.loc[subject, "width"])
        if shared:
            widths = ", ".join(map(str, sorted(shared)))
            halved = comparable(doubled[doubled["width"].isin(shared)], "dataset", over=("width",))
            seeds = halved.groupby(["dataset", "method", "seed"], observed=True)["width"]
            halved = halved[seeds.transform("nunique") == len(shared)]  # some widths have more seeds than others
            yield (
                f"{claims.subject} at half the width of the others: means over the others' widths {widths} "
                f"({seeds_of(halved)}, 95 % intervals). The claim allows it one point less than each.",
                dots(halved, claims, label="accuracy (%)", scale=100),
            )
        yield (
            f"Accuracy of the linear probe against the width of the encoder ({measured}). Level lines: methods that "
            "have a width of their own.",
            curves(linear, claims, xlabel="width", ylabel="accuracy (%)", x="width", scale=100, log=True),
        )
        yield from self.equivalent_figure(rows, claims)

    def equivalent_figure(self, rows, claims):
        """The ratio of widths at the suite's width, or the widest: one figure, or none."""
        found = self.equivalents(rows, claims)
        found = found[~found["method"].isin(claims.own_width)]
        if found.empty:
            return
        width = claims.width if claims.width in set(found["width"]) else found["width"].max()
        found = found[found["width"] == width]
        outside = found.groupby(["dataset", "method"])["bound"].transform(lambda b: (b != 0).any()).astype(bool)
        words = self.in_words(rows, claims)
        words = words[words["width"] == width].set_index(["dataset", "method"])["equivalent"]
        beyond = {}
        for dataset, method in sorted(set(zip(found["dataset"][outside], found["method"][outside], strict=True))):
            beyond.setdefault((dataset, words[dataset, method]), []).append(method)
        left_out = "; ".join(f"{d}, {w}: {', '.join(methods)}" for (d, w), methods in beyond.items())
        inside = found[~outside]
        shown = inside.merge(rows[["method", "current"]].drop_duplicates("method"), on="method")
        shown = shown.assign(value=np.log2(shown["ratio"].astype(float)), status="ok")
        caption = (
            f"How wide {claims.subject} must be for the accuracy that others have at width {width}: doublings of width "
            "(0: as wide; -1: half as wide is enough; 1: twice as wide), mean over "
            f"{seeds_of(found.assign(status='ok'))} with its 95 % interval."
        )
        if left_out:
            caption += f" Not drawn, since under some seed it lies beyond the sweep: {left_out}."
        yield caption, dots(shown, claims, label="doublings of width", higher_is_better=None, bound=(0.0, ""))

    def table(self, rows, claims):
        linear = self.accuracy(rows)
        widths = sorted(linear["width"].unique())
        columns = {f"% at width {w}": ("accuracy", "linear", None, w, 100) for w in widths}
        means = self.means(linear, columns, by="dataset")
        words = self.in_words(rows, claims)
        if words.empty:
            return means
        width = claims.width if claims.width in set(words["width"]) else max(words["width"])
        for w in widths:
            own = words[words["width"] == w].set_index(["dataset", "method"])["equivalent"]
            means = means.join(own.rename(f"as {claims.subject} at, for {w}"), on=["dataset", "method"])
        own = words[words["width"] == width].set_index(["dataset", "method"])
        for column, heading in (("ratio", "widths"), (KEPT, "parameters"), (ALL, f"parameters {ALL}")):
            means = means.join(own[column].rename(f"ratio of {heading}, for {width}"), on=["dataset", "method"])
        return means.fillna({c: "–" for c in means if not pd.api.types.is_numeric_dtype(means[c])})


def equivalent_width(widths, accuracies, reached):
    """The width at which a method has the accuracies `reached`, and whether that is only a bound.

    widths: ascending, with their `accuracies`, which are made monotone; linear in the logarithm of the width between
    them. Returns widths and bounds as `reached`: 0, or -1 (1) if it lies below (above) the sweep, whose end stands in
    its place. Where accuracy stands still, the smallest width counts.
    """
    fitted = isotonic_regression(accuracies).x
    level = np.log2(widths)
    bound = np.where(reached < fitted[0], -1, np.where(reached > fitted[-1], 1, 0))
    log_width = np.empty(len(reached))
    for i, value in enumerate(np.clip(reached, fitted[0], fitted[-1])):
        at = int(np.searchsorted(fitted, value, side="left"))  # the first point that reaches it
        if fitted[at] == value:
            log_width[i] = level[at]
        else:
            share = (value - fitted[at - 1]) / (fitted[at] - fitted[at - 1])
            log_width[i] = level[at - 1] + share * (level[at] - level[at - 1])
    return 2.0**log_width, bound
