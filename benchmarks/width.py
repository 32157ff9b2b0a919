"""P3: do smaller InfoMax models match larger conventional ones?"""

import pandas as pd

from infomax_bench import Benchmark, Request

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

    def requests(self, suite):
        return [
            (suite.cell(method, dataset, width), Request("probe"))
            for dataset in suite.datasets
            for width in suite.widths
            for method in suite.methods
        ]

    def verdicts(self, rows, claims):
        linear = rows[(rows["metric"] == "accuracy") & (rows["protocol"] == "linear")]
        subject = linear[linear["method"] == claims.subject]
        doubled = subject.assign(width=2 * subject["width"])  # stands beside rivals of twice its width
        shared = sorted(set(doubled["width"]) & set(linear["width"]))
        if not shared:
            return
        rivals = linear[(linear["method"] != claims.subject) & linear["width"].isin(shared)]
        # the width is part of the case that must be complete
        paired = pd.concat([doubled[doubled["width"].isin(shared)], rivals])
        paired = paired.assign(dataset=paired["dataset"].astype(str) + "@" + paired["width"].astype(str))
        sweeping = {m for m, own in rivals.groupby("method") if set(own["width"]) == set(shared)}
        fixed = {m: r for m, r in claims.roles.items() if m in sweeping or m == claims.subject}
        yield from self.better_than_all(
            paired, claims.only(fixed), "P3", "Matches at half the width", "accuracy at half the rival's width",
            unit="points", margin=MARGIN, scale=100,
        )  # fmt: skip

    def table(self, rows, claims):
        linear = rows[(rows["metric"] == "accuracy") & (rows["protocol"] == "linear")]
        columns = {f"width {w}": ("accuracy", "linear", None, w) for w in sorted(linear["width"].unique())}
        return self.means(linear, columns, by="dataset")
