"""P2: do InfoMax features transfer better?"""

import pandas as pd

from infomax_bench import Benchmark, Request
from infomax_bench.figures import comparable, curves, dots, matrix, seeds_of

ABROAD, RELATIVE = "on a foreign data set", "relative to training on it"


class Transfer(Benchmark):
    """How well do features learned on one data set serve another?

    Every encoder is frozen and probed on every data set, whose images are brought to the encoder's input shape: a
    linear probe and k nearest neighbours on all training labels, and a linear probe on 1, 5, 10 and 50 labels a class.

    Claim: "InfoMax features transfer better: universal, not task-specific."

    Rule: the measure is the linear probe's accuracy on a data set other than the source, on average over all ordered
    pairs. "Transfers better" is supported if the paired 95 % interval of the subject's difference to every method of
    the group lies above zero, refuted if at least one method transfers better than the subject (Holm-corrected). "Loses
    less" asks the same of that accuracy divided by the accuracy of the same method trained on the target itself;
    features that learn nothing lose nothing, so it never stands alone. Fewer than five seeds, or anything else:
    inconclusive.
    """

    title = "Do the features transfer?"
    order = 2

    def requests(self, suite):
        for source in suite.datasets:
            for method in suite.methods:
                for target in suite.datasets:
                    # the source itself is the default target: one job, shared with the other benchmarks
                    yield suite.cell(method, source), Request("probe", None if target == source else target)

    @staticmethod
    def relative(rows):
        """Linear accuracy on a foreign target over that of the same method and seed trained on the target itself."""
        linear = rows[(rows["metric"] == "accuracy") & (rows["protocol"] == "linear")]
        at_home = linear[linear["dataset"] == linear["target"]]
        home = at_home.set_index(["method", "target", "seed"])["value"].rename("home")
        away = linear[linear["dataset"] != linear["target"]].join(home, on=["method", "target", "seed"])
        return away.assign(value=away["value"] / away["home"], metric="relative_accuracy")

    def verdicts(self, rows, claims):
        relative = self.relative(rows)
        if relative.empty:
            return
        away = relative.assign(value=relative["value"] * relative["home"])
        yield from self.better_than_all(
            away, claims, "P2", "Transfers better", "accuracy on a foreign data set", unit="points", scale=100
        )
        yield from self.better_than_all(
            relative, claims, "P2", "Loses less in transfer", "accuracy relative to training on the target",
            unit="points of relative accuracy", scale=100,
        )  # fmt: skip

    def figures(self, rows, claims):
        relative = self.relative(rows)
        if relative.empty:
            return
        measured = f"{seeds_of(rows)}, 95 % intervals"
        pair = relative["dataset"].astype(str) + " → " + relative["target"].astype(str)
        away = relative.assign(value=relative["value"] * relative["home"], pair=pair)
        both = pd.concat([away.assign(panel=ABROAD), relative.assign(panel=RELATIVE)])
        yield (
            "Linear probe on a data set other than the one pretrained on, mean over all pairs; and the same relative "
            f"to features of the same method trained on the target itself ({measured}; methods that lack a pair are "
            "left out). Features that learn nothing lose nothing, so the right panel never stands alone.",
            dots(comparable(both, "panel"), claims, label="%", panel="panel", scale=100, order=(ABROAD, RELATIVE)),
        )
        yield (
            f"Accuracy of a linear probe for every pair, source → target: means over {seeds_of(rows)}.",
            matrix(away, claims, column="pair", label="accuracy (%)", scale=100),
        )
        few = rows[(rows["protocol"] == "few-shot") & (rows["dataset"] != rows["target"])]
        if not few.empty:
            yield (
                "Few labels: a linear probe on 1, 5, 10 or 50 labels a class of the target, mean over the other "
                f"sources ({measured}; methods that lack a source are left out).",
                curves(comparable(few, "target"), claims, xlabel="labels a class", ylabel="accuracy (%)",
                       panel="target", scale=100, log=True),
            )  # fmt: skip

    def table(self, rows, claims):
        away = rows[rows["dataset"] != rows["target"]]
        labelled = away.assign(dataset=away["dataset"] + " -> " + away["target"])
        return self.means(
            labelled,
            {
                "linear (%)": ("accuracy", "linear", None, None, 100),
                "k-NN (%)": ("accuracy", "knn", None, None, 100),
                "10 labels a class (%)": ("accuracy", "few-shot", 10, None, 100),
            },
            by="dataset",
        )
