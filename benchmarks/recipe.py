"""What do large batches and augmentation do for objectives that are said to need them?"""

import pandas as pd

from infomax_bench import Benchmark, Estimate, Finding, Given, Request, Select, View
from infomax_bench.plots.effects import sweep
from infomax_bench.plots.figures import matrix
from infomax_bench.stats.changes import change, changes, mean_changes, over_seeds
from infomax_bench.stats.compare import difference
from infomax_bench.stats.readings import encoder_table, where, where_not, word_for
from infomax_bench.study.variations import in_batches

POINT = 1.0  # the least difference of interest, in points of accuracy
COUPLED, SINGLE = ("contrastive", "non-redundancy"), "reconstruction"  # families whose losses are of batches, of images
FAMILIES = (*COUPLED, SINGLE)
PARTS = ("scale", "shift", "rotate", "flip", "brightness", "contrast", "noise", "all")
KEY = ["group", "method", "dataset", "label", "batch", "without", "seed"]
ACCURACY = Select("accuracy", "linear", scale=100).or_diverged()


class Recipe(Benchmark):
    """What do batches of another size, and views without a part of their augmentation, do to each method?

    Rule: a change is the accuracy of a linear probe at another batch size, or without a part of the augmentation, less
    that of the same method, data set and seed as it is; a training that diverged has accuracy 0. It is averaged over
    data sets and, for a family, over its methods (the subject aside, which stands alone). With it a family is "worse"
    if the 95 % interval over seeds lies below zero and its middle at least one point, "better" if above in the same
    way, "as good" if the interval lies within one point of zero; anything else, or fewer than five seeds, is undecided.
    The smallest batches cost a family whose losses are of whole batches, or the subject, "more" than they cost
    autoencoders, if the difference of their changes has an interval below zero and a middle at least one point below,
    "less" if above in the same way. The words are not corrected for their number.
    """

    title = "Does it take large batches and careful augmentation?"
    order = 53
    given = {
        "batch_sizes": Given(tuple[int, ...], "other batch sizes than the preset's"),
        "left_out": Given(tuple[str, ...], 'parts of the augmentation, one left out at a time, and "all" of it', PARTS),
        "methods": Given(tuple[str, ...], "who takes part beside the subject, if not all of these families", ()),
    }
    tags = {"batch": float, "without": str}

    def grid(self, suite):
        given = suite.given[self.name]
        families = {m: suite.families.get(m) for m in given["methods"] or suite.methods if m in suite.methods}
        methods = [m for m, family in families.items() if family in FAMILIES and m != suite.subject]
        methods += [suite.subject] if suite.subject in suite.families else []
        for dataset in suite.datasets:
            sizes = [(n, "") for n in (suite.batch_size, *given["batch_sizes"]) if n <= suite.n_train[dataset]]
            there = (*suite.augmentations[dataset], "all")
            parts = [(suite.batch_size, part) for part in given["left_out"] if part in there]
            for method in methods:
                for batch, without in (*sizes, *(parts if method in suite.seeing_views else ())):
                    tags, label = {"batch": batch, "without": without}, f"without {without}" if without else ""
                    label = label or (f"batches of {batch}" if batch != suite.batch_size else "")
                    how = {"label": label, "tags": tags, "without": without, "n_seeds": suite.sweep_seeds}
                    cell = suite.cell(method, dataset, **how, **in_batches(suite, method, dataset, batch))
                    yield cell, Request("linear_probe" if label else "probe")  # which the other benchmarks ask for

    by, headings = ("dataset", "method", "batch", "without"), {"batch": "images in a batch"}
    columns = {"accuracy (%)": ACCURACY}

    def findings(self, rows, claims):
        found = changes(encoders(rows, claims), "accuracy")
        for (without, batch, group), own in found.groupby(["without", "batch", "group"]):
            methods = {method: change(over_seeds(each), POINT) for method, each in own.groupby("method")}
            about = {"group": group, "batch": batch, "without": without, "methods": methods}
            whole = over_seeds(own)
            name = "augmentation" if without else "batches"
            yield Finding(name, change(whole, POINT), Estimate.of(whole, unit="points"), about)
        sizes = where(found, without="")
        least = where(sizes, batch=sizes["batch"].min())
        wide = pd.DataFrame({group: mean_changes(own) for group, own in least.groupby("group")})
        for group in (*COUPLED, claims.subject):
            if (gap := difference(wide, group, SINGLE)).n:
                about = {"group": group, "batch": least["batch"].min()}
                word = word_for(gap, "less", "more", least=POINT)
                yield Finding("cost", word, Estimate.of(gap, unit="points"), about)

    def views(self, rows, claims):
        found = changes(encoders(rows, claims), "accuracy").assign(status="ok", current=True)
        axes = {"x": "batch", "xlabel": "images in a batch", "panel": "dataset", "line": "group"}
        yield View("against_batch", sweep, where(found, without=""), **axes)
        column, label = "{dataset}, {without}", "points of accuracy"
        yield View("left_out", matrix, where_not(found, without=""), column=column, label=label)


def encoders(rows, claims):
    """A line for each encoder: KEY and its accuracy in %; the group is its family, or the subject's name."""
    own = rows["method"] == claims.subject
    rows = rows[own | (rows["method"].isin(claims.roles) & rows["family"].isin(FAMILIES))]
    group = rows["family"].astype(str).mask(own, claims.subject)
    return encoder_table(rows.assign(group=group), KEY, {"accuracy": lambda own: ACCURACY(own, claims)})
