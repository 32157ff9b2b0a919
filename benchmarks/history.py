"""Why did layer-wise pretraining work, and why did it end?"""

from functools import partial
from itertools import product

import numpy as np
import pandas as pd

from infomax_bench import Benchmark, Estimate, Finding, Given, Request, Select, View
from infomax_bench.plots.figures import curves
from infomax_bench.stats.compare import difference
from infomax_bench.stats.findings import all_above
from infomax_bench.stats.readings import at_largest, first_reaching, over_last, side, tables, where, word_for
from infomax_bench.study.amounts import passes_for
from infomax_bench.study.selection import best_by, complement

DEPTH = 4  # hidden layers
FEW = (100, 1000)  # labelled images, where there are at least twice as many
MANY = 10_000  # images, from which on a training takes too long for all seeds
LITTLE = 1.0  # points of error
SIGMOID, RELU = "sigmoid", "ReLU + batch norm"
NOTHING, RANDOM = "from nothing", "random_features"
SCRATCH, TRAINED, RESCALED = "nothing", "as trained", "rescaled"
ENERGY, DENOISING, LINEAR = "rbm", "denoising_autoencoder", "pca"
ALONE = ENERGY + ", " + TRAINED
PLACE = ["dataset", "labels", "network", "method"]
RUN = [*PLACE, "seed"]


def named(rows):
    """The good rows; as method, what a network starts with."""
    rows = rows[(rows["status"] == "ok") & rows["labels"].notna()]
    method = rows["method"].astype(str).where(rows["start"] != SCRATCH, NOTHING)
    return rows.assign(method=method, label=rows["network"] + rows["labels"].astype(str))


def passes_needed(curve):
    """The passes until the error that the question names as value: infinite where it is not reached."""
    by = ["dataset", "seed", "labels"]
    bar = where(curve, method=NOTHING, network=RELU).sort_values("x").groupby(by, observed=True)["value"].last()
    return first_reaching(curve, bar + LITTLE, RUN)


def by_place(rows, how="mean"):
    return rows.groupby(PLACE, observed=True)["value"].agg(how)


VALIDATION = Select("finetuned_validation_accuracy").or_diverged("deep_finetune").then(named)
taken = partial(best_by, score=VALIDATION, among="start", by=RUN)  # the way to start that each seed takes
BOTH_WAYS = Select("finetuned_accuracy", scale=100).or_diverged("deep_finetune").then(named).then(complement)
ERRORS = taken(BOTH_WAYS)
AS_TRAINED = BOTH_WAYS.then(partial(where, start=TRAINED))
CURVES = taken(Select("finetuning_error", scale=100).then(named))
RELATIVE = taken(Select("gradient_norm").then(named)).then(partial(over_last, by=RUN))  # to the classifier's
GRADIENTS = RELATIVE.then(lambda rows: rows.assign(value=np.log10(rows["value"])))
OF_ALL_LABELS = GRADIENTS.then(partial(at_largest, of="labels", by=["dataset"]))
RATES = taken(Select("learning_rate").then(named))
PANEL = {"panel": "{dataset}, {network}"}


class History(Benchmark):
    """Is a deep network better for the layers that it starts with?

    Rule: differences of test error are paired by seed, with 95 % intervals; fewer than five seeds decide nothing; a
    stack whose training diverged leaves an error of 100 %. Two results are known, and the answer begins with whether
    they come out, at the fewest labels and at all: sigmoid networks gain from RBMs as trained (the interval of error
    from nothing minus error from RBMs lies above zero; it does not come out if it lies below one point, but not above
    zero), and ReLU networks gain little from RBMs as trained (the interval lies below one point; it does not come out
    if it lies above). Anything else is undecided. Better tools made pretraining unnecessary if the ReLU network from
    nothing, against the sigmoid network from RBMs, has an interval of its additional error below one point; they did
    not if it lies above. The objective was wrong if the subject's layers are a better start than RBMs, denoising
    autoencoders and random weights, in both networks (all six intervals above zero); it was not if they are a worse one
    than any (one-sided, at 2.5 %, by Holm's correction for six).
    """

    title = "Why did layer-wise pretraining work, and why did it end?"
    order = 60
    given = {"updates": Given(dict[str, int], "for about how many updates networks are fine-tuned")}
    tags = {"start": str, "network": str, "labels": float}

    def grid(self, suite):
        methods = [m for m in dict.fromkeys((ENERGY, DENOISING, LINEAR, RANDOM, suite.subject)) if m in suite.methods]
        for dataset, updates in suite.given[self.name]["updates"].items():
            n = suite.n_train[dataset]
            counts = (*(few for few in FEW if 2 * few <= n), n)
            stack = {"backbone": "stack", "depth": DEPTH, "n_seeds": suite.sweep_seeds if n > MANY else 0}
            starts = (TRAINED, RESCALED, SCRATCH)
            for method, start, network, labels in product(methods, starts, (SIGMOID, RELU), counts):
                if start != SCRATCH or method == RANDOM:  # it carries these too
                    own = {"network": network, "start": start, "labels": labels}
                    named = {"label": f"{start}; {network}; {labels} labels", "tags": own}
                    cell = suite.cell(method, dataset, settings=suite.settings_of(method, dataset), **named, **stack)
                    passes = passes_for(updates, labels, suite.batch_size)
                    options = {**own, "batch_size": suite.batch_size, "passes": passes}
                    yield cell, Request("deep_finetune", None, tuple(options.items()))

    def findings(self, rows, claims):
        alone = AS_TRAINED(rows)
        errors = pd.concat([ERRORS(rows), alone.assign(method=alone["method"] + ", " + TRAINED)])
        ratios = 10 ** by_place(GRADIENTS(rows).query("x == 1"))
        for (dataset,), table in tables(errors, ["dataset"], ["labels", "network", "method"]).items():
            counts = sorted(set(table.columns.get_level_values("labels")))
            for n in dict.fromkeys((counts[0], counts[-1])):
                yield from known(table[n], {"dataset": dataset, "labels": n})
            for n in counts:
                yield from readings(table[n], claims.subject, {"dataset": dataset, "labels": n})
            for network, method in ((SIGMOID, NOTHING), (SIGMOID, ENERGY), (RELU, NOTHING)):
                if (ratio := ratios.get((dataset, counts[-1], network, method))) is not None:
                    values = {"dataset": dataset, "network": network, "start": method, "ratio": ratio}
                    yield Finding("gradient", values=values)

    def views(self, rows, claims):
        labels = {"x": "labels", "xlabel": "labelled images", "ylabel": "test error (%)", "log": True}
        yield View("error", curves, ERRORS, **labels, **PANEL)
        yield View("gradients", curves, OF_ALL_LABELS, xlabel="layer", ylabel="log10 of the ratio", **PANEL)
        axes = {"xlabel": "passes over the labelled images", "ylabel": "validation error (%)", "log": True}
        for dataset, own in CURVES(rows).groupby("dataset", observed=True):
            panel = "{network}, {labels:.0f} labels"
            yield View("while_tuned", curves, own, told={"dataset": dataset}, panel=panel, **axes)

    def table(self, rows, claims):
        errors = ERRORS(rows)
        if errors.empty:
            return None
        by_seed = tables(errors, PLACE[:3], "method").items()
        gains = {(*at, m): difference(own, NOTHING, m if m != NOTHING else None) for at, own in by_seed for m in own}
        scaled = errors.assign(value=100.0 * (errors["start"] == RESCALED))
        needed = by_place(passes_needed(CURVES(rows)), "median")
        columns = {
            "test error (%)": by_place(errors),
            "points gained on nothing": {at: f"{gain.mean:+.2f}" if gain.n else "" for at, gain in gains.items()},
            "95 % interval": {at: f"[{g.low:+.2f}, {g.high:+.2f}]" if g.n > 1 else "" for at, g in gains.items()},
            "passes to the error": needed.map("{:g}".format).replace("inf", "never"),
            "test error as trained (%)": by_place(AS_TRAINED(rows)),
            "% of seeds that scale": by_place(scaled),
            "learning rate": by_place(RATES(rows), "median"),
            "gradient of layer 1": 10 ** by_place(GRADIENTS(rows).query("x == 1")),
        }
        made = pd.DataFrame({heading: pd.Series(own) for heading, own in columns.items()})
        return made.rename_axis(PLACE).reset_index().astype({"labels": int})


def known(errors, about):
    """Whether what is known comes out: what each network gains from RBMs as trained; errors: by network and start."""
    for network in (SIGMOID, RELU):
        gain = difference(errors, (network, NOTHING), (network, ALONE))
        words = ("does not come out", "comes out") if network == RELU else ("undecided", "does not come out")
        word = "comes out" if network == SIGMOID and side(gain) > 0 else word_for(gain, *words, LITTLE)
        yield Finding("known", word, Estimate.of(gain, unit="points"), {**about, "network": network})


def readings(errors, subject, about):
    """What test errors by network and start say of better tools and of the objective."""
    tools = difference(errors, (RELU, NOTHING), (SIGMOID, ENERGY))
    if tools.n:
        word = word_for(tools, "refuted", "supported", LITTLE)
        yield Finding("reading", word, Estimate.of(tools, unit="points"), {**about, "of": "tools"})
    rivals = product((ENERGY, DENOISING, RANDOM), (SIGMOID, RELU))
    ahead = {f"{m} in the {n} network": difference(errors, (n, m), (n, subject)) for m, n in rivals if m != subject}
    if not any(found.n for found in ahead.values()):
        return
    yield all_above("reading", ahead, "points", {**about, "of": "objective", "tools": tools.n})
    for network, other, instead in ((SIGMOID, ENERGY, RANDOM), (RELU, NOTHING, subject)):
        found = difference(errors, (network, other), (network, instead))
        if found.n:
            values = {**about, "network": network, "of": other, "instead": instead}
            yield Finding("instead", "", Estimate.of(found, unit="points"), values)
