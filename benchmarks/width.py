"""P3: do smaller InfoMax models match larger conventional ones?"""

import pandas as pd

from infomax_bench import Benchmark, Request
from infomax_bench.figures import comparable, curves, dots, seeds_of

MARGIN = 0.01  # accuracy that "matches" allows


class Width(Benchmark):
    """How wide must an encoder be for a given accuracy?

    Every method is trained at every width of the sweep and probed linearly.

    Claim: "Smaller InfoMax models match larger conventional ones."

    Rule: the subject at half of a rival's width, on average over all widths of the sweep that have their half in it and
    over data sets. "Matches at half the width" is supported if, for every method of the group, the paired 95 % interval
    of the subject's accuracy minus the rival's lies above minus one point; refuted if at least one rival is better by
    more than one point (Holm-corrected). Methods that have a width of their own take no part. Fewer than five seeds, or
    anything else: inconclusive.
    """

    title = "Do narrow encoders match wide ones?"
    order = 3
    sweeps_width = True

    def requests(self, suite):
        return [
            # at the suite's width the whole probe is there for the other benchmarks; elsewhere its linear part will do
            (suite.cell(method, dataset, width), Request("probe" if width == suite.width else "linear_probe"))
            for dataset in suite.datasets
            for width in suite.widths
            for method in suite.methods
        ]

    def verdicts(self, rows, claims):
        linear = rows[(rows["metric"] == "accuracy") & (rows["protocol"] == "linear")]
        subject = linear[linear["method"] == claims.subject]
        doubled = subject.assign(width=2 * subject["width"])  # stands beside rivals of twice its width
        shared = sorted(set(doubled["width"]) & set(subject["width"]))  # the sweep is the subject's
        if not shared:
            return
        rivals = linear[(linear["method"] != claims.subject) & linear["width"].isin(shared)]
        # the width is part of the case that must be complete
        paired = pd.concat([doubled[doubled["width"].isin(shared)], rivals])
        paired = paired.assign(dataset=paired["dataset"].astype(str) + "@" + paired["width"].astype(str))
        yield from self.better_than_all(
            paired, claims.without(claims.own_width), "P3", "Matches at half the width",
            "accuracy at half the rival's width", unit="points", margin=MARGIN, scale=100,
        )  # fmt: skip

    def figures(self, rows, claims):
        linear = rows[(rows["metric"] == "accuracy") & (rows["protocol"] == "linear")]
        if linear.empty:
            return
        measured = f"{seeds_of(rows)}, 95 % intervals"
        yield (
            f"Accuracy of the linear probe against the width of the encoder ({measured}). Level lines: methods that "
            "have a width of their own.",
            curves(linear, claims, xlabel="width", ylabel="accuracy (%)", x="width", scale=100, log=True),
        )
        subject = linear["method"] == claims.subject
        doubled = linear.assign(width=linear["width"].where(~subject, 2 * linear["width"]))
        shared = set(doubled.loc[subject, "width"]) & set(linear.loc[subject, "width"])
        if shared:
            widths = ", ".join(map(str, sorted(shared)))
            halved = comparable(doubled[doubled["width"].isin(shared)], "dataset", over=("width",))
            yield (
                f"{claims.subject} at half the width of the others: means over the others' widths {widths} "
                f"({measured}). The claim allows it one point less than each.",
                dots(halved, claims, label="accuracy (%)", scale=100),
            )

    def table(self, rows, claims):
        linear = rows[(rows["metric"] == "accuracy") & (rows["protocol"] == "linear")]
        columns = {f"% at width {w}": ("accuracy", "linear", None, w, 100) for w in sorted(linear["width"].unique())}
        return self.means(linear, columns, by="dataset")
