"""Does InfoMax scale?"""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from infomax_bench import Benchmark, Request
from infomax_bench.plots.figures import curves, dots, seeds_of
from infomax_bench.stats.intervals import holm, interval
from infomax_bench.stats.readings import diverged, with_diverged
from infomax_bench.study.amounts import fewer_images, sizes

FLOOR = 0.002  # the least error that a logarithm is taken of: a perfect probe has none
IMAGES, WIDTH, PASSES = "images", "width", "passes"
RESOURCES = {IMAGES: "images", WIDTH: "units", PASSES: "passes over the images"}


class Scale(Benchmark):
    """What do more images, wider encoders and longer training buy each method?

    The essay asks: "Does InfoMax scale?" Every method is trained on fewer images, with about as many updates as on all
    of them (within about a tenth, as incomplete batches are left out); with other widths (the encoders of the width
    sweep); and for fewer passes over all images. The linear probe sees all labelled training images every time, so what
    changes is pretraining alone. The shape of each curve is read as a power law: the probe's error falls with the
    resource n as n to the power of minus a (the least-squares slope of the logarithms, seed by seed). An exponent of
    0.1 means that ten times as much leaves four fifths of the error. A large exponent is easier to reach from a large
    error, so the errors themselves are told with it. Dead units, redundancy and seconds of training stand beside it.

    Claim: none; "Does InfoMax scale?" is a question.

    Rule: a method scales with a resource if the 95 % interval of its exponent over seeds lies above zero, and does not
    if it lies below; anything else, or fewer than five seeds, is undecided. The subject scales better (worse) than
    another method if the paired 95 % interval of the difference of exponents lies above (below) zero, and the
    difference survives Holm's correction for the number of methods. Methods that make no use of a resource, their error
    being the same with any amount of it, are not compared in it, and neither are those that lack an amount. A training
    that diverged has accuracy 0, as in tuning; since the least amount is where it helps most, a subject that diverged
    with some amount neither scales nor scales better, and none scales worse than a method that diverged. (What is said
    of methods that make no use of a resource, lack an amount or diverged was added while the standard run went on.)

    Prior art: power laws of the error in images and in parameters were found for supervised networks by Hestness et al.
    2017 (arXiv:1712.00409) and for language models by Kaplan et al. 2020 (arXiv:2001.08361); that more features help
    single-layer networks of every kind, by Coates, Lee and Ng 2011.
    """

    title = "Does it scale with images, width and training?"
    order = 50
    essay = ((80, "“Does InfoMax scale?”"),)
    sweeps_width = True
    tags = {"sweep": str, "amount": float}

    def grid(self, suite):
        for dataset, points in suite.scaled.items():
            n, epochs = suite.n_train[dataset], suite.epochs[dataset]
            for method in suite.methods:
                cells, swept = [], partial(suite.cell, method, dataset)
                level = method in suite.own_width  # nothing of it can be swept: a line to compare with
                amounts = sizes(n, points, 2 * suite.batch_size)
                for size in amounts[-1:] if level else amounts:
                    few = fewer_images(suite, dataset, size)
                    cells.append(swept(**varied(IMAGES, size), **few))
                for half in range(1 if level else points):
                    passes = max(1, epochs // 2**half)
                    cells.append(swept(**varied(PASSES, passes), epochs=passes))
                for width in () if level else suite.widths:
                    cells.append(swept(width, **varied(WIDTH, width)))
                for cell in cells:
                    few = {} if cell.width == suite.width and not cell.n_train else {"n_seeds": suite.sweep_seeds}
                    for evaluation in ("linear_probe", "redundancy", "training"):
                        yield replace(cell, **few), Request(evaluation)

    # -- what the rows say --------------------------------------------------------------------------------------------
    @staticmethod
    def resource(rows):
        """The rows with what is varied in `resource`, and how much of it there is in `x`."""
        return rows.assign(resource=rows["sweep"], x=rows["amount"]).dropna(subset=["x"])

    def errors(self, rows):
        chosen = self.resource(with_diverged(rows, "accuracy", "linear"))
        return chosen.assign(value=1 - chosen["value"].astype(float))

    def exponents(self, rows):
        """Columns method, dataset, resource, seed, value: minus the slope of log error over log resource; of those that
        lack no amount."""
        found = []
        by = ["method", "dataset", "resource", "seed"]
        errors = self.errors(rows)
        amounts = errors.groupby(["dataset", "resource"], observed=True)["x"].nunique().to_dict()
        for key, own in errors.groupby(by, observed=True):
            means = own.groupby("x")["value"].mean()
            if len(means) > 1 and len(means) == amounts[key[1:3]]:
                slope = np.polyfit(np.log(means.index), np.log(means.clip(lower=FLOOR)), 1)[0]
                found.append((*key, round(-slope, 9)))
        return pd.DataFrame(found, columns=[*by, "value"]).assign(status="ok")

    def using(self, exponents, rows):
        """The exponents of the methods whose error is not the same with any amount of the resource."""
        by = ["method", "dataset", "resource"]
        good = self.errors(rows[rows["status"] == "ok"])
        changes = good.groupby([*by, "seed"], observed=True)["value"].nunique().ne(1)
        used = changes.groupby(by, observed=True).any()
        known = exponents.set_index(by).index.map(used)
        # of what always diverged nothing is known
        return exponents[np.array([one is not False for one in known], dtype=bool)]

    def lost(self, rows):
        """(data set, resource) -> methods of which a training diverged with some amount."""
        own = self.resource(diverged(rows, "linear_probe"))
        return own.groupby(["dataset", "resource"], observed=True)["method"].agg(set).to_dict()

    def readings(self, rows, claims):
        """By data set and resource: whether the subject scales, and whom it scales better and worse than."""
        exponents, lost = self.using(self.exponents(rows), rows), self.lost(rows)
        for (dataset, resource), own in exponents.groupby(["dataset", "resource"], observed=True):
            values = own.pivot(index="seed", columns="method", values="value")
            if claims.subject not in values:
                continue
            subject = values.pop(claims.subject)
            difference = {
                m: interval((subject - values[m]).dropna().to_numpy())
                for m in values if m in claims.roles and m not in claims.own_width
            }  # fmt: skip
            sure = {m: d for m, d in difference.items() if d.n >= 5}
            p = dict(zip(sure, holm([2 * min(d.p_greater, d.p_less) for d in sure.values()]), strict=True))
            gone = lost.get((dataset, resource), set())
            better = [] if claims.subject in gone else sorted(m for m, d in sure.items() if d.low > 0 and p[m] <= 0.05)
            worse = sorted(m for m, d in sure.items() if d.high < 0 and p[m] <= 0.05 and m not in gone)
            found = interval(subject.dropna().to_numpy())
            yield dataset, resource, found, better, worse, len(difference), claims.subject in gone

    def answer(self, rows, claims):
        sentences, outcomes = [], {}
        for dataset, resource, found, better, worse, others, gone in self.readings(rows, claims):
            word, why = "undecided", ""
            if found.n < 5:
                why = " (fewer than five seeds)"
            elif gone:
                why = ", as training diverged with some amounts"
            else:
                word = "scales" if found.low > 0 else "does not scale" if found.high < 0 else "undecided"
            outcomes.setdefault(word, []).append(f"{RESOURCES[resource]} ({dataset})")
            text = (
                f"{claims.subject} on {dataset}, given more {RESOURCES[resource]}: {word}{why}, "
                f"exponent {found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"
            )
            ranks = f"better than {len(better)} and worse than {len(worse)} of {others} other methods"
            text += f"; it scales {ranks}" + (f" ({', '.join(worse)})" if worse else "")
            sentences.append(f"{text}{self.levels(rows, dataset, resource, claims)}.")
        if not sentences:
            return ""
        told = "; ".join(f"{word} with more {', '.join(what)}" for word, what in outcomes.items())
        return "\n".join([f"{claims.subject} {told}.", *sentences])

    def levels(self, rows, dataset, resource, claims):
        """The subject's error with least and most of a resource, and how many methods err less with most of it: the end
        of a sentence; of the seeds that have all amounts."""
        errors = self.errors(rows)
        own = errors[(errors["dataset"] == dataset) & (errors["resource"] == resource)]
        amounts = own.groupby(["method", "seed"], observed=True)["x"].transform("nunique")
        own = own[amounts == own["x"].nunique()]
        means = own.pivot_table(index="method", columns="x", values="value", observed=True)
        if claims.subject not in means.index:
            return ""
        least, most = min(means), max(means)
        mine = means.loc[claims.subject]
        others = means.loc[sorted(set(means.index) & set(claims.roles) - claims.own_width - {claims.subject}), most]
        return (
            f"; its error is {100 * mine[least]:.1f} % with {least:.0f} and {100 * mine[most]:.1f} % with {most:.0f}, "
            f"where {int((others < mine[most]).sum())} of {len(others)} others err less on average"
        )

    def figures(self, rows, claims):
        errors, exponents = self.errors(rows), self.exponents(rows)
        for resource, words in RESOURCES.items():
            own = errors[errors["resource"] == resource]
            if not own.empty:
                yield (
                    f"Error of the linear probe against the number of {words} ({seeds_of(own)}, 95 % intervals).",
                    curves(own, claims, xlabel=words, ylabel="error (%)", scale=100, log=True),
                )
        if not exponents.empty:
            exponents = exponents.merge(rows[["method", "current"]].drop_duplicates("method"), on="method")
            panel = exponents["dataset"].astype(str) + ": " + exponents["resource"].map(RESOURCES)
            yield (
                "The exponent of each curve, read as a power law: 0 is no gain; 0.3 halves the error with ten times "
                f"as much ({seeds_of(exponents)}, 95 % intervals).",
                dots(exponents.assign(panel=panel), claims, label="exponent", panel="panel", bound=(0.0, "")),
            )

    def table(self, rows, claims):
        good = self.resource(rows[(rows["status"] == "ok") & (rows["metric"] != "accuracy")])
        by = ["dataset", "method", "resource", "x"]
        columns = {}
        for heading, metric, scale in (
            ("error (%)", "accuracy", 100), ("% dead units", "dead_units", 100),
            ("nonlinear dependence", "nonlinear_dependence", 1), ("seconds a seed", "train_seconds", 1),
        ):  # fmt: skip
            own = self.errors(rows) if metric == "accuracy" else good[good["metric"] == metric]
            columns[heading] = scale * own.groupby(by, observed=True)["value"].mean()
        found = pd.DataFrame(columns).reset_index()
        return found.astype({"x": int}).rename(columns={"x": "how much"}) if len(found) else found


def varied(resource, amount):
    """What tells a cell apart that has so much of a resource."""
    return {"label": f"{resource}: {amount}", "tags": {"sweep": resource, "amount": amount}}
