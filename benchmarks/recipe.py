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
        "left_out": Given(tuple[str, ...], 'parts of the augmentation; not all of them one by one, and "all"', ()),
        "methods": Given(tuple[str, ...], "who takes part beside the subject, if not all of these families", ()),
    }
    tags = {"batch": float, "without": str}

    def grid(self, suite):
        given = suite.given[self.name]
        named = given["methods"] or suite.methods
        methods = [m for m, of in suite.families.items() if m == suite.subject or (of in FAMILIES and m in named)]
        for dataset in suite.datasets:
            sizes = [(n, "") for n in (suite.batch_size, *given["batch_sizes"]) if n <= suite.n_train[dataset]]
            there = [part for part in (*suite.augmentations[dataset], "all") if part in (given["left_out"] or (part,))]
            parts = [(suite.batch_size, part) for part in there]
            for method in methods:
                for batch, without in (*sizes, *(parts if method in suite.seeing_views else ())):
                    label = "" if batch == suite.batch_size else f"batches of {batch}"
                    label = f"without {without}" if without else label
                    own = {"label": label, "without": without, "tags": {"batch": batch, "without": without}}
                    own |= {"n_seeds": suite.sweep_seeds, **in_batches(suite, method, dataset, batch)}
                    # as it is, it has the probe that the other benchmarks ask for
                    yield suite.cell(method, dataset, **own), Request("linear_probe" if label else "probe")

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
        least = where(found, without="", batch=found["batch"].min())
        wide = pd.DataFrame({group: mean_changes(own) for group, own in least.groupby("group")})
        for group in (*COUPLED, claims.subject):
            if (gap := difference(wide, group, SINGLE)).n:
                about = {"group": group, "batch": least["batch"].min()}
                word = word_for(gap, "less", "more", least=POINT)
                yield Finding("cost", word, Estimate.of(gap, unit="points"), about)

    def views(self, rows, claims):
        every = encoders(rows, claims).assign(status="ok", current=True)
        found = changes(every, "accuracy")
        sizes = pd.concat([where(found, without=""), where(every, label="").assign(value=0.0)])
        axes = {"x": "batch", "xlabel": "images in a batch", "panel": "dataset", "line": "group"}
        yield View("against_batch", sweep, sizes if len(found) else found, **axes)
        column, label = "{dataset}, {without}", "points of accuracy"
        yield View("left_out", matrix, where_not(found, without=""), column=column, label=label)


def encoders(rows, claims):
    """A line for each encoder: KEY and its accuracy in %; the group is its family, or the subject's name."""
    own = rows["method"] == claims.subject
    rows = rows[own | (rows["method"].isin(claims.roles) & rows["family"].isin(FAMILIES))]
    group = rows["family"].astype(str).mask(own, claims.subject)
    return encoder_table(rows.assign(group=group), KEY, {"accuracy": lambda own: ACCURACY(own, claims)})
