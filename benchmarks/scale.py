"""Does InfoMax scale?"""

from dataclasses import replace

import numpy as np
import pandas as pd

from infomax_bench import Benchmark, Request
from infomax_bench.benchmark import sizes
from infomax_bench.figures import curves, dots, seeds_of
from infomax_bench.statistics import holm, interval

FLOOR = 0.002  # the least error that a logarithm is taken of: a perfect probe has none
IMAGES, WIDTH, PASSES = "images", "width", "passes"
RESOURCES = {IMAGES: "images", WIDTH: "units", PASSES: "passes over the images"}


class Scale(Benchmark):
    """What do more images, wider encoders and longer training buy each method?

    The essay asks: "Does InfoMax scale?" Every method is trained on fewer images, with as many updates as on all of
    them; with other widths (the encoders of the width sweep); and for fewer passes over all images. The linear probe
    sees all labelled training images every time, so what changes is pretraining alone. The shape of each curve is read
    as a power law: the probe's error falls with the resource n as n to the power of minus a (the least-squares slope of
    the logarithms, seed by seed). An exponent of 0.1 means that ten times as much leaves four fifths of the error. Dead
    units, redundancy and seconds of training stand beside it.

    Claim: none; "Does InfoMax scale?" is a question.

    Rule: a method scales with a resource if the 95 % interval of its exponent over seeds lies above zero, and does not
    if it lies below; anything else, or fewer than five seeds, is undecided. The subject scales better (worse) than
    another method if the paired 95 % interval of the difference of exponents lies above (below) zero, and the
    difference survives Holm's correction for the number of methods.

    Prior art: power laws of the error in images and in parameters were found for supervised networks by Hestness et al.
    2017 (arXiv:1712.00409) and for language models by Kaplan et al. 2020 (arXiv:2001.08361); that more features help
    single-layer networks of every kind, by Coates, Lee and Ng 2011.
    """

    title = "Does it scale with images, width and training?"
    order = 50
    sweeps_width = True

    def requests(self, suite):
        for dataset, points in suite.scaled.items():
            n, epochs = suite.n_train[dataset], suite.epochs[dataset]
            for method in suite.methods:
                cells = []
                for size in sizes(n, points, 2 * suite.batch_size):
                    cells.append(suite.with_images(method, dataset, size, label=f"{IMAGES}: {size}"))
                for half in range(points):
                    passes = max(1, epochs // 2**half)
                    cells.append(suite.cell(method, dataset, label=f"{PASSES}: {passes}", epochs=passes))
                for width in suite.widths:
                    cells.append(suite.cell(method, dataset, width, label=f"{WIDTH}: {width}"))
                for cell in cells:
                    few = {} if cell.width == suite.width and not cell.n_train else {"n_seeds": suite.sweep_seeds}
                    for evaluation in ("linear_probe", "redundancy", "training"):
                        yield replace(cell, **few), Request(evaluation)

    # -- what the rows say --------------------------------------------------------------------------------------------
    @staticmethod
    def resource(rows):
        """The rows with what is varied in `resource`, and how much of it there is in `x`."""
        parts = rows["label"].astype(str).str.extract(r"^(images|width|passes): (\d+)$")
        return rows.assign(resource=parts[0], x=parts[1].astype(float)).dropna(subset=["resource"])

    def errors(self, rows):
        chosen = rows[(rows["metric"] == "accuracy") & (rows["protocol"] == "linear") & (rows["status"] == "ok")]
        chosen = self.resource(chosen)
        return chosen.assign(value=1 - chosen["value"].astype(float))

    def exponents(self, rows):
        """Columns method, dataset, resource, seed, value: minus the slope of log error over log resource."""
        found = []
        by = ["method", "dataset", "resource", "seed"]
        for key, own in self.errors(rows).groupby(by, observed=True):
            means = own.groupby("x")["value"].mean()
            if len(means) > 1:
                slope = np.polyfit(np.log(means.index), np.log(means.clip(lower=FLOOR)), 1)[0]
                found.append((*key, round(-slope, 9)))
        return pd.DataFrame(found, columns=[*by, "value"]).assign(status="ok")

    def readings(self, rows, claims):
        """By data set and resource: whether the subject scales, and whom it scales better and worse than."""
        exponents = self.exponents(rows)
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
            better = sorted(m for m, d in sure.items() if d.low > 0 and p[m] <= 0.05)
            worse = sorted(m for m, d in sure.items() if d.high < 0 and p[m] <= 0.05)
            yield dataset, resource, interval(subject.dropna().to_numpy()), better, worse, len(difference)

    def answer(self, rows, claims):
        sentences = []
        for dataset, resource, found, better, worse, others in self.readings(rows, claims):
            if found.n < 5:
                word = "undecided (fewer than five seeds)"
            else:
                word = "scales" if found.low > 0 else "does not scale" if found.high < 0 else "undecided"
            text = (
                f"{claims.subject} on {dataset}, given more {RESOURCES[resource]}: {word}, exponent {found.mean:.2f} "
                f"[{found.low:.2f}, {found.high:.2f}]"
            )
            ranks = f"better than {len(better)} and worse than {len(worse)} of {others} other methods"
            sentences.append(f"{text}; it scales {ranks}" + (f" ({', '.join(worse)})" if worse else "") + ".")
        return " ".join(sentences)

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
        good = self.resource(rows[rows["status"] == "ok"])
        by = ["dataset", "method", "resource", "x"]
        columns = {}
        for heading, metric, scale in (
            ("error (%)", "accuracy", 100), ("% dead units", "dead_units", 100),
            ("nonlinear dependence", "nonlinear_dependence", 1), ("seconds a seed", "train_seconds", 1),
        ):  # fmt: skip
            own = good[good["metric"] == metric]
            own = own.assign(value=1 - own["value"].astype(float)) if metric == "accuracy" else own
            columns[heading] = scale * own.groupby(by, observed=True)["value"].mean()
        found = pd.DataFrame(columns).reset_index()
        return found.astype({"x": int}).rename(columns={"x": "how much"}) if len(found) else found
