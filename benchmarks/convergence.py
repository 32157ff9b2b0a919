"""Or does everything converge to similar features eventually?"""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from infomax_bench import Benchmark, Request
from infomax_bench.plots.effects import sweep
from infomax_bench.plots.figures import comparable, dots, seeds_of
from infomax_bench.plots.sheets import clustered, pairs
from infomax_bench.stats.intervals import ALPHA, MIN_SEEDS, in_words, interval
from infomax_bench.study.amounts import fewer_images, sizes

SEEDS = 5  # one block: what is compared is kept on disk
ENOUGH = 0.8  # of the similarity between two seeds of one method: as alike as that is alike
LEAST = 0.05  # similarity between seeds below which it is no measure for anything

MEASURES = {"cka": "CKA", "mutual_neighbours": "mutual neighbours", "matched_units": "matched units"}
WIDTH, IMAGES = "width", "images"
RESOURCES = {WIDTH: "wider encoders", IMAGES: "more training images"}
BETWEEN, OWN, WITH = "two methods", "two seeds of one method", "with "
KEY = ["resource", "dataset", "x", "metric", "seed"]

CONVERGE, CLOSER = "they converge", "they come closer but stay apart"
ALIKE, APART, UNDECIDED = "they are alike, and no closer than with less", "they stay apart", "undecided"
FREE = "they are alike, but not shown to be more so than they are like what learned nothing"


class Convergence(Benchmark):
    """Do methods end in the same features as encoders grow wider and see more images?

    Features of the same 192 test images are compared between encoders, each unit standardised and dead ones left out,
    by three measures: debiased linear CKA (the same relations between images), mutual neighbours (the same ten nearest
    images), and matched units (the correlation of single units, after the best one-to-one matching, in absolute value).
    Each is 1 for the same features and 0 for independent ones: what chance gives is taken off, which for matched units
    grows with the width. Under one seed all methods start from the same random weights and see the same images, which
    alone makes them alike; so a seed of one method is compared with the next seed of the other. Two seeds of one method
    are compared in the same way: that is the most that two methods can be expected to share. Neighbouring pairs share
    an encoder, so that five of them tell less than five seeds would: the intervals in the answer are as wide as the
    most sharing that is possible makes them (twice as wide, with five). Raw pixels, random features and principal
    components are the least: what images, and encoders that learn nothing, give for nothing.

    Claim: none is made, but a question asked: "Or does everything converge to similar features eventually?"

    Prior art: Li et al. 2016 ("Convergent learning") matched the units of networks that differ in their start
    alone: some are found again in every one of them, others are not. Kornblith et al. 2019 introduced linear CKA
    and found that wider networks of one kind are more alike; its bias with few images, and the unbiased estimator
    that mends it, are described by Nguyen, Raghu and Kornblith 2021 (after Song et al. 2012). Huh et al. 2024 ("The
    Platonic representation hypothesis") hold that large models of different kinds converge, by mutual nearest
    neighbours.

    Rule: nothing is predicted and there is no verdict; these are the words of the answer. The methods are all that
    learn without labels and by gradient, the references and the subject's variants left out, and of those the ones
    measured under every seed and at every width (and number of images) that most of them have. The similarity of two
    methods is the mean over all pairs of these and over data sets; that of two seeds, the mean over the same methods
    with themselves; that with a reference, the mean over the same methods with it. Three numbers are taken, seed by
    seed, for each measure: the rise of the similarity of two methods from the smallest width (number of images) to the
    largest; the part of the similarity of two seeds that it is at the largest; and how far it lies there above that
    with each reference of the same width that was measured there on all data sets. "They converge" if the 95 % interval
    of the rise lies above zero, that of the part above 0.8, and that of the last above zero for every reference; "they
    are alike, and no closer than with less" if the same holds but for the rise; "they are alike, but not shown to be
    more so than they are like what learned nothing" if the part lies above 0.8 and for some reference the interval does
    not lie above zero; "they come closer but stay apart" if the rise lies above zero and the part below 0.8; "they stay
    apart" if the part lies below 0.8 and the rise does not lie above zero. Anything else, fewer than five seeds, no
    reference, or a similarity of two seeds below 0.05 is undecided, and so is the question as a whole unless all three
    measures say the same. The comparison with references was added after a trial (eight methods on digits, three
    epochs) in which random features came as close: more random projections of the same pixels are more alike, too. That
    nothing is decided without a reference, and that intervals allow for pairs which share an encoder, was added while
    the standard run went on.
    """

    title = "Do all methods converge to the same features?"
    order = 52
    essay = ((84, "“Or does everything converge to similar features eventually?”"),)
    sweeps_width = True
    compares = "similarity"
    tags = {"sweep": str, "amount": float, "available": float}

    def grid(self, suite):
        swept = suite.datasets if suite.swept is None else suite.swept
        ends = {suite.widths[0], suite.widths[-1]}
        for dataset in suite.datasets:
            widths = sorted({suite.width, *(ends if dataset in swept else ())})
            for method in suite.methods:
                cells = [suite.cell(method, dataset, width) for width in widths]
                if dataset in suite.scaled:  # the encoders of `scale`
                    n = suite.n_train[dataset]
                    least = sizes(n, suite.scaled[dataset], 2 * suite.batch_size)[0]
                    if least < n:
                        few = fewer_images(suite, dataset, least)
                        tags = {"sweep": IMAGES, "amount": least, "available": n}
                        cells.append(suite.cell(method, dataset, label=f"images: {least} of {n}", tags=tags, **few))
                for cell in cells:
                    yield replace(cell, n_seeds=SEEDS), Request("representation")

    # -- what the rows say --------------------------------------------------------------------------------------------
    @staticmethod
    def measured(rows):
        """The rows of pairs, the `images` trained on, NaN for all, and `of` how many."""
        good = rows[rows["metric"].isin(list(MEASURES)) & (rows["status"] == "ok")]
        good = good[np.isfinite(good["value"].astype(float))]
        return good.rename(columns={"amount": "images", "available": "of"})

    @staticmethod
    def counted(claims):
        """The methods that the rule is about, present or not."""
        without = claims.own_width | claims.fitted | claims.supervised
        return sorted(m for m, role in claims.roles.items() if role != "reference" and m not in without)

    @staticmethod
    def series(found):
        """Resource, data set, and the rows of pairs along it, the resource in `x`."""
        for dataset, own in found.groupby("dataset", observed=True):
            few = own["images"].notna()
            yield WIDTH, dataset, own[~few].assign(x=own["width"].astype(float))
            if few.any():
                width, of = own.loc[few, "width"].iloc[0], own.loc[few, "of"].iloc[0]
                same = own[own["width"] == width]
                yield IMAGES, dataset, same.assign(x=same["images"].fillna(of))

    def similarities(self, rows, claims):
        """Means over the pairs of the methods that the rule is about.

        Columns: KEY; `what`: BETWEEN, OWN, or WITH a reference; value; `n`, how many methods; `absent`, which of them
        are left out.
        """
        wanted = self.counted(claims)
        references = sorted(m for m, role in claims.roles.items() if role == "reference")
        made = [pd.DataFrame(columns=[*KEY, "what", "value", "n", "absent"])]
        for resource, dataset, own in self.series(self.measured(rows)):
            alone = own[(own["method"] == own["other"]) & own["method"].isin(wanted)]
            steps = alone.groupby("x")["method"].nunique()
            steps = steps[steps > alone["method"].nunique() / 2].index  # what one method has alone is no step
            own, alone = own[own["x"].isin(steps)], alone[alone["x"].isin(steps)]
            whole = len(steps) * len(MEASURES) * alone["seed"].nunique()
            present = alone.groupby("method", observed=True).size()
            methods = set(present[present == whole].index)
            if len(steps) < 2 or len(methods) < 2:
                continue
            one, two = own["method"].isin(methods), own["other"].isin(methods)
            same = own["method"] == own["other"]
            parts = {BETWEEN: one & two & ~same, OWN: one & same}
            for reference in references:
                parts[WITH + reference] = (one & (own["other"] == reference)) | (two & (own["method"] == reference))
            for what, chosen in parts.items():
                means = own[chosen].groupby(["x", "metric", "seed"], observed=True)["value"].mean().reset_index()
                made.append(means.assign(resource=resource, dataset=dataset, what=what, n=len(methods),
                                         absent=", ".join(m for m in wanted if m not in methods)))  # fmt: skip
        return pd.concat([m for m in made if len(m)] or made).assign(status="ok")

    def readings(self, similar, claims):
        """By resource and measure: word, rise, part, and by reference of the same width how far above it two methods
        are (Intervals); and a table by seed of BETWEEN with least and most."""
        for (resource, metric), own in similar.groupby(["resource", "metric"]):
            step = own.groupby("dataset", observed=True)["x"]
            first, last = (
                {what: end[end["what"] == what].pivot(index="dataset", columns="seed", values="value")
                       .reindex(own["dataset"].unique()).mean(skipna=False) for what in own["what"].unique()}
                for end in (own[own["x"] == step.transform("min")], own[own["x"] == step.transform("max")])
            )  # fmt: skip
            table = pd.DataFrame({"least": first[BETWEEN], "most": last[BETWEEN], "own": last[OWN]}).dropna()
            rise = chained(table["most"] - table["least"])
            part = chained(table["most"] / table["own"])
            above = {
                what: chained((table["most"] - values).loc[table.index])
                for what, values in last.items()
                if what.removeprefix(WITH) in set(claims.roles) - claims.own_width
                and values.reindex(table.index).notna().all()
            }
            enough = chained(table["own"]).low > LEAST
            word = reading(rise, part, list(above.values())) if enough else UNDECIDED
            yield resource, metric, word, rise, part, above, table

    def answer(self, rows, claims):
        similar = self.similarities(rows, claims)
        said, points = [], []
        for resource, words in RESOURCES.items():
            own = similar[similar["resource"] == resource]
            if own.empty:
                continue
            found = list(self.readings(own, claims))
            agreed = {word for _, _, word, *_ in found}
            whole = agreed.pop() if len(agreed) == 1 else f"{UNDECIDED}, since the measures differ"
            ends = "; ".join(
                f"{d}, {x.min():.0f} to {x.max():.0f}" for d, x in own.groupby("dataset", observed=True)["x"]
            )
            counts = " or ".join(str(int(n)) for n in sorted(set(own["n"])))
            said.append(f"With {words} ({ends}; {counts} methods): {whole}.")
            points += [f"With {words}: b{told(metric, *more)[1:]}" for _, metric, *more in found]
        absent = sorted({m for names in similar["absent"] for m in names.split(", ") if m})
        if absent:
            said.append(f"Not measured everywhere, and left out: {', '.join(absent)}.")
        if not said:
            return ""
        return "\n".join([" ".join(said), *points, *self.nearest_to(rows, claims)])

    # -- at one width -------------------------------------------------------------------------------------------------
    def at_width(self, rows, claims):
        """Both ways round, the pairs of encoders of one width that were trained on all images."""
        found = self.measured(rows)
        found = found[found["images"].isna()]
        if claims.width is not None:
            found = found[found["width"] == claims.width]
        turned = found[found["method"] != found["other"]]
        turned = turned.assign(method=turned["other"], other=turned["method"])
        return pd.concat([found, turned])

    def nearest_to(self, rows, claims):
        """Whom the subject is most and least like, in words."""
        found = self.at_width(rows, claims)
        own = found[(found["method"] == claims.subject) & found["other"].isin(set(claims.roles))]
        means = own.pivot_table(index="other", columns=["metric", "dataset"], values="value").dropna()
        if claims.subject not in means.index or len(means) < 3:
            return []
        by = means.T.groupby("metric").mean().T
        itself = by.loc[claims.subject]
        by = by.drop(index=claims.subject)
        parts = [
            f"by {MEASURES[m]} {by[m].idxmax()} ({by[m].max():.2f}; its own seeds {itself[m]:.2f}), least "
            f"{by[m].idxmin()} ({by[m].min():.2f})"
            for m in MEASURES if m in by
        ]  # fmt: skip
        return [f"Most like {claims.subject} is {'; '.join(parts)}."]

    # -- what is shown ------------------------------------------------------------------------------------------------
    def figures(self, rows, claims):
        similar = self.similarities(rows, claims)
        found = self.at_width(rows, claims)
        measured = f"{seeds_of(found)}; 95 % intervals as if pairs shared no encoders"
        for resource, xlabel in ((WIDTH, "width"), (IMAGES, "training images")):
            own = similar[similar["resource"] == resource]
            if own.empty:
                continue
            several = own["dataset"].nunique() > 1 and resource == IMAGES  # data sets have numbers of their own
            panel = own["metric"].map(MEASURES)
            panel = own["dataset"].astype(str) + ": " + panel if several else panel
            yield (
                f"How alike two methods are, against {xlabel}: the mean over all pairs of methods that learn without "
                f"labels by gradient ({own['n'].max()} of them; {', '.join(sorted(own['dataset'].unique()))}). Two "
                "seeds of one method are the most that can be expected; beside it the same methods with what learned "
                f"nothing ({measured}).",
                sweep(own.assign(panel=panel), x="x", panel="panel", line="what", xlabel=xlabel,
                      order=() if several else tuple(MEASURES.values())),
            )  # fmt: skip
        tables = {m: square(found[found["metric"] == m]) for m in MEASURES}
        common = sorted(set.intersection(*(set(t.index) for t in tables.values())))
        if len(common) > 2:
            tables = {m: t.loc[common, common] for m, t in tables.items()}
            order = clustered(sum(tables.values()) / len(tables))
            shown = found[found["method"].isin(common)]
            yield (
                f"How alike each two methods are at one width, in hundredths: CKA below the diagonal, matched units "
                f"above it, on it CKA of two seeds of one method (means over {', '.join(sorted(set(shown['dataset'])))}"
                f"; {seeds_of(shown)}). Methods that are alike by all three measures stand together.",
                pairs(tables["cka"].loc[order, order], tables["matched_units"].loc[order, order], shown, claims,
      label="below: CKA, above: matched units (0: independent, 100: the same)"),
            )  # fmt: skip
        each = self.each(found, claims)
        each = each[(each["metric"] == "cka") & each["what"].isin([BETWEEN, OWN])]
        if not each.empty:
            yield (
                "CKA of each method with the others that learn without labels by gradient, and of its own seeds with "
                f"each other: means over the data sets, of the methods that have run on all of them ({measured}).",
                dots(comparable(each, "what"), claims, label="CKA", panel="what", higher_is_better=None,
                     order=(BETWEEN, OWN)),
            )  # fmt: skip

    def each(self, found, claims):
        """For each method the mean over the others that the rule is about (BETWEEN), its own seeds, each reference."""
        wanted, same = found["other"].isin(self.counted(claims)), found["method"] == found["other"]
        references = {m for m, role in claims.roles.items() if role == "reference"}
        beside = found["other"].isin(references) & ~same
        return pd.concat(
            [found[wanted & ~same].assign(what=BETWEEN), found[same].assign(what=OWN),
             found[beside].assign(what=WITH + found.loc[beside, "other"].astype(str))]
        )  # fmt: skip

    def table(self, rows, claims):
        each = self.each(self.at_width(rows, claims), claims)
        if each.empty:
            return None
        means = each.groupby(["dataset", "method", "what", "metric"], observed=True)["value"].mean()
        wide = means.unstack(["metric", "what"])
        shown = [(m, w) for m in MEASURES for w in (BETWEEN, OWN) if (m, w) in wide]
        shown += [("cka", w) for w in sorted(set(each["what"]) - {BETWEEN, OWN})]
        wide = wide[shown].set_axis([f"{MEASURES[m]}: {w}" for m, w in shown], axis=1)
        others = each[each["what"] == BETWEEN]
        pair = others[others["metric"] == "cka"].groupby(["dataset", "method", "other"], observed=True)["value"].mean()
        wide["nearest by CKA"] = pair.groupby(["dataset", "method"]).idxmax().map(lambda key: key[-1])
        return wide.fillna({"nearest by CKA": "–"}).reset_index()


def chained(values):
    """The interval of the mean of values, each of a pair of encoders of which the next pair has one, in a ring.

    What two pairs share makes their values correlate, by 1/2 at most. The variance of the mean of n is then twice that
    of independent values, the variance between them is seen as (n - 2) / (n - 1) of what it is, and is as uncertain as
    one of fewer degrees of freedom (Satterthwaite 1946, from the eigenvalues 2 + 2 cos(2 pi k / n) of such a ring).
    """
    found = interval(values.to_numpy())
    n = found.n
    if n < 3:
        return replace(found, low=-math.inf, high=math.inf)
    df = (2 * n - 4) ** 2 / (6 * n - 16)
    half = stats.t.isf(ALPHA, df) * found.sd * math.sqrt(2 * (n - 1) / (n - 2) / n)
    return replace(found, low=found.mean - half, high=found.mean + half, p_greater=math.nan, p_less=math.nan)


def reading(rise, part, above):
    """The rule's word for the Intervals of a rise, a part, and how far above each reference two methods are."""
    if rise.n < MIN_SEEDS or not above:
        return UNDECIDED
    if part.high < ENOUGH:
        return CLOSER if rise.low > 0 else APART
    if part.low <= ENOUGH:
        return UNDECIDED
    if any(a.low <= 0 for a in above):
        return FREE
    return CONVERGE if rise.low > 0 else ALIKE


def told(metric, word, rise, part, above, table):
    """What one measure says, in a sentence."""
    less = [reference for reference, a in above.items() if a.high < 0]
    word += f" (surely less so than {' and '.join(less)})" * (word == FREE and bool(less))
    sentence = (
        f"By {MEASURES[metric]}, {word}: two methods {table['least'].mean():.2f} with the least, "
        f"{table['most'].mean():.2f} with the most "
        f"(rise {rise.mean:+.2f}, {in_words(rise.low, rise.high, '+.2f')}), {part.mean:.2f} of what two seeds of one "
        f"method share ({in_words(part.low, part.high, '.2f')})"
    )
    beyond = [f"{r} {a.mean:+.2f} ({in_words(a.low, a.high, '+.2f')})" for r, a in above.items()]
    return sentence + f"; less the similarity {', '.join(beyond)}" * bool(beyond) + "."


def square(found):
    """Pairs both ways round -> a table of methods by methods, means over data sets; of methods that lack nothing."""
    means = found.groupby(["dataset", "method", "other"], observed=True)["value"].mean().unstack("other")
    table = means.groupby("method", observed=True).agg(lambda v: v.mean(skipna=False))
    n = means.groupby("method", observed=True).size()
    whole = [m for m in table.columns if m in table.index and n[m] == n.max()]
    table = table.loc[whole, whole]
    own = [m for m in whole if np.isfinite(table.loc[m, m])]
    table = table.loc[own, own]
    while table.isna().to_numpy().any():  # the method that lacks most goes first
        lacking = table.isna().sum().idxmax()
        table = table.drop(index=lacking, columns=lacking)
    return table
